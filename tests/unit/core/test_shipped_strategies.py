"""The strategies that ship, beside independent implementations over whole arrays."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.core.strategy.api import Strategy
from holdfast.core.types import MINUTE_NS, from_float
from holdfast.strategies import EmaCross, MeanReversion, Momentum
from tests.scenario.account import Account, bar, price

Floats = np.ndarray[Any, np.dtype[np.float64]]
UNITS = Decimal(7)


def walk(seed: int, count: int = 600) -> Floats:
    """Closes of a random walk with drifts that change, to the cent."""
    random = np.random.default_rng(seed)
    drift = np.repeat(random.normal(0, 0.002, count // 50), 50)
    return np.round(100 * np.exp(np.cumsum(random.normal(drift, 0.004))), 2)


def held_after_each_bar(strategy: Strategy, closes: Floats) -> list[Decimal]:
    """The position after each bar, orders filling at the bar's close."""
    account = Account(strategy, symbols=("ABC",))
    positions = []
    for number, close in enumerate(closes, 1):
        account.run(bar(number, float(close), volume=1e9))
        positions.append(account.position())
    return positions


def ema_cross(closes: Floats, fast: int, slow: int, below: Decimal) -> list[Decimal]:
    """alpha = 2/(n+1), seeded with the first close; nothing for ``slow`` bars, then the side of the crossing."""
    series = pd.Series(closes)
    quick = series.ewm(alpha=2 / (fast + 1), adjust=False).mean().to_numpy()
    lazy = series.ewm(alpha=2 / (slow + 1), adjust=False).mean().to_numpy()
    wanted = [UNITS if above else below for above in quick >= lazy]
    return [Decimal(0)] * slow + wanted[slow:]


def momentum(closes: Floats, lookback: int, threshold: float, below: Decimal) -> list[Decimal]:
    """Positions by the change over ``lookback`` bars in percent, kept in between."""
    change = pd.Series(closes).pct_change(lookback).to_numpy() * 100
    wanted = pd.Series(np.where(change > threshold, 1.0, np.where(change < -threshold, -1.0, np.nan))).ffill().fillna(0)
    return [UNITS if side > 0 else below if side < 0 else Decimal(0) for side in wanted]


def mean_reversion(closes: Floats, window: int, entry: float, leave: float, short: bool) -> list[Decimal]:
    """Positions by the distance from the rolling mean in population deviations."""
    windows = np.lib.stride_tricks.sliding_window_view(closes, window)
    scores = np.full(len(closes), np.nan)
    scores[window - 1 :] = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    held, positions = 0, []
    for score in scores:
        if held:
            held = 0 if held * score >= -leave else held
        elif score <= -entry:
            held = 1
        elif score >= entry and short:
            held = -1
        positions.append(UNITS * held)
    return positions


SEEDS = [1, 2, 3, 4]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("allow_short", [False, True])
@pytest.mark.parametrize(("fast", "slow"), [(10, 30), (1, 2), (5, 200)])
def test_ema_cross(seed: int, allow_short: bool, fast: int, slow: int) -> None:
    """Silent for the first ``slow`` bars, then long while the fast average is at or above the slow one."""
    closes = walk(seed)
    params = EmaCross.Params(fast=fast, slow=slow, quantity=UNITS, allow_short=allow_short)
    expected = ema_cross(closes, fast, slow, -UNITS if allow_short else Decimal(0))
    assert held_after_each_bar(EmaCross(params), closes) == expected
    assert len(set(expected)) > 1


def test_ema_cross_takes_a_tie_for_above() -> None:
    """On constant prices the averages are equal: it is long from the bar after the first ``slow``."""
    positions = held_after_each_bar(EmaCross(EmaCross.Params(fast=2, slow=5, quantity=UNITS)), np.full(10, 100.0))
    assert positions == [Decimal(0)] * 5 + [UNITS] * 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("allow_short", [False, True])
@pytest.mark.parametrize(("lookback", "threshold"), [(60, 0.5), (1, 0.0), (20, 3.0)])
def test_momentum(seed: int, allow_short: bool, lookback: int, threshold: float) -> None:
    """Long above the threshold, short or flat below its negative, unchanged in between."""
    closes = walk(seed)
    params = Momentum.Params(lookback=lookback, threshold=threshold, quantity=UNITS, allow_short=allow_short)
    expected = momentum(closes, lookback, threshold, -UNITS if allow_short else Decimal(0))
    assert held_after_each_bar(Momentum(params), closes) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("allow_short", [False, True])
@pytest.mark.parametrize(("window", "entry", "leave"), [(20, 2.0, 0.0), (50, 1.51, 0.5), (5, 1.23, 0.01)])
def test_mean_reversion(seed: int, allow_short: bool, window: int, entry: float, leave: float) -> None:
    """In when the close is far from its average, out when it has come back."""
    closes = walk(seed)
    params = MeanReversion.Params(window=window, entry=entry, exit=leave, quantity=UNITS, allow_short=allow_short)
    expected = mean_reversion(closes, window, entry, leave, allow_short)
    assert held_after_each_bar(MeanReversion(params), closes) == expected
    assert len(set(expected)) > 1


def test_mean_reversion_is_silent_while_nothing_moves() -> None:
    """Without any deviation there is no distance to measure."""
    strategy = MeanReversion(MeanReversion.Params(window=3))
    assert set(held_after_each_bar(strategy, np.full(20, 50.0))) == {Decimal(0)}


def test_mean_reversion_carries_its_stop() -> None:
    """With ``stop_pct`` the entry's protection is that far below its close, on the tick."""
    strategy = MeanReversion(MeanReversion.Params(window=4, entry=1.5, quantity=UNITS, stop_pct=10.0))
    account = Account(strategy, symbols=("ABC",)).closes(1, 100, 100, 100, 99)
    entry, stop = account.order(1), account.order(2)
    assert entry.filled_quantity == UNITS
    assert (stop.terms.stop_price, stop.terms.quantity) == (price("89.1"), UNITS)


@pytest.mark.parametrize("kind", [EmaCross, Momentum, MeanReversion])
def test_symbols_are_kept_apart(kind: type[Strategy]) -> None:
    """What happens in one symbol changes nothing in another."""
    closes = walk(9, 300)
    alone = Account(kind(kind.Params(quantity=UNITS)), symbols=("ABC",))
    mixed = Account(kind(kind.Params(quantity=UNITS)))
    for number, close in enumerate(closes, 1):
        alone.run(bar(number, float(close)))
        mixed.run(bar(number, float(close)), bar(number, float(closes[-number]), symbol="XYZ"))
        assert alone.position() == mixed.position()


def test_the_exact_price_is_the_floats_own() -> None:
    """A fill at a bar's close has the decimal that the close prints as."""
    account = Account(EmaCross(EmaCross.Params(fast=1, slow=2, quantity=UNITS)), symbols=("ABC",)).closes(
        1, 100.1, 100.2, 100.3
    )
    assert account.order(1).filled_notional == UNITS * from_float(100.3)
    assert account.state.now_ns % MINUTE_NS == 0
