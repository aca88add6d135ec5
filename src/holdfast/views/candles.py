"""Candles of a symbol for a chart: from the feed itself, read up to the market's time; or, where that can't be had, from the journal.

A feed that can be played again is read beside the engine, never beyond its time. A live one is asked for its past with a login of its own, once
for all who look, and left alone for a while after a failure. `Charts` is one of a process: what it has read serves everybody.
"""

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from holdfast.assembly import build_feed, calendar_of, open_market
from holdfast.config import AccountConfig, Config, FeedConfig
from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import SECOND_NS
from holdfast.errors import DataError, HoldfastError, InvalidValue
from holdfast.journal.reader import Reader
from holdfast.views.board import MarketView, market
from holdfast.views.played import Bars, Played

BUDGET_S = 3.0
"""So long one look reads on in a feed; the next goes on from there."""
FRESH_S = 15.0
"""So long the past of a live feed serves everybody before it is asked for anew."""
BACK_OFF_S, LONGEST_BACK_OFF_S = 30.0, 600.0
"""How long a live feed is left alone after a failure, doubled with each."""
LIVE_MINUTES = 1_200
"""So much of a live feed's past is asked for, in minutes of trading."""
READ = 5_000
"""So many of the journal's market events are looked through where there is nothing better."""
DEFAULT, MOST = 600, 20_000
"""How many bars an answer has when nothing is said, and at most."""
FEED, HISTORY, JOURNAL = "feed", "history", "journal"


class CandleRequest(NamedTuple):
    """Which bars: the latest ``limit``, or the latest that begin before ``before_ns``."""

    account: str
    symbol: str
    timeframe: str = "1Min"
    limit: int = DEFAULT
    before_ns: int | None = None


class Candles(msgspec.Struct, frozen=True):
    """Bars of a symbol, the oldest first. The last may be of a time that isn't over."""

    symbol: str
    """What they are of."""
    timeframe: str
    """How long they are."""
    bars: list[tuple[float, float, float, float, float, float]]
    """Start in seconds since 1970, open, high, low, close, volume."""
    source: str
    """``feed``: the feed played up to the market's time; ``history``: asked of a live one; ``journal``: the events that the journal has."""
    why: str
    """What is missing, in words; empty when nothing is."""
    as_of_ns: int | None
    """Up to when they are, in nanoseconds since 1970."""


class _Past:
    """The past of a live feed, asked for once for all."""

    def __init__(self) -> None:
        self.bars: Bars | None = None
        self.fault = ""
        self.next_s = 0.0
        self.pause_s = BACK_OFF_S


class Charts:
    """Reads market data for whoever looks. Any thread may ask; those who ask for the same feed wait for each other."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._played: dict[str, Played] = {}
        self._past: dict[str, _Past] = {}

    def candles(self, reader: Reader, request: CandleRequest) -> Candles:
        """The bars that are asked for.

        Raises :class:`~holdfast.errors.InvalidValue` for an account, a timeframe or a number that can't be, and where the feed's bars are longer.
        """
        length_ns = parse_timeframe(request.timeframe)
        if not 1 <= request.limit <= MOST:
            raise InvalidValue(f"limit must be from 1 to {MOST:,}, not {request.limit}")
        bars, source, why, now = self._bars(reader, request, length_ns)
        rows = [
            (bar.start_ns / SECOND_NS, bar.open, bar.high, bar.low, bar.close, bar.volume)
            for bar in bars
            if (request.before_ns is None or bar.start_ns < request.before_ns)
            and (now.time_ns is None or bar.start_ns < now.time_ns)
        ]
        return Candles(request.symbol, request.timeframe, rows[-request.limit :], source, why, now.time_ns)

    def bars(self, account: AccountConfig, until_ns: int | None) -> tuple[Bars, str]:
        """What an account's feed has up to a time, and what is missing in words. Hold `lock_of`. Raises HoldfastError, OSError."""
        source = self.config.feed_of(account)
        if source.is_live:
            return self._history(account, source, until_ns)
        key = f"{source.name}\n{account.calendar}"
        if key not in self._played:
            feed = build_feed(self.config, source)
            self._played[key] = Played(feed.events, Bars(calendar_of(account), feed.symbols, feed.bar_ns))
        played = self._played[key]
        is_whole = played.advance(until_ns or 0, BUDGET_S)
        return played.bars, "" if is_whole else "the feed is still being read; ask again"

    def lock_of(self, account: AccountConfig) -> threading.Lock:
        """Who holds it may read of an account's feed."""
        with self._lock:
            return self._locks.setdefault(self.config.feed_of(account).name, threading.Lock())

    def account_of(self, name: str) -> AccountConfig:
        """An account of the configuration. Raises :class:`~holdfast.errors.InvalidValue`."""
        found = next((row for row in self.config.accounts if row.name == name), None)
        if found is None:
            names = ", ".join(row.name for row in self.config.accounts)
            raise InvalidValue(f"the configuration has no account {name!r}; it has {names}")
        return found

    def _bars(
        self, reader: Reader, request: CandleRequest, length_ns: int
    ) -> tuple[Iterable[Bar], str, str, MarketView]:
        account = self.account_of(request.account)
        now = market(reader, account.name)
        try:
            with self.lock_of(account):
                bars, why = self.bars(account, now.time_ns)
                source = HISTORY if self.config.feed_of(account).is_live else FEED
                return bars.of(request.symbol, length_ns), source, why, now
        except InvalidValue:
            raise
        except (HoldfastError, OSError) as error:
            return _recorded(reader, account, request.symbol, length_ns), JOURNAL, str(error), now

    def _history(self, account: AccountConfig, source: FeedConfig, now_ns: int | None) -> tuple[Bars, str]:
        """What a live feed has of the past, and why that is old. Raises HoldfastError while it is left alone and has none."""
        past = self._past.setdefault(source.name, _Past())
        if time.monotonic() >= past.next_s:
            try:
                past.bars, past.fault = self._ask(account, source, now_ns or time.time_ns()), ""
                past.next_s, past.pause_s = time.monotonic() + FRESH_S, BACK_OFF_S
            except (HoldfastError, OSError) as error:
                past.fault = f"{source.label}'s past can't be had: {error}"
                past.next_s = time.monotonic() + past.pause_s
                past.pause_s = min(LONGEST_BACK_OFF_S, 2 * past.pause_s)
        if past.bars is None:
            raise DataError(past.fault)
        return past.bars, past.fault

    def _ask(self, account: AccountConfig, source: FeedConfig, now_ns: int) -> Bars:
        login, feed = open_market(self.config, source, LIVE_MINUTES)
        try:
            bars = Bars(calendar_of(account), feed.symbols, feed.bar_ns)
            for event in feed.history(now_ns):
                bars.add(event)
            return bars
        finally:
            login.close()


def _recorded(reader: Reader, account: AccountConfig, symbol: str, length_ns: int) -> list[Bar]:
    """Bars of the market events that the journal has: those at which a strategy asked for something."""
    kinds = (Bar.__name__, Quote.__name__, Trade.__name__)
    bars = Bars(calendar_of(account), [symbol], None)
    for record in reversed(reader.last_records(account.name, READ, *kinds)):
        if isinstance(record.body, Bar | Quote | Trade) and record.body.symbol == symbol:
            bars.add(record.body)
    return bars.of(symbol, length_ns)
