"""Indicators of TA-Lib and talipp behind the same door: their values, their names, and what is refused."""

import copy
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import talib
from talipp.indicators import SuperTrend
from talipp.ohlcv import OHLCV

from holdfast.core.strategy.indicator import Indicator
from holdfast.errors import InvalidValue
from holdfast.indicators import TaLib, Talipp
from tests.unit.core.test_strategy_indicators import Account, bars, probe
from tests.unit.indicators.test_against_references import bars_of, run, walk


def test_talib_is_what_it_is_over_all_data() -> None:
    """Each output under its name, from the bar on at which TA-Lib's begins; of a window's length in what is recursive."""
    frame = walk(1, 1200)
    data = bars_of(frame)
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    found = run(TaLib("stoch", fastk_period=7), data)
    slow_k, slow_d = talib.STOCH(high, low, close, 7)
    np.testing.assert_allclose(found["value"], slow_k, rtol=1e-9, equal_nan=True)
    np.testing.assert_allclose(found["slowd"], slow_d, rtol=1e-9, equal_nan=True)
    highs = run(TaLib("EMA", timeperiod=20, price="high"), data)["value"]
    np.testing.assert_allclose(highs, talib.EMA(high, 20), rtol=1e-9, equal_nan=True)
    assert TaLib("EMA").panel == "price"
    assert TaLib("STOCH", fastk_period=7).name == "TA-Lib STOCH(7)"


def test_talipp_is_what_it_is_over_all_data() -> None:
    """Of closes and of bars, in several outputs, and after it has let go of what it was given long ago."""
    frame = walk(2, 5000)
    data = bars_of(frame)
    found = run(Talipp("EMA", 20), data)["value"]
    np.testing.assert_allclose(found, talib.EMA(frame.close.to_numpy(), 20), rtol=1e-9, equal_nan=True)
    one = Talipp("SuperTrend", 10, 3, panel="price")
    alone = SuperTrend(10, 3)
    for bar in data:
        one.update(bar)
        alone.add(OHLCV(bar.open, bar.high, bar.low, bar.close, bar.volume))
    assert one.value == pytest.approx(alone[-1].value, rel=1e-9)
    assert (one.panel, one.name) == ("price", "talipp SuperTrend(10, 3)")
    stochastic = Talipp("Stoch", 14, 3)
    for bar in data[:100]:
        stochastic.update(bar)
    assert stochastic.outputs == ("value", "d")
    assert stochastic.values(3, "d")[-1] == stochastic.d  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [lambda: TaLib("ATR"), lambda: Talipp("ATR", 14)])
def test_a_strategy_has_them_as_it_has_ours(make: Callable[[], Indicator]) -> None:
    """For each symbol of its own, in a timeframe of its own, and drawn."""
    strategy = probe(lambda context, _: context.indicator(make(), timeframe="5Min"))
    account = Account(strategy, symbols=("ABC", "XYZ"))
    first, second = bars(300, 1), bars(300, 2, "XYZ")
    account.show(*first, *second)
    alone = copy.deepcopy(make())
    for number in range(0, 300, 5):
        five = second[number : number + 5]
        high, low = max(one.high for one in five), min(one.low for one in five)
        whole = (five[0].open, high, low, five[-1].close, sum(one.volume for one in five))
        alone.update(type(five[0])("XYZ", five[-1].time_ns, five[0].start_ns, *whole))
    assert strategy.kept["XYZ"].value == alone.value
    assert strategy.kept["ABC"].value not in (None, alone.value)
    assert [view.name for view in account.host.indicators()] == [f"{alone.name}, 5Min"] * 2


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: TaLib("STOK"), "TA-Lib has no 'STOK'; did you mean STOCH"),
        (lambda: TaLib("STOCH", fastk=3), "STOCH has no parameter 'fastk'; did you mean fastk_period"),
        (lambda: TaLib("EMA", timeperiod=-4), "EMA does not take"),
        (lambda: TaLib("EMA", timeperiod="20"), "EMA does not take"),
        (lambda: TaLib("EMA", price="clsoe"), "can't be 'clsoe'; did you mean close"),
        (lambda: TaLib("STOCH", price="high"), "takes more than one series"),
        (lambda: TaLib("EMA", window=3), "TaLib.window must be"),
        (lambda: Talipp("Stok"), "talipp has no 'Stok'; did you mean Stoch"),
        (lambda: Talipp("EMA"), "EMA does not take"),
        (lambda: Talipp("EMA", 20, panel="above"), "panel must be 'price' or 'own'"),
    ],
)
def test_what_the_library_does_not_have_is_refused(make: Callable[[], Indicator], fault: str) -> None:
    """Names and parameters are looked at when it is made, and the nearest is told."""
    with pytest.raises(InvalidValue, match=fault):
        make()


def test_without_the_library_it_says_how_to_have_it() -> None:
    """Nothing of either is loaded before it is asked for, and one that is absent is named with its extra."""
    code = """
import sys
sys.modules["talib"] = sys.modules["talipp"] = None
from holdfast import Ema, TaLib, Talipp
for make in (lambda: TaLib("EMA"), lambda: Talipp("EMA", 3)):
    try:
        make()
    except ValueError as error:
        print(error)
print("numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "TA-Lib is not installed: pip install 'holdfast[talib]'",
        "talipp is not installed: pip install 'holdfast[talipp]'",
        "False",
    ]
