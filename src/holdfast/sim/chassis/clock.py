"""Market time: the one clock that everything a broker in a box says goes by, and the brake on it."""

import asyncio
import time

from holdfast.core.types import SECOND_NS

DEBT_S = 1.0
"""Of market time: what is made up for when events come late. The rest of a delay is forgotten, as in `feeds/pace.py`."""


class MarketClock:
    """Market time in UTC nanoseconds. It never goes back.

    With a ``speed`` (market seconds a second) it goes on between events by itself, but stays short of the next event that is
    known (`hold_before`): nobody may see a time at which something has happened that was not yet told. With None (flat out)
    it stands between events, and the first event waits for `start`.
    """

    def __init__(self, now_ns: int, speed: float | None = None) -> None:
        self.speed = speed
        self._set_ns = now_ns
        self._set_s = time.monotonic()
        self._limit_ns: int | None = None
        self._is_started = speed is not None
        self._is_paused = False
        self._steps = 0
        self._changed = asyncio.Event()

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

    @property
    def is_started(self) -> bool:
        """Whether the market has begun to move."""
        return self._is_started

    def begin(self) -> None:
        """Go on from where it stands: the time that building the market took is not counted."""
        self._set_s = time.monotonic()

    def advance(self, time_ns: int) -> None:
        """Come to an event. An earlier time than now changes nothing."""
        if self.speed is not None:
            due_s = self._set_s + (time_ns - self._set_ns) / SECOND_NS / self.speed
            self._set_s = min(max(due_s, time.monotonic() - DEBT_S / self.speed), time.monotonic())
        self._set_ns = max(self._set_ns, time_ns)

    def jump(self, time_ns: int) -> None:
        """Leave out the time up to ``time_ns``."""
        self._set_ns, self._set_s = max(self._set_ns, time_ns), time.monotonic()

    def hold_before(self, limit_ns: int | None) -> None:
        """The time of the next event, which only `advance` may reach; None when there is none."""
        self._limit_ns = limit_ns

    def due_in_s(self, time_ns: int) -> float:
        """Real seconds until ``time_ns``; 0 when it has come, and always when flat out."""
        if self.speed is None:
            return 0.0
        return max(0.0, (time_ns - self._set_ns) / SECOND_NS / self.speed - (time.monotonic() - self._set_s))

    # --- the brake ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Let a market that goes flat out begin."""
        self._is_started = True
        self._changed.set()

    def pause(self) -> None:
        """Stand still."""
        self._set_ns = self.now_ns
        self._is_paused = True
        self._changed.set()

    def resume(self) -> None:
        """Go on from where it stood; also starts."""
        self._set_s = time.monotonic()
        self._is_paused = False
        self._steps = 0
        self.start()

    def finish(self) -> None:
        """Go on flat out, to the end of the data."""
        self._set_ns = self.now_ns
        self.speed = None
        self.resume()

    def step(self, events: int = 1) -> None:
        """Let so many events happen, at once, and stand still again."""
        self.pause()
        self._steps += events
        self.start()

    def take_step(self) -> bool:
        """Uses up a step that was asked for; False when there is none."""
        if not self._steps:
            return False
        self._steps -= 1
        return True

    async def changed(self, timeout_s: float | None) -> None:
        """Returns when anybody touched the brake, or after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()
