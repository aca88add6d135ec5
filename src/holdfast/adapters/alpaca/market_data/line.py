"""One of a feed's two streams (stocks, crypto) through all its connections, without a hole."""

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

import msgspec

from holdfast.adapters.alpaca.connection.failures import ErrorAnswer
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.market_data.connection import Connection, Lost, Silent, Timing, TurnedAway, connected
from holdfast.adapters.alpaca.market_data.counts import Counts
from holdfast.adapters.alpaca.market_data.history import Fetched, History
from holdfast.adapters.alpaca.market_data.seam import Seam
from holdfast.adapters.alpaca.market_data.wire import (
    BarMessage,
    Cancellation,
    Correction,
    Item,
    Kind,
    Message,
    Problem,
    QuoteMessage,
    TradeMessage,
    read_frame,
)
from holdfast.brokers.http.failures import RequestFailed
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS, SECOND_NS, iso_time
from holdfast.errors import ConfigError, DataError
from holdfast.feeds.live import Deliver, FeedStatus, TellStatus
from holdfast.feeds.warm_up import warm_up_from_ns

logger = logging.getLogger(__name__)

LONGEST_TICK_GAP_NS = 15 * MINUTE_NS
"""A longer gap has too many trades and quotes to be worth the requests: only its bars are fetched."""
MOST_WAITING_BYTES = 64 << 20
"""Of frames that wait while a gap is fetched, some hundred thousand events; after that the server waits."""
RECENT_FRAMES = 8
"""A frame that is the same to the last byte as one of the last ones is a second copy of it."""
REFUSALS = (401, 403)
MAYBE_LATER = (408, 429)
"""Answers in the 400s that a later request may not get."""


class Wanted(msgspec.Struct, frozen=True):
    """What a line carries. ``calendar`` None is a market that never closes."""

    name: str
    url: str
    symbols: tuple[str, ...]
    kinds: tuple[Kind, ...]
    calendar: TradingCalendar | None


class _Missed(msgspec.Struct):
    """What was fetched of a gap, and what was left out of it and why."""

    fetched: Fetched
    left_out: list[str]


class Line:
    """Connects, hears, reconnects, and fetches what was missed in between."""

    def __init__(
        self, wanted: Wanted, settings: AlpacaSettings, history: History, timing: Timing, counts: Counts
    ) -> None:
        self.wanted = wanted
        self._settings = settings
        self._history = history
        self._timing = timing
        self._counts = counts
        self._seam = Seam(counts)
        self._recent: deque[bytes] = deque(maxlen=RECENT_FRAMES)
        self._was_connected = False
        self._has_heard = False

    def warm_up(self, until_ns: int, minutes: int) -> list[Item]:
        """One-minute bars of so many minutes of trading before ``until_ns``; from then on nothing will be missing.

        Raises :class:`~holdfast.errors.DataError`.
        """
        items = (
            self._fetch_before(until_ns, minutes) if minutes else []
        )  # an empty time is no question that Alpaca answers
        for kind in self.wanted.kinds:
            self._seam.open(kind, until_ns)
        return items

    def _fetch_before(self, until_ns: int, minutes: int) -> list[Item]:
        calendar = self.wanted.calendar
        from_ns = until_ns - minutes * MINUTE_NS if calendar is None else warm_up_from_ns(calendar, until_ns, minutes)
        since_ns = dict.fromkeys(self.wanted.symbols, from_ns + MINUTE_NS)  # a bar's time is its end
        try:
            fetched = self._history.fetch(Kind.BARS, since_ns, until_ns - 1, lambda: True)
        except RequestFailed as error:
            raise DataError(
                f"{self.wanted.name}: bars from {iso_time(from_ns)} to warm up on can't be had: {error}"
            ) from error
        if fetched.is_cut:
            raise DataError(f"{self.wanted.name}: {minutes} minutes of bars to warm up on are too many; ask for fewer")
        self._counts.bad += fetched.bad
        return fetched.items

    async def run(self, deliver: Deliver, tell: TellStatus) -> NoReturn:
        """Until cancelled. Raises :class:`~holdfast.errors.HoldfastError` when there is no use in trying again."""
        failures = 0
        while True:
            self._has_heard = False
            try:
                await self._session(deliver, tell)
            except Lost as lost:
                tell(FeedStatus(connected=False, reason=str(lost)))
                failures = 0 if self._has_heard else failures
                delay_s = min(self._timing.longest_delay_s, self._timing.first_delay_s * 2**failures)
                delay_s *= random.uniform(0.5, 1.0)
                logger.warning("%s; trying again in %.1f s", lost, delay_s)
            failures = min(failures + 1, 30)
            self._counts.reconnects += 1
            await asyncio.sleep(delay_s)

    # --- one connection ----------------------------------------------------------------------------------------------

    async def _session(self, deliver: Deliver, tell: TellStatus) -> NoReturn:
        wanted = self.wanted
        missing = [kind for kind in wanted.kinds if self._seam.is_open(kind)]
        channels = dict.fromkeys(wanted.kinds, wanted.symbols)
        try:
            async with connected(wanted.name, wanted.url, self._settings, channels, self._timing) as connection:
                done = await self._fill(connection, missing, deliver) if missing else await self._open()
                self._was_connected = True
                tell(FeedStatus(connected=True, reason=f"{wanted.name}: connected{done}"))
                if not missing:
                    for data in connection.early:
                        await self._take(connection, data, deliver)
                while True:
                    await self._take(connection, await self._hear(connection), deliver)
        except TurnedAway as error:
            if self._was_connected:
                raise
            raise ConfigError(f"{error}; check the addresses and the keys") from None

    async def _open(self) -> str:
        """The first connection, and no history before it: whatever happens after now is to be delivered."""
        now_ns = await self._now_ns()
        for kind in self.wanted.kinds:
            self._seam.open(kind, now_ns + 1)
        return ""

    async def _hear(self, connection: Connection) -> bytes:
        """The next frame. Raises `Lost`, also when none comes though the market is open."""
        while True:
            try:
                return await connection.receive()
            except Silent:
                await self._check_silence()

    async def _check_silence(self) -> None:
        calendar, silent_s = self.wanted.calendar, self._timing.mute_after_s
        if calendar is not None:
            now_ns = await self._now_ns()
            if not (calendar.is_open(now_ns) and calendar.is_open(now_ns - int(silent_s * SECOND_NS))):
                return
        raise Lost(f"{self.wanted.name}: nothing came for {silent_s:g} s though the market is open")

    async def _now_ns(self) -> int:
        try:
            return await asyncio.to_thread(self._history.now_ns)
        except RequestFailed as error:
            text = f"{self.wanted.name}: the market's time can't be had: {error}"
            is_refused = isinstance(error, ErrorAnswer) and error.status in REFUSALS
            raise (TurnedAway(text) if is_refused else Lost(text)) from None

    async def _take(self, connection: Connection, data: bytes, deliver: Deliver) -> None:
        admit = self._seam.admit
        delivered = 0
        for event, key in self._items(connection, data):
            if admit(event, key):
                await deliver(event)
                delivered += 1
        self._counts.events += delivered

    def _items(self, connection: Connection, data: bytes) -> list[Item]:
        """The events in a frame; all that is not one is dealt with. Raises what an error frame means."""
        frame = read_frame(data)
        counts = self._counts
        counts.messages += len(frame.messages)
        counts.bad += frame.bad
        counts.unknown += frame.unknown
        items = []
        for message in frame.messages:
            if isinstance(message, (TradeMessage, QuoteMessage, BarMessage)):
                try:
                    items.append(message.item())
                except ValueError:
                    counts.bad += 1
            else:
                self._note(connection, message)
        if data in self._recent:
            counts.duplicates += len(items)
            return []
        if items:
            self._recent.append(data)
            self._has_heard = True
        return items

    def _note(self, connection: Connection, message: Message) -> None:
        if isinstance(message, Problem):
            connection.raise_problem(message)
        if isinstance(message, (Correction, Cancellation)):
            self._counts.corrections += 1
            what = "corrected to" if isinstance(message, Correction) else "taken back:"
            logger.info("%s: a trade was %s %s at %s", message.symbol, what, message.size, message.price)

    # --- gaps ---------------------------------------------------------------------------------------------------------

    async def _fill(self, connection: Connection, kinds: Sequence[Kind], deliver: Deliver) -> str:
        """Fetch and deliver what was missed, then what came meanwhile; returns what was done, for people.

        Both are put in one order of time first, because the history may lack what the stream has brought by then.
        """
        waiting = list(connection.early)
        missed = await self._while_gathering(connection, waiting, lambda stop: self._missed(kinds, stop))
        fetched = missed.fetched
        items = [(item, True) for item in fetched.items]
        items += [(item, False) for data in waiting for item in self._items(connection, data)]
        items.sort(key=lambda each: each[0][0].time_ns)
        from_history = from_stream = 0
        for (event, key), is_fetched in items:
            if self._seam.admit(event, key):
                await deliver(event)
                from_history += is_fetched
                from_stream += not is_fetched
        self._seam.note_filled(fetched.items)
        counts = self._counts
        counts.bad += fetched.bad
        counts.events += from_history + from_stream
        counts.gap_events += from_history
        counts.gaps_filled += not missed.left_out
        counts.gaps_left += bool(missed.left_out)
        return "; ".join((f", {from_history} missed events fetched", *missed.left_out))

    async def _while_gathering(
        self, connection: Connection, waiting: list[bytes], fetch: Callable[[threading.Event], _Missed]
    ) -> _Missed:
        """Fetch in a thread while frames are read into ``waiting``, so that the server doesn't think us slow."""
        stop = threading.Event()
        gathering = asyncio.create_task(self._gather(connection, waiting))
        fetching = asyncio.create_task(self._fetch_settled(fetch, stop))
        try:
            await asyncio.wait((gathering, fetching), return_when=asyncio.FIRST_COMPLETED)
            if gathering.done():
                gathering.result()
            return await fetching
        finally:
            stop.set()
            fetching.cancel()
            gathering.cancel()
            with suppress(asyncio.CancelledError, Lost):
                await gathering

    async def _gather(self, connection: Connection, waiting: list[bytes]) -> None:
        size = 0
        while size < MOST_WAITING_BYTES:
            waiting.append(await self._hear(connection))
            size += len(waiting[-1])

    async def _fetch_settled(self, fetch: Callable[[threading.Event], _Missed], stop: threading.Event) -> _Missed:
        await asyncio.sleep(self._timing.settle_s)
        try:
            return await asyncio.to_thread(fetch, stop)
        except RequestFailed as error:
            raise Lost(f"{self.wanted.name}: what was missed can't be fetched: {error}") from None

    def _missed(self, kinds: Sequence[Kind], stop: threading.Event) -> _Missed:
        """In a thread: nothing else touches the seam meanwhile. Raises a RequestFailed that may not come again."""
        missed = _Missed(Fetched(), [])
        now_ns = self._history.now_ns()
        for kind in kinds:
            since_ns = self._since_ns(kind)
            if kind is not Kind.BARS and now_ns - min(since_ns.values()) > LONGEST_TICK_GAP_NS:
                minutes = LONGEST_TICK_GAP_NS // MINUTE_NS
                missed.left_out.append(f"{kind} left out: the gap is longer than {minutes} minutes")
                continue
            try:
                fetched = self._history.fetch(kind, since_ns, now_ns, lambda: not stop.is_set())
            except ErrorAnswer as error:
                if not 400 <= error.status < 500 or error.status in MAYBE_LATER:
                    raise
                missed.left_out.append(f"{kind} left out: {error}")
                continue
            if fetched.is_cut:
                missed.left_out.append(f"some {kind} left out: there are too many")
            missed.fetched.add(fetched)
        return missed

    def _since_ns(self, kind: Kind) -> Mapping[str, int]:
        return {symbol: self._seam.missing_since_ns(kind, symbol) for symbol in self.wanted.symbols}
