"""What an account is worth, what it may still spend, and how many of its shares are free.

Buying power here is ``multiplier x equity - the positions' value - what open orders reserve``; for what can't be bought on
margin a position counts ``multiplier`` times. At the start of a day, and with a multiplier of 1 or 2 at all times,
that is what Alpaca documents; within a day with multiplier 4 the real figure goes by yesterday's equity.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.types import ZERO, Side, from_float
from holdfast.sim.alpaca.trading.books import Books
from holdfast.sim.alpaca.trading.order import EXITS, Order, Status
from holdfast.sim.alpaca.trading.orders import Orders

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World

LEAST_MARGIN_EQUITY = Decimal(2000)
"""Below it there is no margin and no selling short. Alpaca: documented."""
SHORT_MARKUP = Decimal("1.03")
"""A short is reckoned at this many times the ask. Alpaca: documented."""
HALF = Decimal("0.5")
_MAINTENANCE_LONG, _MAINTENANCE_SHORT = Decimal("0.3"), Decimal("0.3")
_CHEAP_LONG, _CHEAP_SHORT = Decimal("2.5"), Decimal(5)


class Worth(msgspec.Struct, frozen=True):
    """An account valued at the last prices. ``short_value`` is below zero."""

    cash: Decimal
    long_value: Decimal
    short_value: Decimal
    crypto_value: Decimal
    maintenance: Decimal

    @property
    def equity(self) -> Decimal:
        """Cash and positions."""
        return self.cash + self.long_value + self.short_value

    @property
    def position_value(self) -> Decimal:
        """The size of all positions, whichever way."""
        return self.long_value - self.short_value

    @property
    def initial_margin(self) -> Decimal:
        """Half of what can be bought on margin, all of the rest. Alpaca: documented."""
        return (self.position_value - self.crypto_value) * HALF + self.crypto_value


class Funds:
    """The account's money and shares, as its books, its open orders and the market's prices have them."""

    def __init__(self, world: "World", books: Books, orders: Orders) -> None:
        self._market = world.market
        self._books = books
        self._orders = orders

    def price(self, symbol: str) -> Decimal | None:
        """The last price; None before there is one."""
        price = self._market.price(symbol)
        return from_float(price) if price else None

    def worth(self) -> Worth:
        """The account at the last prices; a position without a price counts at what it cost."""
        long_value = short_value = crypto = maintenance = ZERO
        for symbol, ledger in self._books.ledgers.items():
            price = self.price(symbol) or ledger.average_price
            value = ledger.quantity * price
            if value >= 0:
                long_value += value
            else:
                short_value += value
            is_crypto = "/" in symbol
            crypto += value if is_crypto else ZERO
            maintenance += _maintenance(ledger.quantity, price, is_crypto)
        return Worth(self._books.cash, long_value, short_value, crypto, maintenance)

    def multiplier(self, equity: Decimal, largest: int) -> int:
        """How many times its equity the account may hold."""
        return largest if equity >= LEAST_MARGIN_EQUITY else 1

    def reserved(self, but: Order | None = None) -> Decimal:
        """What open orders that open positions take from the buying power."""
        return sum((order.reserved for order in self._orders.open() if order is not but), ZERO)

    def buying_power(self, worth: Worth, multiplier: int, but: Order | None = None) -> Decimal:
        """What may still be spent on what can be bought on margin."""
        if multiplier == 1:
            return max(worth.cash + worth.short_value - self.reserved(but), ZERO)
        taken = worth.position_value - worth.crypto_value + worth.crypto_value * multiplier
        return max(multiplier * worth.equity - taken - self.reserved(but), ZERO)

    def spendable_cash(self, worth: Worth, but: Order | None = None) -> Decimal:
        """What may still be spent on what takes cash, as coins do."""
        return max(worth.cash + 2 * worth.short_value - self.reserved(but), ZERO)

    def held(self, symbol: str, but: Order | None = None) -> Decimal:
        """How many units of the position open orders may close. Two exits of one pair hold once."""
        quantity = self._books.quantity(symbol)
        if not quantity:
            return ZERO
        closing = Side.SELL if quantity > 0 else Side.BUY
        left_out = (but, None if but is None else self._orders.sibling(but))
        orders = [order for order in self._orders.open_of(symbol) if order.side is closing and order not in left_out]
        return min(abs(quantity), sum((self._holds(order) for order in orders), ZERO))

    def _holds(self, order: Order) -> Decimal:
        if order.opens:
            return ZERO
        if order.role in EXITS:
            return self._exit_holds(order)
        return order.remaining if order.notional is None else self._units(order)

    def _exit_holds(self, order: Order) -> Decimal:
        """The larger of a pair holds; an exit whose entry has not filled holds nothing."""
        parent = self._orders.parent(order)
        if parent is not None and parent.role not in EXITS and parent.status is not Status.FILLED:
            return ZERO
        sibling = self._orders.sibling(order)
        if sibling is None or not sibling.is_open:
            return order.remaining
        is_larger = (order.remaining, order.sequence) > (sibling.remaining, sibling.sequence)
        return order.remaining if is_larger else ZERO

    def _units(self, order: Order) -> Decimal:
        """About how many units an order in money is for."""
        price = self.price(order.symbol)
        return ZERO if order.notional is None or price is None else order.notional / price


def _maintenance(quantity: Decimal, price: Decimal, is_crypto: bool) -> Decimal:
    """What has to stay behind a position. Alpaca: documented in 2023; crypto in full."""
    value = abs(quantity) * price
    if is_crypto:
        return value
    if quantity > 0:
        return value if price < _CHEAP_LONG else value * _MAINTENANCE_LONG
    floor = _CHEAP_LONG if price < _CHEAP_SHORT else _CHEAP_SHORT
    share = Decimal(1) if price < _CHEAP_SHORT else _MAINTENANCE_SHORT
    return max(abs(quantity) * floor, value * share)
