"""The websocket ``/stream``: trade updates as they happen.

Alpaca's server sends binary frames that hold JSON text, and takes text (observed). An account has one connection: another
gets HTTP 429 instead of the upgrade while the first is open (reported). The SDK names no account before the upgrade, so
without key headers the refusal comes when every account there is has its connection; one that gets in all the same
is turned away as it authenticates.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import WSMsgType, web

from holdfast.sim.alpaca.errors import too_many_requests
from holdfast.sim.alpaca.trading.door import keys_of
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.wire import encode
from holdfast.sim.alpaca.world import WORLD, World
from holdfast.sim.chassis.faults.frames import FrameFilter

STREAM: Final = "trade_updates"
MOST_WAITING = 20_000
"""Frames a client may be behind, some 20 MB; one that reads slower than that is cut off."""
HEARTBEAT_S = 30.0
"""How often a client is pinged: one that is gone without a word gives its place up after half as long again."""
CLOSE_TRY_AGAIN = 1013


def routes(world: World) -> list[web.AbstractRouteDef]:  # noqa: ARG001  every room is asked in the same way
    """The endpoint of the stream; the older of Alpaca's Python clients puts a slash behind it."""
    return [web.get("/stream", _stream), web.get("/stream/", _stream)]


async def _stream(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    if _is_full(world, keys_of(request)):
        return too_many_requests().response()
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
    await socket.prepare(request)
    await _Connection(world, request, socket).serve()
    return socket


def _is_full(world: World, keys: tuple[str, str] | None) -> bool:
    if keys is not None:
        trading = world.accounts.of_key(*keys)
        return trading is not None and trading.hub.is_taken
    accounts = world.accounts.all()
    return bool(accounts) and all(trading.hub.is_taken for trading in accounts)


class _Connection:
    """One client: what it said so far, and the frames that are on their way to it."""

    def __init__(self, world: World, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._world = world
        self._request = request
        self._socket = socket
        self._trading: TradingAccount | None = None
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._filter: FrameFilter[bytes] = FrameFilter(world.faults, STREAM)

    async def serve(self) -> None:
        """Until the client goes."""
        sender = asyncio.create_task(self._send_all())
        try:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                if not await self._take(message.data):
                    break
        finally:
            self._leave()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    def _leave(self) -> None:
        """Gives up the place at the account it has, if it has one."""
        if self._trading is not None:
            self._trading.hub.remove(self._offer)
            self._trading.hub.is_taken = False
            self._trading = None

    def _offer(self, event: str, frame: bytes) -> None:
        """A trade update for this client."""
        self._put(self._filter.pass_on(frame, event))

    def _put(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            try:
                self._frames.put_nowait(frame)
            except asyncio.QueueFull:
                if self._trading is not None:
                    self._trading.hub.remove(self._offer)
                if self._request.transport is not None:
                    self._request.transport.abort()
                return

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        """An answer, in line with the updates."""
        self._put([encode({"stream": stream, "data": data})])

    async def _send_all(self) -> None:
        while True:
            frame = await self._frames.get()
            await self._socket.send_bytes(frame)
            self._frames.task_done()

    async def _take(self, text: str | bytes) -> bool:
        """One message of the client's; False when the connection is over."""
        message = _parsed(text)
        action = message.get("action")
        if action in ("authenticate", "auth"):
            return await self._authenticate(message)
        if action == "listen":
            self._listen(message)
        else:
            self._say("error", {"error": "unknown action", "action": action})
        return True

    async def _authenticate(self, message: dict[str, Any]) -> bool:
        """Either form of it: keys in ``data`` as ``key_id`` and ``secret_key``, or beside the action.

        For another account than before: the place at the first is given up, and this one has to be listened to anew.
        """
        data = message.get("data")
        given = data if isinstance(data, dict) else message
        key = given.get("key_id") or given.get("key")
        secret = given.get("secret_key") or given.get("secret")
        trading = self._trading
        if trading is not None and trading.account.key == key:
            return self._authorized("authorized")
        trading = self._world.accounts.of_key(str(key or ""), str(secret or ""))
        if trading is None:
            return self._authorized("unauthorized")
        if trading.hub.is_taken:
            self._authorized("unauthorized")
            await self._frames.join()
            await self._socket.close(code=CLOSE_TRY_AGAIN, message=b"connection limit exceeded")
            return False
        self._leave()
        trading.hub.is_taken = True
        self._trading = trading
        return self._authorized("authorized")

    def _authorized(self, status: str) -> bool:
        self._say("authorization", {"status": status, "action": "authenticate"})
        return True

    def _listen(self, message: dict[str, Any]) -> None:
        """Alpaca: the new list replaces the old one; a stream there is not is missing in the answer (documented)."""
        if self._trading is None:
            self._say("authorization", {"status": "unauthorized", "action": "listen"})
            return
        data = message.get("data")
        wanted = data.get("streams") if isinstance(data, dict) else None
        streams = [STREAM] if isinstance(wanted, list) and STREAM in wanted else []
        if streams:
            self._trading.hub.add(self._offer)
        else:
            self._trading.hub.remove(self._offer)
        self._say("listening", {"streams": streams})


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
