"""One connection to a market data stream: from the handshake until it is lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.market_data.wire import Frame, Kind, Problem, Subscription, Success, read_frame
from holdfast.errors import ConfigError

LARGEST_FRAME = 32 << 20
"""Bytes. Alpaca's own clients take one MiB and never come back from a larger one (observed); this is only a bound on memory."""
MOST_FRAMES = 16
"""That wait unread; then the server has to."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a stream waits for what, in seconds.

    ``step_s`` bounds each step of the handshake (Alpaca, documented: it waits ten seconds for the keys). A peer that sends
    nothing and answers no ping is given up after ``ping_every_s`` + ``pong_within_s``; one that answers pings but sends nothing while
    its market is open, after ``mute_after_s``. Reconnects wait ``first_delay_s``, doubled up to ``longest_delay_s``, half to all of it
    by chance. ``settle_s`` is left to the history to catch up with the stream before it is asked.
    """

    step_s: float = 10.0
    ping_every_s: float = 10.0
    pong_within_s: float = 10.0
    mute_after_s: float = 120.0
    first_delay_s: float = 1.0
    longest_delay_s: float = 30.0
    settle_s: float = 1.0
    close_within_s: float = 2.0


class Lost(Exception):
    """There is no connection any more, or none could be made; the text says why. Trying again may help."""


class TurnedAway(Lost):
    """The address or the keys look wrong: there is use in trying again only if they were right before."""


class Silent(Exception):
    """Nothing has come for `Timing.mute_after_s`."""


def problem(where: str, code: int, text: str, symbols: int) -> Lost | ConfigError:
    """What an error frame means (Alpaca, documented): something to try again after, or nothing that trying helps with."""
    said = f"{where}: Alpaca said {code} {text!r}"
    match code:
        case 402:
            return ConfigError(f"{said}: the keys are not accepted; check them, and that they are of this mode")
        case 405:
            return ConfigError(
                f"{said}: the plan does not stream trades and quotes of {symbols} symbols; ask for fewer, or for bars only"
            )
        case 409:
            return ConfigError(
                f"{said}: the plan does not include this stream; set stock_feed to iex, or change the plan"
            )
        case 411:
            return ConfigError(f"{said}: these keys may not read market data; make others")
        case 400 | 410:
            return ConfigError(f"{said}: it does not know what was asked for; check the symbols")
        case _:
            return Lost(f"{said}")


class Connection:
    """A subscribed stream. ``early`` is what came before the subscription was confirmed."""

    def __init__(self, where: str, websocket: ClientConnection, timing: Timing, symbols: int) -> None:
        self._where = where
        self._websocket = websocket
        self._timing = timing
        self._symbols = symbols
        self._received = 0
        self._is_waiting = False
        self._is_dead = False
        self.early: list[bytes] = []

    async def receive(self) -> bytes:
        """The next frame. Raises `Lost`, and `Silent` when none comes for too long; it may be called again then."""
        self._is_waiting = True
        try:
            async with asyncio.timeout(self._timing.mute_after_s):
                data = await self._websocket.recv(decode=False)
        except TimeoutError:
            raise Silent from None
        except ConnectionClosed as error:
            raise Lost(f"{self._where}: {self._why_closed(error)}") from None
        finally:
            self._is_waiting = False
        self._received += 1
        return data

    def raise_problem(self, message: Problem) -> NoReturn:
        """Raises what an error frame means."""
        raise problem(self._where, message.code, message.text, self._symbols)

    async def keep_alive(self) -> None:
        """Ping until the connection is over; one that is dead is cut off, which `receive` sees.

        Whoever has yet to read what came before a pong can't see the pong, so a busy reader proves nothing.
        """
        timing = self._timing
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(timing.ping_every_s)
                received = self._received
                pong = await self._websocket.ping()
                try:
                    async with asyncio.timeout(timing.pong_within_s):
                        await pong
                except TimeoutError:
                    if self._is_waiting and self._received == received:
                        self._is_dead = True
                        self._websocket.transport.abort()
                        return

    def _why_closed(self, error: ConnectionClosed) -> str:
        if self._is_dead:
            return f"nothing came, and no ping was answered within {self._timing.pong_within_s:g} s"
        if error.rcvd is None:
            return "the connection broke off"
        text = f" {error.rcvd.reason!r}" if error.rcvd.reason else ""
        return f"closed by Alpaca with {error.rcvd.code}{text}"

    # --- handshake ----------------------------------------------------------------------------------------------------

    async def greet(self, settings: AlpacaSettings, wanted: Mapping[Kind, Sequence[str]]) -> None:
        """Say who we are and what we want. Raises `Lost`, and ConfigError when there is no use in trying again."""
        await self._expect("connected")
        keys = {"key": settings.api_key.reveal(), "secret": settings.api_secret.reveal()}
        await self._say({"action": "auth"} | keys)
        await self._expect("authenticated")
        await self._say({"action": "subscribe"} | {str(kind): list(symbols) for kind, symbols in wanted.items()})
        await self._confirm(wanted)

    async def _say(self, message: Mapping[str, object]) -> None:
        try:
            async with asyncio.timeout(self._timing.step_s):
                await self._websocket.send(msgspec.msgpack.encode(message))
        except TimeoutError:
            raise Lost(f"{self._where}: can't send within {self._timing.step_s:g} s") from None
        except ConnectionClosed as error:
            await self._explain(error)

    async def _explain(self, error: ConnectionClosed) -> NoReturn:
        """What the server said before it closed tells more than the close does."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(self._timing.step_s):
                while True:
                    for message in read_frame(await self._websocket.recv(decode=False)).messages:
                        if isinstance(message, Problem):
                            self.raise_problem(message)
        raise Lost(f"{self._where}: {self._why_closed(error)}")

    async def _next(self, awaited: str) -> tuple[bytes, Frame]:
        try:
            async with asyncio.timeout(self._timing.step_s):
                data = await self._websocket.recv(decode=False)
        except TimeoutError:
            raise Lost(f"{self._where}: no {awaited} within {self._timing.step_s:g} s") from None
        except ConnectionClosed as error:
            raise Lost(f"{self._where}: {self._why_closed(error)} while {awaited} was awaited") from None
        frame = read_frame(data)
        for message in frame.messages:
            if isinstance(message, Problem):
                self.raise_problem(message)
        return data, frame

    async def _expect(self, text: str) -> None:
        _, frame = await self._next(f"{text!r}")
        if not any(isinstance(message, Success) and message.text == text for message in frame.messages):
            raise Lost(f"{self._where}: something else came where {text!r} was awaited; is it an Alpaca data stream?")

    async def _confirm(self, wanted: Mapping[Kind, Sequence[str]]) -> None:
        while True:
            data, frame = await self._next("subscription")
            for message in frame.messages:
                if isinstance(message, Subscription):
                    self._check(message, wanted)
                    return
            self.early.append(data)

    def _check(self, confirmed: Subscription, wanted: Mapping[Kind, Sequence[str]]) -> None:
        for kind, symbols in wanted.items():
            if missing := sorted(set(symbols) - set(getattr(confirmed, kind))):
                raise ConfigError(f"{self._where}: Alpaca does not stream {kind} of {', '.join(missing)}; remove them")


@asynccontextmanager
async def connected(
    where: str, url: str, settings: AlpacaSettings, wanted: Mapping[Kind, Sequence[str]], timing: Timing
) -> AsyncIterator[Connection]:
    """A connection on which everything wanted is subscribed, kept alive while the context is open.

    ``where`` is what errors call it. Raises `Lost`, and ConfigError when there is no use in trying again.
    """
    websocket = await _open(where, url, timing)
    symbols = len({*wanted.get(Kind.TRADES, ()), *wanted.get(Kind.QUOTES, ())})
    connection = Connection(where, websocket, timing, symbols)
    keeping: asyncio.Task[None] | None = None
    try:
        await connection.greet(settings, wanted)
        keeping = asyncio.create_task(connection.keep_alive())
        yield connection
    finally:
        if keeping is not None:
            keeping.cancel()
        try:
            await websocket.close()
        finally:
            websocket.transport.abort()  # for who is cancelled while closing; to a closed one it does nothing


async def _open(where: str, url: str, timing: Timing) -> ClientConnection:
    try:
        return await connect(
            url,
            additional_headers={"Content-Type": "application/msgpack"},
            compression=None,
            open_timeout=timing.step_s,
            close_timeout=timing.close_within_s,
            ping_interval=None,  # Connection.keep_alive tells a dead peer from a busy reader
            max_size=LARGEST_FRAME,
            max_queue=MOST_FRAMES,
        )
    except InvalidURI as error:
        raise ConfigError(f"{where}: {url} is no websocket address; check data_stream_url") from error
    except InvalidProxy as error:
        raise ConfigError(f"{where}: the proxy named in the environment can't be used; check HTTPS_PROXY") from error
    except InvalidStatus as error:
        status = error.response.status_code
        kind = TurnedAway if status in (401, 403, 404) else Lost
        raise kind(f"{where}: {url} refused the connection with status {status}") from None
    except TimeoutError:
        raise Lost(f"{where}: no connection within {timing.step_s:g} s") from None
    except (OSError, InvalidHandshake) as error:
        raise Lost(f"{where}: no connection ({error})") from None
