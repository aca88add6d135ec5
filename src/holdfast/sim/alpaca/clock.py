"""Market time: the one clock that everything the local Alpaca says goes by."""

import time

from holdfast.core.types import SECOND_NS


class MarketClock:
    """Market time in UTC nanoseconds. It never goes back.

    With a ``speed`` (market seconds a second) it goes on between events by itself, but stays short of the next event that is
    known (`hold_before`): nobody may see a time at which something has happened that was not yet told. With None it stands
    between events.
    """

    def __init__(self, now_ns: int, speed: float | None = None) -> None:
        self.speed = speed
        self._set_ns = now_ns
        self._set_s = time.monotonic()
        self._limit_ns: int | None = None
        self._is_paused = False

    @property
    def now_ns(self) -> int:
        """The market's time."""
        if self.speed is None or self._is_paused:
            return self._set_ns
        now_ns = self._set_ns + int((time.monotonic() - self._set_s) * self.speed * SECOND_NS)
        return now_ns if self._limit_ns is None else max(self._set_ns, min(now_ns, self._limit_ns - 1))

    @property
    def is_paused(self) -> bool:
        """Whether it stands until `resume`."""
        return self._is_paused

    def advance(self, time_ns: int) -> None:
        """Go to ``time_ns``; an earlier time than now changes nothing."""
        self._set_ns = max(self.now_ns, time_ns)
        self._set_s = time.monotonic()

    def hold_before(self, limit_ns: int | None) -> None:
        """The time of the next event, which only `advance` may reach; None when there is none."""
        self._set_ns, self._set_s = self.now_ns, time.monotonic()
        self._limit_ns = limit_ns

    def pause(self) -> None:
        """Stand still."""
        self._set_ns = self.now_ns
        self._is_paused = True

    def resume(self) -> None:
        """Go on from where it stood."""
        self._set_s = time.monotonic()
        self._is_paused = False
