"""One connection to Kite's websocket, from the handshake until it is lost.

The SDK's own client can't be started twice in a process, and takes a connection on which nothing comes for a good one (issues 80, 229 and 237
of zerodha/pykiteconnect). Here a heartbeat that stays away for some seconds is a loss, and so is a market that is open and says nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.market_data.ticks import SHORTEST, Mode
from holdfast.errors import ConfigError
from holdfast.telemetry.secret import Secret

LARGEST_FRAME = 4 << 20
"""Bytes. Three thousand full packets have an eighth of it."""
MOST_FRAMES = 16
"""That wait unread in the library; then the server has to."""
MOST_WAITING = 2_000
"""Frames that wait for a busy engine, or while a gap is fetched: some minutes of them."""
MOST_TOKENS = 3_000
"""Instruments of one connection (Kite Connect, "WebSocket streaming")."""
TOKENS_AT_ONCE = 500
"""In one message, which keeps it short."""

_SILENT = logging.getLogger("holdfast.zerodha.handshake")
"""What the library logs of a handshake has the access token in it."""
_SILENT.disabled = True


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a stream waits for what, in seconds.

    ``step_s`` bounds the handshake. Heartbeats come each second: a connection without a frame for ``mute_after_s`` is lost, and so is one
    with heartbeats alone for ``silent_after_s`` while the market is open. Reconnects wait ``first_delay_s``, doubled up to
    ``longest_delay_s``, half to all of it by chance. A bar is told ``grace_s`` after its minute by the exchange's time; when that stands still, it
    is fetched ``quiet_s`` after it by ours. That time may be ``lag_s`` behind what has happened. ``settle_s`` is left to the history to have a minute that has just ended.
    """

    step_s: float = 10.0
    mute_after_s: float = 10.0
    silent_after_s: float = 120.0
    first_delay_s: float = 1.0
    longest_delay_s: float = 30.0
    grace_s: float = 1.0
    quiet_s: float = 4.0
    lag_s: float = 2.0
    settle_s: float = 3.0
    close_within_s: float = 2.0


class Lost(Exception):
    """There is no connection any more, or none could be made; the text says why. Trying again may help."""


class TurnedAway(Lost):
    """Kite refused the handshake with 403: the token is dead, or the app's plan has no stream."""


class Connection:
    """A connection. Frames are read as they come, so that the server doesn't think us slow."""

    def __init__(self, websocket: ClientConnection, timing: Timing, is_open: Callable[[], bool]) -> None:
        self._websocket = websocket
        self._timing = timing
        self._is_open = is_open
        self._frames: asyncio.Queue[bytes | str | Lost] = asyncio.Queue(MOST_WAITING)

    async def subscribe(self, tokens: Sequence[int]) -> None:
        """Ask for all there is of these instruments; there is no answer but their ticks. Raises `Lost`."""
        for first in range(0, len(tokens), TOKENS_AT_ONCE):
            some = list(tokens[first : first + TOKENS_AT_ONCE])
            for message in ({"a": "subscribe", "v": some}, {"a": "mode", "v": [str(Mode.FULL), some]}):
                await self._say(msgspec.json.encode(message).decode())

    async def receive(self) -> bytes | str:
        """The next frame: bytes are ticks or a heartbeat. Raises `Lost` when all that came has been given."""
        frame = await self._frames.get()
        if isinstance(frame, Lost):
            raise frame
        return frame

    async def read(self) -> None:
        """Take frames in until the connection is lost."""
        try:
            await self._read()
        except Lost as lost:
            await self._frames.put(lost)

    async def _read(self) -> None:
        last_tick_s = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(self._timing.mute_after_s):
                    frame = await self._websocket.recv()
            except TimeoutError:
                raise Lost(f"nothing came for {self._timing.mute_after_s:g} s, not even a heartbeat") from None
            except ConnectionClosed as error:
                raise Lost(_why_closed(error)) from None
            if isinstance(frame, bytes) and len(frame) < SHORTEST:
                silent_s = time.monotonic() - last_tick_s
                if silent_s > self._timing.silent_after_s:
                    if self._is_open():
                        raise Lost(f"only heartbeats came for {silent_s:.0f} s though the market is open")
                    last_tick_s = time.monotonic()
            else:
                last_tick_s = time.monotonic()
            await self._frames.put(frame)

    async def _say(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._timing.step_s):
                await self._websocket.send(text)
        except TimeoutError:
            raise Lost(f"can't send within {self._timing.step_s:g} s") from None
        except ConnectionClosed as error:
            raise Lost(_why_closed(error)) from None


def _why_closed(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "the connection broke off"
    reason = f" {error.rcvd.reason!r}" if error.rcvd.reason else ""
    return f"closed by Zerodha with {error.rcvd.code}{reason}"


@asynccontextmanager
async def connected(
    settings: KiteSettings, token: Secret, timing: Timing, is_open: Callable[[], bool]
) -> AsyncIterator[Connection]:
    """A connection that is read while the context is open; ``is_open`` says whether silence is an alarm.

    Raises `Lost`, `TurnedAway`, and ConfigError for an address or a proxy that can't be.
    """
    websocket = await _open(settings, token, timing)
    connection = Connection(websocket, timing, is_open)
    reading = asyncio.create_task(connection.read())
    try:
        yield connection
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        try:
            await websocket.close()
        finally:
            websocket.transport.abort()  # for who is cancelled while closing; to a closed one it does nothing


async def _open(settings: KiteSettings, token: Secret, timing: Timing) -> ClientConnection:
    query = urlencode({"api_key": settings.api_key.reveal(), "access_token": token.reveal()})
    try:
        return await connect(
            f"{settings.socket_url}/?{query}",
            additional_headers={"X-Kite-Version": "3"},
            compression=None,
            open_timeout=timing.step_s,
            close_timeout=timing.close_within_s,
            ping_interval=None,  # heartbeats tell a dead peer
            max_size=LARGEST_FRAME,
            max_queue=MOST_FRAMES,
            logger=_SILENT,
        )
    except InvalidURI:
        raise ConfigError("zerodha.socket_url is no websocket address") from None
    except InvalidProxy as error:
        raise ConfigError("the proxy named in the environment can't be used; check HTTPS_PROXY") from error
    except InvalidStatus as error:
        raise _refused(settings, error.response.status_code) from None
    except TimeoutError:
        raise Lost(f"no connection within {timing.step_s:g} s") from None
    except (OSError, InvalidHandshake) as error:
        raise Lost(f"no connection to {settings.socket_url} ({type(error).__name__})") from None


def _refused(settings: KiteSettings, status: int) -> Lost:
    said = f"{settings.socket_url} refused the connection with status {status}"
    match status:
        case 403:
            return TurnedAway(said)
        case 429:
            return Lost(f"{said}: an app has three connections; another program may have them")
        case _:
            return Lost(said)
