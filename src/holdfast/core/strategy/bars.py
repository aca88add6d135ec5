"""Bars of a longer length from shorter bars, or from trades or quotes."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from holdfast.core.messages import Bar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.buckets import Buckets

_NEVER = 1 << 62
Prices = tuple[float, float, float, float]
"""Open, high, low, close."""
Reader = TypeVar("Reader")


class BarBuilder:
    """Gathers one symbol's prices into the bars of one length. A bar is done when its period is over.

    ``due_ns`` is when the bar that is being gathered is over and nothing that belongs to it can still come; 0 while there is none.
    What comes after its bar was done is left out.
    """

    __slots__ = (
        "_buckets",
        "_done_ns",
        "close",
        "due_ns",
        "end_ns",
        "high",
        "low",
        "open",
        "start_ns",
        "symbol",
        "volume",
    )

    def __init__(self, symbol: str, buckets: Buckets) -> None:
        self.symbol = symbol
        self._buckets = buckets
        self._done_ns = 0
        self.start_ns = self.end_ns = self.due_ns = 0
        self.open = self.high = self.low = self.close = self.volume = 0.0

    def add(self, start_ns: int, end_ns: int, prices: Prices, volume: float, late_ns: int) -> Bar | None:
        """Take in something that lasted from ``start_ns`` to ``end_ns``; a trade's are the same.

        Gives back the bar before, if this belongs to a new one. ``late_ns``: by so much later than its end may a shorter bar come.
        """
        if start_ns < self._done_ns:
            return None
        before = None
        if not (self.due_ns and self._buckets.is_intraday and self.start_ns <= start_ns < self.end_ns >= end_ns):
            bucket = self._buckets.of(start_ns, end_ns)
            if bucket is None:
                return None
            if self.due_ns and bucket[0] != self.start_ns:
                before = self._take()
            if not self.due_ns:
                self.start_ns, self.end_ns = bucket
                self.open, self.high, self.low, _ = prices
                self.volume = 0.0
        _, high, low, self.close = prices
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        self.volume += volume
        length_ns = end_ns - start_ns
        last_ns = self.end_ns  # shorter bars that don't fit in: the one that reaches over the end still belongs to it
        if length_ns and (self.end_ns - start_ns) % length_ns:
            last_ns = start_ns + ((self.end_ns - start_ns) // length_ns + 1) * length_ns
        self.end_ns = max(self.end_ns, end_ns)
        self.due_ns = end_ns if end_ns >= self.end_ns else last_ns + late_ns
        return before

    def finish(self, time_ns: int) -> Bar | None:
        """The bar, if it is due by ``time_ns``; the builder is empty again then."""
        return self._take() if self.due_ns and time_ns >= self.due_ns else None

    def split(self, ratio: float) -> None:
        """What is gathered so far goes on in shares of after a split, so many new ones for an old one."""
        self.open, self.high, self.low, self.close = (
            price / ratio for price in (self.open, self.high, self.low, self.close)
        )
        self.volume *= ratio

    def _take(self) -> Bar:
        bar = Bar(self.symbol, self.end_ns, self.start_ns, self.open, self.high, self.low, self.close, self.volume)
        self.due_ns, self._done_ns = 0, self.end_ns
        return bar


class BuiltBars(Generic[Reader]):
    """The bars that are built for an account's strategies, and who reads them.

    ``due_ns`` is the earliest time at which one of them is over. ``late_ns``: how much later than its end a bar of the feed may
    come; 0 where the feed is played again and all that ends at a time is there at that time.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self.late_ns = 0
        self.due_ns = _NEVER
        self._buckets: dict[int, Buckets] = {}
        self._routes: dict[str, list[tuple[int, BarBuilder, list[Reader]]]] = {}

    def readers(self, symbol: str, length_ns: int) -> list[Reader]:
        """Those who read a symbol's bars of this length; add to them."""
        routes = self._routes.setdefault(symbol, [])
        for known_ns, _, readers in routes:
            if known_ns == length_ns:
                return readers
        buckets = self._buckets.setdefault(length_ns, Buckets(self._calendar, length_ns))
        readers = []
        routes.append((length_ns, BarBuilder(symbol, buckets), readers))
        self._routes = dict(sorted(self._routes.items()))
        return readers

    def add(
        self, symbol: str, start_ns: int, end_ns: int, prices: Prices, volume: float
    ) -> Iterator[tuple[Bar, list[Reader]]]:
        """Take in a bar, or a trade (``end_ns`` is ``start_ns``), where it is shorter than what is built; gives the bars that are done."""
        for length_ns, builder, readers in self._routes.get(symbol, ()):
            if end_ns - start_ns >= length_ns:
                continue
            before = builder.add(start_ns, end_ns, prices, volume, self.late_ns)
            if before is not None:
                yield before, readers
            done = builder.finish(end_ns)
            if done is not None:
                yield done, readers
            elif 0 < builder.due_ns < self.due_ns:
                self.due_ns = builder.due_ns

    def split(self, symbol: str, ratio: float) -> None:
        """The unfinished bars of a symbol go on in shares of after a split."""
        for _, builder, _ in self._routes.get(symbol, ()):
            builder.split(ratio)

    def finish(self, until_ns: int) -> list[tuple[Bar, list[Reader]]]:
        """The bars that are over by then, in order of their ends."""
        if until_ns < self.due_ns:
            return []
        done = []
        self.due_ns = _NEVER
        for routes in self._routes.values():
            for _, builder, readers in routes:
                bar = builder.finish(until_ns)
                if bar is not None:
                    done.append((bar, readers))
                elif builder.due_ns:
                    self.due_ns = min(self.due_ns, builder.due_ns)
        return sorted(done, key=lambda item: (item[0].time_ns, item[0].symbol, item[0].start_ns))
