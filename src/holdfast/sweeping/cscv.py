"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

D. Bailey, J. Borwein, M. López de Prado and Q. J. Zhu, "The Probability of Backtest Overfitting", Journal of Computational Finance, 2017.
"""

from itertools import combinations

import msgspec
import numpy as np

from holdfast.statistics.record import Floats

MOST_BLOCKS = 16
FEWEST_BLOCKS = 4
SESSIONS_A_BLOCK = 5
CHUNK = 256


class Overfitting(msgspec.Struct, frozen=True):
    """``probability_pct``: in how many ways of halving the sessions the best of one half is below the median in the other.

    ``loss_pct``: in how many it loses money there. ``blocks`` are the stretches that were put together to halves in ``splits`` ways.
    """

    probability_pct: float
    loss_pct: float
    blocks: int
    splits: int


def overfitting(returns: Floats) -> Overfitting | None:
    """Of returns by session, a column for each trial, chosen by Sharpe ratio. None for fewer than two trials or too few sessions."""
    sessions, trials = returns.shape
    blocks = min(MOST_BLOCKS, sessions // SESSIONS_A_BLOCK // 2 * 2)
    if trials < 2 or blocks < FEWEST_BLOCKS:
        return None
    length = sessions // blocks
    cut = returns[sessions - length * blocks :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut * cut).sum(axis=1)
    picks = list(combinations(range(blocks), blocks // 2))
    mask = np.zeros((len(picks), blocks))
    for row, pick in enumerate(picks):
        mask[row, list(pick)] = 1
    half = length * blocks // 2
    below = losses = 0
    for start in range(0, len(picks), CHUNK):
        part = mask[start : start + CHUNK]
        chosen = np.argmax(_sharpes(part @ sums, part @ squares, half), axis=1)
        rest = 1 - part
        outside = _sharpes(rest @ sums, rest @ squares, half)
        rows = np.arange(len(part))
        own = outside[rows, chosen][:, None]
        rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2
        below += int((rank / (trials + 1) <= 0.5).sum())
        losses += int(((rest @ sums)[rows, chosen] < 0).sum())
    return Overfitting(below / len(picks) * 100, losses / len(picks) * 100, blocks, len(picks))


def _sharpes(sums: Floats, squares: Floats, count: int) -> Floats:
    """Of a session; zero without variation."""
    mean = sums / count
    variance = np.maximum(squares / count - mean * mean, 0) * count / (count - 1)
    flat = variance <= 1e-18
    return np.where(flat, 0.0, mean / np.sqrt(np.where(flat, 1.0, variance)))
