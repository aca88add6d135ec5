"""A broker in a box for tests: served from a thread of its own, on a port of its own, over real sockets."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Generic, TypeVar

from holdfast.core.messages import MarketEvent
from holdfast.sim.chassis.market.replay import Played

PATIENCE_S = 60.0
"""How long anything may take: a bound that only a hang reaches."""

T = TypeVar("T")
W = TypeVar("W", bound=Played)


class LocalServer(Generic[W]):
    """A running server: where it listens, and a way into its thread."""

    def __init__(self, world: W, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.port = port
        self._loop = loop
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}"

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the server's thread; returns what it returns, raises what it raises."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_S)

    def take(self, *events: MarketEvent) -> None:
        """Let these events happen in the market, in order."""

        async def run() -> None:
            for event in events:
                await self.world.take(event)
            await self.world.hub.flush(must_wait=False)

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_S)

    def play(self, events: int = 1) -> None:
        """Let the next events of the data happen, and wait until they have."""
        target = self.call(lambda: self.world.events) + events
        self.call(lambda: self.world.clock.step(events))
        self.wait_for(lambda: self.world.events >= target or self.world.is_over, f"{events} events")

    def finish(self) -> None:
        """Let all that is left of the data happen."""
        self.call(self.world.clock.finish)
        self.wait_for(lambda: self.world.is_over, "the end of the data")

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Until something about the world is so."""

        async def run() -> None:
            while not condition():
                await asyncio.sleep(0.002)

        try:
            asyncio.run_coroutine_threadsafe(asyncio.wait_for(run(), PATIENCE_S), self._loop).result()
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None


@contextmanager
def running(
    name: str, build: Callable[[], W], serving: Callable[[W], AbstractAsyncContextManager[int]], *, is_paused: bool
) -> Iterator[tuple[W, int, asyncio.AbstractEventLoop]]:
    """Serve a world from a thread called ``name``; it stands at its start while ``is_paused``."""
    started: dict[str, Any] = {}
    is_ready = threading.Event()

    async def serve() -> None:
        world = build()
        if is_paused:
            world.clock.pause()
        async with serving(world) as port:
            started.update(world=world, port=port, loop=asyncio.get_running_loop(), stop=asyncio.Event())
            is_ready.set()
            await started["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  whatever it was, the test's own thread raises it
            started["error"] = error
        finally:
            is_ready.set()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    assert is_ready.wait(PATIENCE_S), f"{name} did not start"
    if "error" in started:
        raise started["error"]
    try:
        yield started["world"], started["port"], started["loop"]
    finally:
        started["loop"].call_soon_threadsafe(started["stop"].set)
        thread.join(PATIENCE_S)
    if "error" in started:
        raise started["error"]
