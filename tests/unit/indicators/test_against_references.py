"""Indicators beside TA-Lib, and beside pandas where TA-Lib has none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import SOURCES, Indicator
from holdfast.indicators import (
    Atr,
    Bollinger,
    Donchian,
    Ema,
    Highest,
    Lowest,
    Macd,
    RollingVolatility,
    Rsi,
    Sma,
    Vwap,
    Wma,
    ZScore,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]
Reference = Callable[[pd.DataFrame], dict[str, Any]]


def walk(seed: int, count: int = 3000) -> pd.DataFrame:
    """A random walk to the cent, with flat stretches and jumps."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, 0.004, count)
    moves[random.random(count) < 0.2] = 0
    moves[random.random(count) < 0.003] *= 20
    close = np.round(100 * np.exp(np.cumsum(moves)), 2)
    opens = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opens, close) + np.round(random.exponential(0.1, count), 2)
    low = np.minimum(opens, close) - np.round(random.exponential(0.1, count), 2)
    volume = np.round(random.exponential(1000, count))
    return pd.DataFrame({"open": opens, "high": high, "low": low, "close": close, "volume": volume})


def bars_of(frame: pd.DataFrame) -> list[Bar]:
    rows = frame[["open", "high", "low", "close", "volume"]].to_numpy().tolist()
    return [Bar("ABC", (number + 1) * 60, number * 60, *row) for number, row in enumerate(rows)]


def run(indicator: Indicator, bars: list[Bar]) -> dict[str, Floats]:
    """Each output after each bar, NaN before there is one."""
    read = SOURCES[indicator.of]
    rows = []
    for bar in bars:
        indicator.update(bar if indicator.takes_bars else read(bar))
        rows.append([getattr(indicator, name) if indicator.ready else np.nan for name in indicator.outputs])
    return {name: np.array([row[at] for row in rows], float) for at, name in enumerate(indicator.outputs)}


def bands(frame: pd.DataFrame, length: int, deviations: float) -> dict[str, Any]:
    upper, middle, lower = talib.BBANDS(frame.close.to_numpy(), length, deviations, deviations)
    return {"value": middle, "upper": upper, "lower": lower}


def macd(frame: pd.DataFrame, *lengths: int) -> dict[str, Any]:
    line, signal, histogram = talib.MACD(frame.close.to_numpy(), *lengths)
    return {"value": line, "signal": signal, "histogram": histogram}


def atr(frame: pd.DataFrame, length: int) -> dict[str, Any]:
    return {"value": talib.ATR(frame.high.to_numpy(), frame.low.to_numpy(), frame.close.to_numpy(), length)}


def donchian(frame: pd.DataFrame, length: int) -> dict[str, Any]:
    upper, lower = frame.high.rolling(length).max(), frame.low.rolling(length).min()
    return {"value": (upper + lower) / 2, "upper": upper, "lower": lower}


def z_score(frame: pd.DataFrame, length: int) -> dict[str, Any]:
    windows = np.lib.stride_tricks.sliding_window_view(frame.close.to_numpy(), length)
    spread = np.where(np.ptp(windows, axis=1) == 0, np.inf, windows.std(axis=1))  # nothing moves: 0
    score = (windows[:, -1] - windows.mean(axis=1)) / spread
    return {"value": np.concatenate((np.full(length - 1, np.nan), score))}


def volatility(frame: pd.DataFrame, length: int, per_year: int) -> dict[str, Any]:
    windows = np.lib.stride_tricks.sliding_window_view(np.diff(np.log(frame.close.to_numpy())), length)
    return {"value": np.concatenate((np.full(length, np.nan), windows.std(axis=1, ddof=1) * per_year**0.5))}


def first_ema(frame: pd.DataFrame, length: int) -> dict[str, Any]:
    return {"value": frame.close.ewm(span=length, adjust=False, min_periods=length).mean()}


def of_close(function: Callable[..., Any], *args: Any) -> Reference:
    return lambda frame: {"value": function(frame.close.to_numpy(), *args)}


CASES: list[tuple[Callable[[], Indicator], Reference]] = [
    (lambda: Sma(20), of_close(talib.SMA, 20)),
    (lambda: Sma(1), lambda frame: {"value": frame.close}),
    (lambda: Sma(500), of_close(talib.SMA, 500)),
    (lambda: Ema(20), of_close(talib.EMA, 20)),
    (lambda: Ema(1), lambda frame: {"value": frame.close}),
    (lambda: Ema(333), of_close(talib.EMA, 333)),
    (lambda: Ema(20, seed="first"), lambda frame: first_ema(frame, 20)),
    (lambda: Wma(2), of_close(talib.WMA, 2)),
    (lambda: Wma(30), of_close(talib.WMA, 30)),
    (Rsi, of_close(talib.RSI, 14)),
    (lambda: Rsi(2), of_close(talib.RSI, 2)),
    (Atr, lambda frame: atr(frame, 14)),
    (lambda: Atr(1), lambda frame: atr(frame, 1)),
    (Macd, lambda frame: macd(frame, 12, 26, 9)),
    (lambda: Macd(3, 50, 4), lambda frame: macd(frame, 3, 50, 4)),
    (Bollinger, lambda frame: bands(frame, 20, 2.0)),
    (lambda: Bollinger(5, 1.5), lambda frame: bands(frame, 5, 1.5)),
    (lambda: Donchian(20), lambda frame: donchian(frame, 20)),
    (lambda: Highest(17), lambda frame: {"value": talib.MAX(frame.high.to_numpy(), 17)}),
    (lambda: Lowest(17), lambda frame: {"value": talib.MIN(frame.low.to_numpy(), 17)}),
    (lambda: Highest(1), lambda frame: {"value": frame.high}),
    (lambda: ZScore(20), lambda frame: z_score(frame, 20)),
    (lambda: RollingVolatility(20, 252), lambda frame: volatility(frame, 20, 252)),
]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("seed", [1, 2])
def test_values_and_warm_up_are_the_references(case: int, seed: int) -> None:
    """Every output is within 1e-9 of the reference's at each bar, and begins at the very bar at which that one begins."""
    make, reference = CASES[case]
    frame = walk(seed)
    indicator = make()
    found = run(indicator, bars_of(frame))
    expected = reference(frame)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(values, float), rtol=1e-9, atol=1e-9, equal_nan=True)
    assert int(np.isnan(found["value"]).sum()) == indicator.bars - 1


def test_a_window_of_two_extremes_by_talib() -> None:
    """TA-Lib takes no window of one; of two and more its extremes are ours."""
    frame = walk(5)
    for length in (2, 3, 250):
        found = run(Highest(length), bars_of(frame))["value"]
        np.testing.assert_array_equal(found, talib.MAX(frame.high.to_numpy(), length))


def test_vwap_is_that_of_pandas_by_session() -> None:
    """Typical prices weighted by volume, from each session's open anew."""
    frame = walk(3, 900)
    frame["session"] = np.repeat(np.arange(9), 100)
    frame["money"] = (frame.high + frame.low + frame.close) / 3 * frame.volume
    sums = frame.groupby("session")[["money", "volume"]].cumsum()
    vwap, found = Vwap(), []
    for number, one in enumerate(bars_of(frame)):
        if number % 100 == 0:
            vwap.begin_session()
        found.append(vwap.update(one))
    np.testing.assert_allclose(np.array(found, float), sums.money / sums.volume, rtol=1e-12)
