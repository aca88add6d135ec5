"""File feeds, for any market: what is good comes through, what is bad is found where it is."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.messages import Bar
from holdfast.core.types import DAY_NS, HOUR_NS
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed

BAR_NS = 60_000_000_000
COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
Row = tuple[Any, ...]

prices = st.floats(min_value=0.0001, max_value=1e9)
volumes = st.floats(min_value=0, max_value=1e12)


def look_daily(times: Iterable[int]) -> bool:
    """Whether some are days apart, give or take a clock change: bars of a minute that look so are refused, and rightly."""
    return any((later - time + HOUR_NS) % DAY_NS <= 2 * HOUR_NS for time, later in combinations(sorted(times), 2))


@st.composite
def bar_rows(draw: st.DrawFn) -> list[Row]:
    """Sorted rows: at each time some of the symbols, in any order, each at most once."""
    moments = st.integers(min_value=0, max_value=4 * 10**18)
    times = sorted(draw(st.sets(moments, min_size=1, max_size=8).filter(lambda found: not look_daily(found))))
    rows: list[Row] = []
    for ts in times:
        for symbol in draw(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=5, unique=True)):
            low, high = sorted((draw(prices), draw(prices)))
            rows.append((symbol, ts, draw(prices), high, low, draw(prices), draw(volumes)))
    return rows


def write(rows: Sequence[Row], path: Path, row_group_size: int = 3) -> Path:
    """The rows as a file of the path's ending."""
    columns = list(zip(*rows, strict=True))
    types = (pa.string(), pa.timestamp("ns", "UTC"), *[pa.float64()] * 5)
    table = pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], COLUMNS)
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path, row_group_size=row_group_size)
    else:
        pa.csv.write_csv(table, path)
    return path


def bars_of(rows: Sequence[Row]) -> list[Bar]:
    """What the rows mean."""
    return [Bar(symbol, ts + BAR_NS, ts, *numbers) for symbol, ts, *numbers in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples, which overwrite each other's file."""
    return tmp_path_factory.mktemp("feeds")


def test_minutes_that_are_days_apart_are_refused(folder: Path) -> None:
    """Whoever says a minute of them is asked: what the markets below are without."""
    rows = [("A", time_ns, 1.0, 1.0, 1.0, 1.0, 1.0) for time_ns in (0, DAY_NS)]
    assert look_daily([0, DAY_NS])
    with pytest.raises(DataError, match="1Day apart"):
        list(FileFeed(write(rows, folder / "daily.csv"), bar_ns=BAR_NS).events())


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
@given(rows=bar_rows())
def test_any_good_market_comes_through_unchanged(folder: Path, name: str, rows: list[Row]) -> None:
    """Every row is a bar with exactly its values, in the order of the file."""
    assert list(FileFeed(write(rows, folder / name), bar_ns=BAR_NS).events()) == bars_of(rows)


@given(rows=bar_rows(), wanted=st.sets(st.sampled_from("ABCDE"), min_size=1), end=st.integers(0, 4 * 10**18))
def test_filter_and_end_leave_out_exactly_the_others(folder: Path, rows: list[Row], wanted: set[str], end: int) -> None:
    """What a filter and an end give is what leaving rows out by hand gives; a symbol that isn't there is refused."""
    path = write(rows, folder / "filtered.parquet")
    there = {row[0] for row in rows}
    if not wanted <= there:
        with pytest.raises(DataError, match="no rows for"):
            FileFeed(path, symbols=sorted(wanted), bar_ns=BAR_NS)
        return
    feed = FileFeed(path, symbols=sorted(wanted), end_ns=end, bar_ns=BAR_NS)
    assert list(feed.events()) == bars_of([row for row in rows if row[0] in wanted and row[1] < end])


@st.composite
def spoilt_rows(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Good rows with one made bad, and its place."""
    rows = draw(bar_rows())
    place = draw(st.integers(0, len(rows) - 1))
    row = list(rows[place])
    spoil = draw(st.sampled_from(["number", "inverted", "duplicate", "unsorted", "symbol"]))
    if spoil in ("duplicate", "unsorted"):
        place += 1
        row[1] -= 0 if spoil == "duplicate" else 1
        return [*rows[:place], tuple(row), *rows[place:]], place
    if spoil == "number":
        row[draw(st.integers(2, 6))] = draw(st.sampled_from([-1.0, float("inf"), float("-inf"), None]))
    elif spoil == "inverted":
        row[3], row[4] = 1.0, 2.0
    else:
        row[0] = ""
    return [*rows[:place], tuple(row), *rows[place + 1 :]], place


@given(spoilt=spoilt_rows())
def test_one_bad_row_is_found_in_its_place(folder: Path, spoilt: tuple[list[Row], int]) -> None:
    """All rows before it are delivered, then the error names it; the check up front says the same."""
    rows, place = spoilt
    feed = FileFeed(write(rows, folder / "spoilt.parquet"), bar_ns=BAR_NS)
    events = feed.events()
    assert [next(events) for _ in range(place)] == bars_of(rows[:place])
    with pytest.raises(DataError, match=rf"spoilt\.parquet: row {place + 1}[ :]") as reading:
        next(events)
    with pytest.raises(DataError) as checking:
        feed.check()
    assert str(checking.value) == str(reading.value)
