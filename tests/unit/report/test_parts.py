"""What the page is put together from."""

import re
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

import msgspec
import numpy as np
import pytest

from holdfast.report import words
from holdfast.report.definitions import DEFINITIONS
from holdfast.report.falls import deepest, under_water
from holdfast.report.figures import histogram
from holdfast.report.markup import html, tag
from holdfast.report.packed import decimals_of, numbers, thinned
from holdfast.statistics import Statistics
from tests.unit.report.reading import numbers as unpacked
from tests.unit.report.runs import DEPOSIT, run

DOCS = Path(__file__).parents[3] / "docs" / "statistics.md"
NOT_SHOWN = {
    "calendar", "sessions", "sessions_per_year", "years", "first_session", "last_session", "deposit", "end_equity", "paid_in", "ruined_on",
    "drawdown.high_ns", "drawdown.low_ns", "drawdown.recovered_ns", "trips.fees", "benchmark.name", "intervals", "monthly", "yearly",
}  # fmt: skip
"""Said elsewhere on the page than in the table of numbers."""


def test_every_number_has_its_definition() -> None:
    """A number that the statistics gain has to be explained here; each name is also in docs/statistics.md."""
    names = set()
    for name, kind in get_type_hints(Statistics).items():
        inner = next(
            (
                each
                for each in (kind, *getattr(kind, "__args__", ()))
                if isinstance(each, type) and issubclass(each, msgspec.Struct)
            ),
            None,
        )
        if inner is None or name in ("intervals", "monthly", "yearly"):
            names.add(name)
        else:
            names |= {f"{name}.{field}" for field in inner.__struct_fields__}
    assert set(DEFINITIONS) == names - NOT_SHOWN
    told = DOCS.read_text(encoding="utf-8")
    for name in (
        "cagr_pct",
        "sharpe",
        "sortino",
        "drawdown.max_pct",
        "trips.win_rate_pct",
        "exposure.time_in_market_pct",
        "costs.fees",
    ):
        assert f"`{name}`" in told


@pytest.mark.parametrize("seed", range(12))
def test_the_deepest_fall_is_the_statistics_own(seed: int) -> None:
    """The first of the falls is the one that the statistics have; the others are apart from it and shallower."""
    made = run(seed=seed, sessions=80, trades=0)
    times, below = under_water(made.curve, DEPOSIT)
    found = deepest(times, below, 5)
    fall = made.statistics.drawdown
    assert found[0].depth_pct == pytest.approx(fall.max_pct)
    assert (found[0].high_ns, found[0].low_ns, found[0].recovered_ns) == (fall.high_ns, fall.low_ns, fall.recovered_ns)
    spans = sorted((each.high_ns, each.end_ns) for each in found)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert [each.depth_pct for each in found] == sorted((each.depth_pct for each in found), reverse=True)


def test_numbers_come_back_as_they_were() -> None:
    """Packed and unpacked, whatever their size, to six digits and more."""
    for values in ([], [0.0, 0.0], [1.25, -3.5, 1e9], [0.00012345, 0.00012346], [1e-9, 2e-9], [123456.78, -0.01]):
        back = unpacked(numbers(values))
        size = max(map(abs, values), default=1.0) or 1.0
        assert np.allclose(back, values, rtol=0, atol=size * 1e-5)
    assert decimals_of(np.array([100.25, 101.5])) == 2
    assert unpacked(numbers([100.25, 101.5])) == [100.25, 101.5]


def test_thinning_keeps_what_is_seen() -> None:
    """The first, last, lowest and highest value stay, each with its own time."""
    times = np.arange(100_000, dtype=np.int64)
    values = np.sin(times / 700.0)
    values[54_321], values[7] = 9.0, -9.0
    kept_times, kept = thinned(times, values, 1_000)
    assert len(kept) <= 1_000
    assert {0, 7, 54_321, 99_999} <= set(kept_times.tolist())
    assert np.array_equal(values[kept_times], kept)


@pytest.mark.parametrize("count", [2, 3, 50, 5_000])
def test_a_histogram_counts_every_value_once(count: int) -> None:
    """Its bars add up to the number of values, those beyond the axis included."""
    values = np.random.default_rng(count).standard_t(2, count) * 100
    drawn = histogram(values, label="x", show=words.gained, tick=words.number)
    assert sum(int(found.replace(",", "")) for found in re.findall(r": ([\d,]+)</title>", drawn)) == count


@pytest.mark.parametrize("values", [[0.0, 0.0], [5.0, 5.0], [1e-9, 2e-9], [-1e12, 1e12]])
def test_a_histogram_of_odd_values(values: list[float]) -> None:
    """All the same, tiny or huge: it is drawn."""
    assert "<path" in histogram(np.array(values), label="x", show=words.gained, tick=words.number)


def test_text_is_escaped_once() -> None:
    """In content and in attributes; what is HTML already isn't again."""
    assert tag("p", "<b>", tag("b", "&"), title='"<') == '<p title="&quot;&lt;">&lt;b&gt;<b>&amp;</b></p>'
    assert html(["a<", tag("i")]) == "a&lt;<i></i>"


def test_numbers_read_well() -> None:
    """A minus is a minus, zero has no sign, what is not defined is a dash."""
    assert words.change(-1.234) == "−1.23\N{NARROW NO-BREAK SPACE}%"
    assert words.gained(0.001) == "0.00"
    assert words.money(-1234567.891) == "−1,234,567.89"
    assert words.percent(None) == "–"
    assert words.duration(90) == "1.5 min"
    assert words.duration(3 * 86_400) == "3.0 days"
