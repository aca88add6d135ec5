"""A feed that can be played again, read beside the engine up to its market time and never beyond, as bars.

What was read is kept, so each look goes on from where the last one was. Memory is bounded: of each symbol the latest bars are kept.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from holdfast.core.adjustments import CorporateAction
from holdfast.core.corporate import bar_after
from holdfast.core.messages import Bar, FeedEvent, MarketEvent, Quote, Trade
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.bars import BarBuilder
from holdfast.core.strategy.buckets import Buckets
from holdfast.core.strategy.timeframe import timeframe_name
from holdfast.core.types import MINUTE_NS
from holdfast.errors import InvalidValue

MOST_BARS = 200_000
"""So many bars of all symbols together are kept; some 250 bytes each."""
FEWEST, MOST = 100, 20_000
"""Of one symbol at least and at most."""
LOOK = 256
"""After so many events the clock is looked at."""


class Series:
    """The bars of one symbol and length, the latest of them, and the one that is being built."""

    def __init__(self, symbol: str, length_ns: int, calendar: TradingCalendar, most: int) -> None:
        self.bars: deque[Bar] = deque(maxlen=most)
        self._length_ns = length_ns
        self._builder = BarBuilder(symbol, Buckets(calendar, length_ns))

    def add(self, bar: Bar) -> None:
        """Take in a bar of the feed. Raises InvalidValue where it is longer than the series'."""
        length_ns = bar.time_ns - bar.start_ns
        if length_ns == self._length_ns:
            self.bars.append(bar)
            return
        if length_ns > self._length_ns:
            raise InvalidValue(
                f"{bar.symbol} has bars of {timeframe_name(length_ns)}; shorter ones can't be made of them"
            )
        prices = (bar.open, bar.high, bar.low, bar.close)
        for done in (
            self._builder.add(bar.start_ns, bar.time_ns, prices, bar.volume, 0),
            self._builder.finish(bar.time_ns),
        ):
            if done is not None:
                self.bars.append(done)

    def split(self, action: CorporateAction) -> None:
        """Put what is there into shares of after a split."""
        self.bars = deque((bar_after(action, bar) for bar in self.bars), maxlen=self.bars.maxlen)
        self._builder.split(action.new / action.old)

    def latest(self) -> Iterator[Bar]:
        """The bars, and last what is there of the one that isn't over."""
        yield from self.bars
        yield from unfinished(self._builder)


def unfinished(builder: BarBuilder) -> Iterator[Bar]:
    """The bar that is being built, as far as it has come."""
    if builder.due_ns:
        prices = builder.open, builder.high, builder.low, builder.close
        yield Bar(builder.symbol, builder.end_ns, builder.start_ns, *prices, builder.volume)


class Bars:
    """Market events as bars by symbol, from which those of any longer length are made once somebody asks for them."""

    def __init__(self, calendar: TradingCalendar, symbols: Sequence[str], bar_ns: int | None) -> None:
        """``bar_ns`` is the length of the feed's bars; None where it has ticks."""
        self.calendar = calendar
        self.symbols = symbols
        self.bar_ns = bar_ns or MINUTE_NS
        self.most = min(MOST, max(FEWEST, MOST_BARS // max(1, len(symbols))))
        self.splits = 0
        """How many there were: what was made of the bars before is to be made anew."""
        self._own: dict[str, deque[Bar]] = {}
        self._series: dict[tuple[str, int], Series] = {}
        self._minutes: dict[str, BarBuilder] = {}
        self._buckets = Buckets(calendar, MINUTE_NS)
        self._traded: set[str] = set()

    def add(self, event: FeedEvent) -> None:
        """Take in an event. Ticks become bars of a minute."""
        if isinstance(event, Bar):
            self._keep(event)
        elif isinstance(event, CorporateAction):
            self._split(event)
        else:
            self._tick(event)

    def since(self, symbols: Iterable[str], time_ns: int, most: int) -> list[Bar]:
        """The feed's own bars of some symbols that ended after a time, in order of time, the latest ``most`` of them."""
        found: list[Bar] = []
        for symbol in symbols:
            for bar in reversed(self._own.get(symbol, ())):
                if bar.time_ns <= time_ns:
                    break
                found.append(bar)
        return sorted(found, key=lambda bar: (bar.time_ns, bar.symbol))[-most:]

    def of(self, symbol: str, length_ns: int) -> list[Bar]:
        """The bars of a symbol of this length. Raises InvalidValue where the feed's are longer."""
        key = symbol, length_ns
        if key not in self._series:
            series = Series(symbol, length_ns, self.calendar, self.most)
            for bar in self._own.get(symbol, ()):
                series.add(bar)
            self._series[key] = series
        found = list(self._series[key].latest())
        if length_ns == MINUTE_NS and symbol in self._minutes:
            found.extend(unfinished(self._minutes[symbol]))
        return found

    def _keep(self, bar: Bar) -> None:
        own = self._own.get(bar.symbol)
        if own is None:
            own = self._own[bar.symbol] = deque(maxlen=self.most)
        own.append(bar)
        for (symbol, length_ns), series in self._series.items():
            if symbol == bar.symbol and bar.time_ns - bar.start_ns <= length_ns:
                series.add(bar)

    def _tick(self, event: MarketEvent) -> None:
        symbol = event.symbol
        if isinstance(event, Trade):
            self._traded.add(symbol)
            price, size = event.price, event.size
        elif isinstance(event, Quote) and symbol not in self._traded and event.bid and event.ask:
            price, size = (event.bid + event.ask) / 2, 0.0
        else:
            return
        minute = self._minutes.get(symbol)
        if minute is None:
            minute = self._minutes[symbol] = BarBuilder(symbol, self._buckets)
        time_ns = event.time_ns
        for done in minute.add(time_ns, time_ns, (price,) * 4, size, 0), minute.finish(time_ns):
            if done is not None:
                self._keep(done)

    def _split(self, action: CorporateAction) -> None:
        if action.new == action.old:
            return
        self.splits += 1
        own = self._own.get(action.symbol)
        if own is not None:
            self._own[action.symbol] = deque((bar_after(action, bar) for bar in own), maxlen=self.most)
        for (symbol, _), series in self._series.items():
            if symbol == action.symbol:
                series.split(action)


class Played:
    """A feed as far as it was read. One thread at a time."""

    def __init__(self, events: Callable[[], Iterator[FeedEvent]], bars: Bars) -> None:
        self.bars = bars
        self.read_ns = 0
        """Everything before and at this time was read."""
        self._events = events()
        self._next: FeedEvent | None = None
        self.is_over = False

    def advance(self, until_ns: int, budget_s: float) -> bool:
        """Read up to a time, for so many seconds at most. Whether all of it is read. Raises DataError as the feed does."""
        ends_s, count = time.monotonic() + budget_s, 0
        while not self.is_over:
            event = self._next or next(self._events, None)
            if event is None:
                self.is_over = True
                break
            if event.time_ns > until_ns:
                self._next = event
                break
            self._next = None
            self.bars.add(event)
            self.read_ns = event.time_ns
            count += 1
            if count % LOOK == 0 and time.monotonic() > ends_s:
                return False
        self.read_ns = max(self.read_ns, until_ns)
        return True
