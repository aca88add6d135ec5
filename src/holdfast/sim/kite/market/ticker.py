"""The websocket: ticks of what was subscribed as bytes, order updates as text, a heartbeat of one byte each second.

A client is told what an instrument is at that moment, so what changes several times between two sendings is told once. Order updates need no
subscription and are never told again (Kite Connect, "WebSocket streaming" and "Postbacks").
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from holdfast.core.messages import MarketEvent
from holdfast.sim.chassis.faults.catalogue import StreamFault
from holdfast.sim.chassis.faults.frames import FrameFilter
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.market.packets import HEARTBEAT, Mode, frame, packet
from holdfast.sim.kite.trading.wire import Row

if TYPE_CHECKING:
    from holdfast.sim.kite.trading.account import KiteAccount
    from holdfast.sim.kite.world import World

HEARTBEAT_S = 1.0
MOST_SOCKETS = 3
"""Websockets of one account at a time; the next is answered 429."""
MOST_TOKENS = 3_000
"""Instruments of one websocket."""
MOST_WAITING = 10_000
"""Frames that a client may leave unread; then it is too slow and is closed."""
WATCHED_S = 0.05
"""How long a sender flat out waits for a client that has frames unread."""


class Client:
    """One websocket: what it has subscribed, and what is to be sent to it."""

    def __init__(self, world: "World", account: "KiteAccount") -> None:
        self.account = account
        self.modes: dict[int, Mode] = {}
        self.frames: asyncio.Queue[bytes | str | None] = asyncio.Queue(MOST_WAITING)
        self._world = world
        self._changed: set[str] = set()
        self._ticks = FrameFilter[bytes](world.faults, "ticks")
        self._orders = FrameFilter[str](world.faults, "orders")

    def see(self, symbol: str) -> None:
        """An instrument is not as it was."""
        self._changed.add(symbol)

    def flush(self) -> None:
        """Send what has changed, as it is now."""
        if not self._changed:
            return
        symbols, self._changed = sorted(self._changed), set()
        packets = [one for symbol in symbols if (one := self._packet(symbol)) is not None]
        if not packets or self._world.faults.take(FaultName.STREAM_HEARTBEATS_ONLY, stream="ticks"):
            return
        for each in self._ticks.pass_on(frame(packets)):
            self.put(each)

    def _packet(self, symbol: str) -> bytes | None:
        instrument = self._world.instruments.of_symbol(symbol)
        mode, now = self.modes.get(instrument.token), self._world.snapshot(symbol)
        return None if mode is None or now is None else packet(instrument, mode, now)

    def on_order(self, status: str, row: Row) -> None:
        """An order update, at once."""
        if self._world.faults.take(FaultName.STREAM_HEARTBEATS_ONLY, stream="orders"):
            return
        data = row | {"user_id": self.account.login.user_id, "unfilled_quantity": 0, "app_id": 1, "checksum": ""}
        for each in self._orders.pass_on(json.dumps({"type": "order", "data": data}), status):
            self.put(each)

    def put(self, message: bytes | str | None) -> None:
        """To be sent; None closes. A client that reads too slowly loses its connection, as it would its frames."""
        if self.frames.full():
            with suppress(asyncio.QueueEmpty):
                self.frames.get_nowait()
            message = None
        self.frames.put_nowait(message)

    def hear(self, text: str) -> str | None:
        """What the client says; an error to tell it, or None."""
        try:
            asked: object = json.loads(text)
        except ValueError:
            return "invalid message"
        if not isinstance(asked, dict):
            return "invalid message"
        return self._do(asked)

    def _do(self, asked: Mapping[str, Any]) -> str | None:
        action, value = asked.get("a"), asked.get("v")
        match action, value:
            case "subscribe", [*tokens]:
                return self._set(tokens, None)
            case "unsubscribe", [*tokens]:
                for token in tokens:
                    self.modes.pop(token, None)
                return None
            case "mode", [str() as mode, [*tokens]] if mode in set(Mode):
                return self._set(tokens, Mode(mode))
        return f"unknown action {action!r}"

    def _set(self, tokens: list[object], mode: Mode | None) -> str | None:
        for token in tokens:
            if not isinstance(token, int) or isinstance(token, bool):
                return "invalid token"
            instrument = self._world.instruments.of_token(token)
            if instrument is None:
                continue
            if len(self.modes) >= MOST_TOKENS and token not in self.modes:
                return f"only {MOST_TOKENS} instruments can be subscribed on one connection"
            self.modes[token] = mode or self.modes.get(token, Mode.QUOTE)
            self.see(instrument.symbol)
        self.flush()
        self._world.clock.start()  # flat out, nothing happens before somebody looks
        return None


class Ticker:
    """Every client of the websocket."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.clients: list[Client] = []

    def tell(self, event: MarketEvent) -> None:
        """Something has happened to an instrument; it goes out with the next `flush`."""
        token = self._world.instruments.of_symbol(event.symbol).token
        for client in self.clients:
            if token in client.modes:
                client.see(event.symbol)
        if self._world.clock.speed is None:
            self._flush()

    def _flush(self) -> None:
        for client in self.clients:
            client.flush()

    async def flush(self, *, must_wait: bool) -> None:
        """Send what was gathered; ``must_wait``: until clients have read most of it."""
        self._flush()
        while must_wait and any(client.frames.qsize() > MOST_WAITING // 2 for client in self.clients):
            await asyncio.sleep(WATCHED_S)

    def close(self) -> None:
        """Every connection ends."""
        for client in self.clients:
            client.put(None)

    def refusal(self, account: "KiteAccount") -> int | None:
        """Why a websocket isn't let in: 429 for one too many; None lets it in."""
        mine = sum(client.account is account for client in self.clients)
        return 429 if mine >= MOST_SOCKETS else None

    async def serve(self, request: web.Request, account: "KiteAccount") -> web.WebSocketResponse:
        """One websocket, from its opening to its end."""
        socket = web.WebSocketResponse(autoping=True)
        client = Client(self._world, account)
        self.clients.append(client)
        account.listeners.append(
            client.on_order
        )  # before the client knows that it is connected: from then on it misses nothing
        tasks: list[asyncio.Task[None]] = []
        try:
            await socket.prepare(request)
            tasks = [asyncio.create_task(_send(socket, client)), asyncio.create_task(_beat(client, self._world.faults))]
            async for message in socket:
                if message.type is WSMsgType.TEXT and (error := client.hear(message.data)):
                    client.put(json.dumps({"type": "error", "data": error}))
        finally:
            self.clients.remove(client)
            account.listeners.remove(client.on_order)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await task
        return socket


async def _send(socket: web.WebSocketResponse, client: Client) -> None:
    while (message := await client.frames.get()) is not None:
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_str(message)
    await socket.close(code=1001, message=b"going away")


async def _beat(client: Client, faults: Faults) -> None:
    """A byte each second: it says that the connection stands, and nothing of the market."""
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        if faults.take(FaultName.STREAM_CLOSE_1001, stream="ticks") is not None:
            client.put(None)
        elif faults.take(StreamFault.MUTE, stream="ticks") is None:
            client.put(HEARTBEAT)
