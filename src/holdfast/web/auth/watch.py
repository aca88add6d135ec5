"""Those who listen for long may only for as long as they are let: a logout, a lesser role or a removed key ends a stream at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

GOOD_S = 5.0
"""How often it is looked whether somebody may still listen when nothing was heard of a change: another process may have made it."""


class Watched:
    """The streams that are open. `look_again` may be called by any thread, the rest in the event loop."""

    def __init__(self) -> None:
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def look_again(self) -> None:
        """Somebody logged out, or may less than before: ask again of everybody who listens."""
        for changed, loop in self._loops.copy().items():
            with suppress(RuntimeError):  # that loop is over, and so are its streams
                loop.call_soon_threadsafe(changed.set)

    @asynccontextmanager
    async def watching(self, is_good: Callable[[], Awaitable[bool]], end: Callable[[], None]) -> AsyncIterator[None]:
        """While somebody listens: ``end`` is called as soon as they may no longer."""
        changed = asyncio.Event()
        self._loops[changed] = asyncio.get_running_loop()
        task = asyncio.create_task(_watch(changed, is_good, end))
        try:
            yield
        finally:
            del self._loops[changed]
            task.cancel()


async def _watch(changed: asyncio.Event, is_good: Callable[[], Awaitable[bool]], end: Callable[[], None]) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), GOOD_S)
        changed.clear()
        if not await is_good():
            end()
            return
