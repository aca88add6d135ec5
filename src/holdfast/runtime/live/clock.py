"""The time an engine lives by when its broker is elsewhere: the broker's own, carried on by the monotonic clock."""

import time


class LiveClock:
    """Goes forward only. A wall clock that is wrong, or set, changes nothing."""

    def __init__(self) -> None:
        self._base_ns = 0
        self._at_ns = 0

    def sync(self, time_ns: int) -> None:
        """Somebody who knows says that it is ``time_ns``; earlier than what it is here is not believed."""
        if time_ns > self.now_ns():
            self._base_ns, self._at_ns = time_ns, time.monotonic_ns()

    def now_ns(self) -> int:
        """The time, in UTC nanoseconds; 0 before the first `sync`."""
        return self._base_ns + time.monotonic_ns() - self._at_ns if self._base_ns else 0
