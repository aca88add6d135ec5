"""Trading days of one exchange calendar, as a table: which day a time belongs to, when it opens and closes.

A day runs from the earlier of its open and its date's local midnight until the next day starts, so pre-market and
after-hours trading belong to the date people would say, and a weekend belongs to the Friday before it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from holdfast.core.types import iso_time
from holdfast.errors import InvalidValue


class TradingDay(msgspec.Struct, frozen=True):
    """One session: ISO ``date``, the day's start, and the regular hours ``[open_ns, close_ns)``.

    ``break_ns`` is the pause within them, if the exchange has one: ``[start, end)``, no trading between. ``is_guess``: the
    exchange's holidays of that year aren't known, and the day is one by rule alone.
    """

    date: str
    start_ns: int
    open_ns: int
    close_ns: int
    break_ns: tuple[int, int] | None = None
    is_guess: bool = False


class SpecialSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session that a calendar doesn't have, or has at other hours; or, with ``closed``, a day on which there is none.

    ``date`` is ISO; ``open``, ``close`` and the two times of ``pause`` (no trading between them) are ``HH:MM`` in the exchange's
    own time.
    """

    date: str
    open: str = ""
    close: str = ""
    pause: tuple[str, str] | None = None
    closed: bool = False


class TradingCalendar:
    """The days of a calendar, in order. Raises :class:`~holdfast.errors.InvalidValue` for times it does not cover."""

    def __init__(self, name: str, days: Sequence[TradingDay]) -> None:
        self.name = name
        self.days = tuple(days)
        self._starts = [day.start_ns for day in self.days]
        self._opens = [day.open_ns for day in self.days]
        self._closes = [day.close_ns for day in self.days]

    @property
    def known_until(self) -> str:
        """The ISO date of the last day that is no guess; the last of all when none is one."""
        return next((day.date for day in reversed(self.days) if not day.is_guess), self.days[-1].date)

    def day_at(self, time_ns: int) -> TradingDay:
        """The trading day that a time belongs to."""
        return self._day(bisect_right(self._starts, time_ns) - 1, time_ns)

    def index_at(self, time_ns: int) -> int:
        """The place among ``days`` of the day that a time belongs to."""
        index = bisect_right(self._starts, time_ns) - 1
        self._day(index, time_ns)
        return index

    def window_start(self, time_ns: int, days: int) -> str:
        """The date of the first of the last ``days`` trading days, the one at ``time_ns`` included."""
        index = self.index_at(time_ns)
        return self.days[max(0, index - days + 1)].date

    def next_start_ns(self, time_ns: int) -> int:
        """When the day after the one at ``time_ns`` starts."""
        return self._day(bisect_right(self._starts, time_ns), time_ns).start_ns

    def next_close_ns(self, time_ns: int) -> int:
        """The first close after ``time_ns``: when a day order placed then expires."""
        return self._day(bisect_right(self._closes, time_ns), time_ns).close_ns

    def next_open_ns(self, time_ns: int) -> int:
        """The first open at or after ``time_ns``."""
        return self._day(bisect_left(self._opens, time_ns), time_ns).open_ns

    def is_open(self, time_ns: int) -> bool:
        """Whether ``time_ns`` is within regular hours."""
        day = self.day_at(time_ns)
        return day.open_ns <= time_ns < day.close_ns

    def _day(self, index: int, time_ns: int) -> TradingDay:
        if not 0 <= index < len(self.days):
            first, last = self.days[0].date, self.days[-1].date
            raise InvalidValue(f"calendar {self.name} covers {first} to {last}, not the time {iso_time(time_ns)}")
        return self.days[index]
