"""The opens and closes of an exchange's sessions, as events that a strategy can be called at."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from holdfast.core.session.calendar import TradingCalendar, TradingDay

NEVER = 1 << 62


class SessionPhase(StrEnum):
    """Which end of a session it is."""

    OPEN = "open"
    CLOSE = "close"


class Session(msgspec.Struct, frozen=True):
    """A session opens or closes: ``phase`` says which. ``date`` is its ISO date, ``open_ns`` and ``close_ns`` are its regular hours."""

    phase: SessionPhase
    date: str
    open_ns: int
    close_ns: int

    @property
    def time_ns(self) -> int:
        """When it opens, or closes."""
        return self.open_ns if self.phase is SessionPhase.OPEN else self.close_ns


def is_trading(calendar: TradingCalendar, time_ns: int) -> bool:
    """Whether a time is within a session, and not in a break of it."""
    day = calendar.day_at(time_ns)
    pause = day.break_ns
    is_paused = pause is not None and pause[0] <= time_ns < pause[1]
    return day.open_ns <= time_ns < day.close_ns and not is_paused


def closes_ns(calendar: TradingCalendar, time_ns: int) -> int | None:
    """When the session that is on closes; None when none is on, or when the next one follows without a pause."""
    index = calendar.index_at(time_ns)
    day = calendar.days[index]
    if not day.open_ns <= time_ns < day.close_ns or not _closes(calendar, index):
        return None
    return day.close_ns


class SessionTimes:
    """The opens and closes of one calendar, one after the other. ``due_ns`` is when the next one is; `NEVER` before :meth:`begin`.

    Where one session follows on another without a pause, as on a calendar that is always open, nothing opens or closes.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._coming: Iterator[Session] = iter(())
        self._next: Session | None = None
        self.has_begun = False
        self.due_ns = NEVER

    def begin(self, time_ns: int, *, with_open: bool) -> None:
        """Begin with the first that is not before a time. ``with_open``: a session that is on then is opened first."""
        self.has_begun = True
        day = self._calendar.day_at(time_ns - 1)  # what ends as a day begins is of the day before
        is_on = day.open_ns < time_ns <= day.close_ns
        self._coming = _from(self._calendar, day.open_ns if with_open and is_on else time_ns)
        self.take()

    def take(self) -> Session | None:
        """The one that is due; the one after it is the next then."""
        taken, self._next = self._next, next(self._coming, None)
        self.due_ns = NEVER if self._next is None else self._next.time_ns
        return taken


def _from(calendar: TradingCalendar, time_ns: int) -> Iterator[Session]:
    for index in range(calendar.index_at(time_ns), len(calendar.days)):
        day = calendar.days[index]
        if day.open_ns >= time_ns and index and calendar.days[index - 1].close_ns < day.open_ns:
            yield _session(SessionPhase.OPEN, day)
        if day.close_ns >= time_ns and _closes(calendar, index):
            yield _session(SessionPhase.CLOSE, day)


def _closes(calendar: TradingCalendar, index: int) -> bool:
    days = calendar.days
    return index + 1 < len(days) and days[index].close_ns < days[index + 1].open_ns


def _session(phase: SessionPhase, day: TradingDay) -> Session:
    return Session(phase, day.date, day.open_ns, day.close_ns)
