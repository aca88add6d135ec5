"""Whether the account may send an order: its shares, its money, its other orders, its permissions.

Alpaca: the codes and wordings are observed, the arithmetic is documented (see `funds`).
"""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.types import ZERO, OrderType, Side, from_float, plain
from holdfast.sim.alpaca.errors import forbidden, unprocessable
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.books import Books
from holdfast.sim.alpaca.trading.funds import SHORT_MARKUP, Funds
from holdfast.sim.alpaca.trading.order import Order, OrderClass
from holdfast.sim.alpaca.trading.orders import Orders
from holdfast.sim.alpaca.trading.request import OrderRequest
from holdfast.sim.alpaca.trading.rules import LEAST_CRYPTO_COST

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World

ENTRIES = frozenset({OrderClass.BRACKET, OrderClass.OTO})
"""Classes whose first order opens a position: one that would close is refused. Alpaca: reported (alpaca-trade-api-js#248)."""
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


class Admitted(msgspec.Struct, frozen=True):
    """What an order that may go is for: its intent, and what one unit of it reserves (nothing if it closes)."""

    position_intent: str
    reserve_price: Decimal


class Admission:
    """The account's say on a new order or on the changed terms of an old one."""

    def __init__(self, world: "World", account: Account, books: Books, orders: Orders, funds: Funds) -> None:
        self._market = world.market
        self._account = account
        self._books = books
        self._orders = orders
        self._funds = funds

    def admit(self, request: OrderRequest, asset: Asset, *, instead_of: Order | None = None) -> Admitted:
        """Lets an order through, or raises `ApiError`. ``instead_of`` is the order that it is to replace."""
        if self._account.configuration.suspend_trade:
            raise forbidden("new orders are rejected by user request")
        position = self._books.quantity(asset.symbol)
        closes = bool(position) and (position > 0) is (request.side is Side.SELL)
        intent = _intent(request.side, closes)
        if request.position_intent is not None and request.position_intent != intent:
            raise unprocessable(f"position intent mismatch, inferred: {intent}, specified: {request.position_intent}")
        if closes and request.order_class in ENTRIES:
            raise unprocessable(f"{request.order_class} orders must be entry orders")
        if not closes:
            self._check_other_side(request, asset, instead_of)
        self._check_wash(request, asset, instead_of)
        if request.is_fractional and not (asset.is_crypto or self._account.configuration.fractional_trading):
            raise forbidden("fractional trading is turned off in the account's configuration")
        if closes:
            self._check_shares(request, asset, position, instead_of)
            return Admitted(intent, ZERO)
        if request.order_class is OrderClass.OCO:
            raise unprocessable("oco orders must be exit orders")
        if request.side is Side.SELL:
            self._check_short(request, asset)
        unit_cost = self._unit_cost(request, asset)
        self._check_money(request, asset, unit_cost, instead_of)
        return Admitted(intent, unit_cost)

    def admit_exit(self, old: Order) -> Admitted:
        """New prices for one of a pair of exits: it holds no more than before."""
        return Admitted(old.position_intent, ZERO)

    # --- shares ------------------------------------------------------------------------------------------------------

    def _check_shares(self, request: OrderRequest, asset: Asset, position: Decimal, instead_of: Order | None) -> None:
        """An order that closes may not close more than is free, and so never crosses zero."""
        held = self._funds.held(asset.symbol, instead_of)
        existing = abs(position)
        free = existing - held
        wanted = request.qty
        if wanted is None:
            price = self._funds.price(asset.symbol)
            wanted = ZERO if price is None else (request.notional or ZERO) / price
        if wanted <= free:
            return
        if asset.is_crypto:
            coin = asset.symbol.partition("/")[0]
            raise forbidden(
                f"insufficient balance for {coin} (requested: {plain(wanted)}, available: {plain(free)})",
                available=plain(free),
                balance=plain(existing),
                symbol=coin,
            )
        raise insufficient_quantity(asset.symbol, wanted, free, existing, held)

    def _check_short(self, request: OrderRequest, asset: Asset) -> None:
        if asset.is_crypto:
            coin = asset.symbol.partition("/")[0]
            wanted = plain(request.qty if request.qty is not None else request.notional or ZERO)
            raise forbidden(
                f"insufficient balance for {coin} (requested: {wanted}, available: 0)",
                available="0",
                balance="0",
                symbol=coin,
            )
        if request.is_fractional:
            raise unprocessable("fractional orders cannot be sold short")
        if self._account.configuration.no_shorting or self._multiplier() == 1:
            raise forbidden("account is not allowed to short")

    # --- money -------------------------------------------------------------------------------------------------------

    def _multiplier(self) -> int:
        largest = int(self._account.configuration.max_margin_multiplier)
        return self._funds.multiplier(self._funds.worth().equity, largest)

    def _unit_cost(self, request: OrderRequest, asset: Asset) -> Decimal:
        """What one unit is reckoned at.

        Alpaca: a buy at its limit, else at the ask; a short at its limit or 1.03 times the ask, whichever is more
        (documented).
        """
        quote = self._market.last_quote(asset.symbol)
        last = self._funds.price(asset.symbol) or ZERO
        ask = from_float(quote.ask) if quote is not None and quote.ask else last
        limit = request.limit_price if request.type in _LIMITED else None
        if request.side is Side.SELL:
            return max(limit or ZERO, SHORT_MARKUP * ask)
        if limit is not None:
            return limit
        return request.stop_price if request.stop_price is not None else ask

    def _check_money(self, request: OrderRequest, asset: Asset, unit_cost: Decimal, instead_of: Order | None) -> None:
        cost = request.notional if request.qty is None else request.qty * unit_cost
        if cost is None:
            return
        worth = self._funds.worth()
        if asset.is_crypto:
            self._check_coin_money(cost, self._funds.spendable_cash(worth, instead_of))
            return
        largest = int(self._account.configuration.max_margin_multiplier)
        power = self._funds.buying_power(worth, self._funds.multiplier(worth.equity, largest), instead_of)
        if cost > power:
            raise forbidden("insufficient buying power", buying_power=plain(power), cost_basis=plain(cost))

    def _check_coin_money(self, cost: Decimal, cash: Decimal) -> None:
        if cost < LEAST_CRYPTO_COST:
            least = plain(LEAST_CRYPTO_COST)
            raise forbidden(f"cost basis must be >= minimal amount of order {least}", cost_basis=plain(cost))
        if cost > cash:
            raise forbidden(
                f"insufficient balance for USD (requested: {plain(cost)}, available: {plain(cash)})",
                available=plain(cash),
                balance=plain(self._books.cash),
                symbol="USD",
            )

    # --- the account's other orders ----------------------------------------------------------------------------------

    def _check_other_side(self, request: OrderRequest, asset: Asset, instead_of: Order | None) -> None:
        """Alpaca: nobody opens both sides of a share at once. The words are recorded, and that it is meant (Alpaca-API#82).

        So the protective sell behind a buy is refused for as long as the buy works, whatever the class of either order.
        """
        if asset.is_crypto:
            return
        for other in self._orders.open_of(asset.symbol):
            if other is not instead_of and other.opens and other.side is not request.side:
                wanted, there = ("a short sell", "a long buy") if request.side is Side.SELL else _LONG_BUY
                raise forbidden(f"cannot open {wanted} while {there} order is open")

    def _check_wash(self, request: OrderRequest, asset: Asset, instead_of: Order | None) -> None:
        """Alpaca: an order may not be able to trade with another of the account; documented, with its exceptions."""
        if request.order_class is not OrderClass.SIMPLE or request.type is OrderType.TRAILING_STOP:
            return
        for other in self._orders.open_of(asset.symbol):
            if other is instead_of or other.side is request.side:
                continue
            if other.order_class is not OrderClass.SIMPLE or other.type is OrderType.TRAILING_STOP:
                continue
            if _may_trade(request, other):
                kind = "limit" if other.type in _LIMITED else other.type.value
                raise forbidden(
                    "potential wash trade detected. use complex orders",
                    existing_order_id=other.id,
                    reject_reason=f"opposite side {kind} order exists",
                )


_LONG_BUY = ("a long buy", "a short sell")


def _may_trade(request: OrderRequest, other: Order) -> bool:
    if request.type not in _LIMITED or other.type not in _LIMITED:
        return True
    sign = request.side.sign
    return (request.limit_price or ZERO) * sign >= (other.limit_price or ZERO) * sign


def _intent(side: Side, closes: bool) -> str:
    return f"{side.value}_to_{'close' if closes else 'open'}"


def insufficient_quantity(symbol: str, wanted: Decimal, free: Decimal, existing: Decimal, held: Decimal) -> Exception:
    """More was to be closed than is free (recorded by Alpaca's own tests)."""
    return forbidden(
        f"insufficient qty available for order (requested: {plain(wanted)}, available: {plain(free)})",
        available=plain(free),
        existing_qty=plain(existing),
        held_for_orders=plain(held),
        symbol=symbol,
    )
