"""The broker's own checks of an order (its risk management system): what fails here is REJECTED in the book, after the answer was 200."""

from decimal import Decimal
from typing import TYPE_CHECKING

from holdfast.core.types import Side
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.trading.floor import last_price_of, protected_price, protection_pct
from holdfast.sim.kite.trading.margin import need_of
from holdfast.sim.kite.trading.order import Order, OrderType, Product

if TYPE_CHECKING:
    from holdfast.sim.kite.trading.account import KiteAccount
    from holdfast.sim.kite.world import World

_MARKETS = (OrderType.MARKET, OrderType.SL_M)


class Rms:
    """Looks at the orders of one account."""

    def __init__(self, world: "World", account: "KiteAccount") -> None:
        self._world = world
        self._account = account

    def refusal(self, order: Order, *, may_trade_for_the_day: bool) -> str | None:
        """Why the broker takes the order no further, None when it does; a market order then has the limit it rests with."""
        if self._account.fires(FaultName.REJECT_AFTER_200, order) is not None:
            return "RMS:Blocked for the scrip due to an internal rule."
        instrument = self._world.instruments.of_symbol(order.symbol)
        last = last_price_of(self._world.market, order.symbol)
        if not self._world.place.calendar.is_open(self._account.now_ns):
            return "Markets are not open for trading. Place an AMO order instead."
        if last is None:
            return "There is no price of the instrument yet."
        if order.terms.product is Product.MIS and not may_trade_for_the_day:
            return "MIS orders are not allowed after the square-off time."
        self._protect(order, instrument, last)
        low, high = self._world.band_of(order.symbol)
        if not low <= order.limit <= high:
            return f"Price is out of the day's circuit limits ({low} - {high})."
        return self._too_little(order)

    def _protect(self, order: Order, instrument: Instrument, last: Decimal) -> None:
        """A market order becomes a limit order around the last price, a stop of that kind one around its trigger."""
        terms = order.terms
        if terms.order_type not in _MARKETS:
            order.limit, order.rests_as = terms.price, terms.order_type
            return
        price = terms.trigger_price if terms.order_type is OrderType.SL_M else last
        low, high = self._world.band_of(order.symbol)
        order.limit = min(max(protected_price(terms, price, instrument), low), high)
        order.rests_as = OrderType.SL if terms.order_type is OrderType.SL_M else OrderType.LIMIT
        part = protection_pct(terms.market_protection or Decimal(-1), price)
        order.tags = [tag for tag in order.tags if not tag.startswith("mktp")] + ["mktp", f"mktp:{part:.2f}"]

    def _too_little(self, order: Order) -> str | None:
        """What is lacking: shares to deliver, or money."""
        terms = order.terms
        if terms.product is Product.CNC and terms.side is Side.SELL:
            selling = sum(
                other.pending_quantity
                for other in self._account.orders.values()
                if other.symbol == order.symbol
                and other.terms.product is Product.CNC
                and other.terms.side is terms.side
            )
            if selling > self._account.books.deliverable(order.symbol):
                return "Insufficient holdings: short selling is allowed with product MIS only."
        need, free = need_of(order, self._account.books), self._account.margin.available
        if free < 0:
            return f"Insufficient funds. Required margin is {need:.2f} but available margin is {free + need:.2f}."
        return None
