"""The websockets of market data: one client's conversation, and the endpoints."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.alpaca.market import wire
from holdfast.sim.alpaca.market.hub import JSON, MSGPACK, Client, Encoding, error_message
from holdfast.sim.alpaca.market.subscriptions import (
    ALREADY_AUTHENTICATED,
    AUTH_FAILED,
    AUTH_TIMEOUT,
    CONNECTION_LIMIT,
    INVALID_SYNTAX,
    NOT_AUTHENTICATED,
    StreamError,
    StreamKind,
    Subscriptions,
)
from holdfast.sim.alpaca.world import World
from holdfast.sim.chassis.faults.frames import FrameFilter

AUTH_WITHIN_S = 10.0
"""From the handshake to the keys (Alpaca, documented)."""
BASIC_SYMBOLS = 30
"""Of trades and quotes together on the basic plan's feed (Alpaca, documented)."""
LARGEST_MESSAGE = 1 << 20
CLOSE_WITHIN_S = 2.0
OLD_CRYPTO = "/v1beta2/crypto"
"""Where alpaca-trade-api, the SDK before alpaca-py, connects (observed, 3.2.0)."""
FAKE_SYMBOL = "FAKEPACA"
TEST = StreamKind("test", False)
STOCKS = {"iex": BASIC_SYMBOLS, "sip": None, "delayed_sip": None}

Open = tuple[str, str]
"""Endpoint and key: there may be one connection of each."""


class Conversation:
    """One client, from the handshake to its end."""

    def __init__(self, streams: "Streams", kind: StreamKind, request: web.Request) -> None:
        self._streams = streams
        self._kind = kind
        self._request = request
        self._socket = web.WebSocketResponse(autoping=True, max_msg_size=LARGEST_MESSAGE)
        is_msgpack = request.headers.get("Content-Type", "") == "application/msgpack"
        encoding: Encoding = MSGPACK if is_msgpack else JSON
        passing = FrameFilter[bytes](streams.world.faults, "data")
        self._client = Client(encoding, Subscriptions(kind, len(streams.world.assets.all())), passing, self._abort)
        self._open: Open | None = None

    async def hold(self) -> web.WebSocketResponse:
        """Talk until either side has enough."""
        await self._socket.prepare(self._request)
        sending = asyncio.create_task(self._send_all())
        self._streams.world.hub.connected.add(self._client)
        try:
            self._client.say({"T": "success", "msg": "connected"})
            await self._talk()
        finally:
            self._streams.leave(self._open, self._client)
            self._client.end()
            with suppress(TimeoutError):
                await asyncio.wait_for(sending, CLOSE_WITHIN_S)
        return self._socket

    async def _talk(self) -> None:
        key, secret = (self._request.headers.get(f"APCA-API-{name}") for name in ("KEY-ID", "SECRET-KEY"))
        try:
            async with asyncio.timeout(AUTH_WITHIN_S) as limit:
                if key and secret:
                    self._authenticate({"key": key, "secret": secret})
                while not self._open:
                    if not await self._hear():
                        return
                limit.reschedule(None)
                while await self._hear():
                    pass
        except TimeoutError:
            self._client.say(error_message(*AUTH_TIMEOUT))
        except StreamError as error:
            self._client.say(error_message(error.code, error.text))

    async def _hear(self) -> bool:
        """One message of the client's; False at the end."""
        message = await self._socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return False
        asked = self._decode(message)
        if self._open and asked.get("action") != "auth":
            try:
                self._answer(asked)
            except StreamError as error:
                self._client.say(error_message(error.code, error.text))
        elif self._open:
            self._client.say(error_message(*ALREADY_AUTHENTICATED))
        elif asked.get("action") == "auth":
            self._authenticate(asked)
        elif asked:
            self._client.say(error_message(*NOT_AUTHENTICATED))
        else:
            self._client.say(error_message(*INVALID_SYNTAX))
        return True

    def _decode(self, message: WSMessage) -> Mapping[str, Any]:
        """What was said, in either format; nothing where it can't be read."""
        text = message.data.encode() if message.type == WSMsgType.TEXT else message.data
        for decode in (msgspec.json.decode, msgspec.msgpack.decode):
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                asked: object = decode(text)
                if isinstance(asked, dict):
                    return asked
        return {}

    def _authenticate(self, asked: Mapping[str, Any]) -> None:
        """Raises `StreamError` for what ends the conversation: wrong keys, a second connection."""
        key, secret = asked.get("key"), asked.get("secret")
        if not isinstance(key, str) or not isinstance(secret, str):
            raise StreamError(*AUTH_FAILED)
        if self._streams.world.accounts.of_key(key, secret) is None:
            raise StreamError(*AUTH_FAILED)
        if self._streams.world.faults.take(FaultName.STREAM_REFUSED_406, stream="data"):
            raise StreamError(*CONNECTION_LIMIT)
        self._open = self._streams.join(self._kind, key)
        self._client.say({"T": "success", "msg": "authenticated"})

    def _answer(self, asked: Mapping[str, Any]) -> None:
        subscriptions = self._client.subscriptions
        action = asked.get("action")
        if action == "subscribe":
            subscriptions.subscribe(asked)
        elif action == "unsubscribe":
            subscriptions.unsubscribe(asked)
        else:
            raise StreamError(*INVALID_SYNTAX)
        self._client.say(subscriptions.told())
        self._streams.listen(self._kind, self._client)

    async def _send_all(self) -> None:
        """Everything that is queued for the client, in order; then the connection is closed."""
        send = self._socket.send_bytes if self._client.encoding.is_binary else self._send_text
        try:
            while (frame := await self._client.frames.get()) is not None:
                await send(frame)
            await self._socket.close()
        except (ConnectionError, RuntimeError):
            return  # the client is gone
        finally:
            self._client.forget()

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _send_text(self, frame: bytes) -> None:
        await self._socket.send_str(frame.decode())


class Streams:
    """Every data stream of a world. A market that goes flat out begins when anybody first subscribes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._test = TestFeed(world)
        self._open: set[Open] = set()

    def join(self, kind: StreamKind, key: str) -> Open:
        """Take the one place there is. Raises `StreamError` (406) when it is taken."""
        wanted = (kind.name, key)
        if wanted in self._open:
            raise StreamError(*CONNECTION_LIMIT)
        self._open.add(wanted)
        return wanted

    def listen(self, kind: StreamKind, client: Client) -> None:
        """From now on the client is told what it wants."""
        if kind is TEST:
            self._test.add(client)
            return
        self.world.hub.clients.add(client)
        if not client.subscriptions.is_empty():
            self.world.clock.start()

    def leave(self, place: Open | None, client: Client) -> None:
        """The client is gone."""
        self.world.hub.connected.discard(client)
        self.world.hub.clients.discard(client)
        self._test.clients.discard(client)
        if place:
            self._open.discard(place)

    def endpoint(self, kind: StreamKind) -> Callable[[web.Request], Any]:
        """The handler of one endpoint."""

        async def handle(request: web.Request) -> web.WebSocketResponse:
            return await Conversation(self, kind, request).hold()

        return handle


class TestFeed:
    """``/v2/test``: FAKEPACA trades for ever, a quote and a trade each second of real time and a bar each minute.

    It is dated with market time, whatever the speed, and says nothing about the market.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._seconds = 0
        self._task: asyncio.Task[None] | None = None
        self.clients: set[Client] = set()

    def add(self, client: Client) -> None:
        """One more listener; the first sets it going."""
        self.clients.add(client)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go())

    async def _go(self) -> None:
        while self.clients:
            self._seconds += 1
            for channel, event in self._events():
                for client in tuple(self.clients):
                    if client.subscriptions.wants(channel, FAKE_SYMBOL):
                        client.say(_fake_message(event, self._seconds, client.encoding))
            await asyncio.sleep(1)

    def _events(self) -> list[tuple[str, MarketEvent]]:
        now_ns, price = self._world.clock.now_ns, 130 + self._seconds % 600 / 100
        events: list[tuple[str, MarketEvent]] = [
            ("quotes", Quote(FAKE_SYMBOL, now_ns, price - 0.01, 100.0, price, 100.0)),
            ("trades", Trade(FAKE_SYMBOL, now_ns, price, 100.0)),
        ]
        if self._seconds % 60 == 0:
            start_ns = now_ns // MINUTE_NS * MINUTE_NS
            events.append(("bars", Bar(FAKE_SYMBOL, now_ns, start_ns, price, price, price, price, 6_000.0)))
        return events


def _fake_message(event: MarketEvent, number: int, encoding: Encoding) -> wire.Row:
    if isinstance(event, Trade):
        return wire.trade_message(event, number, encoding.stamp)
    if isinstance(event, Quote):
        return wire.quote_message(event, encoding.stamp)
    return wire.bar_message("b", event, 60, event.close, encoding.stamp)


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The endpoints of all data streams."""
    streams = Streams(world)
    kinds = {f"/v2/{name}": StreamKind(name, False, limit) for name, limit in STOCKS.items()}
    crypto = StreamKind("crypto", True)
    kinds |= {"/v2/test": TEST, "/v1beta3/crypto/us": crypto, OLD_CRYPTO: crypto}
    return [web.get(path, streams.endpoint(kind)) for path, kind in kinds.items()]
