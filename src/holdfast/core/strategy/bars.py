"""Bars of a longer length from shorter bars, or from trades or quotes."""

from collections.abc import Callable

from holdfast.core.messages import Bar

BucketStart = Callable[[int], int]
"""The start of the bucket that a time falls into."""


class BarBuilder:
    """Gathers one symbol's prices into bars of ``length_ns``; a bar is done when its end is reached."""

    __slots__ = ("bucket_start", "close", "end_ns", "high", "length_ns", "low", "open", "start_ns", "symbol", "volume")

    def __init__(self, symbol: str, length_ns: int, bucket_start: BucketStart) -> None:
        self.symbol = symbol
        self.length_ns = length_ns
        self.bucket_start = bucket_start
        self.start_ns = 0
        self.end_ns = 0  # 0: nothing gathered
        self.open = self.high = self.low = self.close = self.volume = 0.0

    def add(self, start_ns: int, prices: tuple[float, float, float, float], volume: float) -> None:
        """Take in open, high, low and close of something that began at ``start_ns``."""
        first, high, low, last = prices
        if not self.end_ns:
            self.start_ns = self.bucket_start(start_ns)
            self.end_ns = self.start_ns + self.length_ns
            self.open, self.high, self.low, self.volume = first, high, low, 0.0
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        self.close = last
        self.volume += volume

    def finish(self, time_ns: int) -> Bar | None:
        """The bar, if its end has come by ``time_ns``; the builder is empty again then."""
        if not self.end_ns or time_ns < self.end_ns:
            return None
        bar = Bar(self.symbol, self.end_ns, self.start_ns, self.open, self.high, self.low, self.close, self.volume)
        self.end_ns = 0
        return bar
