"""Keeps requests within what a broker allows, the urgent ones first. It holds back; it never sends and never repeats.

Brokers count an account's requests in one window of time or several (a second, a minute) and answer 429 to what is beyond. A cancel
that meets a 429 leaves risk in the market, so less urgent requests may not use a window up: each urgency has a share of it.
"""

import math
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from holdfast.brokers.http.failures import Throttled


class Urgency(IntEnum):
    """Who goes first when requests have to wait."""

    CANCEL = 0  # takes risk out of the market
    ORDER = 1  # is worth less with each second
    QUERY = 2  # someone waits for it
    BACKGROUND = 3  # nobody does


SHARE: Mapping[Urgency, float] = {
    Urgency.CANCEL: 1.0,
    Urgency.ORDER: 0.9,
    Urgency.QUERY: 0.8,
    Urgency.BACKGROUND: 0.5,
}
"""Up to which part of a window's allowance, used by whomever, a request of this urgency goes out."""

LONGEST_WAIT_S: Mapping[Urgency, float] = {
    Urgency.CANCEL: 65.0,  # outlasts a minute that is used up: a cancel is worth sending late
    Urgency.ORDER: 15.0,  # its price was decided before it began to wait
    Urgency.QUERY: 30.0,
    Urgency.BACKGROUND: 65.0,
}

LONGEST_QUEUE = 100
"""How many requests, as urgent or more, may wait before the next is refused: more than threads that wait can be meant."""

MINUTE_S = 61.0
"""A broker's minute, and a second for requests that take unequal times to get there."""

UNSTATED_PAUSE_S = 5.0
"""How long a 429 that names no time keeps requests back."""


class Window(NamedTuple):
    """At most ``most`` requests in any ``seconds``."""

    seconds: float
    most: int

    def share(self, urgency: Urgency) -> int:
        """Up to how many a request of this urgency goes out."""
        return max(1, math.floor(SHARE[urgency] * self.most))


def minute(most: int) -> Window:
    """So many requests a minute."""
    return Window(MINUTE_S, most)


class Clock(Protocol):
    """Where a limiter looks at the time, and waits for it."""

    def now_s(self) -> float:
        """Seconds that never go back."""

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """Wait until ``changed`` is notified, for ``seconds`` at most."""


class Monotonic:
    """The machine's clock."""

    def now_s(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """See `Clock`."""
        changed.wait(seconds)


class Limiter:
    """Lets no more requests go than ``windows`` allow, of which the last is the longest. Used by all threads that send to one account's API.

    ``longest_wait_s`` is what each urgency waits at most.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        longest_wait_s: Mapping[Urgency, float] = LONGEST_WAIT_S,
        clock: Clock | None = None,
    ) -> None:
        self._windows = [*windows]
        self._longest = windows[-1]
        self._clock = clock or Monotonic()
        self._longest_wait_s = longest_wait_s
        self._sent_s: deque[float] = deque()
        self._waiting: list[tuple[Urgency, int]] = []
        self._tickets = 0
        self._paused_until_s = 0.0
        self._others = 0
        self._others_until_s = 0.0
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many requests are held back right now."""
        with self._changed:
            return len(self._waiting)

    def acquire(self, urgency: Urgency) -> None:
        """Returns when one request may be sent.

        Raises :class:`Throttled` when too many wait already, or when this one would wait longer than its urgency allows.
        """
        with self._changed:
            ticket = self._queue(urgency)
            deadline_s = self._clock.now_s() + self._longest_wait_s[urgency]
            try:
                while (wait_s := self._wait_s(ticket)) > 0:
                    self._wait(wait_s, deadline_s, urgency)
                self._sent_s.append(self._clock.now_s())
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def pause(self, seconds: float | None) -> None:
        """Let nothing go for ``seconds`` (None: the broker named no time), a minute at the most: the server has said 429."""
        wanted_s = UNSTATED_PAUSE_S if seconds is None or math.isnan(seconds) else seconds
        with self._changed:
            until_s = self._clock.now_s() + min(max(wanted_s, 0.0), MINUTE_S)
            self._paused_until_s = max(self._paused_until_s, until_s)
            self._changed.notify_all()

    def heed(self, limit: int, remaining: int, reset_s: float | None) -> None:
        """Take note of what an answer said: the longest window's ``limit``, what is left of it, in how many seconds it starts anew.

        A limit below the stated one holds instead. What is missing beyond our own requests was used by others with the same
        account, and counts until the window starts anew (None: a whole one).
        """
        with self._changed:
            self._windows[-1] = self._longest._replace(most=min(limit, self._longest.most))
            now_s = self._clock.now_s()
            self._forget(now_s)
            self._others = max(0, limit - remaining - len(self._sent_s))
            whole_s = self._longest.seconds
            known_s = whole_s if reset_s is None or math.isnan(reset_s) else reset_s
            self._others_until_s = now_s + min(max(known_s, 0.0), whole_s)
            self._changed.notify_all()

    def _queue(self, urgency: Urgency) -> tuple[Urgency, int]:
        ahead = sum(1 for other, _ in self._waiting if other <= urgency)
        if ahead >= LONGEST_QUEUE:
            raise Throttled(f"{ahead} requests wait for the rate limit already; this one was not sent; ask less often")
        self._tickets += 1
        ticket = (urgency, self._tickets)
        insort(self._waiting, ticket)
        return ticket

    def _wait_s(self, ticket: tuple[Urgency, int]) -> float:
        """How long until it is worth looking again; 0 when the request may go."""
        now_s = self._clock.now_s()
        self._forget(now_s)
        if self._waiting[0] != ticket:
            return math.inf  # whoever is first wakes the others when it goes
        free_s = max(self._free_s(window, window.share(ticket[0]), now_s) for window in self._windows)
        return max(0.0, free_s - now_s, self._paused_until_s - now_s)

    def _free_s(self, window: Window, most: int, now_s: float) -> float:
        """When fewer than ``most`` requests count in a window, or fewer count than now; the time is past where that is so already."""
        since_s = now_s - window.seconds
        sent_s = [at_s for at_s in self._sent_s if at_s > since_s]
        others = self._others if window is self._windows[-1] else 0
        excess = len(sent_s) + others - most
        if excess < 0:
            return 0.0
        expiries_s = [self._others_until_s] if others else []
        if excess < len(sent_s):
            expiries_s.append(sent_s[excess] + window.seconds)
        return min(expiries_s)

    def _forget(self, now_s: float) -> None:
        while self._sent_s and self._sent_s[0] <= now_s - self._longest.seconds:
            self._sent_s.popleft()
        if now_s >= self._others_until_s:
            self._others = 0

    def _wait(self, wait_s: float, deadline_s: float, urgency: Urgency) -> None:
        left_s = deadline_s - self._clock.now_s()
        if left_s <= 0 or (left_s < wait_s < math.inf):
            bound_s = self._longest_wait_s[urgency]
            raise Throttled(
                f"the rate limit would hold the request back for more than {bound_s:g} s; it was not sent; ask less often"
            )
        self._clock.wait(self._changed, min(wait_s, left_s))
