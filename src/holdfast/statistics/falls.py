"""Falls of the account from an earlier high: how deep, how long, and whether it came back. From every mark, not from session ends."""

import numpy as np

from holdfast.core.types import DAY_NS
from holdfast.statistics.record import DrawdownStatistics, Floats, Times
from holdfast.statistics.returns import SAME

NO_FALL = DrawdownStatistics(0.0, None, None, None, None, None, None, None)


def falls(factor: Floats) -> Floats:
    """At each value, how far it is below the highest so far (1 at the start), as a fraction of that; what rounding leaves is zero."""
    highs = np.maximum.accumulate(np.maximum(factor, 1.0))
    below = 1 - factor / highs
    return np.where(below > SAME, below, 0.0)


def drawdown(time_ns: Times, factor: Floats) -> DrawdownStatistics:
    """The deepest and the longest fall of an account's growth (`Growth`). A high that is held begins to fall at its last mark."""
    if not len(factor):
        return NO_FALL
    time_ns, factor = np.concatenate((time_ns[:1], time_ns)), np.concatenate(([1.0], factor))
    below = falls(factor)
    under = below > 0
    span_ns = int(time_ns[-1] - time_ns[0])
    if not under.any():
        return NO_FALL
    edges = np.flatnonzero(np.diff(under.astype(np.int8)))  # the last mark of each state
    begins = edges[~under[edges]]  # the first mark is never under water
    ends = edges[under[edges]] + 1
    until = ends if len(ends) == len(begins) else np.append(ends, len(factor) - 1)
    lengths_ns = time_ns[until] - time_ns[begins]
    low = int(np.argmax(below))
    deepest = int(np.searchsorted(begins, low)) - 1
    recovered_ns = int(time_ns[ends[deepest]]) if deepest < len(ends) else None
    held_ns = np.diff(time_ns)
    return DrawdownStatistics(
        max_pct=float(below[low]) * 100,
        high_ns=int(time_ns[begins[deepest]]),
        low_ns=int(time_ns[low]),
        recovered_ns=recovered_ns,
        days=float(lengths_ns[deepest]) / DAY_NS,
        recovery_days=None if recovered_ns is None else (recovered_ns - int(time_ns[low])) / DAY_NS,
        longest_days=float(lengths_ns.max()) / DAY_NS,
        under_water_pct=float(held_ns[under[:-1]].sum()) / span_ns * 100 if span_ns else None,
    )
