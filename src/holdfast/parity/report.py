"""The comparison as values: a line for each trade, a score for each day, and the whole."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import stdev

import msgspec

from holdfast.core.types import ZERO
from holdfast.parity.asks import SIGNAL, Ask, Asks, Booking, Fill
from holdfast.parity.pairs import Pair, pair
from holdfast.parity.prices import Day as Session
from holdfast.parity.prices import Moment, Prices
from holdfast.parity.split import Marks, Part, Parts, Splitter, moment_of, worth

BPS = 10_000


class Outcome(msgspec.Struct, frozen=True):
    """What came of an ask on one side. ``price`` is the average, to ten decimals, where it traded; ``rule`` is what refused it."""

    ordered: Decimal
    filled: Decimal
    price: Decimal | None
    fees: Decimal
    rule: str = ""
    end: str = ""


class Line(msgspec.Struct, frozen=True):
    """One trade. ``difference`` is what the session earned more than the backtest, in the account's currency; ``parts`` add up to it.

    ``agrees``: both sides asked for the same, and it came to the same quantity or the same refusal.
    """

    time_ns: int
    strategy: str
    symbol: str
    side: str
    kind: str
    live: Outcome | None
    backtest: Outcome | None
    difference: Decimal
    parts: dict[str, Decimal]
    agrees: bool
    why: str = ""


class DayScore(msgspec.Struct, frozen=True):
    """One trading day: how many of the intents decided in it agree, and how both sides' profit differs by its end, marked to the market."""

    day: str
    intents: int
    agreeing: int
    live_profit: Decimal
    backtest_profit: Decimal
    difference: Decimal

    @property
    def score_pct(self) -> Decimal:
        """The share of intents that agree; 100 where there was none."""
        return _share_pct(self.agreeing, self.intents)


class Parity(msgspec.Struct, frozen=True):
    """An account's session against its backtest. ``difference`` = ``live_profit`` - ``backtest_profit`` = the sum of ``parts``.

    ``tracking_error_bps`` is the standard deviation of the days' differences, each in basis points of the backtest's equity as the day began;
    None with fewer than two days.
    """

    account: str
    intents: int
    agreeing: int
    live_profit: Decimal
    backtest_profit: Decimal
    difference: Decimal
    parts: dict[str, Decimal]
    tracking_error_bps: float | None
    days: list[DayScore]
    lines: list[Line]

    @property
    def score_pct(self) -> Decimal:
        """The share of intents that agree; 100 where there was none."""
        return _share_pct(self.agreeing, self.intents)


def _share_pct(part: int, whole: int) -> Decimal:
    return Decimal(100) if not whole else Decimal(100) * part / whole


def moments(sides: Iterable[Asks]) -> list[Moment]:
    """What prices the comparison needs."""
    return [moment_of(fill) for side in sides for ask in side.all for fill in ask.fills]


class Terms(msgspec.Struct, frozen=True):
    """What a comparison is made with.

    ``last`` are the last prices, ``unit`` is what a price of 1 for one unit of a symbol is worth, ``equity`` what both began with. Asks pair
    that were decided ``within_ns`` of each other. What was decided before ``from_ns`` is not shown.
    """

    prices: Prices
    last: Mapping[str, Decimal]
    unit: Mapping[str, Decimal]
    day_of: Callable[[int], Session]
    equity: Decimal
    within_ns: int
    from_ns: int = 0
    names: tuple[str, str] = ("the session", "the backtest")
    """What the sides are called."""


def compare(account: str, live: Asks, backtest: Asks, terms: Terms) -> Parity:
    """Both sides of an account, over the same time."""
    splitter = Splitter(Marks(terms.prices.at, terms.last, terms.unit))
    made = [(each, splitter.split(each)) for each in pair(live.all, backtest.all, terms.within_ns)]
    made = [(each, parts) for each, parts in made if each.time_ns >= terms.from_ns]
    lines = [_line(each, parts, terms, (live, backtest)) for each, parts in made]
    booked = _bookings(live.bookings, backtest.bookings, terms)
    parts = _sums([line.parts for line in lines] + ([{Part.BOOKINGS.value: booked}] if booked else []))
    days = _days(live, backtest, lines, terms)
    whole = sum(parts.values(), ZERO)
    ours, theirs = (_profit(side, terms) for side in (live, backtest))
    intents = [line for line in lines if line.kind == SIGNAL]
    return Parity(
        account=account,
        intents=len(intents),
        agreeing=sum(line.agrees for line in intents),
        live_profit=ours,
        backtest_profit=theirs,
        difference=whole,
        parts=parts,
        tracking_error_bps=_tracking_error_bps(days, terms.equity),
        days=days,
        lines=lines,
    )


def _line(each: Pair, parts: Parts, terms: Terms, sides: tuple[Asks, Asks]) -> Line:
    ask = each.either
    ours, theirs = each.live, each.backtest
    value = (ZERO if ours is None else worth(ours.fills, terms.last, terms.unit)) - (
        ZERO if theirs is None else worth(theirs.fills, terms.last, terms.unit)
    )
    return Line(
        time_ns=each.time_ns,
        strategy=ask.strategy,
        symbol=ask.symbol,
        side=ask.fills[0].side.value if ask.fills else ask.side,
        kind=ask.kind,
        live=_outcome(ours),
        backtest=_outcome(theirs),
        difference=value,
        parts={part.value: amount for part, amount in parts.items()},
        agrees=_agree(ours, theirs),
        why=_why(each, sides, terms.names),
    )


def _outcome(ask: Ask | None) -> Outcome | None:
    if ask is None:
        return None
    filled = ask.filled
    notional = sum((fill.quantity * fill.price for fill in ask.fills), ZERO)
    fees = sum((fill.fee for fill in ask.fills), ZERO)
    price = round(notional / filled, 10) if filled else None
    return Outcome(ask.ordered, filled, price, fees, ", ".join(ask.rules), "; ".join(dict.fromkeys(ask.ends)))


def _agree(live: Ask | None, backtest: Ask | None) -> bool:
    if live is None or backtest is None:
        return False
    sides = {fill.side for ask in (live, backtest) for fill in ask.fills}
    same = (live.ordered, live.filled, live.rules) == (backtest.ordered, backtest.filled, backtest.rules)
    return same and len(sides) < 2


def _why(each: Pair, sides: tuple[Asks, Asks], names: tuple[str, str]) -> str:
    """What is known of why the sides differ; empty where they don't, or prices say it."""
    ours, theirs = each.live, each.backtest
    if ours is None or theirs is None:
        here, there = (0, 1) if theirs is None else (1, 0)
        if each.either.parent is not None:
            return f"its entry was protected in {names[here]} only"
        if sides[there].was_away(each.time_ns):
            return f"no engine was there for {names[there]}"
        return f"nothing was asked for in {names[there]}"
    named = tuple(zip(names, (ours, theirs), strict=True))
    if ours.rules != theirs.rules:
        said = [f"refused in {name} by {', '.join(ask.rules)}" for name, ask in named if ask.rules]
        return " and ".join(said)
    if ours.filled != theirs.filled:
        said = [f"in {name}: {'; '.join(dict.fromkeys(ask.ends))}" for name, ask in named if ask.ends]
        return ", ".join(said)
    return ""


def _bookings(live: Sequence[Booking], backtest: Sequence[Booking], terms: Terms) -> Decimal:
    def amount(rows: Sequence[Booking]) -> Decimal:
        return sum((row.amount for row in rows if row.time_ns >= terms.from_ns), ZERO)

    return amount(live) - amount(backtest)


def _sums(rows: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        for part, amount in row.items():
            sums[part] += amount
    return {part.value: sums[part.value] for part in Part if sums.get(part.value)}


def _profit(side: Asks, terms: Terms) -> Decimal:
    """Of what was decided in the time that is shown, at the last prices."""
    asked = sum((worth(ask.fills, terms.last, terms.unit) for ask in side.all if ask.time_ns >= terms.from_ns), ZERO)
    return asked + sum((row.amount for row in side.bookings if row.time_ns >= terms.from_ns), ZERO)


def _days(live: Asks, backtest: Asks, lines: Sequence[Line], terms: Terms) -> list[DayScore]:
    """Each day that the data have, or in which something was asked for."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in lines:
        if line.kind == SIGNAL:
            row = counts[terms.day_of(line.time_ns).name]
            row[0] += 1
            row[1] += line.agrees
    first = terms.day_of(terms.from_ns + 1).name if terms.from_ns else ""
    marks = dict(terms.prices.days)
    if marks:
        marks[max(marks)] = dict(terms.last)
    ours, theirs = (_by_day(side, marks, terms) for side in (live, backtest))
    return [
        DayScore(day, counts[day][0], counts[day][1], ours[day], theirs[day], ours[day] - theirs[day])
        for day in sorted(marks)
        if day >= first
    ]


def _by_day(side: Asks, marks: Mapping[str, Mapping[str, Decimal]], terms: Terms) -> dict[str, Decimal]:
    """What a side has earned in each day, marked to the market."""
    fills: defaultdict[str, list[Fill]] = defaultdict(list)
    booked: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    last_day = max(marks, default="")
    for fill in (fill for ask in side.all for fill in ask.fills):
        fills[min(terms.day_of(fill.time_ns).name, last_day)].append(fill)
    for row in side.bookings:
        booked[min(terms.day_of(row.time_ns).name, last_day)] += row.amount
    held: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    cash = before = ZERO
    profits = {}
    for day in sorted(marks):
        cash += booked[day]
        for fill in fills[day]:
            signed = fill.side.sign * fill.quantity * terms.unit[fill.symbol]
            held[fill.symbol] += signed
            cash -= signed * fill.price + fill.fee
        now = cash + sum((held[symbol] * marks[day].get(symbol, ZERO) for symbol in held if held[symbol]), ZERO)
        profits[day], before = now - before, now
    return profits


def _tracking_error_bps(days: Sequence[DayScore], equity: Decimal) -> float | None:
    differences = []
    for day in days:
        if equity > 0:
            differences.append(float(day.difference / equity) * BPS)
        equity += day.backtest_profit
    return stdev(differences) if len(differences) > 1 else None
