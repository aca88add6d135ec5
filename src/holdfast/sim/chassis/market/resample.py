"""Longer bars from shorter ones, and bars from trades."""

import numpy as np

from holdfast.core.types import MINUTE_NS
from holdfast.sim.chassis.market.columns import Bars, Floats, Integers, Trades, no_bars
from holdfast.sim.chassis.market.timeframe import MINUTELY, Sessions, Timeframe, bucket_starts


def minute_bars(trades: Trades) -> Bars:
    """The minute bars of trades. Minutes without a trade have none."""
    if not len(trades):
        return no_bars()
    starts = bucket_starts(trades.ts, MINUTELY, None)
    first = _first_of_each(starts)
    price, size = trades.price, trades.size
    volume = np.add.reduceat(size, first)
    return Bars(
        start=starts[first],
        end=starts[first] + MINUTE_NS,
        open=price[first],
        high=np.maximum.reduceat(price, first),
        low=np.minimum.reduceat(price, first),
        close=price[_last_of_each(first, len(price))],
        volume=volume,
        vwap=_weighted(price, size, volume, first),
        count=np.diff(first, append=len(price)).astype(np.float64),
        is_met=np.zeros(len(first), dtype=bool),
    )


def longer_bars(bars: Bars, frame: Timeframe, zone: str | None, sessions: Sessions) -> Bars:
    """``bars`` gathered into ``frame``. What is in the last bucket so far makes a bar that is still forming.

    Where there are sessions, a day's open, high, low and close are those of regular hours, the volume is that of all (as US brokers have it:
    trades outside of regular hours count in a daily bar's volume only); a day that has none of them takes all there is.
    """
    if not len(bars):
        return bars
    starts = bucket_starts(bars.start, frame, zone)
    whole = _gather(bars, starts)
    if zone is None or frame.unit != "Day":
        return whole
    regular = sessions.is_regular(bars.start) | sessions.is_regular(bars.end - 1)
    if regular.all() or not regular.any():
        return whole
    inner = _gather(bars.pick(regular), starts[regular])
    places = np.searchsorted(whole.start, inner.start)
    for name in ("open", "high", "low", "close"):
        getattr(whole, name)[places] = getattr(inner, name)
    return whole


def _gather(bars: Bars, starts: Integers) -> Bars:
    first = _first_of_each(starts)
    last = _last_of_each(first, len(bars))
    volume = np.add.reduceat(bars.volume, first)
    return Bars(
        start=starts[first],
        end=bars.end[last],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        volume=volume,
        vwap=_weighted(bars.vwap, bars.volume, volume, first),
        count=np.add.reduceat(bars.count, first),
        is_met=np.zeros(len(first), dtype=bool),
    )


def _first_of_each(starts: Integers) -> Integers:
    return np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))


def _last_of_each(first: Integers, length: int) -> Integers:
    return np.append(first[1:], length) - 1


def _weighted(price: Floats, size: Floats, volume: Floats, first: Integers) -> Floats:
    """The mean price by volume; the plain first price where nothing was traded. To six decimals."""
    value = np.add.reduceat(price * size, first)
    mean: Floats = np.divide(value, volume, out=price[first].copy(), where=volume > 0)
    return mean.round(6)
