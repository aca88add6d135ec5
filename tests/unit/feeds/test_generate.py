"""Generated files: what is written is what the feed gave."""

from itertools import islice
from pathlib import Path

import pytest

from holdfast.core.session.calendar import TradingCalendar
from holdfast.errors import DataError, InvalidValue
from holdfast.feeds.files import FileFeed
from holdfast.feeds.generate import write_bars
from holdfast.feeds.synthetic import SyntheticFeed


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_a_written_market_reads_back_the_same(tmp_path: Path, calendar: TradingCalendar, name: str) -> None:
    """Every bar to the last digit, in every format."""
    feed = SyntheticFeed(7, calendar, days=1)
    assert write_bars(feed, tmp_path / name) == feed.total
    assert list(FileFeed(tmp_path / name).events()) == list(feed.events())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_limit_ends_an_endless_market(tmp_path: Path, calendar: TradingCalendar) -> None:
    """So many bars and no more, over more than one chunk."""
    feed = SyntheticFeed(7, calendar)
    assert write_bars(feed, tmp_path / "a.parquet", limit=70_001) == 70_001
    assert list(FileFeed(tmp_path / "a.parquet").events()) == list(islice(feed.events(), 70_001))


def test_a_file_can_be_cut_and_converted(tmp_path: Path, calendar: TradingCalendar) -> None:
    """Any feed of bars will do, another file too."""
    write_bars(SyntheticFeed(7, calendar, days=1), tmp_path / "a.parquet")
    part = FileFeed(tmp_path / "a.parquet", symbols=["TYNE"])
    assert write_bars(part, tmp_path / "b.csv") == 390 + 210
    assert list(FileFeed(tmp_path / "b.csv").events()) == list(part.events())


def test_a_failure_leaves_the_old_file(tmp_path: Path, calendar: TradingCalendar) -> None:
    """A source that breaks off doesn't touch what was there, and leaves no half file."""
    write_bars(SyntheticFeed(7, calendar, days=1), tmp_path / "a.csv", limit=100)
    before = (tmp_path / "a.csv").read_bytes()
    lines = before.decode().splitlines()
    (tmp_path / "bad.csv").write_text("\n".join([*lines[:50], lines[10]]))
    with pytest.raises(DataError, match=r"bad\.csv: row 50 "):
        write_bars(FileFeed(tmp_path / "bad.csv"), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "bad.csv"}


def test_what_cannot_be_written_is_refused(tmp_path: Path, calendar: TradingCalendar) -> None:
    """Ticks, other endings, folders that are not there."""
    feed = SyntheticFeed(7, calendar, days=1)
    with pytest.raises(InvalidValue, match="synthetic seed 7 carries no bars"):
        write_bars(SyntheticFeed(7, calendar, as_ticks=True), tmp_path / "a.csv")
    with pytest.raises(InvalidValue, match=r"a\.txt: bars are written to \.parquet, \.csv or \.csv\.gz files"):
        write_bars(feed, tmp_path / "a.txt")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DataError, match=r"can't be written \(.*No such file or directory.*\)"):
            write_bars(feed, tmp_path / "nowhere" / name)
