"""How fast market time goes by: as in reality, a number of times as fast, or flat out."""

import math
from typing import TYPE_CHECKING

from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    import asyncio

FLAT_OUT = "max"
SLOWEST, FASTEST = 0.001, 1_000_000_000
"""A second of market time in a quarter of an hour; thirty years in a second."""
LONGEST_GAP_NS = 30 * MINUTE_NS
"""What is longer is taken for a night or a weekend, which nobody wants to sit through."""
LARGEST_DEBT_NS = SECOND_NS
"""Of market time: what is made up for after a delay. The rest of the delay is forgotten."""
SHORTEST_WAIT_S = 0.001
"""Event loops don't sleep more exactly than this; shorter waits add up until they are worth one."""


def parse_speed(text: str) -> float | None:
    """``max`` (flat out, None) or how many times as fast as reality, above zero.

    Raises :class:`~holdfast.errors.InvalidValue`.
    """
    if text == FLAT_OUT:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    return _checked(speed, text)


def _checked(speed: float, text: str) -> float:
    if not SLOWEST <= speed <= FASTEST:
        raise InvalidValue(
            f"speed must be {FLAT_OUT} or a number above zero (1 is real pace), not {text!r}; from {SLOWEST:g} to {FASTEST:,.0f}"
        )
    return speed


class Pace:
    """Holds events back until they are due. ``speed`` is in market seconds a second; None never waits.

    The first event is due at once, each further one its gap to the last one later. A gap of more than 30 minutes counts as
    one ordinary step: the last gap that was not, one minute before there is any. An event that comes late (the engine was
    busy) shifts all after it, but for one second of market time, which is caught up.

    Raises :class:`~holdfast.errors.InvalidValue` for a speed of zero or below.
    """

    def __init__(self, speed: float | None) -> None:
        self._speed = None if speed is None else _checked(speed, str(speed))
        self._last_ns: int | None = None
        self._step_ns = MINUTE_NS
        self._due_s = 0.0  # on the event loop's monotonic clock

    async def wait(self, time_ns: int, stop: "asyncio.Event") -> None:
        """Returns when the event of ``time_ns`` is due, or as soon as ``stop`` is set.

        What is due already returns without giving other tasks a turn.
        """
        if self._speed is None:
            return
        import asyncio  # the configuration is read by commands that run no event loop

        now_s = asyncio.get_running_loop().time()
        self._due_s = self._next_due_s(time_ns, now_s, self._speed)
        if self._due_s - now_s >= SHORTEST_WAIT_S:
            await _wait_until(self._due_s, stop)

    def _next_due_s(self, time_ns: int, now_s: float, speed: float) -> float:
        last_ns, self._last_ns = self._last_ns, time_ns
        if last_ns is None:
            return now_s
        due_s = self._due_s + self._counted_ns(time_ns - last_ns) / SECOND_NS / speed
        return max(due_s, now_s - LARGEST_DEBT_NS / SECOND_NS / speed)

    def _counted_ns(self, gap_ns: int) -> int:
        """What a gap counts for; an ordinary one is noted."""
        if gap_ns > LONGEST_GAP_NS:
            return self._step_ns
        if gap_ns > 0:
            self._step_ns = gap_ns
        return gap_ns


async def _wait_until(due_s: float, stop: "asyncio.Event") -> None:
    import asyncio

    try:
        async with asyncio.timeout_at(due_s):
            await stop.wait()
    except TimeoutError:
        return
