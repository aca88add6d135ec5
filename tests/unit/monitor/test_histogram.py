"""Durations counted in bounded memory, and how far their quantiles are off."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.monitor.histogram import ERROR, LONGEST_NS, Histogram
from tests.budget import examples

durations = st.one_of(st.integers(0, 200), st.integers(0, 10**10), st.integers(0, LONGEST_NS))


@settings(max_examples=examples())
@given(st.lists(durations, min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_never_too_small_and_at_most_a_64th_too_large(values: list[int], part: float) -> None:
    """Beside the nearest rank of the sorted values."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    right = sorted(values)[max(0, math.ceil(part * len(values)) - 1)]
    found = histogram.quantile_ns(part)
    assert found is not None
    assert right <= found <= right * (1 + ERROR)
    assert (histogram.count, histogram.sum_ns, histogram.longest_ns) == (len(values), sum(values), max(values))


@settings(max_examples=examples())
@given(st.lists(durations, max_size=100), st.lists(durations, min_size=1, max_size=10, unique=True))
def test_counts_up_to_a_bound_rise_and_take_in_no_more_than_a_64th_above_it(
    values: list[int], bounds: list[int]
) -> None:
    """What is no longer than the bound is always counted, such as a fill after a minute's bar; what is clearly longer never."""
    histogram, rising = Histogram(), sorted(bounds)
    for value in values:
        histogram.add(value)
    counts = list(histogram.at_most(rising))
    assert counts == sorted(counts)
    for bound, count in zip(rising, counts, strict=True):
        assert sum(value <= bound for value in values) <= count <= sum(value <= bound * (1 + ERROR) for value in values)


def test_memory_is_bounded_whatever_comes() -> None:
    """Two hundred thousand durations of every size, and more than the longest, in no more buckets than are stated."""
    histogram = Histogram()
    value = 1
    for number in range(200_000):
        value = (value * 6364136223846793005 + number) % (1 << 64)
        histogram.add(value >> (number % 64))
    assert len(histogram._buckets) <= 3264


def test_nothing_was_measured_and_a_clock_that_went_back() -> None:
    """No quantile of nothing; less than no time is none."""
    histogram = Histogram()
    assert histogram.quantile_ns(0.5) is None
    histogram.add(-5)
    assert histogram.quantile_ns(0.99) == 0
