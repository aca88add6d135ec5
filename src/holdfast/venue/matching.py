"""Who trades with what, and how much: orders against one piece of market data."""

from decimal import ROUND_FLOOR, Decimal

from holdfast.core.instruments import Instrument, instrument_of
from holdfast.core.messages import (
    Bar,
    MarketEvent,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderReplaced,
    Quote,
    Report,
    Trade,
)
from holdfast.core.types import NO_QUANTITY, Money, Price, Quantity, TimeInForce
from holdfast.venue.book import OrderBook
from holdfast.venue.market import Market, View, price_of
from holdfast.venue.models import TickRule, fee
from holdfast.venue.order import AT_ONCE, AUCTION_ONLY, VenueOrder
from holdfast.venue.rules import Offer, at_price, at_tick, in_range
from holdfast.venue.settings import FillAt, VenueSettings

_FOK, _OPG, _CLS = TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS


class Matching:
    """Lets the orders of a book trade. What happens is appended to the ``reports`` each call is given."""

    def __init__(self, settings: VenueSettings, instrument: Instrument, book: OrderBook) -> None:
        self._settings = settings
        self._instrument = instrument
        self._book = book

    def tick_of(self, order: VenueOrder) -> TickRule:
        """The price increments that hold for an order."""
        return instrument_of(order.terms.symbol, self._instrument).tick

    # --- one order meets the market ----------------------------------------------------------------------------------

    def arrive(self, order: VenueOrder, reports: list[Report]) -> None:
        """An accepted order meets the market as it stands, unless it has to wait for the next event."""
        market = self._book.market(order.terms.symbol)
        source = self.source_on_arrival(order, market)
        if source is not None:
            offer = at_price(order, price_of(source, order.terms.side), self.tick_of(order))
            self._trade(order, market, source, offer, order.accepted_ns, reports)
            self._end_if_at_once(order, order.accepted_ns, reports)

    def source_on_arrival(self, order: VenueOrder, view: View) -> MarketEvent | None:
        """The market data an order trades on when it arrives; None when it waits for the next of its symbol."""
        terms = order.terms
        source = view.standing(terms.side)
        if source is None or terms.time_in_force in AUCTION_ONLY:
            return None
        if isinstance(source, Bar) and (self._settings.fill is FillAt.NEXT_OPEN or self._was_late(order)):
            return None  # that close is past
        return source

    def _was_late(self, order: VenueOrder) -> bool:
        if order.accepted_ns == order.released_ns:
            return False
        terms = order.terms
        return order.accepted_ns == self._settings.order_arrival_ns(terms.symbol, terms.side, order.released_ns)

    def close_at_last_price(self, order: VenueOrder, reports: list[Report]) -> None:
        """A cls order trades at what was known when its session closed."""
        market = self._book.market(order.terms.symbol)
        source = market.standing(order.terms.side)
        if source is not None:
            offer = at_price(order, price_of(source, order.terms.side), self.tick_of(order))
            self._trade(order, market, source, offer, order.expires_ns, reports)

    def advance(self, order: VenueOrder, event: MarketEvent) -> None:
        """Moves an order's own state (trigger, trailing stop) as meeting the event does, and trades nothing."""
        if order.terms.time_in_force in AUCTION_ONLY:
            return
        if isinstance(event, Bar) and order.released_ns > event.start_ns:
            at_price(order, event.close, self.tick_of(order))
            return
        if isinstance(event, Bar):
            at_price(order, event.open, self.tick_of(order))
            in_range(order, event, self.tick_of(order))
            return
        price = price_of(event, order.terms.side)
        if price:
            at_tick(order, price, self.tick_of(order))

    # --- all orders of a symbol meet an event ------------------------------------------------------------------------

    def match_bar(self, market: Market, bar: Bar, reports: list[Report]) -> None:
        """All meet the open, then all the range, then those for the close the close.

        What was released after the bar had begun meets its close alone: nothing else of it is certain to have come later.
        """
        orders = tuple(market.orders)
        early = [order for order in orders if order.released_ns <= bar.start_ns]
        for order in early:
            if order.terms.time_in_force is not _CLS and not order.done and order.opens_ns <= bar.start_ns:
                self._meet(order, market, bar, at_price(order, bar.open, self.tick_of(order)), reports)
        for order in early:
            if not order.done and order.terms.time_in_force not in AUCTION_ONLY:
                self._trade(order, market, bar, in_range(order, bar, self.tick_of(order)), bar.time_ns, reports)
        for order in orders if len(early) < len(orders) else ():
            if order.released_ns > bar.start_ns and not order.done and order.terms.time_in_force not in AUCTION_ONLY:
                self._meet(order, market, bar, at_price(order, bar.close, self.tick_of(order)), reports)
        for order in orders:
            if order.terms.time_in_force is _CLS and not order.done and order.expires_ns <= bar.time_ns:
                self._trade(order, market, bar, at_price(order, bar.close, self.tick_of(order)), bar.time_ns, reports)
                if not order.done:
                    self.end_expired(order, bar.time_ns, reports)

    def match_tick(self, market: Market, event: Quote | Trade, reports: list[Report]) -> None:
        """All meet the one price; a side that was not quoted meets nobody."""
        for order in tuple(market.orders):
            if order.done or order.terms.time_in_force is _CLS or order.opens_ns > event.time_ns:
                continue
            price = price_of(event, order.terms.side)
            if price:
                self._meet(order, market, event, at_tick(order, price, self.tick_of(order)), reports)

    def _meet(
        self, order: VenueOrder, market: Market, event: MarketEvent, offer: Offer | None, reports: list[Report]
    ) -> None:
        """Trades on an offer, and ends the orders that have only this one chance."""
        self._trade(order, market, event, offer, event.time_ns, reports)
        if order.terms.time_in_force is _OPG and not order.done:
            self.end_expired(order, event.time_ns, reports)
        self._end_if_at_once(order, event.time_ns, reports)

    # --- trades ------------------------------------------------------------------------------------------------------

    def _trade(
        self,
        order: VenueOrder,
        market: Market,
        source: MarketEvent,
        offer: Offer | None,
        time_ns: int,
        reports: list[Report],
    ) -> None:
        if offer is None:
            return
        terms, settings = order.terms, self._settings
        share = settings.volume_share
        quantity = order.remaining if share is None else self._available(order, market, source, share)
        if quantity <= 0:
            return
        price, slips = offer
        if slips:
            price = settings.slipped(price, terms.symbol, terms.side, time_ns, self.tick_of(order))
        if share is not None:
            market.take(source, terms.side, quantity)
        cost = fee(settings.commission, price, quantity, order.filled)
        self.count_fill(order, quantity)
        reports.append(Report(time_ns, _execution(order, quantity, price, cost)))
        if terms.oco_group is not None:
            self._tell_group(order, quantity, time_ns, reports)

    def _available(self, order: VenueOrder, market: Market, source: MarketEvent, share: Decimal) -> Quantity:
        """How much of the order the share of the market data lets trade."""
        remaining = order.remaining
        left = market.left(source, order.terms.side, share)
        if order.terms.quantity == order.terms.quantity.to_integral_value():
            left = left.to_integral_value(ROUND_FLOOR)
        if left >= remaining:
            return remaining
        return NO_QUANTITY if order.terms.time_in_force is _FOK else Quantity(left)

    def count_fill(self, order: VenueOrder, quantity: Quantity) -> None:
        """An order has traded: it is done when that was the rest of it."""
        order.filled = Quantity(order.filled + quantity)
        order.fills += 1
        if order.terms.oco_group is not None:
            self._book.note_linked_fill(order, order.terms.oco_group, quantity)
        if order.filled >= order.quantity:
            self._book.finish(order)

    # --- ends --------------------------------------------------------------------------------------------------------

    def end_canceled(self, order: VenueOrder, reason: str, time_ns: int, reports: list[Report]) -> None:
        """The order is canceled."""
        self._book.finish(order)
        reports.append(Report(time_ns, OrderCanceled(order.terms.client_order_id, reason)))

    def end_expired(self, order: VenueOrder, time_ns: int, reports: list[Report]) -> None:
        """The order's time in force is over."""
        self._book.finish(order)
        reports.append(Report(time_ns, OrderExpired(order.terms.client_order_id, order.terms.time_in_force.value)))

    def _end_if_at_once(self, order: VenueOrder, time_ns: int, reports: list[Report]) -> None:
        """Once it has met a market, an ioc or fok order doesn't rest."""
        if not order.done and order.terms.time_in_force in AT_ONCE:
            self.end_canceled(order, order.terms.time_in_force.value, time_ns, reports)

    # --- linked orders -----------------------------------------------------------------------------------------------

    def join_group(self, order: VenueOrder, group: str, reports: list[Report]) -> None:
        """An order arrives whose OCO group may have traded already: it is canceled, or reduced by what was filled."""
        filled = self._book.filled_in_group(group)
        if filled is None:
            self.end_canceled(order, "oco", order.accepted_ns, reports)
        elif filled:
            self._reduce(order, filled, order.accepted_ns, reports)

    def _tell_group(self, order: VenueOrder, quantity: Quantity, time_ns: int, reports: list[Report]) -> None:
        for other in self._book.linked(order):
            if order.done:
                self.end_canceled(other, "oco", time_ns, reports)
            else:
                self._reduce(other, quantity, time_ns, reports)

    def _reduce(self, order: VenueOrder, quantity: Quantity, time_ns: int, reports: list[Report]) -> None:
        total = Quantity(order.quantity - quantity)
        if total <= order.filled:
            self.end_canceled(order, "oco", time_ns, reports)
        else:
            order.quantity = total
            reports.append(Report(time_ns, OrderReplaced(order.terms.client_order_id, total)))


def _execution(order: VenueOrder, quantity: Quantity, price: Price, cost: Money) -> OrderFilled:
    terms = order.terms
    return OrderFilled(
        terms.client_order_id,
        f"{terms.client_order_id}-{order.fills}",
        terms.symbol,
        terms.side,
        quantity,
        price,
        cost,
        order.broker_order_id,
    )
