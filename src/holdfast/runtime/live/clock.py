"""The time an engine lives by when its broker is elsewhere: the broker's own, carried on by the clock that goes on in a suspended machine."""

from collections.abc import Callable

from holdfast.core.types import SECOND_NS
from holdfast.telemetry.clock import boot_time_ns

BELIEVED_NS = 5 * SECOND_NS
"""How far ahead of the clock a market event may be: exchanges' clocks differ by less, and a wrong one must not move ours."""


class LiveClock:
    """Goes forward only. A wall clock that is wrong, or set, changes nothing. ``monotonic_ns`` is what carries it on."""

    def __init__(self, monotonic_ns: Callable[[], int] = boot_time_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._base_ns = 0
        self._at_ns = 0

    def sync(self, time_ns: int) -> None:
        """Somebody who knows says that it is ``time_ns``; earlier than what it is here is not believed."""
        if time_ns > self.now_ns():
            self._base_ns, self._at_ns = time_ns, self._monotonic_ns()

    def hint(self, time_ns: int) -> None:
        """The market says that it is ``time_ns``: believed unless it is far ahead of what the broker's clock makes it."""
        if time_ns <= self.now_ns() + BELIEVED_NS:
            self.sync(time_ns)

    def now_ns(self) -> int:
        """The time, in UTC nanoseconds; 0 before the first `sync`."""
        return self._base_ns + self._monotonic_ns() - self._at_ns if self._base_ns else 0

    def monotonic_s(self) -> float:
        """Seconds that only go forward, from no particular beginning: what waits and bounds are measured by."""
        return self._monotonic_ns() / SECOND_NS
