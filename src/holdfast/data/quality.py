"""What is doubtful in bars: pure functions over columns, each of which gives findings in words.

Whatever looks at one symbol's bars takes `Series`, in order of time. Nothing is changed, and nothing is refused: a finding says what, where,
how bad and what to do.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.core.strategy.timeframe import timeframe_name
from holdfast.core.types import DAY_NS, HOUR_NS, iso_time
from holdfast.data.splits import A_NIGHT_NS, ratio_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
MOST_PLACES = 20
"""So many places of a finding are kept; ``count`` is of all."""
BLOCK = 64
"""Bars of which the usual move is taken, with their neighbours to both sides."""


class Severity(StrEnum):
    """How bad it is: an error makes results wrong, a warning may, a note is to be known."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Place(msgspec.Struct, frozen=True):
    """One stretch of bars or sessions: begins of its first and last, and how many."""

    first_ns: int
    last_ns: int
    count: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is a word for programs; ``count`` is of bars, sessions or jumps, as ``text`` says."""

    kind: str
    severity: Severity
    symbol: str
    length: str
    count: int
    text: str
    advice: str
    places: tuple[Place, ...]

    @property
    def first_ns(self) -> int:
        """Where it begins."""
        return self.places[0].first_ns

    @property
    def last_ns(self) -> int:
        """The last that is kept of it."""
        return self.places[-1].last_ns


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """From where on something is worth a word.

    ``outlier_times``: a move of so many usual ones (the median of some 200 bars around) that comes back is taken for a bad print, if it is
    ``outlier_pct`` percent at least; of fewer than ``outlier_bars`` bars nobody knows what is usual. ``stale_days``, ``stale_bars``: bars in a row at one price without any move, of days and of less.
    ``long_gap_ns``: bars missing for so long within a session are a warning; below that they are a note, for thin symbols don't trade
    each minute. ``split_bars``: of so many bars before and after a jump the middle price must have jumped too; after ``split_gap_ns`` without data
    a jump says nothing.
    """

    outlier_times: float = 15.0
    outlier_pct: float = 3.0
    outlier_bars: int = 20
    stale_days: int = 5
    stale_bars: int = 60
    long_gap_ns: int = HOUR_NS // 2
    split_bars: int = 5
    split_gap_ns: int = 10 * DAY_NS


DEFAULTS = Parameters()


class Series(msgspec.Struct, frozen=True):
    """One symbol's bars in order of time. ``ts`` are their begins, UTC nanoseconds; ``length_ns`` is theirs."""

    symbol: str
    length_ns: int
    ts: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @property
    def length(self) -> str:
        """As it is written: ``1Day``."""
        return timeframe_name(self.length_ns).replace(" ", "")

    def found(
        self, kind: str, severity: Severity, places: Integers, text: str, advice: str, ends: Integers | None = None
    ) -> Finding:
        """A finding at these rows; with ``ends``, each place goes from a row to another."""
        last = places if ends is None else ends
        kept = tuple(
            Place(int(self.ts[first]), int(self.ts[end]), int(end - first + 1))
            for first, end in zip(places[:MOST_PLACES].tolist(), last[:MOST_PLACES].tolist(), strict=True)
        )
        return Finding(
            kind=kind,
            severity=severity,
            symbol=self.symbol,
            length=self.length,
            count=len(places) if ends is None else int((ends - places + 1).sum()),
            text=text,
            advice=advice,
            places=kept,
        )

    def part(self, keep: Flags) -> "Series":
        """The rows of ``keep`` alone."""
        numbers = (column[keep] for column in (self.open, self.high, self.low, self.close, self.volume))
        return Series(self.symbol, self.length_ns, self.ts[keep], *numbers)


def check_bars(series: Series, parameters: Parameters = DEFAULTS) -> list[Finding]:
    """All that bars tell by themselves; sessions are in `holdfast.data.sessions`."""
    findings = [*duplicates(series), *impossible(series), *volumes(series)]
    good = series.part(_usable(series))
    if len(good.ts) > 1:
        findings += [*splits(good, parameters), *outliers(good, parameters), *stale(good, parameters)]
    return findings


def _usable(series: Series) -> Flags:
    prices = np.array([series.open, series.high, series.low, series.close])
    first = np.append(True, np.diff(series.ts) > 0)[: len(series.ts)]
    usable: Flags = first & (np.isfinite(prices) & (prices > 0)).all(axis=0) & (series.high >= series.low)
    return usable


# --- what can't be ------------------------------------------------------------------------------------------------------


def duplicates(series: Series) -> Iterator[Finding]:
    """Bars of one time: the same again, or others."""
    again = np.flatnonzero(np.diff(series.ts) == 0) + 1
    if not len(again):
        return
    columns = np.array([series.open, series.high, series.low, series.close, series.volume])
    same = (columns[:, again] == columns[:, again - 1]).all(axis=0)
    if same.any():
        text = f"{_many(int(same.sum()), 'bar')} there twice, the same both times"
        yield series.found(
            "duplicate", Severity.WARNING, again[same], text, "an import keeps one; a program of yours may count both"
        )
    if not same.all():
        text = f"{_many(int((~same).sum()), 'time')} with two bars that differ"
        yield series.found(
            "conflict", Severity.ERROR, again[~same], text, "find out which is right and remove the other"
        )


def impossible(series: Series) -> Iterator[Finding]:
    """Prices that are none, highs below lows, opens and closes outside them, volumes below zero."""
    prices = np.array([series.open, series.high, series.low, series.close])
    bad = ~(np.isfinite(prices) & (prices > 0)).all(axis=0)
    yield from _if_any(
        series,
        "price",
        Severity.ERROR,
        bad,
        "with a price that is missing, zero or below",
        "correct or remove them; an import refuses them",
    )
    crossed = ~bad & (series.high < series.low)
    yield from _if_any(
        series,
        "high_low",
        Severity.ERROR,
        crossed,
        "with a high below the low",
        "correct or remove them: columns may be in another order (--columns)",
    )
    inner = np.array([series.open, series.close])
    outside = ~bad & ~crossed & ((inner > series.high) | (inner < series.low)).any(axis=0)
    yield from _if_any(
        series,
        "range",
        Severity.WARNING,
        outside,
        "with an open or close outside its low to high",
        "opens and closes of auctions and adjusted prices are often so; limit orders fill by the low and high alone",
    )
    below = ~(series.volume >= 0)
    yield from _if_any(
        series, "volume", Severity.ERROR, below, "with a volume that is missing or below zero", "correct or remove them"
    )


def volumes(series: Series) -> Iterator[Finding]:
    """Bars in which nothing was traded: orders that take a share of the volume don't fill there."""
    zero = series.volume == 0
    count = int(zero.sum())
    if not count:
        return
    if count == len(series.ts):
        text, advice = "no bar has a volume", "an index or a currency has none: write venue.volume_share = 0"
        ends = np.array([len(zero) - 1])
        yield series.found("zero_volume", Severity.NOTE, np.array([0]), text, advice, ends)
        return
    text = f"{_many(count, 'bar')} without volume ({count / len(zero):.1%})"
    advice = "orders that take a share of a bar's volume (venue.volume_share) don't fill there"
    yield series.found("zero_volume", Severity.NOTE, *_runs(zero)[:1], text, advice, _runs(zero)[1])


def _if_any(series: Series, kind: str, severity: Severity, flags: Flags, what: str, advice: str) -> Iterator[Finding]:
    if flags.any():
        begins, ends = _runs(flags)
        yield series.found(kind, severity, begins, f"{_many(int(flags.sum()), 'bar')} {what}", advice, ends)


# --- moves --------------------------------------------------------------------------------------------------------------


def splits(series: Series, parameters: Parameters = DEFAULTS) -> Iterator[Finding]:
    """Prices that jump over a night by a ratio of shares, and stay there; the volume is looked at too."""
    ts, count = series.ts, parameters.split_bars
    factor = series.open[1:] / series.close[:-1]
    nights = (np.diff(ts) >= A_NIGHT_NS) & (np.diff(ts) <= parameters.split_gap_ns)
    for place in (np.flatnonzero(nights & (np.maximum(factor, 1 / factor) > 1.4)) + 1).tolist():
        before, after = float(series.close[place - 1]), float(series.open[place])
        ratio = ratio_of(before, after)
        if ratio is None:
            continue
        old, new = (
            slice(max(0, place - count), place),
            slice(place, place + count),
        )
        moved = float(np.log(np.median(series.close[old]) / np.median(series.close[new])))
        if not 0.5 < moved / np.log(ratio[0] / ratio[1]) < 1.5:  # nearer to no jump, or to twice of it
            continue
        traded = [float(np.median(series.volume[part])) for part in (old, new)]
        more = traded[1] / traded[0] * ratio[1] / ratio[0] if min(traded) > 0 else 0.0
        also = "; the volume changed with it" if 0.5 < more < 2 else ""
        text = f"{before:g} to {after:g} ({(after / before - 1) * 100:+.0f}%), which looks like a split of {ratio[0]} for {ratio[1]}{also}"
        advice = "use adjusted data, or name a file of splits by feed.actions (docs/feeds.md)"
        yield series.found("split", Severity.WARNING, np.array([place]), text, advice)


def outliers(series: Series, parameters: Parameters = DEFAULTS) -> Iterator[Finding]:
    """Moves of many times the usual that are taken back by the next bar, and highs and lows that stand out of their bar so."""
    if len(series.ts) < parameters.outlier_bars:
        return
    moves = np.diff(np.log(series.close))
    scale = _usual(moves)
    least = np.log1p(parameters.outlier_pct / 100)
    bound = np.maximum(parameters.outlier_times * scale, least)
    near = np.diff(series.ts) < A_NIGHT_NS if series.length_ns < DAY_NS else np.full(len(moves), True)
    there, back = moves[:-1], moves[1:]
    spikes = np.full(len(series.ts), False)
    spikes[1:-1] = (np.abs(there) > bound[:-1]) & (np.abs(there + back) < 0.25 * np.abs(there)) & near[:-1] & near[1:]
    around = [
        series.open,
        series.close,
        np.append(series.close[0], series.close[:-1]),
        np.append(series.open[1:], series.open[-1]),
    ]
    bound = np.append(bound[:1], bound)
    wicks = (np.log(series.high / np.max(around, axis=0)) > bound) | (
        np.log(np.min(around, axis=0) / series.low) > bound
    )
    flags = spikes | wicks
    if flags.any():
        places = np.flatnonzero(flags)
        worst = int(places[np.argmax(np.log(series.high / series.low)[places])])
        text = (
            f"{_many(len(places), 'price')} far from those before and after, such as {series.low[worst]:g} to {series.high[worst]:g} at "
            f"{iso_time(int(series.ts[worst]))} after {series.close[max(0, worst - 1)]:g}"
        )
        advice = "compare with another source: stops and limits would have filled at a price that nobody could get"
        yield series.found("outlier", Severity.WARNING, places, text, advice)


def _usual(moves: Floats) -> Floats:
    """The median size of the moves around each, those of zero left out."""
    sizes = np.where(moves == 0, np.nan, np.abs(moves))
    blocks = -(-len(sizes) // BLOCK)
    padded = np.full((blocks + 2) * BLOCK, np.nan)
    padded[BLOCK : BLOCK + len(sizes)] = sizes
    rows = padded.reshape(blocks + 2, BLOCK)
    wide = np.concatenate([rows[:-2], rows[1:-1], rows[2:]], axis=1)
    empty = np.isnan(wide).all(axis=1)
    wide[empty] = 0.0
    usual: Floats = np.repeat(np.nanmedian(wide, axis=1), BLOCK)[: len(sizes)]
    return usual


def stale(series: Series, parameters: Parameters = DEFAULTS) -> Iterator[Finding]:
    """Bars in a row that all stand at one price: a feed that hung, a halt, or a symbol that nobody trades."""
    is_day = series.length_ns >= DAY_NS
    flat = (series.high == series.low) & (series.open == series.close) & (series.open == series.high)
    same = flat & np.append(False, (np.diff(series.close) == 0) & flat[:-1])
    if not is_day:
        same[1:] &= np.diff(series.ts) < A_NIGHT_NS
    begins, ends = _runs(same)
    begins = begins - 1  # the bar that the others repeat
    long = ends - begins + 1 >= (parameters.stale_days if is_day else parameters.stale_bars)
    if long.any():
        begins, ends = begins[long], ends[long]
        most = int(np.argmax(ends - begins))
        text = (
            f"{_many(len(begins), 'run')} of bars at one price without any move, the longest {int(ends[most] - begins[most]) + 1:,} bars at "
            f"{series.close[begins[most]]:g} from {iso_time(int(series.ts[begins[most]]))}"
        )
        yield series.found(
            "stale",
            Severity.WARNING,
            begins,
            text,
            "a feed that hung or a halt: leave the symbol or the time out",
            ends,
        )


def _runs(flags: Flags) -> tuple[Integers, Integers]:
    """The first and last place of each stretch that is true."""
    edges = np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
