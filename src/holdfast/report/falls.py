"""The deepest falls of a curve, each from its high until that was reached again."""

from typing import NamedTuple

import numpy as np

from holdfast.statistics import Curve
from holdfast.statistics.falls import falls
from holdfast.statistics.record import Floats, Times
from holdfast.statistics.sessions import Growth


class Fall(NamedTuple):
    """A fall; ``recovered_ns`` is None where the high was never reached again, and ``end_ns`` is then the run's end."""

    depth_pct: float
    high_ns: int
    low_ns: int
    recovered_ns: int | None
    end_ns: int


def under_water(curve: Curve, deposit: float) -> tuple[Times, Floats]:
    """The times until ruin, if there is one, and how many percent below the highest worth so far the account was at each."""
    growth = Growth(curve, deposit)
    return growth.time_ns, falls(growth.factor) * 100


def deepest(time_ns: Times, below_pct: Floats, most: int) -> list[Fall]:
    """The ``most`` deepest falls, the deepest first. A high that is held begins to fall at its last mark, as in the statistics."""
    if not len(below_pct):
        return []
    time_ns, below_pct = np.concatenate((time_ns[:1], time_ns)), np.concatenate(([0.0], below_pct))
    under = below_pct > 0
    edges = np.flatnonzero(np.diff(under.astype(np.int8)))
    begins, ends = edges[~under[edges]], edges[under[edges]] + 1
    found = []
    for place, begin in enumerate(begins.tolist()):
        end = int(ends[place]) if place < len(ends) else None
        last = len(below_pct) - 1 if end is None else end
        low = begin + int(np.argmax(below_pct[begin : last + 1]))
        recovered_ns = None if end is None else int(time_ns[end])
        found.append(
            Fall(float(below_pct[low]), int(time_ns[begin]), int(time_ns[low]), recovered_ns, int(time_ns[last]))
        )
    return sorted(found, key=lambda fall: (-fall.depth_pct, fall.high_ns))[:most]
