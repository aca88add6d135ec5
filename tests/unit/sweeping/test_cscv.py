"""The probability of backtest overfitting beside a reckoning in plain Python."""

from itertools import combinations
from statistics import fmean, stdev

import numpy as np
import pytest

from holdfast.sweeping.cscv import MOST_BLOCKS, SESSIONS_A_BLOCK, overfitting


def plain(returns: list[list[float]], blocks: int) -> tuple[float, float]:
    """Bailey, Borwein, López de Prado and Zhu, section 2.2, word by word: the share of logits at or below zero, and of losses."""
    trials = list(zip(*returns, strict=True))
    length = len(returns) // blocks
    start = len(returns) - length * blocks
    pieces = [range(start + number * length, start + (number + 1) * length) for number in range(blocks)]
    below = losses = count = 0
    for inside in combinations(range(blocks), blocks // 2):
        rows = [row for number in inside for row in pieces[number]]
        rest = [row for number in range(blocks) if number not in inside for row in pieces[number]]

        def sharpe(trial: tuple[float, ...], chosen: list[int]) -> float:
            values = [trial[row] for row in chosen]
            return fmean(values) / stdev(values)

        best = max(range(len(trials)), key=lambda number: sharpe(trials[number], rows))
        outside = [sharpe(trial, rest) for trial in trials]
        rank = sorted(outside).index(outside[best]) + 1
        count += 1
        below += rank / (len(trials) + 1) <= 0.5
        losses += sum(trials[best][row] for row in rest) < 0
    return below / count * 100, losses / count * 100


@pytest.mark.parametrize(("sessions", "trials", "seed"), [(43, 7, 1), (61, 4, 2), (44, 12, 3)])
def test_it_is_what_the_paper_says(sessions: int, trials: int, seed: int) -> None:
    """The same probability as a direct reckoning of each half, for lengths that don't divide too."""
    chance = np.random.default_rng(seed)
    returns = chance.normal(0.0005, 0.01, (sessions, trials))
    found = overfitting(returns)
    assert found is not None
    blocks = min(MOST_BLOCKS, sessions // SESSIONS_A_BLOCK // 2 * 2)
    assert found.blocks == blocks
    expected = plain(returns.tolist(), blocks)
    assert (found.probability_pct, found.loss_pct) == pytest.approx(expected)


def test_skill_that_lasts_is_told_from_chance() -> None:
    """One trial with a steady edge comes out near 0 %, trials that are noise with their sum fixed near or above 50 %."""
    chance = np.random.default_rng(5)
    noise = chance.normal(0, 0.01, (320, 30))
    skilled = noise.copy()
    skilled[:, 11] += 0.005
    good, bad = overfitting(skilled), overfitting(noise - noise.mean(axis=0))
    assert good is not None
    assert bad is not None
    assert good.probability_pct < 1
    assert bad.probability_pct > 50


def test_what_is_too_little_has_no_probability() -> None:
    """One trial is no choice, and a few sessions make no blocks; trials that never trade do no harm."""
    assert overfitting(np.zeros((100, 1))) is None
    assert overfitting(np.zeros((19, 5))) is None
    assert overfitting(np.zeros((40, 5))) is not None
