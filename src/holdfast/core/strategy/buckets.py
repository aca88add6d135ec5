"""Which built bar a price belongs to: bars are cut from the session's open and end with the session.

* Shorter than a day: counted from the open of the session, after a break in it anew. The last one ends with the close, or with
  the break, and is shorter then. Outside the session bars are of their own: before the open counted back from it, so that one
  ends with it; after the close counted from it.
* A day has the prices of one session; a week (Monday to Sunday) and a month those of the sessions on their dates. What trades
  outside of sessions is in none of them.

A shorter bar belongs where most of it lies, and to the session where that is a tie.
"""

import datetime as dt
from collections.abc import Callable, Iterator

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS

WEEK_NS, MONTH_NS = 7 * DAY_NS, 31 * DAY_NS
"""How the lengths of weeks and months are written as a number; their true ends are the calendar's."""

Bucket = tuple[int, int]
"""``[start, end)``."""
_Part = tuple[int, int, bool]
"""A part of a day in which bars are cut without a break: its start, its end, and whether it is of the session."""


class Buckets:
    """The bars of one length on one calendar. Times it does not cover raise :class:`~holdfast.errors.InvalidValue`."""

    def __init__(self, calendar: TradingCalendar, length_ns: int) -> None:
        self._calendar = calendar
        self._length_ns = length_ns
        self.is_intraday = length_ns < DAY_NS
        self._date_key: Callable[[str], object] = _month if length_ns == MONTH_NS else _week
        self._part: _Part = (0, 0, False)

    def of(self, start_ns: int, end_ns: int) -> Bucket | None:
        """The bucket of something that lasted from ``start_ns`` to ``end_ns`` (the same for a trade); None where there is none."""
        if self.is_intraday:
            return self._intraday(start_ns, end_ns)
        day = self._day(start_ns, end_ns)
        if day is None:
            return None
        return (day.open_ns, day.close_ns) if self._length_ns == DAY_NS else self._days_around(day)

    def _intraday(self, start_ns: int, end_ns: int) -> Bucket:
        begins, ends, is_session = self._part
        if not begins <= start_ns < ends >= end_ns:
            begins, ends, is_session = self._part = self._part_of(start_ns, end_ns)
        length_ns = self._length_ns
        inside_ns = max(start_ns, begins)
        if is_session or begins >= self._calendar.day_at(begins).open_ns:
            first_ns = begins + (inside_ns - begins) // length_ns * length_ns
        else:  # before the open: counted back from it
            first_ns = ends - -((inside_ns - ends) // length_ns) * length_ns
        return max(first_ns, begins), min(first_ns + length_ns, ends)

    def _part_of(self, start_ns: int, end_ns: int) -> _Part:
        def share(part: _Part) -> tuple[int, bool]:
            return min(end_ns, part[1]) - max(start_ns, part[0]), part[2]

        touched = [part for day in self._days(start_ns, end_ns) for part in self._parts(day)]
        if start_ns == end_ns:
            return next(part for part in touched if part[0] <= start_ns < part[1])
        return max(touched, key=share)

    def _parts(self, day: TradingDay) -> list[_Part]:
        """What a day consists of, up to the start of the next."""
        pause = day.break_ns or (day.close_ns, day.close_ns)
        times = (day.start_ns, day.open_ns, *pause, day.close_ns, self._calendar.next_start_ns(day.start_ns))
        parts = zip(times, times[1:], (False, True, False, True, False), strict=False)
        return [(begins, ends, is_session) for begins, ends, is_session in parts if begins < ends]

    def _day(self, start_ns: int, end_ns: int) -> TradingDay | None:
        """The day of whose session it has most."""
        if start_ns == end_ns:
            day = self._calendar.day_at(start_ns)
            return day if day.open_ns <= start_ns < day.close_ns else None
        best, most_ns = None, 0
        for day in self._days(start_ns, end_ns):
            share_ns = min(end_ns, day.close_ns) - max(start_ns, day.open_ns)
            if share_ns > most_ns:
                best, most_ns = day, share_ns
        return best

    def _days(self, start_ns: int, end_ns: int) -> Iterator[TradingDay]:
        days, index = self._calendar.days, self._calendar.index_at(start_ns)
        while index < len(days) and (days[index].start_ns < end_ns or days[index].start_ns <= start_ns):
            yield days[index]
            index += 1

    def _days_around(self, day: TradingDay) -> Bucket:
        """From the first open to the last close of the week or month that a day is in."""
        days, key = self._calendar.days, self._date_key
        first = last = self._calendar.index_at(day.open_ns)
        while first > 0 and key(days[first - 1].date) == key(day.date):
            first -= 1
        while last + 1 < len(days) and key(days[last + 1].date) == key(day.date):
            last += 1
        return days[first].open_ns, days[last].close_ns


def _week(date: str) -> object:
    return dt.date.fromisoformat(date).isocalendar()[:2]


def _month(date: str) -> object:
    return date[:7]
