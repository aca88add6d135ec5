"""An event loop in virtual time: when nothing is to be done it is at once as late as the next timer.

Everything runs in one thread and in an order that only what was scheduled decides, so the same beginning has the same end.
What a simulated process scheduled carries its `Process` in the context: while that is frozen its work is kept for later.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

from holdfast.core.types import SECOND_NS

STEP_S = 0.000_1
"""What one turn of the loop takes: who goes round without waiting sees time go by."""


BURIAL_S = 0.05


class Killed(BaseException):
    """A process dies here and now. Not an Exception: what handles errors must not survive it."""


class Process:
    """One run of an engine. When it is killed none of its work goes on, and whoever it asks for something kills it again."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        self.name = name
        self.is_dead = False
        self.is_frozen = False
        self.parked: list[asyncio.Handle] = []
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.on_killed: list[Callable[[], None]] = []
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)
        self._loop = loop

    def boot_time_ns(self) -> int:
        """What the process reads from the clock that goes on while its host sleeps."""
        return round(self._loop.time() * SECOND_NS)

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run ``work`` as this process."""
        return self._loop.create_task(work, context=self.context)

    def later(self, wait_s: float, work: Callable[..., object], *arguments: Any) -> None:
        """Call something of the process after a while; never if it is dead by then."""
        self._loop.call_later(wait_s, self._if_alive, work, *arguments, context=self.context)

    def _if_alive(self, work: Callable[..., object], *arguments: Any) -> None:
        if not self.is_dead:
            work(*arguments)

    def kill(self) -> None:
        """End it as SIGKILL does: nothing that it would still do reaches anything."""
        if self.is_dead:
            return
        self.is_dead = True
        self._end_tasks()
        for callback in self.on_killed:
            callback()

    def _end_tasks(self) -> None:
        """Until there are none: one may have been about to end otherwise."""
        self.thaw()
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            self._loop.call_later(BURIAL_S, self._end_tasks, context=WORLD)

    def check(self) -> None:
        """Stands at every exit of the process. Raises Killed when it is dead."""
        if self.is_dead:
            raise Killed

    def freeze(self) -> None:
        """Stop it as SIGSTOP does: time goes on without it. The dead don't stop."""
        self.is_frozen = not self.is_dead

    def thaw(self) -> None:
        """Let it go on."""
        self.is_frozen = False
        parked, self.parked = self.parked, []
        self._loop.again(parked)


OWNER: ContextVar[Process | None] = ContextVar("owner", default=None)
"""The process whose work is being done; None: the world's own."""
WORLD = Context()
"""What the world's own work is scheduled in."""


class Stuck(Exception):
    """Nothing is left to wait for: somebody waits for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. ``steps`` counts turns; `on_step`, if set, is called before each."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self.steps = 0
        self.on_step: Callable[[int], None] | None = None
        self.set_task_factory(_owned)

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now_s

    def again(self, handles: list[asyncio.Handle]) -> None:
        """Put work that was kept back in front of what is to be done next."""
        self._ready.extend(handles)

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Threads take no time here."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            done.set_exception(error)
        return done

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""

    def _process_events(self, event_list: Any) -> None:
        """No files here."""

    def _run_once(self) -> None:
        """One turn: everything that is due now."""
        self.steps += 1
        if self.on_step is not None:
            self.on_step(self.steps)
        ready = self._ready
        self._now_s += STEP_S
        self._take_timers(wait=not ready)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            owner = handle._context.get(OWNER)  # type: ignore[attr-defined]
            if owner is not None and owner.is_frozen:
                owner.parked.append(handle)
            else:
                handle._run()

    def _take_timers(self, *, wait: bool) -> None:
        """Put what is due among what is to be done; ``wait`` until something is."""
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)
        if wait:
            if not scheduled:
                raise Stuck
            self._now_s = max(self._now_s, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._now_s:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            self._ready.append(handle)


def _owned(loop: asyncio.AbstractEventLoop, work: Any, context: Context | None = None) -> "asyncio.Task[Any]":
    """Make a task that its process knows of."""
    task = asyncio.Task(work, loop=loop, context=context)
    owner = OWNER.get() if context is None else context.get(OWNER)
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
        if owner.is_dead:
            task.cancel()
    return task
