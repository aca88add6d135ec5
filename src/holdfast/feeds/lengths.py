"""How long the bars of each symbol are, told from the times between them.

A bar of a file has a start and no end. Bars of one symbol don't overlap, so the time to the next one is never shorter than the
bar; what is taken for the length may therefore be too long (a bar is then shown late), and must not be too short (a price would be
seen before its time). A symbol whose rows can't all be of one length is refused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from holdfast.core.strategy.timeframe import timeframe_name
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, iso_time
from holdfast.errors import DataError
from holdfast.feeds.rows import Floats, Integers, Rows

CLOCK_CHANGE_NS = HOUR_NS
"""By so much the gap between two days, weeks or months differs when the clocks change."""
CALENDAR_LENGTHS_NS = ((28, 31), (90, 92), (365, 366))
"""Months, quarters and years in days: the shortest and the longest. The longest counts, so no price is seen before its time."""
NIGHT_NS = 12 * HOUR_NS
"""A gap this long that is no whole number of days is a night between two sessions, and says nothing of a length."""
RUN, LONG_RUN = 5, 12
"""So many equal gaps in a row are no chance: `RUN` of ten and more lengths, `LONG_RUN` of fewer (thin minutes have such gaps)."""
ALONE_NS = 30 * MINUTE_NS
"""A row with nothing around it for longer than this may be a longer bar than its neighbours."""
GROUP_NS = 3 * HOUR_NS
MOST_CANDIDATES = 1_000


class Length(NamedTuple):
    """What the person said: one length for all, by symbol, or nothing."""

    of_all_ns: int | None = None
    by_symbol_ns: Mapping[str, int] = {}


class _Candidate(NamedTuple):
    """A row that stands alone by ``gap_ns`` before several others; ``covers`` the prices of all of these."""

    gap_ns: int
    covers: bool
    start_ns: int


class _Symbol:
    """What is known of one symbol's rows."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.run: tuple[int, int] = (0, 0)  # the gap that came last, and how often in a row
        self.long_runs: dict[int, tuple[int, int]] = {}  # a gap: its longest run, and where that ended
        self.candidates: list[_Candidate] = []

    def see(self, ts: Integers, gaps: Integers, high: Floats, low: Floats) -> None:
        """Its rows of one batch, in order; a gap is the time since the row before, -1 at the first."""
        values = _even(gaps[gaps > 0])
        kept = values[(values < NIGHT_NS) | (values % DAY_NS == 0)]
        self.counts.update(dict(zip(*(part.tolist() for part in np.unique(kept, return_counts=True)), strict=True)))
        if len(kept):
            self._note_runs(kept, int(ts[-1]))
        self._note_lonely(ts, gaps, high, low)

    def _note_runs(self, gaps: Integers, last_ns: int) -> None:
        begins = np.flatnonzero(np.diff(gaps, prepend=gaps[0] - 1)).tolist()
        for begin, end in pairwise([*begins, len(gaps)]):
            gap, times = int(gaps[begin]), end - begin
            if begin == 0 and gap == self.run[0]:
                times += self.run[1]
            self.run = (gap, times)
            if times >= RUN and times > self.long_runs.get(gap, (0, 0))[0]:
                self.long_runs[gap] = (times, last_ns)

    def _note_lonely(self, ts: Integers, gaps: Integers, high: Floats, low: Floats) -> None:
        before = np.where(gaps < 0, DAY_NS, gaps)
        after = np.append(np.diff(ts), 0)
        for place in np.flatnonzero((before > ALONE_NS) & (after > ALONE_NS)).tolist():
            if len(self.candidates) >= MOST_CANDIDATES:
                return
            end = place + 2
            while end < len(ts) and ts[end] - ts[end - 1] < GROUP_NS:
                end += 1
            if end - place > 3:
                others = slice(place + 1, end)
                is_wide = high[place] - low[place] > (high[others] - low[others]).max()
                covers = is_wide and high[place] >= high[others].max() and low[place] <= low[others].min()
                gap_ns = int(min(before[place], after[place]))
                self.candidates.append(_Candidate(gap_ns, bool(covers), int(ts[place])))

    def length_ns(self) -> int | None:
        """The most common gap, the smallest of those that are equally common; days, weeks and months made even."""
        if not self.counts:
            return None
        return _calendar_length(min(self.counts, key=lambda gap: (-self.counts[gap], gap)))

    def another_ns(self, length_ns: int) -> tuple[int, int] | None:
        """A second length that some rows must have, and the time of one of them."""
        for gap, (times, last_ns) in sorted(self.long_runs.items()):
            ratio = max(gap, length_ns) / min(gap, length_ns)
            if ratio >= 2 and times >= (RUN if ratio >= 10 else LONG_RUN) and not _same_calendar(gap, length_ns):
                return _calendar_length(gap), last_ns
        alone = [one for one in self.candidates if one.gap_ns >= 5 * length_ns]
        covering = [one for one in alone if one.covers]
        if length_ns < NIGHT_NS and covering and 2 * len(covering) >= len(alone):
            return DAY_NS, covering[0].start_ns
        return None


def _even(gaps: Integers) -> Integers:
    """Whole days where only a clock change is missing or too much."""
    days = (gaps + CLOCK_CHANGE_NS) // DAY_NS * DAY_NS
    even: Integers = np.where((days > 0) & (np.abs(gaps - days) <= CLOCK_CHANGE_NS), days, gaps)
    return even


def _calendar_length(gap_ns: int) -> int:
    for shortest, longest in CALENDAR_LENGTHS_NS:
        if shortest * DAY_NS <= gap_ns <= longest * DAY_NS:
            return longest * DAY_NS
    return gap_ns


def _is_days(length_ns: int) -> bool:
    """Whether it is one of the lengths of daily and longer bars: up to a week, a month, a quarter, a year."""
    longest = {days * DAY_NS for _, days in CALENDAR_LENGTHS_NS}
    return length_ns in longest or (length_ns % DAY_NS == 0 and length_ns <= 7 * DAY_NS)


def _same_calendar(gap_ns: int, length_ns: int) -> bool:
    """Days with weekends and holidays between them, and the like."""
    return gap_ns % DAY_NS == 0 and length_ns % DAY_NS == 0 and gap_ns > length_ns


def bar_lengths(path: Path, batches: Iterable[Rows], given: Length) -> dict[str, int]:
    """The length of each symbol's bars, in nanoseconds. A length that was given by symbol is believed.

    Raises :class:`~holdfast.errors.DataError` for a symbol whose rows are of two lengths, for one that has a single bar and no length
    was given, and where the one length that was given for all is shorter than a symbol's bars.
    """
    found: dict[str, _Symbol] = {}
    error = None
    for rows in batches:
        _see(found, rows)
        error = rows.error
    if error is not None:
        return _up_to(error, found, given)
    return {name: _length(path, name, symbol, given) for name, symbol in found.items()}


def _up_to(error: DataError, found: Mapping[str, _Symbol], given: Length) -> dict[str, int]:
    """Of a file that can be read up to a bad row. What has a single bar before that is taken for as long as the longest."""
    told = {name: symbol.length_ns() for name, symbol in found.items()}
    said = {name: given.by_symbol_ns.get(name, given.of_all_ns or length_ns) for name, length_ns in told.items()}
    longest_ns = max((length_ns for length_ns in said.values() if length_ns), default=given.of_all_ns)
    if longest_ns is None:
        raise error
    return {name: length_ns or longest_ns for name, length_ns in said.items()}


def _see(found: dict[str, _Symbol], rows: Rows) -> None:
    order = np.argsort(rows.codes, kind="stable")
    codes = rows.codes[order]
    for begin, end in pairwise([*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]):
        mine = order[begin:end]
        symbol = found.setdefault(rows.names[int(codes[begin])], _Symbol())
        symbol.see(rows.ts[mine], rows.gaps[mine], rows.numbers[1][mine], rows.numbers[2][mine])


def _length(path: Path, name: str, symbol: _Symbol, given: Length) -> int:
    if name in given.by_symbol_ns:
        return given.by_symbol_ns[name]
    told_ns = symbol.length_ns()
    length_ns = given.of_all_ns or told_ns
    if length_ns is None:
        raise DataError(
            f"{path}: {name} has no two bars near enough to each other to tell their length; give it, {_example(name, DAY_NS)}, or leave {name} out "
            "by feed.symbols"
        )
    if told_ns is not None and length_ns < NIGHT_NS and _is_days(told_ns):
        raise DataError(
            f"{path}: feed.bar says {timeframe_name(length_ns)}, and {name} has bars {timeframe_name(told_ns)} apart; give "
            f"lengths by symbol, {_example(name, told_ns)}"
        )
    another = symbol.another_ns(length_ns)
    if another is not None:
        raise DataError(
            f"{path}: {name} has bars of {timeframe_name(length_ns)}, and what looks like bars of {timeframe_name(another[0])} "
            f"(about {iso_time(another[1])}); give each length a symbol or a file of its own. If they are all of one length, "
            f"say so: {_example(name, length_ns)}"
        )
    return length_ns


def _example(name: str, length_ns: int) -> str:
    return f'[feed] bar = {{ {name} = "{timeframe_name(length_ns)}" }}'
