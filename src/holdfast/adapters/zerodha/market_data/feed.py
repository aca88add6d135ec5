"""Zerodha's market data as it comes: ticks as trades, quotes and bars of a minute, gaps filled from candles."""

import asyncio
import logging
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NoReturn

import msgspec

from holdfast.adapters.zerodha.connection.failures import Meaning, TokenDead, meaning_of
from holdfast.adapters.zerodha.connection.instruments import Instruments, KiteInstrument
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.symbols import canonical_symbol
from holdfast.adapters.zerodha.market_data.candles import Candles
from holdfast.adapters.zerodha.market_data.counts import Counts
from holdfast.adapters.zerodha.market_data.socket import MOST_TOKENS, Connection, Lost, Timing, TurnedAway, connected
from holdfast.adapters.zerodha.market_data.tape import Tape, close_all
from holdfast.adapters.zerodha.market_data.ticks import read_frame
from holdfast.brokers.http.failures import RequestFailed
from holdfast.core.messages import Bar, MarketEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS, SECOND_NS, iso_time
from holdfast.errors import ConfigError, DataError
from holdfast.feeds.live import Deliver, FeedStatus, Stream, TellStatus
from holdfast.feeds.warm_up import warm_up_from_ns

logger = logging.getLogger(__name__)

REFUSALS = 3
"""So often in a row a stream that never was may be refused with a token that requests are answered with: the plan has none."""


class MarketTime:
    """The exchange's time as ticks tell it, and how long ago that was."""

    def __init__(self) -> None:
        self.exchange_ns = 0
        self._told_s = time.monotonic()

    def see(self, exchange_ns: int) -> None:
        """A tick, or the broker, has told the time; it never goes back."""
        if exchange_ns > self.exchange_ns:
            self.exchange_ns, self._told_s = exchange_ns, time.monotonic()

    @property
    def now_ns(self) -> int:
        """The time now, as far as that is known."""
        if not self.exchange_ns:
            return time.time_ns()
        return self.exchange_ns + int((time.monotonic() - self._told_s) * SECOND_NS)


class KiteFeed:
    """A :class:`~holdfast.feeds.live.LiveFeed` of any of trades, quotes and one-minute bars.

    ``calendar`` says when silence is an alarm and how far ``warm_up_minutes`` of trading go back. A bar is made of ticks when its whole minute
    was heard, and of the candle otherwise. `counts` says what happened.

    Raises :class:`~holdfast.errors.ConfigError` when there is nothing to carry, or too much for one connection.
    """

    kind = "zerodha"
    name = "Zerodha ticks"

    def __init__(
        self,
        rest: KiteRest,
        symbols: Iterable[str],
        streams: Collection[Stream],
        calendar: TradingCalendar,
        warm_up_minutes: int,
        timing: Timing | None = None,
    ) -> None:
        self.counts = Counts()
        self._rest = rest
        self._symbols = tuple(sorted(set(symbols)))
        self._streams = tuple(stream for stream in Stream if stream in streams)
        self._calendar = calendar
        self._warm_up_minutes = warm_up_minutes
        self._timing = timing or Timing()
        self._instruments = Instruments(rest)
        self._candles = Candles(rest)
        self._time = MarketTime()
        self._tapes: dict[int, Tape] = {}
        self._told_until_ns: dict[str, int] = {}
        self._whole_from_ns: int | None = None
        self._closed_ns = 0
        self._was_connected = False
        self._check()

    def _check(self) -> None:
        if not self._symbols or not self._streams:
            raise ConfigError("a live feed needs symbols and at least one of trades, quotes and bars; name some")
        if len(self._symbols) > MOST_TOKENS:
            raise ConfigError(f"Zerodha streams {MOST_TOKENS:,} instruments, not {len(self._symbols):,}; ask for fewer")
        for symbol in self._symbols:
            if (ours := canonical_symbol(symbol)) != symbol:
                raise ConfigError(f"write {ours} for {symbol}: what is on NSE has no prefix here")

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol it carries, sorted."""
        return self._symbols

    @property
    def bar_ns(self) -> int | None:
        """One minute; None when it carries no bars (`history` has them all the same)."""
        return MINUTE_NS if Stream.BARS in self._streams else None

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """One-minute bars of the last minutes of trading before ``until_ns``, in order of time. Blocks: three symbols a second.

        Raises :class:`~holdfast.errors.DataError` when they can't be had, ConfigError for symbols that are not there today.
        """
        self._time.see(until_ns)
        bars: list[Bar] = []
        try:
            found = self._instruments.today().need(self._symbols)
            if self._warm_up_minutes:
                from_ns = warm_up_from_ns(self._calendar, until_ns, self._warm_up_minutes)
                for instrument in found.values():
                    bars += self._candles.minutes(instrument, from_ns, until_ns)
        except RequestFailed as error:
            raise DataError(f"candles to warm up on can't be had: {error}") from error
        for symbol in self._symbols:
            self._told_until_ns[symbol] = until_ns // MINUTE_NS * MINUTE_NS
        return sorted(bars, key=lambda bar: (bar.time_ns, bar.symbol))

    async def run(self, deliver: Deliver, tell: TellStatus) -> NoReturn:
        """Deliver events until cancelled; of each symbol and kind in order of time, and of bars none left out.

        ``tell`` hears of a loss at once, and of the return when the minutes that were missed have been delivered. A dead token is a loss,
        and the stream returns by itself after the next login. Raises :class:`~holdfast.errors.ConfigError` when there is no use in trying again.
        """
        failures = refusals = 0
        while True:
            ticks = self.counts.ticks
            try:
                await self._session(deliver, tell)
            except Lost as lost:
                refusals = refusals + 1 if isinstance(lost, TurnedAway) and not self._was_connected else 0
                if refusals >= REFUSALS:
                    raise ConfigError(f"{lost}, and requests are answered: the app's plan has no stream") from None
                tell(FeedStatus(connected=False, reason=f"Zerodha: {lost}"))
                failures = 0 if self.counts.ticks > ticks else failures
                delay_s = min(self._timing.longest_delay_s, self._timing.first_delay_s * 2**failures)
                delay_s *= random.uniform(0.5, 1.0)
                logger.warning("%s; trying again in %.1f s", lost, delay_s)
            failures = min(failures + 1, 30)
            self.counts.reconnects += 1
            await asyncio.sleep(delay_s)

    # --- one connection -----------------------------------------------------------------------------------------------

    async def _session(self, deliver: Deliver, tell: TellStatus) -> NoReturn:
        settings = self._rest.settings
        try:
            found = await asyncio.to_thread(self._find)
            token = self._rest.tokens.current()
            async with connected(settings, token, self._timing, self._is_open) as connection:
                self._begin(found)
                await connection.subscribe([instrument.token for instrument in found.values()])
                first = await self._first(connection)
                done = await self._catch_up(found, deliver)
                self._was_connected = True
                tell(FeedStatus(connected=True, reason=f"connected{done}"))
                for frame in first:
                    await self._take(frame, found, deliver)
                while True:
                    await self._take(await connection.receive(), found, deliver)
        except TurnedAway as refused:
            await self._look_at_token(refused)
            raise
        except RequestFailed as error:
            raise Lost(str(error)) from None

    def _find(self) -> Mapping[str, KiteInstrument]:
        """The instruments of today, by our names. One that is gone since the first connection has expired, and is left out aloud."""
        today = self._instruments.today()
        there = [symbol for symbol in self._symbols if today.find(symbol) is not None]
        if self._was_connected and there:
            if gone := sorted(set(self._symbols) - set(there)):
                logger.warning("Zerodha's instruments of %s don't have %s any more", today.date, ", ".join(gone))
            return today.need(there)
        return today.need(self._symbols)

    async def _look_at_token(self, refused: Lost) -> None:
        """A refused stream doesn't say whether the token is dead or the plan has none: a request does. Raises `Lost`."""
        try:
            await asyncio.to_thread(self._rest.request, "GET", "user.profile")
        except RequestFailed as error:
            if meaning_of(error) is Meaning.NO_ACCESS:
                try:
                    self._rest.tokens.current()
                except TokenDead as dead:
                    raise Lost(str(dead)) from None
            raise Lost(f"{refused}; {error}") from None

    def _begin(self, found: Mapping[str, KiteInstrument]) -> None:
        """Nothing is known of what was between the last tick and the first of this connection."""
        before = self._tapes
        self._tapes = {
            row.token: before.get(row.token) or Tape(symbol, self._streams, self.counts)
            for symbol, row in found.items()
        }

    async def _first(self, connection: Connection) -> list[bytes | str]:
        """Frames up to the first that tells the time, which Kite sends at once; from it follows which minute will be heard whole."""
        frames: list[bytes | str] = []
        try:
            async with asyncio.timeout(self._timing.step_s):
                while not frames or not self._see(frames[-1]):
                    frames.append(await connection.receive())
        except TimeoutError:
            pass  # nothing has ever been traded of these
        at_latest_ns = self._time.now_ns + int(self._timing.lag_s * SECOND_NS)
        self._hear_from(at_latest_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS)
        return frames

    def _see(self, frame: bytes | str) -> bool:
        """Whether a frame tells the exchange's time; before the mode is set ticks come without it."""
        ticks = read_frame(frame).ticks if isinstance(frame, bytes) else ()
        exchange_s = max((tick.exchange_s for tick in ticks), default=0)
        self._time.see(exchange_s * SECOND_NS)
        return exchange_s > 0

    def _is_open(self) -> bool:
        now_ns = self._time.now_ns
        silent_ns = int(self._timing.silent_after_s * SECOND_NS)
        return self._calendar.is_open(now_ns) and self._calendar.is_open(now_ns - silent_ns)

    async def _take(self, frame: bytes | str, found: Mapping[str, KiteInstrument], deliver: Deliver) -> None:
        counts = self.counts
        counts.frames += 1
        if isinstance(frame, str):
            self._note(frame)
            return
        ticks, bad = read_frame(frame)
        counts.ticks += len(ticks)
        counts.bad += bad
        for tick in ticks:
            self._time.see(tick.exchange_s * SECOND_NS)
        await self._complete(found, deliver)
        for tick in ticks:
            tape = self._tapes.get(tick.token)
            for event in tape.take(tick) if tape is not None else ():
                await self._deliver(event, deliver)
        await self._close(found, deliver)

    async def _close(self, found: Mapping[str, KiteInstrument], deliver: Deliver) -> None:
        """Tell the bars of the minutes that are over by the exchange's time.

        Where that stands still while the market is open, nothing may be traded, or nothing may come here: the candles know which.
        """
        over_ns = self._told_ns // MINUTE_NS * MINUTE_NS
        quiet_ns = self._quiet_ns // MINUTE_NS * MINUTE_NS
        if max(over_ns, quiet_ns) <= self._closed_ns:
            return
        self._closed_ns = max(over_ns, quiet_ns)
        if quiet_ns > over_ns and self._calendar.is_open(quiet_ns - 1):
            self._hear_from(quiet_ns + MINUTE_NS)
            await self._fill(found, quiet_ns, deliver)
            return
        for bar in close_all(self._tapes, self._closed_ns):
            await self._deliver(bar, deliver)

    @property
    def _told_ns(self) -> int:
        """Up to when all trades have been told, by the exchange's time."""
        return self._time.exchange_ns - int(self._timing.grace_s * SECOND_NS)

    @property
    def _quiet_ns(self) -> int:
        """Up to when they should have been, by ours."""
        return self._time.now_ns - int(self._timing.quiet_s * SECOND_NS)

    def _hear_from(self, whole_ns: int) -> None:
        """From this minute on bars are made of ticks; those before it are fetched."""
        self._whole_from_ns = whole_ns
        for tape in self._tapes.values():
            tape.begin(whole_ns)

    async def _complete(self, found: Mapping[str, KiteInstrument], deliver: Deliver) -> None:
        """Fetch the minute in which the connection began, once it is over; bars of ticks come after it."""
        whole_ns = self._whole_from_ns
        over_ns = max(self._told_ns, self._quiet_ns)
        if whole_ns is not None and over_ns >= whole_ns + int(self._timing.settle_s * SECOND_NS):
            self._whole_from_ns = None
            await self._fill(found, whole_ns, deliver)

    async def _deliver(self, event: MarketEvent, deliver: Deliver) -> None:
        if isinstance(event, Bar):
            if event.time_ns <= self._told_until_ns.get(event.symbol, 0):
                return
            self._told_until_ns[event.symbol] = event.time_ns
        self.counts.events += 1
        await deliver(event)

    def _note(self, text: str) -> None:
        """What Kite says in words; order updates are for who trades, and come there by another connection."""
        try:
            said = msgspec.json.decode(text)
        except msgspec.MsgspecError:
            self.counts.bad += 1
            return
        if isinstance(said, dict) and said.get("type") == "error":
            logger.warning("Zerodha says: %s", said.get("data"))

    # --- gaps ---------------------------------------------------------------------------------------------------------

    async def _catch_up(self, found: Mapping[str, KiteInstrument], deliver: Deliver) -> str:
        """Fetch and deliver the whole minutes that were missed; returns what was done, for people."""
        if Stream.BARS not in self._streams or not self._told_until_ns:
            return ""
        until_ns = self._time.now_ns // MINUTE_NS * MINUTE_NS
        return await self._fill(found, until_ns, deliver)

    async def _fill(self, found: Mapping[str, KiteInstrument], until_ns: int, deliver: Deliver) -> str:
        """Bars up to a time, of each symbol from the last that was told. Raises a RequestFailed that may not come again."""
        if Stream.BARS not in self._streams:
            return ""
        bars: list[Bar] = []
        left_out = ""
        try:
            for symbol, instrument in found.items():
                since_ns = self._told_until_ns.setdefault(symbol, until_ns - MINUTE_NS)
                if since_ns < until_ns:
                    bars += await asyncio.to_thread(self._candles.minutes, instrument, since_ns, until_ns)
        except RequestFailed as error:
            if meaning_of(error) is not Meaning.REFUSED:
                raise
            left_out = f"; bars up to {iso_time(until_ns)} left out: {error}"
        for bar in sorted(bars, key=lambda bar: (bar.time_ns, bar.symbol)):
            await self._deliver(bar, deliver)
        for symbol in found:
            self._told_until_ns[symbol] = max(self._told_until_ns[symbol], until_ns)
        self.counts.gap_bars += len(bars)
        self.counts.gaps_filled += not left_out
        self.counts.gaps_left += bool(left_out)
        return f", {len(bars)} missed bars fetched{left_out}"
