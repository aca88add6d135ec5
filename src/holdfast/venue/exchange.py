"""The exchange: orders and market data in, reports out.

It has no clock, no ids of its own and no chance but the settings' seed, so the same calls give the same reports. What
happens when, and where that is not what a real market would do, is written in ``docs/venue.md``.
"""

from collections.abc import Sequence

from holdfast.core.adjustments import CorporateAction
from holdfast.core.instruments import NIL, US_EQUITY, Instrument, Named
from holdfast.core.messages import (
    Bar,
    CancelRefused,
    FeedEvent,
    MarketEvent,
    OrderAccepted,
    OrderRejected,
    OrderTerms,
    Report,
)
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import ClientOrderId, Quantity, TimeInForce
from holdfast.venue.book import OrderBook
from holdfast.venue.market import Market, price_of, start_ns
from holdfast.venue.matching import Matching
from holdfast.venue.order import NEVER_NS, InFlight, VenueOrder, fault_of, new_order
from holdfast.venue.rules import at_price, on_path, point_at
from holdfast.venue.settings import VenueSettings

NOTHING: tuple[Report, ...] = ()
"""What most calls answer."""

_DAY, _OPG, _CLS = TimeInForce.DAY, TimeInForce.OPG, TimeInForce.CLS


class Exchange:
    """One venue for any number of symbols.

    Every call takes times that don't go back; a market event may, where data comes late, and then meets no order that came after it. ``calendar`` says when day, opg and cls orders end; its error for a time that
    it doesn't cover comes through. ``instrument`` has the price increments that slipped prices and trailing
    stops are rounded to; a pair of currencies has its own, and so has what is ``named``.

    To restart: `observe` every market event, and after each event put back what had been reported by then, in order:
    `restore_order` for an acceptance, `restore_fill`, `restore_quantity` for a replacement, `remove` for an end. Then send
    again, in order, what was never answered, with its old ``released_ns``. From there on the reports are those of a run
    that was never interrupted.
    """

    def __init__(
        self, settings: VenueSettings, calendar: TradingCalendar, instrument: Instrument = US_EQUITY, named: Named = NIL
    ) -> None:
        self._settings, self._calendar = settings, calendar
        self._book = OrderBook()
        self.instrument, self.named = instrument, named
        self._matching = Matching(settings, instrument, named, self._book)
        self.tally = self._matching.tally
        self._markets = self._book.markets
        self._due_ns = NEVER_NS
        self._session_ns = (0, 0)

    # --- orders ------------------------------------------------------------------------------------------------------

    def submit(self, terms: OrderTerms, released_ns: int, now_ns: int) -> Sequence[Report]:
        """Sends an order. What is said of it at once is returned, the rest comes with later market events.

        An id that is at work is accepted again and changes nothing; one that is done is rejected. Raises
        :class:`~holdfast.errors.InvalidValue`, and has then done nothing, when the calendar doesn't cover the order.
        """
        client_order_id = terms.client_order_id
        reports: list[Report] = []
        now_ns = self._deliver_before(now_ns, released_ns, reports)
        known = self._book.open.get(client_order_id)
        if known is not None:
            reports.append(Report(now_ns, OrderAccepted(client_order_id, known.broker_order_id)))
        elif self._book.is_finished(client_order_id):
            reports.append(Report(now_ns, OrderRejected(client_order_id, "duplicate client_order_id")))
        elif self._book.order_under_way(client_order_id) is None:
            arrival_ns = self._settings.order_arrival_ns(terms.symbol, terms.side, released_ns)
            if arrival_ns == released_ns or arrival_ns < now_ns or self._comes_within(terms, released_ns, arrival_ns):
                self._arrive(terms, released_ns, now_ns, reports)
            else:
                self._working_hours(terms, arrival_ns)  # an error of the calendar comes now, not with a market event
                self._send(InFlight(arrival_ns, released_ns, client_order_id, terms))
        return reports

    def _comes_within(self, terms: OrderTerms, released_ns: int, arrival_ns: int) -> bool:
        """Whether an order that a fill within a bar has led to arrives before that bar is over. It is given all that is left of it."""
        last = self._book.market(terms.symbol).last
        is_short = isinstance(last, Bar) and arrival_ns - released_ns < last.time_ns - last.start_ns
        return (
            is_short
            and released_ns >= self._book.under_way.time_ns
            and self._matching.point_of(terms, released_ns) is not None
        )

    def cancel(self, client_order_id: ClientOrderId, released_ns: int, now_ns: int) -> Sequence[Report]:
        """Asks to cancel: `OrderCanceled`, or `CancelRefused` when no such order is at work. Never overtakes its order."""
        reports: list[Report] = []
        now_ns = self._deliver_before(now_ns, released_ns, reports)
        arrival_ns = self._settings.cancel_arrival_ns(released_ns)
        order = self._book.order_under_way(client_order_id)
        if order is None and (arrival_ns == released_ns or arrival_ns < now_ns):
            self._cancel(client_order_id, now_ns, reports)
        else:
            arrival_ns = arrival_ns if order is None else max(arrival_ns, order.arrival_ns)
            self._send(InFlight(arrival_ns, released_ns, client_order_id, None))
        return reports

    def open_orders(self) -> Sequence[VenueOrder]:
        """The orders at work, in order of acceptance."""
        return tuple(self._book.open.values())

    # --- the market --------------------------------------------------------------------------------------------------

    def on_market(self, event: FeedEvent) -> Sequence[Report]:
        """Time goes on to the event and the symbol's orders meet it; returns what happened, in order."""
        self._matching.market_ns = event.time_ns
        market = self._markets.get(event.symbol) or self._book.market(event.symbol)
        if market.orders or event.time_ns >= self._due_ns:
            return self._match(market, event)
        if type(event) is Bar:
            market.last = market.print = event  # see(), without the call
        else:
            market.see(event)
        return NOTHING

    def end_instant(self) -> None:
        """All that the market's last events have led to has come: what comes now was decided when their bars were over.

        To be called when the reports of an instant, and those of the orders that these led to, have been dealt with, before the
        strategies see it.
        """
        self._book.under_way.end()

    @property
    def decided_bars(self) -> int:
        """In how many bars a protective order has filled."""
        return self._book.under_way.decided

    @property
    def ambiguous_bars(self) -> int:
        """Of how many bars open, high, low and close leave open what happened, so that the worse was taken."""
        return self._book.under_way.ambiguous

    def _match(self, market: Market, event: FeedEvent) -> Sequence[Report]:
        reports: list[Report] = []
        self._book.under_way.begin(event.time_ns)
        if event.time_ns >= self._due_ns:
            self._catch_up(event, reports)
        market.see(event)
        if not market.orders or isinstance(event, CorporateAction):
            return reports or NOTHING
        if isinstance(event, Bar):
            self._matching.match_bar(market, event, reports)
        else:
            self._matching.match_tick(market, event, reports)
        return reports or NOTHING

    # --- restart -----------------------------------------------------------------------------------------------------

    def observe(self, event: FeedEvent, *, is_older_than_orders: bool = False) -> None:
        """Takes the event into the view of the market, and moves stops by it, but trades and ends nothing.

        No stop moves by what ``is_older_than_orders``: other data, shown from before the orders that were put back.
        """
        market = self._book.market(event.symbol)
        market.observe(event)
        self._matching.market_ns = event.time_ns
        self._book.under_way.begin(event.time_ns)
        if is_older_than_orders or isinstance(event, CorporateAction):
            return
        for order in market.orders:
            order.arrived_on = order.offered = None
            self._matching.advance(order, event)

    def restore_order(self, terms: OrderTerms, broker_order_id: str, released_ns: int, accepted_ns: int) -> None:
        """Puts an order back that was accepted at ``accepted_ns`` (its report's time)."""
        opens_ns, expires_ns = self._working_hours(terms, accepted_ns)
        order = new_order(terms, broker_order_id, released_ns, accepted_ns, opens_ns, expires_ns)
        market = self._book.market(terms.symbol)
        last, point = market.last, self._matching.point_of(terms, released_ns)
        if point is not None and isinstance(last, Bar):
            order.arrived_on = last
            order.offered = point_at(on_path(order, last, point, self._matching.tick_of(order))[0])
            self._add(order)
            return
        came_before_last = last is not None and accepted_ns < last.time_ns
        source = self._matching.source_on_arrival(order, market.previous if came_before_last else market)
        if source is not None:
            at_price(order, price_of(source, terms.side), self._matching.tick_of(order))
        order.arrived_on = source
        if came_before_last and last is not None:
            self._matching.advance(order, last)
        self._add(order)

    def restore_fill(self, client_order_id: ClientOrderId, quantity: Quantity, time_ns: int | None = None) -> None:
        """Puts back a fill of the report time ``time_ns``.

        The time matters only with latency and a volume share together: it says whether the order took from the market it
        met on arrival or from the event after it. Does nothing for an order that is not there.
        """
        order = self._book.open.get(client_order_id)
        if order is None:
            return
        under_way = self._book.under_way
        if time_ns is not None and time_ns < under_way.time_ns:
            under_way.freed(order.terms, time_ns)
        elif order.offered is not None:
            under_way.filled(order.terms, order.offered)
        if self._settings.volume_share is not None:
            source = self._filled_from(order, time_ns)
            if source is not None:
                self._book.market(order.terms.symbol).take(source, order.terms.side, quantity)
        self._matching.count_fill(order, quantity)

    def restore_quantity(self, client_order_id: ClientOrderId, quantity: Quantity) -> None:
        """Puts back an order's changed total quantity. Does nothing for an order that is not there."""
        order = self._book.open.get(client_order_id)
        if order is not None:
            order.quantity = quantity

    def remove(self, client_order_id: ClientOrderId, time_ns: int = NEVER_NS) -> None:
        """An order is done (canceled, expired, rejected), whether it is here or not. ``time_ns`` is the report's, where it matters."""
        order = self._book.open.get(client_order_id)
        if order is None:
            self._book.forget(client_order_id)
        else:
            self._book.finish(order)
            self._book.under_way.freed(order.terms, time_ns)

    def _filled_from(self, order: VenueOrder, time_ns: int | None) -> MarketEvent | None:
        """The market data that a restored fill took from."""
        if order.arrived_on is not None and time_ns in (None, order.accepted_ns):
            return order.arrived_on
        market = self._book.market(order.terms.symbol)
        if order.terms.time_in_force is not _CLS or market.last is None:
            return market.last
        after_close = start_ns(market.last) >= order.expires_ns
        return (market.previous if after_close else market).standing(order.terms.side)

    # --- arrivals and ends -------------------------------------------------------------------------------------------

    def _send(self, message: InFlight) -> None:
        self._book.send(message)
        self._due_ns = min(self._due_ns, message.arrival_ns)

    def _deliver_before(self, now_ns: int, released_ns: int, reports: list[Report]) -> int:
        """Lets arrive what is due before now, which is not before the release; returns that time."""
        if released_ns > now_ns:
            now_ns = released_ns
        in_flight = self._book.in_flight
        while in_flight and in_flight[0].arrival_ns < now_ns:
            self._deliver(in_flight.pop(0), reports)
        return now_ns

    def _deliver(self, message: InFlight, reports: list[Report]) -> None:
        if message.terms is None:
            self._cancel(message.client_order_id, message.arrival_ns, reports)
        else:
            self._arrive(message.terms, message.released_ns, message.arrival_ns, reports)

    def _arrive(self, terms: OrderTerms, released_ns: int, accepted_ns: int, reports: list[Report]) -> None:
        client_order_id = terms.client_order_id
        fault = fault_of(terms)
        if fault:
            self._book.forget(client_order_id)
            reports.append(Report(accepted_ns, OrderRejected(client_order_id, fault)))
            return
        opens_ns, expires_ns = self._working_hours(terms, accepted_ns)
        broker_order_id = f"v{client_order_id}"
        order = new_order(terms, broker_order_id, released_ns, accepted_ns, opens_ns, expires_ns)
        reports.append(Report(accepted_ns, OrderAccepted(client_order_id, broker_order_id)))
        if terms.oco_group is not None:
            self._matching.join_group(order, terms.oco_group, reports)
        if not order.done:
            self._matching.arrive(order, reports)
        if not order.done:
            self._add(order)

    def _add(self, order: VenueOrder) -> None:
        self._book.add(order)
        self._due_ns = min(self._due_ns, order.expires_ns)

    def _working_hours(self, terms: OrderTerms, accepted_ns: int) -> tuple[int, int]:
        """From when an order may trade (only opg waits), and when it expires."""
        time_in_force = terms.time_in_force
        if time_in_force is _DAY or time_in_force is _CLS:
            return 0, self._next_close_ns(accepted_ns)
        if time_in_force is _OPG:
            opens_ns = self._calendar.next_open_ns(accepted_ns)
            return opens_ns, self._calendar.next_close_ns(opens_ns)
        return 0, NEVER_NS

    def _next_close_ns(self, time_ns: int) -> int:
        asked_ns, close_ns = self._session_ns
        if not asked_ns <= time_ns < close_ns:
            close_ns = self._calendar.next_close_ns(time_ns)
            self._session_ns = time_ns, close_ns
        return close_ns

    def _catch_up(self, event: FeedEvent, reports: list[Report]) -> None:
        """What was due before the event, in order of time: arrivals, and the ends of orders."""
        in_flight = self._book.in_flight
        while in_flight and in_flight[0].arrival_ns < event.time_ns:
            message = in_flight.pop(0)
            self._expire(event, message.arrival_ns, reports)
            self._deliver(message, reports)
        self._expire(event, event.time_ns, reports)
        self._due_ns = self._book.first_due_ns()

    def _expire(self, event: FeedEvent, until_ns: int, reports: list[Report]) -> None:
        """Ends the orders whose close is at or before both ``until_ns`` and the event's start.

        An event of another symbol must start after the close: one at that very time may come before the symbol's last bar.
        """
        began_ns = start_ns(event)
        ending = [
            order
            for order in self._book.open.values()
            if order.expires_ns <= until_ns
            and (order.expires_ns < began_ns or (order.expires_ns == began_ns and order.terms.symbol == event.symbol))
        ]
        ending.sort(key=lambda order: order.expires_ns)
        for order in ending:
            if order.terms.time_in_force is _CLS and not order.done:
                self._matching.close_at_last_price(order, reports)
            if not order.done:
                self._matching.end_expired(order, order.expires_ns, reports)

    def _cancel(self, client_order_id: ClientOrderId, time_ns: int, reports: list[Report]) -> None:
        order = self._book.open.get(client_order_id)
        if order is None:
            reports.append(Report(time_ns, CancelRefused(client_order_id, "no such order is working")))
        else:
            self._matching.end_canceled(order, "requested", time_ns, reports)
