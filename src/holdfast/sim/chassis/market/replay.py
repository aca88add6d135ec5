"""Makes the market happen: event after event, at the clock's speed."""

import asyncio
from typing import Protocol

from holdfast.core.messages import MarketEvent
from holdfast.core.types import MINUTE_NS
from holdfast.feeds.pace import LONGEST_GAP_NS, SHORTEST_WAIT_S
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.schedule import Boundary, Happening, boundaries, happenings
from holdfast.sim.chassis.market.store import Store

LEAD_NS = MINUTE_NS
"""How long before the next open, or the next event, the clock stands after a night was left out."""
FLUSH_EVERY = 500
"""Events between two looks at the clients, flat out: few enough that requests are answered in between."""
LONGEST_SLEEP_S = 60.0


class Telling(Protocol):
    """Who tells clients what happened."""

    async def flush(self, *, must_wait: bool) -> None:
        """Send what was gathered."""


class Played(Protocol):
    """What is played: a world with its history. ``events`` counts those that happened, ``is_over`` when there are no more."""

    clock: MarketClock
    place: Marketplace
    history: Store
    events: int
    is_over: bool

    @property
    def hub(self) -> Telling:
        """Who tells it."""

    async def take(self, event: MarketEvent) -> None:
        """An event happens."""

    def show(self, event: MarketEvent) -> None:
        """An event that no account meets."""

    def pass_time(self, now_ns: int) -> None:
        """Time goes on without an event."""


class Replay:
    """Plays a world's history on from the clock's time.

    A pause of the data longer than 30 minutes is left out: its boundaries pass at once, and the clock goes on one minute
    before the market's next open, or before the next event if that is earlier.
    """

    def __init__(self, world: Played) -> None:
        self._world = world
        self._clock = world.clock
        self._happenings = happenings(world.history, world.clock.now_ns)
        self._boundaries = boundaries(world.place, world.clock.now_ns)
        self._boundary = next(self._boundaries, None)
        self._untold = 0

    async def run(self) -> None:
        """Until canceled: the data, and then time alone."""
        for happening in self._happenings:
            await self._wait_for(happening)
            self._pass_boundaries(happening.event.time_ns)
            await self._happen(happening)
        self._world.is_over = True
        self._clock.hold_before(None)
        await self._tell()
        await self._go_on()

    async def _happen(self, happening: Happening) -> None:
        if happening.is_met:
            await self._world.take(happening.event)
        else:
            self._world.show(happening.event)
        self._world.events += 1
        self._untold += 1
        if self._untold >= FLUSH_EVERY:
            await self._tell()

    async def _tell(self) -> None:
        self._untold = 0
        await self._world.hub.flush(must_wait=self._clock.speed is None)
        await asyncio.sleep(0)

    async def _wait_for(self, happening: Happening) -> None:
        """Until the event may happen: it is due, and nobody has put the brake on."""
        clock, time_ns = self._clock, happening.event.time_ns
        clock.hold_before(time_ns)
        while not clock.take_step():
            stop_ns = self._next_stop_ns(time_ns)
            if clock.is_paused or not clock.is_started:
                await self._rest(LONGEST_SLEEP_S)
            elif (target_ns := self._night_until(time_ns)) is not None:
                await self._leave_out(target_ns)
            elif clock.due_in_s(stop_ns) >= SHORTEST_WAIT_S:
                await self._rest(clock.due_in_s(stop_ns))
            elif stop_ns == time_ns:
                return
            elif self._boundary:
                self._pass(self._boundary)

    async def _rest(self, seconds: float) -> None:
        if self._untold:
            await self._tell()
        await self._clock.changed(seconds)

    def _next_stop_ns(self, time_ns: int) -> int:
        """The event, or a boundary before it."""
        boundary = self._boundary
        return boundary.time_ns if boundary and _is_before(boundary, time_ns) else time_ns

    def _night_until(self, time_ns: int) -> int | None:
        """Where the clock may jump to on its way to the event; None when that is near enough to wait for."""
        now_ns = self._clock.now_ns
        if self._clock.speed is None or time_ns - now_ns <= LONGEST_GAP_NS:
            return None
        target_ns = min(time_ns, self._world.place.calendar.next_open_ns(now_ns + 1)) - LEAD_NS
        return target_ns if target_ns > now_ns else None

    async def _leave_out(self, target_ns: int) -> None:
        """A night: all that begins or ends in it does so at once."""
        await self._tell()
        while (boundary := self._boundary) and boundary.time_ns <= target_ns:
            self._pass(boundary)
        self._clock.jump(target_ns)

    def _pass_boundaries(self, time_ns: int) -> None:
        while (boundary := self._boundary) and _is_before(boundary, time_ns):
            self._pass(boundary)

    def _pass(self, boundary: Boundary) -> None:
        self._boundary = next(self._boundaries, None)
        self._world.pass_time(boundary.time_ns)

    async def _go_on(self) -> None:
        """After the data: boundaries come as long as the clock goes."""
        while boundary := self._boundary:
            if self._clock.now_ns >= boundary.time_ns:
                self._pass(boundary)
            elif self._clock.speed is None or self._clock.is_paused:
                await self._clock.changed(None)
            else:
                due_s = self._clock.due_in_s(boundary.time_ns)
                await self._clock.changed(min(max(due_s, SHORTEST_WAIT_S), LONGEST_SLEEP_S))


def _is_before(boundary: Boundary, time_ns: int) -> bool:
    """An open comes before what happens at its time; a close after it: a bar that ends there belongs to the session."""
    return boundary.time_ns < time_ns or (boundary.is_opening and boundary.time_ns == time_ns)
