"""The steps of a proof of the way to a broker: each with its time, and what goes wrong is told, not raised."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from holdfast.brokers.adapter import Proof, Step, Verdict
from holdfast.brokers.port import LiveBroker, StreamStatus
from holdfast.core.messages import MarketEvent
from holdfast.errors import HoldfastError
from holdfast.feeds.live import FeedStatus, LiveFeed

PATIENCE_S = 20.0
"""How long any one step may take."""

Found = tuple[Verdict, str]


class Wrong(HoldfastError):
    """A step that failed, and what to do about it."""


async def take_step(proof: Proof, what: str, step: Callable[[], Awaitable[Found]]) -> bool:
    """Take a step and tell what came of it; whether it went well."""
    started_s = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_S):
            verdict, text = await step()
    except TimeoutError:
        verdict, text = Verdict.FAIL, f"nothing came within {PATIENCE_S:.0f} s: is a firewall or proxy in between?"
    except HoldfastError as error:
        verdict, text = Verdict.FAIL, " ".join(str(error).split())
    proof.tell(Step(what, verdict, text, time.perf_counter() - started_s))
    return verdict is not Verdict.FAIL


async def stream_status(broker: LiveBroker) -> StreamStatus:
    """The first that a broker's stream of order events says."""
    told: asyncio.Queue[StreamStatus] = asyncio.Queue()
    stream = asyncio.create_task(broker.run(told.put))
    try:
        return await told.get()
    finally:
        stream.cancel()
        with suppress(asyncio.CancelledError):
            await stream


async def feed_status(feed: LiveFeed) -> FeedStatus:
    """The first that a feed says. Raises what it raises."""
    told: asyncio.Queue[FeedStatus] = asyncio.Queue()

    async def deliver(event: MarketEvent) -> None:
        """Nobody wants it."""

    running = asyncio.create_task(feed.run(deliver, told.put_nowait))
    telling = asyncio.create_task(told.get())
    try:
        await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        return telling.result()
    finally:
        for task in (running, telling):
            task.cancel()
        await asyncio.gather(running, telling, return_exceptions=True)
