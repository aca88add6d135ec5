"""From every mark to one return a session, with money that was paid in or out left aside."""

import datetime as dt
from statistics import median

import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.errors import InvalidValue
from holdfast.statistics.record import Benchmark, Curve, Floats, Sessions, Times

DAYS_A_YEAR = 365.25
WHOLE_YEARS = 30
"""A calendar's sessions are counted over so many whole years, the last ones that are known."""


class Growth:
    """An account's growth at each mark: what one unit of money that was there from the start has become.

    The marks end with the first whose equity is zero or below; ``is_ruined`` if that was a loss (and not a withdrawal).
    """

    def __init__(self, curve: Curve, deposit: float) -> None:
        if not deposit > 0:
            raise InvalidValue(f"returns need an opening cash above zero, and it is {deposit:g}")
        gone = np.flatnonzero(curve.equity <= 0)
        end = int(gone[0]) + 1 if len(gone) else len(curve.time_ns)
        self.time_ns = curve.time_ns[:end]
        self.equity = curve.equity[:end]
        self.exposure = curve.exposure[:end]
        if curve.flow is None or not curve.flow[:end].any():
            self.factor: Floats = self.equity / deposit
        else:
            before = np.concatenate(([deposit], self.equity[:-1]))
            self.factor = np.cumprod((self.equity - curve.flow[:end]) / before, dtype=np.float64)
        self.is_ruined = bool(len(gone) and self.factor[-1] <= 0)


def daily(curve: Curve, calendar: TradingCalendar, deposit: float | None = None) -> Sessions:
    """The account by session of ``calendar``: equity at each session's last mark, and the return since the session before.

    The first return is that on ``deposit``, the opening cash (left out: the first mark's equity less what was paid in with it). A session
    between the first and last without a mark has a return of zero. A mark on a day without a session belongs to the session before.
    Raises :class:`~holdfast.errors.InvalidValue` for times that the calendar does not cover.
    """
    if not len(curve.time_ns):
        return Sessions([], np.empty(0), np.empty(0))
    if deposit is None:
        deposit = float(curve.equity[0] - (0.0 if curve.flow is None else curve.flow[0]))
    growth = Growth(curve, deposit)
    first, ends = session_ends(growth.time_ns, calendar)
    factor = growth.factor[ends]
    returns = factor / np.concatenate(([1.0], factor[:-1])) - 1
    dates = [day.date for day in calendar.days[first : first + len(ends)]]
    return Sessions(dates, growth.equity[ends], returns, growth.is_ruined)


def session_ends(time_ns: Times, calendar: TradingCalendar) -> tuple[int, Times]:
    """The place in ``calendar.days`` of the first mark's session, and for it and each one after the place of its latest mark.

    What ends as a day begins (a daily bar's midnight) belongs to the day before.
    """
    first, last = calendar.index_at(int(time_ns[0]) - 1), calendar.index_at(int(time_ns[-1]) - 1)
    starts = np.array([day.start_ns for day in calendar.days[first + 1 : last + 1]], dtype=np.int64)
    places = np.searchsorted(time_ns, starts, side="right") - 1
    return first, np.append(places, len(time_ns) - 1)


def benchmark_returns(benchmark: Benchmark, calendar: TradingCalendar, dates: tuple[str, str], start_ns: int) -> Floats:
    """The benchmark's return of each session from the first to the last of ``dates``, as fractions.

    It begins at its last worth before ``start_ns``, or else its first. A session without a worth has a return of zero, and
    so has one before its first.
    """
    numbers = {day.date: number for number, day in enumerate(calendar.days)}
    first, last = numbers[dates[0]], numbers[dates[1]]
    ends_ns = np.array([day.start_ns for day in calendar.days[first + 1 : last + 2]], dtype=np.int64)
    if len(ends_ns) <= last - first:
        ends_ns = np.append(ends_ns, np.iinfo(np.int64).max)
    places = np.searchsorted(benchmark.time_ns, np.concatenate(([start_ns], ends_ns)), side="right") - 1
    worth = benchmark.worth[np.maximum(places, 0)]
    return worth[1:] / worth[:-1] - 1


def sessions_per_year(calendar: TradingCalendar) -> int:
    """How many sessions a year of the calendar has, the median of its last thirty whole years that are known.

    252 for New York, 365 for what never closes. A calendar of less than one whole year is taken as it is.
    """
    counts: dict[str, int] = {}
    for day in calendar.days:
        if not day.is_guess:
            counts[day.date[:4]] = counts.get(day.date[:4], 0) + 1
    known = [day.date for day in calendar.days if not day.is_guess] or [day.date for day in calendar.days]
    first, last = dt.date.fromisoformat(known[0]), dt.date.fromisoformat(known[-1])
    whole = [year for year in counts if _is_whole(int(year), first, last)][-WHOLE_YEARS:]
    if whole:
        return round(median(counts[year] for year in whole))
    return max(1, round(len(known) / (((last - first).days + 1) / DAYS_A_YEAR)))


def _is_whole(year: int, first: dt.date, last: dt.date) -> bool:
    """Whether the known days cover the year; holidays may stand at its ends."""
    slack = dt.timedelta(days=7)
    return first - slack <= dt.date(year, 1, 1) and dt.date(year, 12, 31) <= last + slack


def years_between(calendar: TradingCalendar, first: str, last: str) -> float:
    """Years (of 365.25 days) from the end of the session before ``first`` to the end of ``last``."""
    dates = [day.date for day in calendar.days]
    place = dates.index(first)
    begins = dt.date.fromisoformat(dates[place - 1]) if place else dt.date.fromisoformat(first) - dt.timedelta(days=1)
    return (dt.date.fromisoformat(last) - begins).days / DAYS_A_YEAR
