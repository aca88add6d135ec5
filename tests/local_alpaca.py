"""The local Alpaca for tests: served from a thread of its own, on a port of its own, over real sockets."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from holdfast.core.messages import MarketEvent
from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.server import Settings, build_world, serving
from holdfast.sim.alpaca.world import World

KEY, SECRET = "PKLOCALALPACATESTKEY", "a-made-up-secret"
OTHER_KEY = "PKANOTHERLOCALACCOUNT"
PATIENCE_S = 60.0
"""How long anything may take: a bound that only a hang reaches."""
START = "2024-07-10T13:30:00Z"
"""Where made-up markets start: the open of a regular session, the same in every run."""
SYMBOLS = ("AVOR", "BRYX", "BTC/USD")

T = TypeVar("T")


class LocalAlpaca:
    """A running server: where it listens, and a way into its thread."""

    def __init__(self, world: World, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.port = port
        self._loop = loop
        self.trading_url = self.data_url = f"http://127.0.0.1:{port}"
        socket_url = f"ws://127.0.0.1:{port}"
        self.data_stream_url = socket_url
        self.stream_url = f"{socket_url}/stream"
        self.stocks_stream_url = f"{socket_url}/v2/sip"
        self.iex_stream_url = f"{socket_url}/v2/iex"
        self.crypto_stream_url = f"{socket_url}/v1beta3/crypto/us"

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
def local_alpaca(
    *,
    data: Sequence[Path] = (),
    symbols: Sequence[str] = SYMBOLS,
    start: str | None = START,
    speed: float | None = None,
    faults: Path | None = None,
    accounts: Path | None = None,
    state: Path | None = None,
    is_paused: bool = True,
    requests_per_minute: int = 200,
    tls: ssl.SSLContext | None = None,
    has_fees: bool = False,
) -> Iterator[LocalAlpaca]:
    """A server over a made-up market, or over files (``data``; ``start`` None is where they begin).

    It stands at its start until the test moves it (``is_paused``): by `LocalAlpaca.play`, `take`, or the clock. With
    ``is_paused`` False it goes by ``speed`` at once (None: flat out, from the first subscription on). ``has_fees``: trades cost
    what they do at Alpaca; without, sums come out round.
    """
    settings = Settings(
        data=tuple(data),
        symbols=tuple(symbols),
        speed=speed,
        start_ns=None if start is None or (data and start == START) else time_from(start),
        faults=faults,
        accounts=accounts,
        state=state,
        requests_per_minute=requests_per_minute,
        has_fees=has_fees,
    )
    started: dict[str, Any] = {}
    is_ready = threading.Event()

    async def serve() -> None:
        world = build_world(settings).world
        if is_paused:
            world.clock.pause()
        async with serving(world, tls=tls) as port:
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

    thread = threading.Thread(target=run, name="local-alpaca", daemon=True)
    thread.start()
    assert is_ready.wait(PATIENCE_S), "the local Alpaca did not start"
    if "error" in started:
        raise started["error"]
    try:
        yield LocalAlpaca(started["world"], started["port"], started["loop"])
    finally:
        started["loop"].call_soon_threadsafe(started["stop"].set)
        thread.join(PATIENCE_S)
    if "error" in started:
        raise started["error"]
