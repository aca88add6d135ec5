"""Answers kept for a stated time, asked for once however many callers want them at once.

Ages are of the monotonic clock and count from when the answer was *asked for*: what it says is never younger than that.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from holdfast.telemetry.metrics import ApiMetrics

T = TypeVar("T")

FAILURE_HOLDS_S = 1.0
"""How long after a failure no further attempt is made, in seconds: callers in a loop don't use up the rate limit."""


class Cached(Generic[T]):
    """One answer: ``fetch`` gives it, or None when it can't be had; it is kept for ``time_to_live_s``.

    ``name`` is what metrics call it. Used by all threads.
    """

    def __init__(self, fetch: Callable[[], T | None], time_to_live_s: float, name: str, metrics: ApiMetrics) -> None:
        self._fetch = fetch
        self._time_to_live_s = time_to_live_s
        self._name = name
        self._metrics = metrics
        self._lock = threading.Lock()
        self._answer: _Flight[T] | None = None
        self._flight: _Flight[T] | None = None

    def get(self) -> T | None:
        """The answer, at most the time to live old; None when it can't be had.

        A caller that comes while a request is under way waits for that one. Whatever ``fetch`` raises reaches the caller
        that made the request; the others get None.
        """
        with self._lock:
            if self._answer is not None and time.monotonic() <= self._answer.good_until_s:
                self._metrics.hit(self._name)
                return self._answer.value
            flight, own = self._flight, False
            if flight is None:
                flight = self._flight = _Flight()
                own = True
        if not own:
            self._metrics.joined(self._name)
            flight.landed.wait()
            return flight.value
        self._metrics.missed(self._name)
        return self._fly(flight)

    def invalidate(self) -> None:
        """Forget the answer. A request that is under way is not joined nor kept: it may have missed what just happened."""
        with self._lock:
            self._answer = None
            self._flight = None

    def _fly(self, flight: "_Flight[T]") -> T | None:
        started_s = time.monotonic()
        try:
            flight.value = self._fetch()
        finally:
            if flight.value is None:
                flight.good_until_s = time.monotonic() + min(FAILURE_HOLDS_S, self._time_to_live_s)
            else:
                flight.good_until_s = started_s + self._time_to_live_s
            with self._lock:
                if self._flight is flight:
                    self._answer, self._flight = flight, None
            flight.landed.set()
        return flight.value


class _Flight(Generic[T]):
    """One request, from its start to its answer."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.value: T | None = None
        self.good_until_s = 0.0


class CachedByKey(Generic[T]):
    """Answers by key, of which the ``most`` used last are kept."""

    def __init__(self, time_to_live_s: float, name: str, metrics: ApiMetrics, most: int) -> None:
        self._time_to_live_s = time_to_live_s
        self._name = name
        self._metrics = metrics
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, Cached[T]] = OrderedDict()

    def get(self, key: Hashable, fetch: Callable[[], T | None]) -> T | None:
        """The answer to ``key``, by ``fetch`` if it isn't known; None when it can't be had."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = Cached(fetch, self._time_to_live_s, self._name, self._metrics)
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return entry.get()
