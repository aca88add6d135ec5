"""A histogram of durations in bounded memory, whose quantiles are off by a stated part at most."""

from collections.abc import Iterator, Sequence

STEPS = 64
"""Buckets in each doubling of the duration."""
_BITS = STEPS.bit_length() - 1
ERROR = 1 / STEPS
"""A quantile is this part of itself too large at most, and never too small: that of 1 s is at most 1.016 s."""
LONGEST_NS = (1 << 56) - 1
"""Some 2.3 years; what takes longer counts as that. So there are at most 3,264 buckets, whatever comes."""


class Histogram:
    """Counts of durations by size: exact below 64 ns, above in 64 buckets for each doubling (log-linear, as HDR histograms have)."""

    __slots__ = ("_buckets", "count", "longest_ns", "sum_ns")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        """How many were taken in."""
        self.sum_ns = 0
        """All of them together, in nanoseconds."""
        self.longest_ns = 0
        """The longest, exactly."""

    def add(self, duration_ns: int) -> None:
        """Take one in. One below zero, of clocks that differ, counts as zero."""
        value = min(max(duration_ns, 0), LONGEST_NS)
        place = _place(value)
        self._buckets[place] = self._buckets.get(place, 0) + 1
        self.count += 1
        self.sum_ns += value
        self.longest_ns = max(self.longest_ns, value)

    def quantile_ns(self, part: float) -> int | None:
        """The nearest-rank quantile, at most `ERROR` of itself too large; None when nothing was taken in."""
        if not self.count:
            return None
        rank = min(self.count, max(1, -int(-part * self.count // 1)))
        seen = 0
        for place in sorted(self._buckets):
            seen += self._buckets[place]
            if seen >= rank:
                return min(_last_ns(place), self.longest_ns)
        return self.longest_ns

    def at_most(self, bounds_ns: Sequence[int]) -> Iterator[int]:
        """Of each bound how many are no longer than it, with those of its own bucket: `ERROR` of it longer at most. ``bounds_ns`` rise."""
        places, seen, index = sorted(self._buckets), 0, 0
        for bound_ns in bounds_ns:
            while index < len(places) and _first_ns(places[index]) <= bound_ns:
                seen += self._buckets[places[index]]
                index += 1
            yield seen


def _place(value: int) -> int:
    """The number of a duration's bucket; they rise with it."""
    doublings = max(0, value.bit_length() - 1 - _BITS)
    return (doublings << _BITS) + (value >> doublings)


def _first_ns(place: int) -> int:
    """The shortest duration in a bucket."""
    doublings = max(0, (place >> _BITS) - 1)
    return (place - (doublings << _BITS)) << doublings


def _last_ns(place: int) -> int:
    """The longest duration in a bucket."""
    return _first_ns(place + 1) - 1
