"""The market as `tools.recheck_limits` sees it: the prices of a data file, read without the engine's own reader."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

SECOND_NS = 1_000_000_000
NOTHING = Fraction(0)


@lru_cache(maxsize=100_000)
def exact(text: str) -> Fraction:
    """A number as it is written. The same ones come again and again, and are slow to read."""
    return Fraction(text)


@lru_cache(maxsize=100_000)
def _exactly(price: float) -> Fraction:
    return Fraction(repr(float(price)))


class Moment(NamedTuple):
    """What the market showed of a symbol from one event on: the last price, the bid and the ask."""

    last: Fraction
    bid: Fraction
    ask: Fraction


class Market:
    """The prices of a data file: bars (known at their end), trades or quotes."""

    def __init__(self, path: Path | None, bar_ns: int | None) -> None:
        self.times: dict[str, list[int]] = defaultdict(list)
        self.prices: dict[str, list[tuple[float, float, float]]] = defaultdict(list)  # last, bid, ask
        self.filled: dict[str, tuple[int, Fraction]] = {}
        if path is not None:
            self._read(path, bar_ns)

    def _read(self, path: Path, bar_ns: int | None) -> None:
        import pandas as pd

        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        times = pd.to_datetime(table["ts"], utc=True).astype("int64").tolist()
        symbols = table["symbol"].astype(str).tolist()
        if "bid" in table:
            self._quotes(symbols, times, table["bid"].tolist(), table["ask"].tolist())
            return
        prices = table["price" if "price" in table else "close"].tolist()
        late_ns = 0 if "price" in table else (bar_ns or _gap(symbols, times))
        for symbol, time_ns, price in zip(symbols, times, prices, strict=True):
            self.times[symbol].append(time_ns + late_ns)
            self.prices[symbol].append((price, price, price))

    def _quotes(self, symbols: list[str], times: list[int], bids: list[float], asks: list[float]) -> None:
        known: dict[str, tuple[float, float]] = {}
        for symbol, time_ns, new_bid, new_ask in zip(symbols, times, bids, asks, strict=True):
            bid, ask = known.get(symbol, (0.0, 0.0))
            bid, ask = known[symbol] = new_bid or bid, new_ask or ask
            if bid or ask:
                last = (bid + ask) / 2 if bid and ask else bid or ask
                self.times[symbol].append(time_ns)
                self.prices[symbol].append((last, bid or last, ask or last))

    def around(self, symbol: str, time_ns: int) -> list[Moment]:
        """All that may have been the latest at a time: what came at that time, the last before, and our own last execution."""
        times, prices = self.times.get(symbol, []), self.prices.get(symbol, [])
        first, end = bisect_left(times, time_ns), bisect_right(times, time_ns)
        found = [Moment(*map(_exactly, row)) for row in prices[max(0, first - 1) : end]]
        filled_ns, price = self.filled.get(symbol, (-1, NOTHING))
        if filled_ns >= 0 and (first == 0 or filled_ns >= times[first - 1]):
            found = [*found, Moment(price, price, price)]
        return found

    def age_s(self, symbol: str, time_ns: int) -> float | None:
        """How old the last data of a symbol is."""
        at = bisect_right(self.times.get(symbol, []), time_ns)
        return (time_ns - self.times[symbol][at - 1]) / SECOND_NS if at else None


def _gap(symbols: list[str], times: list[int]) -> int:
    last: dict[str, int] = {}
    gaps: dict[int, int] = defaultdict(int)
    for symbol, time_ns in zip(symbols[:100_000], times, strict=False):
        if symbol in last and time_ns > last[symbol]:
            gaps[time_ns - last[symbol]] += 1
        last[symbol] = time_ns
    return min(gaps, key=lambda gap: (-gaps[gap], gap))
