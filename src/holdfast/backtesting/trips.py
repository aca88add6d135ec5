"""Round trips: what each position of a strategy in a symbol came to, from flat to flat or until it turned round.

A trip's profit is what the strategy's ledger earned meanwhile: realised less fees, dividends included. So the profits of all trips, and of
those still open, add up to the account's. A fill that turns a position round ends one trip and begins another; its fee is split by
quantity.

The worst and best of the open profit (maximum adverse and favourable excursion) go by each bar's low and high while the position
was held. Where a bar can't say which part of it came before a fill and which after, the worse reading counts: an entry within a
bar had the bar's worst and of its best no more than its close; an exit at a better price than the bar's open had the worst of it too, and one at a
worse price went there straight.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum, auto

import msgspec

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind
from holdfast.core.arithmetic import EXACT
from holdfast.core.messages import Bar, FeedEvent, OrderFilled, OrderTerms, PositionChanged, Quote, Trade
from holdfast.core.portfolio.ledger import COST_STEP, Ledger
from holdfast.core.protection.legs import stop_distance
from holdfast.core.types import ONE, ZERO

Key = tuple[str, str]
"""A strategy and a symbol."""


class TripEntry(msgspec.Struct, frozen=True):
    """A round trip. Money is in the account's currency, at the rate of its end, prices in the symbol's.

    ``quantity`` is the largest that was held, above zero; ``entry_price`` the average of what was opened, ``exit_price`` of what was closed.
    ``profit`` is net of ``fees``. ``worst`` and ``best`` are the lowest and highest that its profit came to while it was held, before fees. ``risk`` is
    what the stops that its entries asked for would have lost; None where one had none. ``exit_role`` is the role of the order that
    ended it. ``exit_ns`` is 0 while it is open; then its profit is that at the last price.
    """

    strategy: str
    symbol: str
    side: str
    quantity: Decimal
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    profit: Decimal
    fees: Decimal
    worst: float
    best: float
    risk: float | None
    bars: int
    exit_role: str
    tag: str


class When(Enum):
    """Where in the instant's bar a fill was."""

    OPEN = auto()  # at its open
    WITHIN = auto()  # anywhere in it
    AFTER = auto()  # at its close, or between bars


class _Open:
    """A trip under way.

    ``realised`` and ``fees`` are the ledger's as it began, ``held``, ``cost`` and ``booked`` (realised) those of now. ``base``, ``slope`` and ``paid`` turn a price into the
    profit at it; ``high`` and ``low`` are the prices since the last fill.
    """

    __slots__ = (
        "bars",
        "base",
        "best",
        "booked",
        "closed",
        "closed_worth",
        "cost",
        "entry_ns",
        "fees",
        "held",
        "high",
        "key",
        "largest",
        "low",
        "opened",
        "opened_worth",
        "paid",
        "realised",
        "risk",
        "side",
        "slope",
        "tag",
        "worst",
    )  # fmt: skip

    def __init__(self, key: Key, time_ns: int, start: tuple[Decimal, Decimal], side: int, tag: str) -> None:
        self.key = key
        self.side = side
        self.entry_ns = time_ns
        self.realised, self.fees = start
        self.tag = tag
        self.held = self.cost = self.booked = self.largest = ZERO
        self.opened = self.opened_worth = self.closed = self.closed_worth = 0.0
        self.risk: float | None = 0.0
        self.bars = 0
        self.worst = self.best = self.base = self.slope = self.paid = self.high = self.low = 0.0

    def see(self, high: float, low: float) -> None:
        """The market was at these prices while it was held."""
        if high > self.high:
            self.high = high
        if low < self.low:
            self.low = low

    def fold(self) -> None:
        """Put the prices since the last fill into the worst and the best of its profit."""
        for price in (self.high, self.low):
            profit = self.base + self.slope * price - self.paid
            self.worst, self.best = min(self.worst, profit), max(self.best, profit)

    def hold(self, quantity: Decimal, cost: Decimal, realised: Decimal, unit: Decimal, price: float) -> None:
        """From here on it holds so much, seen at ``price``."""
        self.held, self.cost, self.booked = quantity, cost, realised
        self.largest = max(self.largest, abs(quantity))
        self.base, self.paid = float(realised - self.realised), float(cost)
        self.slope = float(quantity * unit)
        self.high = self.low = price

    def open(self, quantity: float, price: float, distance: float, unit: Decimal) -> None:
        """So much of it was opened by an order whose stop is at a ``distance``: 0 where it has none."""
        self.opened += quantity
        self.opened_worth += quantity * price
        self.risk = self.risk + distance * quantity * float(unit) if self.risk is not None and distance else None


class Trips:
    """Follows the fills of all strategies. ``note`` takes each trip as it ends.

    ``unit`` is what a price of 1 for one unit of a symbol is worth in its currency, ``in_base`` turns money of a symbol's currency into the
    account's.
    """

    def __init__(
        self,
        note: Callable[[TripEntry], None],
        unit: Callable[[str], Decimal],
        in_base: Callable[[str, Decimal], Decimal],
    ) -> None:
        self._note = note
        self._unit = unit
        self._in_base = in_base
        self._open: dict[Key, _Open] = {}
        self._by_symbol: dict[str, list[_Open]] = {}
        self._fresh: dict[Key, tuple[When, float]] = {}
        self._ended: dict[Key, tuple[Decimal, Decimal]] = {}  # the ledger's realised and fees as its last trip ended
        self._fees: dict[Key, Decimal] = {}

    # --- the market -----------------------------------------------------------------------------------------------------

    def see(self, instant: Sequence[FeedEvent]) -> None:
        """All of an instant is over: what is held was held through it, or since a fill within it."""
        held = self._by_symbol
        for event in instant:
            trips = held.get(event.symbol)
            if trips:
                if type(event) is Bar:
                    high, low = event.high, event.low
                else:
                    high = low = _price(event)
                    if not high:
                        continue
                for trip in trips:
                    trip.bars += 1
                    if high > trip.high:
                        trip.high = high
                    if low < trip.low:
                        trip.low = low
        if self._fresh:
            fresh, self._fresh = self._fresh, {}
            for key, (when, _) in fresh.items():
                trip = self._open[key]
                self._by_symbol.setdefault(key[1], []).append(trip)
                _see_since_fill(trip, when, _bar_of(instant, key[1]))

    def _see_before_fill(self, trip: _Open, when: When, price: float, instant: Sequence[FeedEvent]) -> None:
        """What a trip saw of the present bar before a fill."""
        bar = _bar_of(instant, trip.key[1])
        filled = self._fresh.pop(trip.key, None)
        if filled is None:
            self._by_symbol[trip.key[1]].remove(trip)
        if bar is not None and when is When.AFTER:
            if filled is None:
                trip.bars += 1
                trip.see(bar.high, bar.low)
            else:
                _see_since_fill(trip, filled[0], bar)
        elif bar is not None and when is When.WITHIN:
            trip.bars += filled is None
            start = bar.open if filled is None else filled[1]
            trip.see(start, start)
            went_straight = (price < start) is (trip.held > 0)
            if not went_straight:
                trip.see(*((price, bar.low) if trip.held > 0 else (bar.high, price)))
        trip.see(price, price)
        trip.fold()

    # --- fills ----------------------------------------------------------------------------------------------------------

    def filled(
        self,
        fill: OrderFilled,
        terms: OrderTerms,
        change: PositionChanged,
        time_ns: int,
        when: When,
        instant: Sequence[FeedEvent],
    ) -> None:
        """An order has traded, or a trade was undone (``fill`` is then its reversal), and ``change`` is what the position is now."""
        key = change.strategy, change.symbol
        unit, price = self._unit(change.symbol), float(fill.price)
        fee = change.fees - self._fees.get(key, ZERO)
        self._fees[key] = change.fees
        trip = self._open.get(key)
        opened: Decimal = fill.quantity
        if trip is not None:
            self._see_before_fill(trip, when, price, instant)
            is_over = trip.held * change.quantity <= 0
            if is_over or abs(change.quantity) < abs(trip.held):
                closed = float(min(abs(trip.held), fill.quantity))
                opened = abs(change.quantity) if is_over else ZERO
                trip.closed += closed
                trip.closed_worth += closed * price
            if is_over:
                share = (fee * opened / fill.quantity).quantize(COST_STEP) if opened else ZERO
                self._end(trip, change.realised, change.fees - share, time_ns, terms.role.value)
                trip = None
        if trip is None:
            if not change.quantity:
                return
            start = self._ended.get(key, (ZERO, ZERO))
            trip = self._open[key] = _Open(key, time_ns, start, fill.side.sign, terms.tag)
        if opened:
            trip.open(float(opened), price, float(stop_distance(terms, fill.price)), unit)
        trip.hold(change.quantity, change.cost, change.realised, unit, price)
        self._fresh[key] = when, price

    def adjusted(self, adjusted: AccountAdjusted, time_ns: int, price: float) -> None:
        """A split has changed what is held, or a dividend was paid: between two instants; ``price`` is the one after it."""
        for change in adjusted.changes:
            trip = self._open.get((change.strategy, adjusted.symbol))
            if trip is None:
                continue
            trip.fold()
            realised = trip.booked + change.amount
            if adjusted.kind is AdjustmentKind.SPLIT:
                ratio = adjusted.new / adjusted.old
                trip.opened, trip.closed = trip.opened * ratio, trip.closed * ratio
                trip.largest = EXACT.divide(trip.largest * adjusted.new, Decimal(adjusted.old))
            quantity = Decimal(trip.held + change.quantity)
            if quantity:
                trip.hold(quantity, trip.cost, realised, self._unit(adjusted.symbol), price)
            else:  # a part of a share, paid in money
                self._fresh.pop(trip.key, None)
                self._by_symbol[trip.key[1]].remove(trip)
                self._end(trip, realised - trip.cost, self._fees.get(trip.key, ZERO), time_ns, "")

    def still_open(self, price_of: Callable[[str], Decimal | None]) -> Iterator[TripEntry]:
        """The trips that aren't over, worth what they are at the last prices (at their cost where there is none)."""
        for trip in self._open.values():
            trip.fold()
            symbol = trip.key[1]
            price = price_of(symbol)
            ledger = Ledger(multiplier=self._unit(symbol))
            gained = ZERO if price is None else ledger.worth(trip.held, price) - trip.cost
            yield self._entry(trip, trip.booked + gained, self._fees.get(trip.key, ZERO), 0, float(price or 0), "")

    def _end(self, trip: _Open, realised: Decimal, fees: Decimal, time_ns: int, role: str) -> None:
        del self._open[trip.key]
        self._ended[trip.key] = realised, fees
        price = trip.closed_worth / trip.closed if trip.closed else 0.0
        self._note(self._entry(trip, realised, fees, time_ns, price, role))

    def _entry(
        self, trip: _Open, realised: Decimal, fees: Decimal, exit_ns: int, exit_price: float, role: str
    ) -> TripEntry:
        strategy, symbol = trip.key
        paid = fees - trip.fees
        rate = float(self._in_base(symbol, ONE))
        is_long = trip.side > 0
        return TripEntry(
            strategy=strategy,
            symbol=symbol,
            side="long" if is_long else "short",
            quantity=trip.largest,
            entry_ns=trip.entry_ns,
            entry_price=trip.opened_worth / trip.opened,
            exit_ns=exit_ns,
            exit_price=exit_price,
            profit=self._in_base(symbol, realised - trip.realised - paid),
            fees=self._in_base(symbol, paid),
            worst=trip.worst * rate,
            best=trip.best * rate,
            risk=None if trip.risk is None else trip.risk * rate,
            bars=trip.bars,
            exit_role=role,
            tag=trip.tag,
        )


def _see_since_fill(trip: _Open, when: When, bar: Bar | None) -> None:
    """What a trip saw of the present bar after a fill."""
    if bar is None or when is When.AFTER:
        return
    trip.bars += 1
    if when is When.OPEN:
        trip.see(bar.high, bar.low)
    elif trip.held > 0:
        trip.see(bar.close, bar.low)
    else:
        trip.see(bar.high, bar.close)


def _bar_of(instant: Sequence[FeedEvent], symbol: str) -> Bar | None:
    """A symbol's bar; where it has several of one time, the one that began first."""
    return next((event for event in instant if event.symbol == symbol and isinstance(event, Bar)), None)


def _price(event: FeedEvent) -> float:
    """The price of a trade, the midpoint of a quote; 0 where there is none."""
    if isinstance(event, Trade):
        return event.price
    if isinstance(event, Quote):
        return (event.bid + event.ask) / 2 if event.bid and event.ask else event.bid or event.ask
    return 0.0
