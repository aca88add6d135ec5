"""Bars against an exchange's sessions: what is missing, what lies outside, and days that fall into another session than their own."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, HOUR_NS, iso_time
from holdfast.data.quality import DEFAULTS, MOST_PLACES, Finding, Flags, Integers, Parameters, Place, Series, Severity

NAMED = 4
"""So many stretches are named in a line."""
NONE = -1
"""The session of a bar that has none."""
FOREIGN = 0.5
"""With so many bars on no session's hours, the calendar is another exchange's."""
EVERY_DAY, EVERY_DAY_SHARE = "24/7", 0.1
"""The calendar of data with so large a share of its bars on Saturdays, or on Sundays."""
ZONES = {"America/New_York": "XNYS", "Asia/Kolkata": "XBOM", "Europe/London": "XLON", "Asia/Tokyo": "XTKS"}
USUAL = "XNYS"
SLACK = 0.0005
"""By so much a bar may be outside the day's: prices are rounded."""


class Sessions(msgspec.Struct, frozen=True):
    """A calendar's sessions as columns."""

    calendar: TradingCalendar
    starts: Integers
    opens: Integers
    closes: Integers


@lru_cache(maxsize=8)
def sessions_of(calendar: TradingCalendar) -> Sessions:
    """The columns of a calendar."""
    days = calendar.days
    columns = ([getattr(day, name) for day in days] for name in ("start_ns", "open_ns", "close_ns"))
    return Sessions(calendar, *(np.array(column, np.int64) for column in columns))


def own_session(ts: Integers, sessions: Sessions) -> Integers:
    """The session that each daily bar is of: that of its hours where it is stamped within them, else of the nearest start.

    A day that is stamped at a fixed hour of UTC is so taken for the one that was meant, in summer as in winter. `NONE` for a day without
    session.
    """
    starts = sessions.starts
    before = np.clip(np.searchsorted(starts, ts, "right") - 1, 0, len(starts) - 1)
    after = np.clip(before + 1, 0, len(starts) - 1)
    nearest = np.where(np.abs(starts[after] - ts) < np.abs(ts - starts[before]), after, before)
    inside = (ts >= sessions.opens[before] - HOUR_NS) & (ts <= sessions.closes[before] + HOUR_NS)
    own = np.where(inside, before, nearest)
    away = ~inside & (np.abs(starts[own] - ts) >= DAY_NS // 2)
    return np.where(away, NONE, own)


def played_session(ts: Integers, sessions: Sessions) -> Integers:
    """The session in which a backtest comes to know each daily bar: the one at its end."""
    return np.searchsorted(sessions.starts, ts + DAY_NS - 1, "right") - 1


def missing_sessions(seen: Integers) -> Integers:
    """Places of the sessions between the first and the last of ``seen`` that aren't among them.

    The one count of sessions without data: of ``data check``, and of what a backtest says that it rests on.
    """
    there = np.unique(seen[seen >= 0])
    return np.setdiff1d(np.arange(there[0], there[-1] + 1), there) if len(there) else there


def likely_calendar(ts: Integers, zone: str) -> str:
    """Which exchange's data it is, where nobody said: by the zone it was imported in, or whether there is trading on weekends."""
    named = re.search(r"days of (\S+?)(?:,|$)", zone)
    if named:
        return named[1]
    weekday = (ts // DAY_NS + 3) % 7  # the first of January 1970 was a Thursday
    if len(ts) and max((weekday == 5).mean(), (weekday == 6).mean()) > EVERY_DAY_SHARE:
        return EVERY_DAY
    return next((name for part, name in ZONES.items() if part in zone), USUAL)


def outside_day(series: Series, days: Series, calendar: TradingCalendar) -> Iterator[Finding]:
    """Bars within a session above the high or below the low that the symbol's daily bar has."""
    sessions = sessions_of(calendar)
    own = own_session(days.ts, sessions)
    place = np.searchsorted(sessions.starts, series.ts, "right") - 1
    at = np.clip(np.searchsorted(own, place), 0, len(own) - 1)
    known = (own[at] == place) & (series.ts >= sessions.opens[place]) & (series.ts < sessions.closes[place])
    out = known & ((series.high > days.high[at] * (1 + SLACK)) | (series.low < days.low[at] * (1 - SLACK)))
    if out.any():
        count = len(np.unique(place[out]))
        text = (
            f"{_many(int(out.sum()), 'bar')} in {_many(count, 'session')} outside the low to high of that day's own bar"
        )
        advice = "bad prints, or one of the two is adjusted and the other is not: compare with another source"
        yield series.found("day_range", Severity.WARNING, np.flatnonzero(out), text, advice)


def check_sessions(series: Series, calendar: TradingCalendar, parameters: Parameters = DEFAULTS) -> list[Finding]:
    """Bars of a day or less against the sessions; of longer ones nothing is said."""
    sessions = sessions_of(calendar)
    series = series.part((series.ts >= sessions.starts[0]) & (series.ts < sessions.starts[-1]))
    if not len(series.ts) or series.length_ns > DAY_NS:
        return []
    if series.length_ns == DAY_NS:
        own = own_session(series.ts, sessions)
        odd = own == NONE
        if odd.mean() > FOREIGN:
            return [_foreign(series, calendar, odd)]
        return [*_shifted(series, own, sessions), *_odd_days(series, odd, calendar), *_missing(series, own, sessions)]
    return _check_within(series, sessions, parameters)


def _check_within(series: Series, sessions: Sessions, parameters: Parameters) -> list[Finding]:
    ts, calendar = series.ts, sessions.calendar
    place = np.searchsorted(sessions.starts, ts, "right") - 1
    inside = (ts + series.length_ns > sessions.opens[place]) & (ts < sessions.closes[place])
    if (~inside).mean() > FOREIGN and not _has_all_hours(place, inside):
        return [_foreign(series, calendar, ~inside)]
    same_day = ts < sessions.starts[place] + DAY_NS
    findings = [*_odd_days(series, ~inside & ~same_day, calendar)]
    extended = ~inside & same_day
    if extended.any():
        count = int(extended.sum())
        text = f"{count:,} of {len(ts):,} bars before the open or after the close"
        advice = "they belong to the day; orders fill there only if they ask for extended hours"
        ends = np.array([len(ts) - 1])
        found = series.found("extended", Severity.NOTE, np.array([0]), text, advice, ends)
        findings.append(msgspec.structs.replace(found, count=count))
    findings += _missing(series, np.where(inside, place, NONE), sessions)
    if inside.any():
        findings += _missing_bars(series, place, inside, sessions, parameters)
    return findings


def _has_all_hours(place: Integers, inside: Flags) -> bool:
    """Whether the days that have bars have some in hours too: bars of all hours of the right exchange."""
    return len(np.unique(place[inside])) >= 0.5 * len(np.unique(place))


def _foreign(series: Series, calendar: TradingCalendar, odd: Flags) -> Finding:
    text = f"{odd.mean():.0%} of the bars are outside the sessions of {calendar.name}: it is another exchange's data, or times were read in a wrong zone"
    advice = "name the exchange with --calendar (24/7 never closes); for a wrong zone, import again with --timezone"
    return series.found("calendar", Severity.ERROR, np.array([0]), text, advice, np.array([len(odd) - 1]))


def _odd_days(series: Series, odd: Flags, calendar: TradingCalendar) -> Iterator[Finding]:
    if odd.any():
        places = np.flatnonzero(odd)
        days = np.unique(series.ts[places] // DAY_NS)
        text = f"{_many(len(places), 'bar')} on days without a session of {calendar.name}: {_named(days.astype('datetime64[D]').astype(str).tolist())}"
        advice = "a special session the calendar lacks (calendar_sessions), a wrong calendar or zone, or made-up rows: remove them"
        yield series.found("no_session", Severity.WARNING, places, text, advice)


def _shifted(series: Series, own: Integers, sessions: Sessions) -> Iterator[Finding]:
    """Daily bars that a backtest would come to know in a session that isn't theirs."""
    wrong = (own != NONE) & (played_session(series.ts, sessions) != own)
    if not wrong.any():
        return
    hours = np.unique(series.ts % DAY_NS)
    if len(hours) == 1:
        hour = iso_time(int(hours[0]))[11:16]
        stamp = f"all are stamped at {hour} UTC in summer as in winter, and the exchange's midnight is not"
    else:
        stamp = "they are not stamped at the exchange's midnight"
    text = f"{int(wrong.sum()):,} of {len(own):,} days fall into another session than their own: {stamp}"
    advice = f"import them by their dates alone (2024-01-02, without a time of day) with --calendar {sessions.calendar.name}: a date is the exchange's day"
    yield series.found("session_shift", Severity.ERROR, np.flatnonzero(wrong), text, advice)


def _missing(series: Series, own: Integers, sessions: Sessions) -> Iterator[Finding]:
    gone = missing_sessions(own)
    if not len(gone):
        return
    groups = _groups(gone, np.diff(gone) > 1)
    days = sessions.calendar.days
    words = [
        days[first].date + (f" to {days[last].date} ({last - first + 1})" if last > first else "")
        for first, last in groups
    ]
    between = int(own.max() - own[own >= 0].min()) + 1
    places = [Place(days[first].open_ns, days[last].open_ns, last - first + 1) for first, last in groups[:MOST_PLACES]]
    yield Finding(
        kind="missing_sessions",
        severity=Severity.WARNING,
        symbol=series.symbol,
        length=series.length,
        count=len(gone),
        text=f"no bar in {len(gone):,} of {between:,} sessions of {sessions.calendar.name}: {_named(words)}",
        advice="get the missing days and import them too; a backtest lets prices stand still there",
        places=tuple(places),
    )


def _missing_bars(
    series: Series, place: Integers, inside: Flags, sessions: Sessions, parameters: Parameters
) -> Iterator[Finding]:
    """Bars missing within sessions that have some, from the first bar of all to the last."""
    expected, day = _expected(series.ts[inside], place[inside], series.length_ns, sessions)
    gone = ~np.isin(expected, series.ts)
    if not gone.any():
        return
    edges = np.diff(np.concatenate(([False], gone, [False])).astype(np.int8))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    runs = zip(begins.tolist(), ends.tolist(), strict=True)
    parts = np.array([part for begin, end in runs for part in _by_day(begin, end, day)], np.int64).reshape(-1, 2)
    sizes = parts[:, 1] - parts[:, 0] + 1
    count = int(gone.sum())
    least = max(parameters.long_gap_ns / series.length_ns, 3, 10 * float(np.median(sizes)))
    long = sizes >= least
    shown = parts[long] if long.any() else parts[np.argsort(-sizes, kind="stable")]
    words = [
        f"{iso_time(int(expected[b]))} to {iso_time(int(expected[e]))[11:]} ({e - b + 1:,})"
        for b, e in shown[:NAMED].tolist()
    ]
    share = f"{count:,} of {len(expected):,} bars ({count / len(expected):.1%}) are missing within sessions, in {_many(len(parts), 'gap')}"
    if long.any():
        text = f"{share}; the long ones: {_named(words, int(long.sum()))}"
        advice = "a halt, or data that is missing: compare with another source"
    else:
        text = f"{share}, the longest {_named(words[:1], 1)}"
        advice = "usual where bars are only there when there was a trade"
    places = tuple(Place(int(expected[b]), int(expected[e]), e - b + 1) for b, e in shown[:MOST_PLACES].tolist())
    yield Finding(
        kind="missing_bars",
        severity=Severity.WARNING if long.any() else Severity.NOTE,
        symbol=series.symbol,
        length=series.length,
        count=count,
        text=text,
        advice=advice,
        places=places,
    )


def _expected(ts: Integers, place: Integers, length_ns: int, sessions: Sessions) -> tuple[Integers, Integers]:
    """Begins of the bars of sessions that have any, and the session of each. Where in the length they begin, the bars themselves tell."""
    phases, counts = np.unique((ts - sessions.opens[place]) % length_ns, return_counts=True)
    phase = int(phases[np.argmax(counts)])
    days = np.unique(place)
    first = sessions.opens[days] + phase - (length_ns if phase else 0)
    number = -(-(sessions.closes[days] - first) // length_ns)
    day = np.repeat(days, number)
    step = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
    stamps = np.repeat(first, number) + step * length_ns
    keep = (stamps >= ts[0]) & (stamps <= ts[-1])
    for index in days.tolist():
        pause = sessions.calendar.days[index].break_ns
        if pause is not None:
            keep &= ~((day == index) & (stamps >= pause[0]) & (stamps + length_ns <= pause[1]))
    return stamps[keep], day[keep]


def _by_day(begin: int, end: int, day: Integers) -> list[tuple[int, int]]:
    """A stretch cut where the session changes."""
    cuts = (np.flatnonzero(np.diff(day[begin : end + 1])) + begin).tolist()
    return list(zip([begin, *(cut + 1 for cut in cuts)], [*cuts, end], strict=True))


def _groups(values: Integers, breaks: Flags) -> list[tuple[int, int]]:
    ends = [*np.flatnonzero(breaks).tolist(), len(values) - 1]
    begins = [0, *(end + 1 for end in ends[:-1])]
    return [(int(values[begin]), int(values[end])) for begin, end in zip(begins, ends, strict=True)]


def _named(words: Sequence[str], of: int | None = None) -> str:
    more = (len(words) if of is None else of) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
