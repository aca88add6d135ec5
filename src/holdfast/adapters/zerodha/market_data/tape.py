"""What ticks tell, as events: trades, quotes, and bars of a minute.

A tick says what an instrument is like at a moment, and several changes may be one tick. So a trade's size is by how much the volume of the day
has grown, its price is the last one, and a bar lacks prices that came and went between two ticks.
"""

from collections.abc import Iterable, Mapping

from holdfast.adapters.zerodha.market_data.counts import Counts
from holdfast.adapters.zerodha.market_data.ticks import Tick
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.feeds.live import Stream


class Tape:
    """One instrument's. ``bars_from_ns``: only minutes that begin then or later are told as bars; of others a part may be missing."""

    __slots__ = (
        "_bar",
        "_best",
        "_counts",
        "_price",
        "_quote_ns",
        "_streams",
        "_symbol",
        "_trade_ns",
        "_volume",
        "bars_from_ns",
    )

    def __init__(self, symbol: str, streams: Iterable[Stream], counts: Counts) -> None:
        self._counts = counts
        self._symbol = symbol
        self._streams = frozenset(streams)
        self._trade_ns = self._quote_ns = 0
        self.bars_from_ns = 0
        self.begin(0)

    def begin(self, bars_from_ns: int) -> None:
        """A connection begins: what was between it and the last tick is not known."""
        self.bars_from_ns = bars_from_ns
        self._volume: int | None = None
        self._price: float | None = None
        self._best: tuple[float, float, float, float] | None = None
        self._bar: Bar | None = None

    def take(self, tick: Tick) -> list[MarketEvent]:
        """The events that a tick tells, in order. One without the exchange's time (before its mode is set) tells none."""
        if not tick.exchange_s:
            return []
        events: list[MarketEvent] = []
        trade = self._index(tick) if tick.is_index else self._trade(tick)
        if trade is not None:
            if Stream.BARS in self._streams:
                events += self._into_bar(trade)
            if Stream.TRADES in self._streams and not tick.is_index:
                events.append(trade)
        if Stream.QUOTES in self._streams and (quote := self._quote(tick)) is not None:
            events.append(quote)
        return events

    def close(self, until_ns: int) -> Bar | None:
        """The bar that has ended by a time, if there is one that was not told yet."""
        bar = self._bar
        if bar is None or bar.time_ns > until_ns:
            return None
        self._bar = None
        return bar if bar.start_ns >= self.bars_from_ns else None

    def _trade(self, tick: Tick) -> Trade | None:
        """What was traded since the last tick; None for nothing, or before a second tick can say."""
        before = self._volume
        time_ns = (tick.last_trade_s or tick.exchange_s) * SECOND_NS
        if before is not None and time_ns < self._trade_ns:
            self._counts.late += 1
            return None
        self._volume = tick.volume
        if before is None or tick.volume == before or not tick.last_price:
            return None
        size = tick.volume - before if tick.volume > before else tick.volume  # a new day counts from zero
        if not size:
            return None
        self._trade_ns = time_ns
        return Trade(self._symbol, time_ns, tick.last_price, float(size))

    def _index(self, tick: Tick) -> Trade | None:
        """An index has no volume: a price that it has now goes into its bar."""
        time_ns = tick.exchange_s * SECOND_NS
        if time_ns < self._trade_ns or not tick.last_price:
            self._counts.late += time_ns < self._trade_ns
            return None
        before, self._price = self._price, tick.last_price
        if before is None:
            return None
        self._trade_ns = time_ns
        return Trade(self._symbol, time_ns, tick.last_price, 0.0)

    def _into_bar(self, trade: Trade) -> list[Bar]:
        """The bar that is over with a trade of a later minute."""
        start_ns = trade.time_ns // MINUTE_NS * MINUTE_NS
        over = self.close(start_ns)
        bar, price = self._bar, trade.price
        if bar is None:
            first = price
            self._bar = Bar(self._symbol, start_ns + MINUTE_NS, start_ns, first, price, price, price, trade.size)
        else:
            high, low = max(bar.high, price), min(bar.low, price)
            self._bar = Bar(
                self._symbol, bar.time_ns, bar.start_ns, bar.open, high, low, price, bar.volume + trade.size
            )
        return [] if over is None else [over]

    def _quote(self, tick: Tick) -> Quote | None:
        """The best prices, if they are others than before."""
        if not tick.bids or not tick.asks:
            return None
        bid, ask = tick.bids[0], tick.asks[0]
        best = (bid.price, float(bid.quantity), ask.price, float(ask.quantity))
        time_ns = tick.exchange_s * SECOND_NS
        if best == self._best or time_ns < self._quote_ns or not (bid.price or ask.price):
            return None
        self._best, self._quote_ns = best, time_ns
        return Quote(self._symbol, time_ns, *best)


def close_all(tapes: Mapping[int, Tape], until_ns: int) -> list[Bar]:
    """The bars that have ended by a time, in order of time and symbol."""
    bars = [bar for tape in tapes.values() if (bar := tape.close(until_ns)) is not None]
    return sorted(bars, key=lambda bar: (bar.time_ns, bar.symbol))
