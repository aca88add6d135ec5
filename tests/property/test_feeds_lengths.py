"""Whatever lengths a file's symbols have, no bar is an event before its period is over."""

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from holdfast.core.messages import Bar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed
from tests.budget import examples
from tests.property.test_feeds_files import Row, write

LENGTHS_NS = (MINUTE_NS, 5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS, 4 * HOUR_NS, DAY_NS, 7 * DAY_NS, 31 * DAY_NS)
START_NS = 1_704_153_600_000_000_000  # a midnight

markets = st.dictionaries(
    st.sampled_from("ABCDE"),
    st.tuples(st.sampled_from(LENGTHS_NS), st.lists(st.integers(0, 60), min_size=2, max_size=40, unique=True)),
    min_size=1,
)
"""By symbol: how long its bars are, and after how many lengths each of them begins."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples."""
    return tmp_path_factory.mktemp("lengths")


@settings(max_examples=examples(campaign=500))
@given(market=markets)
def test_no_price_is_seen_before_its_period_is_over(folder: Path, market: dict[str, tuple[int, list[int]]]) -> None:
    """Every row comes once, in order of time, at the end of its true period or later; or the file is refused."""
    true_ends: dict[tuple[str, int], int] = {}
    rows: list[Row] = []
    for symbol, (length_ns, places) in market.items():
        for place in places:
            start_ns = START_NS + place * length_ns
            true_ends[symbol, start_ns] = start_ns + length_ns
            rows.append((symbol, start_ns, 1.0, 1.0, 1.0, 1.0, 1.0))
    rows.sort(key=lambda row: row[1])
    try:
        feed = FileFeed(write(rows, folder / "mixed.parquet"))
    except DataError as refused:
        event(str(refused).split("parquet: ")[1][2:25])
        return
    events = list(feed.events())
    assert [one.time_ns for one in events] == sorted(one.time_ns for one in events)
    shown = {(one.symbol, one.start_ns): one.time_ns for one in events if isinstance(one, Bar)}
    assert len(events) == len(rows)
    assert shown.keys() == true_ends.keys()
    assert all(shown[key] >= end_ns for key, end_ns in true_ends.items())
