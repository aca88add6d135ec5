"""Where an account's orders meet the market: one exchange for each kind of hours.

`holdfast.venue.exchange` decides when an order trades and at what price. How many units that is, and what becomes of linked
orders, the account decides: at its exchanges every order is whole and alone. An exchange is shown only the symbols it has
orders of; when an order comes it is told the market as it stands.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from holdfast.core.messages import MarketEvent, OrderTerms, Report, Trade
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, StrategyId, from_float
from holdfast.sim.alpaca.trading.hours import Hours, Session, session_of
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.rules import stop_cap
from holdfast.venue.exchange import Exchange
from holdfast.venue.order import VenueOrder
from holdfast.venue.settings import VenueSettings

if TYPE_CHECKING:
    from holdfast.sim.chassis.market.view import MarketView

_ACCOUNT = StrategyId("alpaca")
_SOME = Quantity(from_float(1.0))
"""How much an order in money asks of the exchange, which only says at what price it trades."""
NOTHING: Sequence[Report] = ()


class Floor:
    """The exchanges of one account, and which order is at which."""

    def __init__(self, hours: Hours, market: "MarketView") -> None:
        self._hours = hours
        self._market = market
        self._exchanges: dict[Session, Exchange] = {}
        self._orders: dict[str, Order] = {}
        self._watched: dict[str, dict[str, tuple[Order, VenueOrder]]] = {}
        self._counts: dict[str, dict[Session, int]] = {}

    def has(self, symbol: str) -> bool:
        """Whether orders of a symbol are here."""
        return symbol in self._counts

    def order(self, client_order_id: str) -> Order | None:
        """The order that the exchange calls so; None when it was taken away since."""
        return self._orders.get(client_order_id)

    def submit(self, order: Order, now_ns: int) -> Sequence[Report]:
        """Sends an order that is not here; returns what became of it at once."""
        session = session_of(order)
        exchange = self._arrival(order, session)
        self._show_market(exchange, order.symbol, session, now_ns)
        reports = exchange.submit(_terms(order), now_ns, now_ns)
        self._watch(order, exchange)
        return reports

    def restore(self, order: Order, now_ns: int) -> None:
        """Puts back an order that was here before a restart; a trailing stop goes on from where it was."""
        session = session_of(order)
        exchange = self._arrival(order, session)
        self._show_market(exchange, order.symbol, session, now_ns)
        exchange.restore_order(_terms(order), f"v{_name(order)}", now_ns, now_ns)
        if order.hwm is not None:
            exchange.observe(Trade(order.symbol, now_ns, float(order.hwm), 0.0))
            self._show_market(exchange, order.symbol, session, now_ns)
        self._watch(order, exchange)

    def withdraw(self, order: Order, now_ns: int) -> None:
        """Takes an order away, if it is here."""
        if self._orders.pop(_name(order), None) is None:
            return
        self._watched.get(order.symbol, {}).pop(_name(order), None)
        session = session_of(order)
        self._exchanges[session].cancel(ClientOrderId(_name(order)), now_ns, now_ns)
        counts = self._counts[order.symbol]
        counts[session] -= 1
        if not counts[session]:
            del counts[session]
        if not counts:
            del self._counts[order.symbol]

    def on_market(self, event: MarketEvent) -> Sequence[Report]:
        """The market moves; returns what the orders here did."""
        reports: list[Report] = []
        for session in tuple(self._counts.get(event.symbol, ())):
            if self._hours.holds(session, event):
                reports.extend(self._exchanges[session].on_market(event))
        return reports

    def follow(self, symbol: str) -> list[Order]:
        """Reads where the trailing stops of a symbol stand now into their orders; returns those that have moved."""
        moved = []
        for order, working in self._watched.get(symbol, {}).values():
            if order.type is OrderType.TRAILING_STOP and working.stop_price and working.stop_price != order.stop_price:
                order.hwm, order.stop_price = from_float(working.extreme), working.stop_price
                moved.append(order)
        return moved

    def fired(self, symbol: str) -> list[Order]:
        """The stops of pairs that the market has reached, whether they have traded or not."""
        return [
            order
            for order, working in self._watched.get(symbol, {}).values()
            if order.is_stop_of_pair and working.working is not working.terms.order_type
        ]

    def _watch(self, order: Order, exchange: Exchange) -> None:
        """Remembers a stop that trails or belongs to a pair, if it rests."""
        if order.type is not OrderType.TRAILING_STOP and not order.is_stop_of_pair:
            return
        name = _name(order)
        for working in exchange.open_orders():
            if working.terms.client_order_id == name:
                self._watched.setdefault(order.symbol, {})[name] = order, working

    def _arrival(self, order: Order, session: Session) -> Exchange:
        """The exchange for an order, which is counted there from now on."""
        exchange = self._exchanges.get(session)
        if exchange is None:
            exchange = self._exchanges[session] = self._build(session)
        counts = self._counts.setdefault(order.symbol, {})
        counts[session] = counts.get(session, 0) + 1
        self._orders[_name(order)] = order
        return exchange

    def _build(self, session: Session) -> Exchange:
        return Exchange(VenueSettings(), self._hours.calendar(session))

    def _show_market(self, exchange: Exchange, symbol: str, session: Session, now_ns: int) -> None:
        """Tells the market as it stands. A quote from before the session gives way to a trade or bar of it."""
        market = self._market
        trade, quote, price = market.last_trade(symbol), market.last_quote(symbol), market.price(symbol)
        opens_ns = self._hours.opens_ns(session, now_ns)
        if trade is None and price:
            trade = Trade(symbol, now_ns, price, 0.0)
        if trade is not None:  # with the time of now: an order may meet it, though nobody trades this very moment
            exchange.observe(replace(trade, time_ns=now_ns), is_older_than_orders=True)
        if quote is not None and (trade is None or quote.time_ns >= opens_ns or trade.time_ns < opens_ns):
            exchange.observe(quote, is_older_than_orders=True)


def _name(order: Order) -> str:
    """What an order is called at its exchange: it may be sent there again after a part of a fill."""
    return f"{order.id}.{order.sends}"


def _terms(order: Order) -> OrderTerms:
    order_type, limit = order.type, order.limit_price
    if order_type is OrderType.STOP and order.stop_price is not None:
        limit = stop_cap(order.side, order.stop_price, order.is_crypto)
        order_type = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return OrderTerms(
        ClientOrderId(_name(order)),
        _ACCOUNT,
        order.symbol,
        order.side,
        _SOME if order.qty is None else Quantity(order.remaining),
        order_type,
        order.time_in_force,
        None if limit is None else Price(limit),
        None if order.stop_price is None else Price(order.stop_price),
        None if order.trail_price is None else Price(order.trail_price),
        order.trail_percent,
    )
