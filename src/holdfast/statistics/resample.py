"""What chance could have made of the same sessions: the stationary bootstrap.

Source: D. Politis and J. Romano, "The Stationary Bootstrap", Journal of the American Statistical Association, 1994. Blocks of sessions that
follow each other are drawn with replacement, with lengths that are geometric around a mean, so that runs of good and bad days stay
together. The draw is a function of the seed: the same run gives the same intervals on any machine.
"""

import numpy as np

from holdfast.statistics import returns as figures
from holdfast.statistics.record import Floats, Interval, Intervals, Times

FEWEST_SESSIONS = 30
"""Below this there are too few sessions to draw from."""
AT_ONCE = 1_000_000
"""So many values are drawn at once, so that memory stays flat."""
LOW, HIGH = 0.025, 0.975


def intervals(returns: Floats, *, per_year: int, years: float, resamples: int, seed: int) -> Intervals | None:
    """The middle 95 % of what resampled runs come to. None below 30 sessions, and without resamples."""
    count = len(returns)
    if count < FEWEST_SESSIONS or resamples < 1:
        return None
    block = mean_block(count)
    totals: list[Floats] = []
    sharpes: list[Floats] = []
    deepest: list[Floats] = []
    draw = np.random.PCG64(seed)
    rows = max(1, AT_ONCE // count)
    for begin in range(0, resamples, rows):
        sample = returns[_places(draw, min(rows, resamples - begin), count, block)]
        factor: Floats = np.cumprod(np.maximum(1 + sample, 0.0), axis=1, dtype=np.float64)
        highs = np.maximum.accumulate(np.maximum(factor, 1.0), axis=1)
        totals.append(factor[:, -1] - 1)
        deepest.append((1 - factor / highs).max(axis=1))
        spread = sample.std(axis=1, ddof=1)
        varied = spread > figures.SAME
        sharpes.append(sample.mean(axis=1)[varied] / spread[varied] * np.sqrt(per_year))
    total = np.concatenate(totals)
    grown = [value for rate in total.tolist() if (value := figures.cagr(rate, years)) is not None]
    return Intervals(
        resamples=resamples,
        mean_block_sessions=block,
        seed=seed,
        total_return_pct=_interval(total * 100),
        cagr_pct=_interval(np.array(grown, dtype=np.float64) * 100) if len(grown) == resamples else None,
        sharpe=_interval(np.concatenate(sharpes)) if any(map(len, sharpes)) else None,
        max_drawdown_pct=_interval(np.concatenate(deepest) * 100),
        loss_probability_pct=float((total < 0).mean()) * 100,
    )


def mean_block(count: int) -> int:
    """The mean length of a block in sessions: the cube root of their number, the order that Politis and Romano find."""
    return max(1, round(float(count ** (1 / 3))))


def _places(draw: "np.random.PCG64", rows: int, count: int, block: int) -> Times:
    """For each row ``count`` places among as many sessions; at each one a new block begins with probability 1 / ``block``."""
    begins = _uniform(draw, rows, count) < 1 / block
    begins[:, 0] = True
    starts = (_uniform(draw, rows, count) * count).astype(np.int64)
    steps = np.arange(count)
    begun = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    return (np.take_along_axis(starts, begun, axis=1) + steps - begun) % count


def _uniform(draw: "np.random.PCG64", rows: int, count: int) -> Floats:
    """Numbers in [0, 1) made of the generator's own bits, which no release of numpy changes."""
    bits = np.asarray(draw.random_raw(rows * count), dtype=np.uint64) >> np.uint64(11)
    return (bits.astype(np.float64) * 2.0**-53).reshape(rows, count)


def _interval(values: Floats) -> Interval:
    low, high = np.quantile(values, (LOW, HIGH))
    return Interval(float(low), float(high))
