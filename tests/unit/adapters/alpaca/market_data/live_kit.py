"""What tests of the live feed share: a stream that says what its script says, a watch on a running feed, a wire that can be cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgpack
import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from holdfast.adapters.alpaca.market_data.connection import Timing
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.core.messages import MarketEvent
from holdfast.feeds.live import FeedStatus

PATIENCE_S = 30.0
"""How long anything may take: a bound that only a hang reaches."""
QUICK = Timing(step_s=5.0, first_delay_s=0.02, longest_delay_s=0.1, settle_s=0.0, close_within_s=0.5)
CONNECTED = {"T": "success", "msg": "connected"}
AUTHENTICATED = {"T": "success", "msg": "authenticated"}


def stamp(time_ns: int) -> msgpack.Timestamp:
    """A time as it is on the wire."""
    return msgpack.Timestamp.from_unix_nano(time_ns)


def trade(number: int, time_ns: int, symbol: str = "IBM", **other: Any) -> dict[str, Any]:
    """A trade message; its price says its number."""
    message = {"T": "t", "S": symbol, "i": number, "x": "V", "p": 100.0 + number, "s": 10, "c": ["@"], "z": "A"}
    return message | {"t": stamp(time_ns)} | other


def error(code: int, text: str = "said so") -> dict[str, Any]:
    """An error message."""
    return {"T": "error", "code": code, "msg": text}


class Talk:
    """The server's side of one connection."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        self.asked: dict[str, Any] = {}

    async def say(self, *messages: Mapping[str, Any]) -> None:
        """One frame."""
        await self.websocket.send(msgpack.packb(list(messages)))

    async def hear(self) -> dict[str, Any]:
        """What the client says."""
        data = await self.websocket.recv(decode=False)
        heard: dict[str, Any] = msgspec.msgpack.decode(data)
        return heard

    async def greet(self) -> None:
        """The handshake, up to the confirmed subscription."""
        await self.authenticate()
        await self.say({"T": "subscription", **self.asked})

    async def authenticate(self) -> None:
        """The handshake up to what the client asks for, which is then in ``asked``."""
        await self.say(CONNECTED)
        assert (await self.hear())["action"] == "auth"
        await self.say(AUTHENTICATED)
        self.asked = await self.hear()
        assert self.asked.pop("action") == "subscribe"

    async def stay(self) -> None:
        """Until the client goes."""
        with suppress(ConnectionClosed):
            while True:
                await self.websocket.recv()


Script = Callable[[Talk], Awaitable[None]]


@asynccontextmanager
async def scripted_stream(*scripts: Script) -> AsyncIterator[str]:
    """A stream whose n-th connection goes by the n-th script, all further ones by the last; gives its base URL."""
    left = list(scripts)

    async def handle(websocket: ServerConnection) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        with suppress(ConnectionClosed):
            await script(Talk(websocket))

    async with serve(handle, "127.0.0.1", 0, max_size=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Watch:
    """What a running feed has delivered and told."""

    def __init__(self) -> None:
        self.events: list[MarketEvent] = []
        self.statuses: list[FeedStatus] = []
        self._changed = asyncio.Event()

    async def deliver(self, event: MarketEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def tell(self, status: FeedStatus) -> None:
        self.statuses.append(status)
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until it is so; looked at whenever something is delivered or told."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_connected(self, times: int = 1) -> None:
        """Wait until the feed has told so many times that it is connected."""
        await self.until(lambda: sum(status.connected for status in self.statuses) >= times)

    async def until_events(self, count: int) -> None:
        """Wait until so many events were delivered."""
        await self.until(lambda: len(self.events) >= count)


@asynccontextmanager
async def running(feed: AlpacaFeed) -> AsyncIterator[Watch]:
    """A feed that runs; what ends it is raised here."""
    watch = Watch()
    task = asyncio.create_task(feed.run(watch.deliver, watch.tell))
    body = asyncio.current_task()
    assert body is not None
    task.add_done_callback(lambda done: None if done.cancelled() else body.cancel())
    try:
        yield watch
    finally:
        if task.done():
            task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ended(feed: AlpacaFeed) -> list[FeedStatus]:
    """Runs a feed that is expected to end by itself; raises what it raises."""
    watch = Watch()
    async with asyncio.timeout(PATIENCE_S):
        await feed.run(watch.deliver, watch.tell)
    return watch.statuses


class Wire:
    """A wire to a server that can be cut: every connection on it breaks off, and new ones do while it is down."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_down = False
        self.url = ""

    def cut(self) -> None:
        """Break off what goes over it now."""
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        if self.is_down:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, far_writer))
                tasks.create_task(_pump(far_reader, writer))
        finally:
            self._writers -= pair
            for each in pair:
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """A wire to what listens on ``port``."""
    wire = Wire(port)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await server.wait_closed()
