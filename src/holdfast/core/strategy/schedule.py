"""What strategies are called at by time alone: their timers, and the sessions' opens and closes."""

import heapq
from typing import Generic, NamedTuple, TypeVar

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.sessions import NEVER, Session, SessionTimes
from holdfast.core.strategy.shown import Timer

Owner = TypeVar("Owner")


class Due(NamedTuple, Generic[Owner]):
    """Something that is due: when, and what is to be shown to whom."""

    time_ns: int
    event: Timer | Session
    owners: list[Owner]


class Schedule(Generic[Owner]):
    """Timers of several owners, in the order of time and then of being set, and the sessions, which come before timers of their time.

    ``session_owners`` want to know of sessions.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._sessions = SessionTimes(calendar)
        self._timers: list[tuple[int, int, Owner, str, int | None]] = []
        self._count = 0
        self.session_owners: list[Owner] = []

    @property
    def due_ns(self) -> int:
        """When the next of it is due."""
        return min(self._sessions.due_ns, self._timers[0][0] if self._timers else NEVER)

    def begin(self, time_ns: int, *, with_open: bool) -> None:
        """Begin with the sessions, if somebody wants them and they haven't begun; see `SessionTimes.begin`."""
        if self.session_owners and not self._sessions.has_begun:
            self._sessions.begin(time_ns, with_open=with_open)

    def set(self, owner: Owner, name: str, due_ns: int, interval_ns: int | None) -> None:
        """Set a timer; one that repeats takes the place of the owner's other of that name."""
        if interval_ns is not None:
            self._timers = [timer for timer in self._timers if timer[2] is not owner or timer[3] != name]
            heapq.heapify(self._timers)
        self._count += 1
        heapq.heappush(self._timers, (due_ns, self._count, owner, name, interval_ns))

    def drop(self, owner: Owner, before_ns: int | None = None) -> None:
        """Drop an owner's timers; with a time those that were due before it and don't repeat."""
        self._timers = [
            timer
            for timer in self._timers
            if timer[2] is not owner or (before_ns is not None and (timer[4] is not None or timer[0] >= before_ns))
        ]
        heapq.heapify(self._timers)

    def take(self, now_ns: int) -> Due[Owner]:
        """What is due next. A timer that repeats is set again, for a time not before ``now_ns``."""
        session = self._sessions.take() if self._sessions.due_ns <= self.due_ns else None
        if session is not None:
            return Due(session.time_ns, session, self.session_owners)
        due_ns, _, owner, name, interval_ns = heapq.heappop(self._timers)
        if interval_ns is not None:
            missed = (now_ns - 1 - due_ns) // interval_ns  # a closed market owes no calls: one, then on
            self.set(owner, name, due_ns + (missed + 1) * interval_ns, interval_ns)
        return Due(due_ns, Timer(name, due_ns), [owner])
