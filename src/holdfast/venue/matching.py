"""Who trades with what, and how much: orders against one piece of market data."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from holdfast.core.instruments import Instrument, instrument_of
from holdfast.core.messages import (
    Bar,
    MarketEvent,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderReplaced,
    OrderTerms,
    Quote,
    Report,
    Trade,
)
from holdfast.core.types import (
    NO_QUANTITY,
    ONE,
    ZERO,
    Money,
    OrderRole,
    Price,
    Quantity,
    Rounding,
    TimeInForce,
    round_to,
)
from holdfast.venue.book import OrderBook
from holdfast.venue.market import Market, View, price_of, start_ns
from holdfast.venue.models import TickRule, fee, finest_tick
from holdfast.venue.order import AT_ONCE, AUCTION_ONLY, VenueOrder
from holdfast.venue.path import OPEN, Point
from holdfast.venue.rules import Offer, at_price, at_tick, could_fill, in_range, on_path, point_at
from holdfast.venue.settings import FillAt, VenueSettings
from holdfast.venue.tally import LARGE_SHARE, Tally

_NEXT_OPEN: Final = FillAt.NEXT_OPEN
_REGULAR: Final = OrderRole.REGULAR

_FOK, _OPG, _CLS = TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS


class Matching:
    """Lets the orders of a book trade. What happens is appended to the ``reports`` each call is given."""

    def __init__(
        self, settings: VenueSettings, instrument: Instrument, named: Mapping[str, Instrument], book: OrderBook
    ) -> None:
        self._settings = settings
        self._instrument = instrument
        self._named = named
        self._book = book
        self.tally = Tally()
        self.market_ns = 0
        """The time of the latest event of any symbol."""

    def tick_of(self, order: VenueOrder) -> TickRule:
        """The price increments that hold for an order."""
        rules = self._rules_of(order)
        return rules.tick if rules.ticks else finest_tick

    def _rules_of(self, order: VenueOrder) -> Instrument:
        rules = instrument_of(order.terms.symbol, self._instrument, self._named)
        return rules.at(order.accepted_ns) if rules.eras else rules

    # --- one order meets the market ----------------------------------------------------------------------------------

    def arrive(self, order: VenueOrder, reports: list[Report]) -> None:
        """An accepted order meets the market as it stands, unless it has to wait for the next event."""
        market = self._book.market(order.terms.symbol)
        point, bar = self.point_of(order.terms, order.released_ns), market.last
        if point is not None and isinstance(bar, Bar):
            self._arrive_within(order, bar, point, reports)
            return
        source = self.source_on_arrival(order, market)
        if source is not None:
            offer = at_price(order, price_of(source, order.terms.side), self.tick_of(order))
            self._trade(order, market, source, offer, order.accepted_ns, reports)
            self._end_if_at_once(order, order.accepted_ns, reports)

    def point_of(self, terms: OrderTerms, released_ns: int) -> Point | None:
        """Where in the bar just seen an order that comes now was at work from; None when it comes after the bar."""
        last = self._book.market(terms.symbol).last
        return self._book.under_way.point_for(terms, released_ns, last) if isinstance(last, Bar) else None

    def _arrive_within(self, order: VenueOrder, bar: Bar, point: Point, reports: list[Report]) -> None:
        """An order that a fill within the bar has led to meets the rest of the bar, as far as that is certain."""
        terms, under_way = order.terms, self._book.under_way
        offer, is_certain = on_path(order, bar, point, self.tick_of(order))
        if not is_certain:
            under_way.note_ambiguous(terms.symbol)
        elif point_at(offer) == point:
            under_way.settle_at_once(terms.oco_group)
        self._trade(order, self._book.market(terms.symbol), bar, offer, order.accepted_ns, reports)
        self._end_if_at_once(order, order.accepted_ns, reports)

    def source_on_arrival(self, order: VenueOrder, view: View) -> MarketEvent | None:
        """The market data an order trades on when it arrives; None when it waits for the next of its symbol."""
        terms = order.terms
        source = view.standing(terms.side)
        if source is None or terms.time_in_force in AUCTION_ONLY:
            return None
        if isinstance(source, Bar) and (self._settings.fill is _NEXT_OPEN or self._was_late(order)):
            return None  # that close is past
        if not isinstance(source, Quote) and source.time_ns < self.market_ns:
            return None  # the market has gone on since: only a quote stands
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
        if isinstance(event, Bar):
            self._advance_in_bar(order, event)
            return
        if order.terms.time_in_force in AUCTION_ONLY:
            return
        price = price_of(event, order.terms.side)
        if price:
            at_tick(order, price, self.tick_of(order))

    def _advance_in_bar(self, order: VenueOrder, bar: Bar) -> None:
        tick, time_in_force = self.tick_of(order), order.terms.time_in_force
        if time_in_force is _OPG and _opens(order, bar):
            order.offered = Point(bar.open, OPEN)
        if time_in_force in AUCTION_ONLY:
            return
        if order.released_ns > bar.start_ns:
            at_price(order, bar.close, tick)
            return
        at_open = at_price(order, bar.open, tick, OPEN)
        within, _ = in_range(order, bar, tick)
        order.offered = point_at(at_open or within)

    # --- all orders of a symbol meet an event ------------------------------------------------------------------------

    def match_bar(self, market: Market, bar: Bar, reports: list[Report]) -> None:
        """All meet the open, then all the range, then those for the close the close.

        What was released after the bar had begun meets its close alone: nothing else of it is certain to have come later. What came after
        its end, as it can where data comes late, doesn't meet it.
        """
        orders = tuple([order for order in market.orders if order.accepted_ns <= bar.time_ns])
        early = [order for order in orders if order.released_ns <= bar.start_ns]
        for order in early:
            if order.terms.time_in_force is not _CLS and not order.done and _opens(order, bar):
                self._meet(order, market, bar, at_price(order, bar.open, self.tick_of(order), OPEN), reports)
        for order in early:
            if not order.done and order.terms.time_in_force not in AUCTION_ONLY:
                self._range(order, market, bar, reports)
        for order in orders if len(early) < len(orders) else ():
            if order.released_ns > bar.start_ns and not order.done and order.terms.time_in_force not in AUCTION_ONLY:
                self._meet(order, market, bar, at_price(order, bar.close, self.tick_of(order)), reports)
        for order in orders:
            if order.terms.time_in_force is _CLS and not order.done and order.expires_ns <= bar.time_ns:
                self._trade(order, market, bar, at_price(order, bar.close, self.tick_of(order)), bar.time_ns, reports)
                if not order.done:
                    self.end_expired(order, bar.time_ns, reports)

    def _range(self, order: VenueOrder, market: Market, bar: Bar, reports: list[Report]) -> None:
        """An order meets the range of a bar. A stop comes before the limit linked to it: the bar may not say which was first."""
        offer, is_certain = in_range(order, bar, self.tick_of(order))
        rivals = self._book.linked(order) if offer is not None and order.terms.oco_group is not None else ()
        if not is_certain or any(could_fill(other, bar) for other in rivals):
            self._book.under_way.note_ambiguous(order.terms.symbol)
        self._trade(order, market, bar, offer, bar.time_ns, reports)

    def match_tick(self, market: Market, event: Quote | Trade, reports: list[Report]) -> None:
        """All meet the one price; a side that was not quoted meets nobody."""
        for order in tuple(market.orders):
            if (
                order.done
                or order.terms.time_in_force is _CLS
                or event.time_ns < max(order.opens_ns, order.accepted_ns)
            ):
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
        price, slips, after = offer
        self._note(terms, source, offer, time_ns)
        if slips:
            price = self._slip(order, source, price, quantity, time_ns)
        if share is not None:
            market.take(source, terms.side, quantity)
        if type(source) is Bar and float(quantity) > source.volume * LARGE_SHARE:
            self.tally.large_fills += 1
        worth = Price(price * self._rules_of(order).multiplier)
        cost = fee(settings.commission, worth, quantity, order.filled)
        self.count_fill(order, quantity)
        executed_ns = _opened_ns(order, source, time_ns) if after == OPEN else 0
        reports.append(Report(time_ns, _execution(order, quantity, price, cost, executed_ns)))
        if terms.oco_group is not None:
            self._tell_group(order, quantity, time_ns, reports)

    def _slip(self, order: VenueOrder, source: MarketEvent, price: Price, quantity: Quantity, time_ns: int) -> Price:
        """The price against the trader, and what that costs counted."""
        terms = order.terms
        tick, is_quoted = self.tick_of(order), isinstance(source, Quote)
        slipped = self._settings.slipped(price, terms.symbol, terms.side, time_ns, tick, is_quoted=is_quoted)
        if slipped != price:
            cost = abs(slipped - price) * quantity * self._rules_of(order).multiplier
            self.tally.slippage[terms.symbol] = self.tally.slippage.get(terms.symbol, ZERO) + cost
        return slipped

    def _note(self, terms: OrderTerms, source: MarketEvent, offer: Offer, time_ns: int) -> None:
        """Remember where in a bar an order has traded, for what that leads to."""
        under_way, point = self._book.under_way, point_at(offer)
        if point is None:
            under_way.freed(terms, time_ns)
            return
        under_way.filled(terms, point)
        if terms.role is not _REGULAR:
            under_way.decide(source.symbol)

    def _available(self, order: VenueOrder, market: Market, source: MarketEvent, share: Decimal) -> Quantity:
        """How much of the order the share of the market data lets trade."""
        remaining = order.remaining
        if type(source) is Bar and not source.volume:
            self.tally.bars_without_volume += 1
        left = market.left(source, order.terms.side, share)
        if order.terms.quantity == order.terms.quantity.to_integral_value():
            left = round_to(left, max(ONE, self._rules_of(order).quantity_increment), Rounding.DOWN)
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
        self._book.under_way.freed(order.terms, time_ns)
        reports.append(Report(time_ns, OrderCanceled(order.terms.client_order_id, reason)))

    def end_expired(self, order: VenueOrder, time_ns: int, reports: list[Report]) -> None:
        """The order's time in force is over."""
        self._book.finish(order)
        self._book.under_way.freed(order.terms, time_ns)
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
            self._note_ambiguous_rival(order, group)
            self.end_canceled(order, "oco", order.accepted_ns, reports)
        elif filled:
            self._reduce(order, filled, order.accepted_ns, reports)

    def _note_ambiguous_rival(self, order: VenueOrder, group: str) -> None:
        """The other of a pair has filled within the bar; where this one could have too, the bar may not say which was first."""
        bar = self._book.market(order.terms.symbol).last
        point, under_way = self.point_of(order.terms, order.released_ns), self._book.under_way
        if isinstance(bar, Bar) and point is not None and could_fill(order, bar) and not under_way.was_at_once(group):
            under_way.note_ambiguous(bar.symbol)

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


def _opens(order: VenueOrder, bar: Bar) -> bool:
    """Whether an order may trade at the open of a bar: one for the opening only in the first that begins with it, or in the day's."""
    if order.opens_ns <= bar.start_ns:
        return True
    return order.expires_ns <= bar.time_ns and order.opens_ns < bar.time_ns


def _opened_ns(order: VenueOrder, source: MarketEvent, time_ns: int) -> int:
    """When a fill at the open of a bar was executed: as it began, or as the order came, where that was later."""
    begun_ns = start_ns(source)
    return max(begun_ns, order.accepted_ns) if order.accepted_ns < time_ns else begun_ns


def _execution(order: VenueOrder, quantity: Quantity, price: Price, cost: Money, executed_ns: int) -> OrderFilled:
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
        executed_ns,
    )
