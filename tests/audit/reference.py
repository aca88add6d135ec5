"""A second opinion on backtests: a loop of its own in exact arithmetic, that knows nothing of the engine, its venue or its books.

The rules are those of docs/venue.md, written down once more as plainly as they can be.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple


class Row(NamedTuple):
    """A bar in exact prices; ``day`` is the trading day that it belongs to."""

    symbol: str
    time_ns: int
    day: str
    open: Fraction
    high: Fraction
    low: Fraction
    close: Fraction


class Fill(NamedTuple):
    """Units bought (below zero: sold) of a symbol at a price."""

    symbol: str
    quantity: int
    price: Fraction


class Plan(NamedTuple):
    """What is wanted after a bar: a position, entered at a limit or at the market, with a stop and a target for it."""

    position: int
    limit: Fraction | None = None
    stop: Fraction | None = None
    target: Fraction | None = None
    is_entry_only: bool = False
    """Asked for only while nothing is held and nothing is open."""
    replaces: bool = False
    """An open entry is canceled first."""


class Book:
    """One symbol's position, the entry that waits and the pair of exits at work."""

    def __init__(self, symbol: str, *, next_open: bool) -> None:
        self.symbol = symbol
        self.next_open = next_open
        self.position = 0
        self.cash = Fraction(0)
        self.fills: list[Fill] = []
        self.ambiguous = 0
        self.waiting: Plan | None = None
        self.waiting_day = ""
        self.exits: tuple[Fraction | None, Fraction | None] | None = None

    def trade(self, quantity: int, price: Fraction) -> None:
        self.position += quantity
        self.cash -= quantity * price
        self.fills.append(Fill(self.symbol, quantity, price))

    def enter(self, plan: Plan, price: Fraction) -> None:
        self.waiting = None
        self.trade(plan.position - self.position, price)
        has_exits = self.position and (plan.stop is not None or plan.target is not None)
        self.exits = (plan.stop, plan.target) if has_exits else None

    def leave(self, price: Fraction) -> None:
        self.trade(-self.position, price)
        self.exits = None

    def take(self, row: Row) -> None:
        """What waits meets the bar."""
        plan = self.waiting
        if plan is not None and self.waiting_day and row.day != self.waiting_day:
            self.waiting = plan = None  # good for its day
        if (plan is not None and plan.limit is None) or (
            plan is not None and plan.limit is not None and row.open <= plan.limit
        ):
            self.enter(plan, row.open)
        elif plan is not None and plan.limit is not None and row.low <= plan.limit:
            self.enter(plan, plan.limit)
            self.rest_after_limit(row)
            return
        self.whole(row)

    def whole(self, row: Row) -> None:
        """The exits meet a bar from its open on: the open first, and in the range the stop."""
        if self.exits is None:
            return
        (stop, target), sign = self.exits, 1 if self.position > 0 else -1
        worst, best = (row.low, row.high) if sign > 0 else (row.high, row.low)
        stopped = stop is not None and (worst - stop) * sign <= 0
        reached = target is not None and (best - target) * sign >= 0
        if (stop is not None and (row.open - stop) * sign <= 0) or (
            target is not None and (row.open - target) * sign >= 0
        ):
            self.leave(row.open)
        elif stopped and stop is not None:
            self.ambiguous += reached
            self.leave(stop)
        elif reached and target is not None:
            self.leave(target)

    def rest_after_limit(self, row: Row) -> None:
        """A buy limit filled below the open: the low is to come, and the close; the high may have been."""
        if self.exits is None:
            return
        stop, target = self.exits
        might_reach = target is not None and row.high >= target
        if stop is not None and row.low <= stop:
            self.ambiguous += might_reach
            self.leave(stop)
        elif target is not None and row.close >= target:
            self.leave(target)
        else:
            self.ambiguous += might_reach

    def ask(self, plan: Plan | None, row: Row, day: str) -> None:
        """Something is wanted once the bar is known."""
        if plan is None or plan.position == self.position:
            return
        if plan.replaces:
            self.waiting = None
        if plan.is_entry_only and (self.position or self.waiting is not None):
            return
        self.exits = None  # a reduce-only order goes before protection
        if (plan.limit is not None and (self.next_open or row.close > plan.limit)) or self.next_open:
            self.waiting, self.waiting_day = plan, day
        else:
            self.enter(plan, row.close)


Decide = Callable[[Row], Plan | None]


def run(rows: Sequence[Row], decide: Decide, *, next_open: bool, good_for: Sequence[str] = ()) -> Book:
    """One symbol. ``good_for`` has, for each bar, the day that an order made after it is good for."""
    book = Book(rows[0].symbol, next_open=next_open)
    for number, row in enumerate(rows):
        book.take(row)
        book.ask(decide(row), row, good_for[number] if good_for else "")
    return book


def equity(book: Book, rows: Sequence[Row]) -> Fraction:
    """What was made."""
    return book.cash + book.position * rows[-1].close


# --- what is decided -------------------------------------------------------------------------------------------------


def ema_cross(fast: int, slow: int, quantity: int) -> Decide:
    """Long while the fast average is at or above the slow one, else short; sixty digits are exact enough for any close race."""
    averages: list[Decimal] = []
    seen = 0

    def decide(row: Row) -> Plan | None:
        nonlocal seen
        seen += 1
        with localcontext() as context:
            context.prec = 60
            close = Decimal(row.close.numerator) / row.close.denominator
            if not averages:
                averages.extend([close, close])
                return None
            for place, length in enumerate((fast, slow)):
                averages[place] += 2 * (close - averages[place]) / (length + 1)
        return Plan(quantity if averages[0] >= averages[1] else -quantity) if seen > slow else None

    return decide


def cents(price: Fraction) -> Fraction:
    """To the nearest cent, halves up."""
    return Fraction((price * 100 + Fraction(1, 2)).__floor__(), 100)


def sma_cross(fast: int, slow: int, quantity: int) -> Decide:
    """At each crossing of two averages a position with a stop 2 % and a target 4 % from the close."""
    closes: list[Fraction] = []
    totals = {fast: Fraction(0), slow: Fraction(0)}
    last = 0

    def decide(row: Row) -> Plan | None:
        nonlocal last
        closes.append(row.close)
        for length in totals:
            totals[length] += row.close - (closes[-length - 1] if len(closes) > length else 0)
        if len(closes) < slow:
            return None
        side = 1 if totals[fast] * slow >= totals[slow] * fast else -1
        before, last = last, side
        if side == before:
            return None
        stop, target = cents(row.close * (100 - 2 * side) / 100), cents(row.close * (100 + 4 * side) / 100)
        return Plan(side * quantity, None, stop, target)

    return decide


def dips(below_pct: Fraction, quantity: int, *, replaces: bool = False, exits_pct: Fraction | None = None) -> Decide:
    """A buy limit below each close while nothing is held; out at the stop or target, or else after the next bar."""

    def decide(row: Row) -> Plan | None:
        limit = cents(row.close * (100 - below_pct) / 100)
        if exits_pct is None:
            return Plan(quantity, limit, is_entry_only=True, replaces=replaces)
        stop, target = cents(limit * (100 - exits_pct) / 100), cents(limit * (100 + exits_pct) / 100)
        return Plan(quantity, limit, stop, target, is_entry_only=True, replaces=replaces)

    return decide


# --- several symbols -------------------------------------------------------------------------------------------------


def instants(rows: Sequence[Row]) -> Iterator[dict[str, Row]]:
    """The bars of each time by symbol."""
    together: dict[int, dict[str, Row]] = {}
    for row in rows:
        together.setdefault(row.time_ns, {})[row.symbol] = row
    for time_ns in sorted(together):
        yield together[time_ns]


def run_all(
    rows: Sequence[Row], decide: Callable[[dict[str, Row]], dict[str, int]], *, next_open: bool
) -> dict[str, Book]:
    """Positions in several symbols, decided when all bars of a time are known."""
    books = {symbol: Book(symbol, next_open=next_open) for symbol in {row.symbol for row in rows}}
    last: dict[str, Row] = {}
    times = list(instants(rows))
    for number, bars in enumerate(times):
        for symbol, row in bars.items():
            books[symbol].take(row)
        last.update(bars)
        good_for = next(iter(times[number + 1].values())).day if number + 1 < len(times) else ""
        for symbol, position in decide(bars).items():
            books[symbol].ask(Plan(position), last[symbol], good_for)
    return books
