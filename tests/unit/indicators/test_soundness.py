"""Indicators over long, extreme, constant and broken input, after splits, and as those who read them see them."""

import copy
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import SOURCES, Indicator
from holdfast.errors import InvalidValue
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
from tests.budget import by_tier
from tests.unit.indicators.test_against_references import bars_of, walk

MAKERS: list[Callable[[], Indicator]] = [
    lambda: Sma(5),
    lambda: Ema(5),
    lambda: Ema(5, seed="first"),
    lambda: Wma(5),
    lambda: Rsi(5),
    lambda: Atr(5),
    lambda: Macd(3, 6, 4),
    lambda: Bollinger(5),
    lambda: Donchian(5),
    Vwap,
    lambda: ZScore(5),
    lambda: Highest(5),
    lambda: Lowest(5),
    lambda: RollingVolatility(5),
]
LONG = by_tier(test=30_000, campaign=1_000_000)


def flat(price: float, volume: float = 1.0) -> Bar:
    return Bar("ABC", 60, 0, price, price, price, price, volume)


def feed(indicator: Indicator, bars: list[Bar]) -> None:
    for one in bars:
        indicator.update(one if indicator.takes_bars else SOURCES[indicator.of](one))


def outputs(indicator: Indicator) -> list[Any]:
    return [getattr(indicator, name) for name in indicator.outputs]


def numbers(indicator: Indicator) -> list[float]:
    return [math.nan if value is None else value for value in outputs(indicator)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_rolling_sums_do_not_drift() -> None:
    """After a long run, with huge values now and then, a mean is that of exactly what is in its window, rounded once."""
    random = np.random.default_rng(1)
    values = np.round(random.normal(100, 1, LONG), 2)
    values[random.random(LONG) < 0.001] = 1e18
    values[-1000:] = np.round(random.normal(1e-3, 1e-5, 1000), 9)
    sma, score, bands = Sma(50), ZScore(50), Bollinger(50)
    for number, value in enumerate(values.tolist(), 1):
        sma.update(value)
        if number % (LONG // 20) == 0 or number > LONG - 1000:
            exact = sum(map(Fraction, values[max(0, number - 50) : number].tolist())) / 50
            assert sma.value == pytest.approx(float(exact), rel=1e-15, abs=0)
    feed(score, [flat(value) for value in values[-2000:].tolist()])
    feed(bands, [flat(value) for value in values[-2000:].tolist()])
    last = values[-50:]
    assert score.value == pytest.approx((last[-1] - last.mean()) / last.std(), rel=1e-9)
    assert bands.upper == pytest.approx(last.mean() + 2 * last.std(), rel=1e-12)


def test_recursive_averages_do_not_drift() -> None:
    """An exponential average after a long run is the weighted sum that it stands for, in exact arithmetic over its last values."""
    values = np.round(np.random.default_rng(2).normal(100, 1, LONG), 2).tolist()
    ema, rsi = Ema(10), Rsi(10)
    for value in values:
        ema.update(value)
        rsi.update(value)
    alpha = Fraction(2, 11)
    exact = sum(alpha * (1 - alpha) ** age * Fraction(value) for age, value in enumerate(reversed(values[-300:])))
    assert ema.value == pytest.approx(float(exact), rel=1e-13)
    changes = np.diff(values[-600:])
    weights = 0.9 ** np.arange(len(changes))[::-1] / 10
    gain, loss = (weights * changes.clip(0)).sum(), (weights * (-changes).clip(0)).sum()
    assert rsi.value == pytest.approx(100 * gain / (gain + loss), rel=1e-12)


@pytest.mark.parametrize("price", [0.1, 1 / 3, 1e-9, 123.45, 9e15])
@pytest.mark.parametrize("maker", MAKERS)
def test_constant_input_gives_a_number(maker: Callable[[], Indicator], price: float) -> None:
    """Where nothing moves there is no division by zero: averages are the price, distances 0, and the RSI says neither."""
    indicator = maker()
    feed(indicator, [flat(price)] * 60)
    expected = {Rsi: 50.0, Atr: 0.0, Macd: 0.0, ZScore: 0.0, RollingVolatility: 0.0}.get(type(indicator), price)
    assert indicator.value == pytest.approx(expected, rel=1e-14, abs=1e-14 * price)
    if isinstance(indicator, ZScore):
        assert (indicator.value, indicator.deviation) == (0.0, 0.0)


# --- input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_no_finite_number_is_refused_and_changes_nothing(maker: Callable[[], Indicator], bad: float) -> None:
    """NaN, the infinities and what could not be squared are refused at the update; the next values are as if they had never come."""
    bars = bars_of(walk(1, 60))
    indicator, untouched = maker(), maker()
    feed(indicator, bars[:30])
    feed(untouched, bars[:30])
    for broken in [flat(bad)] if not indicator.takes_bars else [flat(bad), flat(1.0, bad)]:
        with pytest.raises(InvalidValue, match="finite numbers"):
            feed(indicator, [broken])
    feed(indicator, bars[30:])
    feed(untouched, bars[30:])
    assert outputs(indicator) == outputs(untouched)
    assert None not in outputs(indicator)


def test_what_is_no_number_at_all_is_refused() -> None:
    """A text, nothing and a bar in place of a price are told apart from numbers; a price in place of a bar too."""
    for bad in ("1", None, flat(1.0)):
        with pytest.raises(InvalidValue, match=r"SMA\(5\) takes finite numbers"):
            Sma(5).update(bad)
    with pytest.raises(InvalidValue, match=r"ATR\(14\) takes bars"):
        Atr().update(1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sma(0),
        lambda: Ema(-1),
        lambda: Wma(2.5),  # type: ignore[arg-type]
        lambda: Rsi(True),
        lambda: Atr("14"),  # type: ignore[arg-type]
        lambda: Macd(26, 12),
        lambda: Macd(12, 26, 0),
        lambda: Bollinger(1),
        lambda: Bollinger(20, 0),
        lambda: Bollinger(20, math.nan),
        lambda: Donchian(10**9),
        lambda: ZScore(1),
        lambda: RollingVolatility(20, 0),
        lambda: Ema(5, seed="last"),
    ],
)
def test_lengths_that_cannot_be_are_refused(make: Callable[[], Indicator]) -> None:
    """A length is a whole number above zero, and so are the others."""
    with pytest.raises(InvalidValue, match="must be"):
        make()


def test_a_price_of_zero_has_no_return() -> None:
    """The volatility of logarithmic returns refuses prices that have none."""
    with pytest.raises(InvalidValue, match="above zero"):
        RollingVolatility(5).update(0.0)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", MAKERS)
def test_values_are_those_that_there_were(maker: Callable[[], Indicator]) -> None:
    """``values`` gives the last of each output, oldest first, none from before it was ready."""
    indicator = maker()
    seen: list[list[Any]] = []
    for one in bars_of(walk(2, 700)):
        feed(indicator, [one])
        if indicator.ready:
            seen.append(outputs(indicator))
    for index, name in enumerate(indicator.outputs):
        assert indicator.values(7, name) == [row[index] for row in seen[-7:]]
        assert indicator.values(9999, name) == [row[index] for row in seen[-500:]]
    with pytest.raises(InvalidValue, match="has no 'middle'; it has value"):
        indicator.values(3, "middle")
    with pytest.raises(InvalidValue, match="whole number above zero"):
        indicator.values(0)


@pytest.mark.parametrize("cut", [2, 5, 30])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_split_is_no_move(maker: Callable[[], Indicator], cut: int) -> None:
    """Rescaled at a split of 1 to 4, an indicator goes on as one that was shown the prices of after it all along."""
    bars = bars_of(walk(3, 60))
    later = [
        Bar("ABC", one.time_ns, one.start_ns, *(one.open / 4, one.high / 4, one.low / 4, one.close / 4), one.volume * 4)
        for one in bars
    ]
    split, never = maker(), maker()
    feed(split, bars[:cut])
    assert split.rescale(0.25)
    feed(never, later[:cut])
    for one in later[cut:]:
        assert numbers(split) == pytest.approx(numbers(never), rel=1e-11, abs=1e-11, nan_ok=True)
        feed(split, [one])
        feed(never, [one])
    assert split.values(40) == pytest.approx(never.values(40), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("maker", MAKERS)
def test_a_copy_goes_its_own_way(maker: Callable[[], Indicator]) -> None:
    """A copy shares nothing with what it was made of: one indicator of several symbols is several."""
    first = maker()
    feed(first, bars_of(walk(4, 30)))
    before, second = outputs(first), copy.deepcopy(first)
    feed(second, bars_of(walk(5, 30)))
    assert outputs(first) == before
