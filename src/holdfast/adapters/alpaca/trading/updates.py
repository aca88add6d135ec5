"""The stream of an account's order events, in our own loop, so that no gap goes unseen.

It has no sequence numbers and no replay: what happens while it is down is lost there, and is found by asking.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.brokers.port import StreamStatus

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before connecting again: doubled each time. Alpaca answers a storm of connections with 429 (alpaca-py issue 740)."""
STEADY_S = 10.0
"""A connection that lasted this long was a good one: the next wait is short again."""
PING_EVERY_S = PING_TIMEOUT_S = 10.0
"""A dead peer is noticed within twenty seconds."""
LARGEST_FRAME = 4 * 1024 * 1024
HANDSHAKE_S = 10.0
UNAUTHORIZED_WAIT_S = 30.0

log = structlog.get_logger(__name__)

OnUpdate = Callable[[dict[str, Any]], None]
Tell = Callable[[StreamStatus], Awaitable[None]]


class StreamRefused(Exception):
    """The other end took the connection and not us. ``keys`` when it is the keys that it doesn't take."""

    def __init__(self, text: str, *, keys: bool) -> None:
        super().__init__(text)
        self.keys = keys


class TradeUpdates:
    """One connection to ``/stream``, made again whenever it is lost.

    Each update's data goes to ``on_update``; what can't be read is counted in ``unreadable`` and costs nothing but itself.
    """

    def __init__(self, settings: AlpacaSettings, on_update: OnUpdate) -> None:
        self._settings = settings
        self._on_update = on_update
        self.connections = 0
        self.unreadable = 0

    async def run(self, tell: Tell) -> None:
        """Until cancelled. ``tell`` is awaited once the stream listens (events are passed on meanwhile), and when it is lost."""
        wait_s = FIRST_WAIT_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                async with self._connect() as socket:
                    await self._listen(socket)
                    self.connections += 1
                    reading = asyncio.create_task(self._read(socket))
                    telling = asyncio.ensure_future(tell(StreamStatus(connected=True, reason="listening")))
                    try:
                        await asyncio.wait({telling, reading}, return_when=asyncio.FIRST_COMPLETED)
                        if not reading.done():
                            await telling
                        reason = await reading
                    finally:
                        telling.cancel()
                        reading.cancel()
            except StreamRefused as error:
                reason = str(error)
                wait_s = UNAUTHORIZED_WAIT_S if error.keys else wait_s
            except InvalidStatus as error:
                reason = f"the stream was refused with HTTP {error.response.status_code}"
            except (OSError, WebSocketException, TimeoutError) as error:
                reason = f"no connection to the stream ({type(error).__name__})"
            await tell(StreamStatus(connected=False, reason=reason))
            if loop.time() - began_s > STEADY_S:
                wait_s = FIRST_WAIT_S
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _connect(self) -> connect:
        return connect(
            self._settings.trade_updates_url,
            open_timeout=HANDSHAKE_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_TIMEOUT_S,
            close_timeout=1.0,
            max_size=LARGEST_FRAME,
            process_exception=lambda error: error,  # connecting again is done above, where it is told
        )

    async def _listen(self, socket: ClientConnection) -> None:
        """Say who we are and what we want, and wait until both are granted. Raises StreamRefused."""
        settings = self._settings
        keys = {"key_id": settings.api_key.reveal(), "secret_key": settings.api_secret.reveal()}
        async with asyncio.timeout(HANDSHAKE_S):
            await socket.send(json.dumps({"action": "authenticate", "data": keys}))
            status = _data_of(await socket.recv()).get("status")
            if status != "authorized":
                raise StreamRefused(
                    f"the stream's answer to our keys is {status or 'unreadable'}", keys=status is not None
                )
            await socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
            if "trade_updates" not in (_data_of(await socket.recv()).get("streams") or ()):
                raise StreamRefused("the stream would not give order events", keys=False)

    async def _read(self, socket: ClientConnection) -> str:
        """Pass on what comes, until the connection ends; why it ended."""
        with suppress(OSError):
            async for frame in _frames(socket):
                message = _decode(frame)
                if message is None:
                    self.unreadable += 1
                elif message.get("stream") == "trade_updates":
                    self._pass_on(message)
        return f"the stream was closed (code {socket.close_code})"

    def _pass_on(self, message: dict[str, Any]) -> None:
        try:
            self._on_update(message["data"])
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            self.unreadable += 1
            log.warning("an order event can't be read and is left to reconciliation", error=repr(error))


async def _frames(socket: ClientConnection) -> Any:
    with suppress(WebSocketException):
        while True:
            yield await socket.recv()


def _decode(frame: str | bytes) -> dict[str, Any] | None:
    """The JSON of a frame, text or binary, with exact numbers; None for anything else."""
    try:
        message = json.loads(frame, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _data_of(frame: str | bytes) -> dict[str, Any]:
    """What an answer of the stream says; nothing when it says nothing."""
    data = (_decode(frame) or {}).get("data")
    return data if isinstance(data, dict) else {}
