"""The history: every symbol's data, as far as market time has come."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import DAY_NS
from holdfast.sim.chassis.market.columns import Bars, Columns, Integers, Quotes, Trades, no_bars
from holdfast.sim.chassis.market.derive import SymbolData
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.resample import longer_bars
from holdfast.sim.chassis.market.timeframe import DAILY, Sessions, Timeframe, bucket_starts, length_frame

C = TypeVar("C", bound=Columns)
LONGEST_CLOSED_NS = 10 * DAY_NS
"""How far back the bar before today's is looked for; markets don't rest longer."""


class Source(Protocol):
    """Where the data comes from."""

    @property
    def name(self) -> str:
        """What people call it."""

    def load(self) -> Sequence[SymbolData]:
        """The data there is at the start."""

    def more(self) -> Sequence[SymbolData]:
        """Data after all that was loaded; nothing when the market's data is over."""


class Store:
    """All data by symbol. Every question takes ``now_ns``, and nothing that is known only later is in an answer."""

    def __init__(self, source: Source, place: Marketplace) -> None:
        self._source = source
        self.sessions = Sessions(place.calendar)
        self.data: dict[str, SymbolData] = {one.symbol: one for one in source.load()}

    @property
    def name(self) -> str:
        """What people call the data."""
        return self._source.name

    def grow(self) -> bool:
        """Get more data from where it comes; whether there was any."""
        more = self._source.more()
        for one in more:
            self.data[one.symbol].extend(one)
        return bool(more)

    def trades(self, symbol: str, start_ns: int, end_ns: int, now_ns: int) -> Trades:
        """Trades in ``[start_ns, end_ns]``."""
        return _between(self.data[symbol].trades, start_ns, min(end_ns, now_ns))

    def trades_before(self, symbol: str, time_ns: int) -> int:
        """How many trades there are before a time."""
        data = self.data.get(symbol)
        return int(np.searchsorted(data.trades.ts, time_ns)) if data else 0

    def quotes(self, symbol: str, start_ns: int, end_ns: int, now_ns: int) -> Quotes:
        """Quotes in ``[start_ns, end_ns]``."""
        return _between(self.data[symbol].quotes, start_ns, min(end_ns, now_ns))

    def bars(self, symbol: str, frame: Timeframe, start_ns: int, end_ns: int, now_ns: int) -> Bars:
        """Bars that start in ``[start_ns, end_ns]``: those given, and where there are none, made of the finest shorter ones.

        The last may still be forming.
        """
        data = self.data[symbol]
        if frame.unit in ("Week", "Month"):
            first_ns = self._bucket(start_ns, frame, data.rules.zone)
            last_ns = self._bucket(end_ns, frame, data.rules.zone) + 366 * DAY_NS
            days = self.bars(symbol, DAILY, first_ns, last_ns, now_ns)
            return _between(longer_bars(days, frame, data.rules.zone, self.sessions), start_ns, end_ns)
        found = no_bars()
        for length_ns in _lengths(data, frame):
            is_given = length_frame(length_ns) == frame
            first_ns = start_ns if is_given else self._bucket(start_ns, frame, data.rules.zone)
            last_ns = end_ns if is_given else end_ns + frame.shortest_ns + DAY_NS // 24
            bars = _known(_between(data.layers[length_ns], first_ns, last_ns), now_ns)
            if not is_given:
                bars = _between(longer_bars(bars, frame, data.rules.zone, self.sessions), start_ns, end_ns)
            found = Bars.join([found, bars.pick(~np.isin(bars.start, found.start))])
        return found

    def last_days(self, symbol: str, now_ns: int) -> Bars:
        """The last daily bar, which may be forming, and the one before it, as far as there are two."""
        bars = self.bars(symbol, DAILY, now_ns - LONGEST_CLOSED_NS, now_ns, now_ns)
        return bars.pick(slice(max(len(bars) - 2, 0), len(bars)))

    def latest_minute(self, symbol: str, now_ns: int) -> Bars:
        """The last of the bars that happen as events, however long ago."""
        played = self.data[symbol].played
        count = int(np.searchsorted(played.end, now_ns, side="right"))
        return played.pick(slice(max(count - 1, 0), count))

    def previous_close(self, symbol: str, now_ns: int) -> float | None:
        """The close of the last day before today's date (its zone's; UTC's without one)."""
        if symbol not in self.data:
            return None
        today_ns = self._bucket(now_ns, DAILY, self.data[symbol].rules.zone)
        bars = self.bars(symbol, DAILY, today_ns - LONGEST_CLOSED_NS, today_ns - 1, now_ns)
        return float(bars.close[-1]) if len(bars) else None

    def bar_at(self, symbol: str, start_ns: int) -> tuple[float | None, int | None]:
        """Mean price by volume and number of trades of the bar that starts then; None for one that isn't in the data."""
        data = self.data.get(symbol)
        if data is None:
            return None, None
        place = int(np.searchsorted(data.played.start, start_ns))
        if place == len(data.played) or data.played.start[place] != start_ns:
            return None, None
        return float(data.played.vwap[place]), int(data.played.count[place])

    def last_events(self, symbol: str, now_ns: int) -> list[MarketEvent]:
        """The last bar, trade and quote known by ``now_ns``, as events: what a market that starts then has behind it."""
        data = self.data[symbol]
        bars = self.latest_minute(symbol, now_ns)
        trades, quotes = _last(data.trades, now_ns), _last(data.quotes, now_ns)
        return [*bar_events(symbol, bars), *trade_events(symbol, trades), *quote_events(symbol, quotes)]

    def _bucket(self, time_ns: int, frame: Timeframe, zone: str | None) -> int:
        inside_ns = min(max(time_ns, EARLIEST_NS), LATEST_NS)
        return int(bucket_starts(np.array([inside_ns], dtype=np.int64), frame, zone)[0])


EARLIEST_NS = -100 * 365 * DAY_NS
LATEST_NS = 200 * 365 * DAY_NS
"""Times that requests may name are brought in between: nanoseconds have no room for the year 9999."""


def bar_events(symbol: str, bars: Bars) -> list[Bar]:
    """The rows as events."""
    columns = (bars.end, bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(map(Bar, [symbol] * len(bars), *(column.tolist() for column in columns)))


def trade_events(symbol: str, trades: Trades) -> list[Trade]:
    """The rows as events."""
    columns = (trades.ts, trades.price, trades.size)
    return list(map(Trade, [symbol] * len(trades), *(column.tolist() for column in columns)))


def quote_events(symbol: str, quotes: Quotes) -> list[Quote]:
    """The rows as events."""
    columns = (quotes.ts, quotes.bid, quotes.bid_size, quotes.ask, quotes.ask_size)
    return list(map(Quote, [symbol] * len(quotes), *(column.tolist() for column in columns)))


def _lengths(data: SymbolData, frame: Timeframe) -> list[int]:
    """The lengths of bars that ``frame`` can be had from: its own first, then the finest."""
    usable = sorted(length for length in data.layers if length_frame(length) == frame or length < frame.shortest_ns)
    return sorted(usable, key=lambda length: length_frame(length) != frame)


def _between(columns: C, start_ns: int, end_ns: int) -> C:
    stamps: Integers = columns.stamps
    first, last = np.searchsorted(stamps, start_ns, side="left"), np.searchsorted(stamps, end_ns, side="right")
    return columns.pick(slice(int(first), max(int(first), int(last))))


def _known(bars: Bars, now_ns: int) -> Bars:
    return bars.pick(slice(0, int(np.searchsorted(bars.end, now_ns, side="right"))))


def _last(columns: C, now_ns: int) -> C:
    count = int(np.searchsorted(columns.known, now_ns, side="right"))
    return columns.pick(slice(max(count - 1, 0), count))
