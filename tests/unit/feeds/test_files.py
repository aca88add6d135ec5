"""File feeds: what a good file gives."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import DataError, InvalidValue
from holdfast.feeds.files import FileFeed
from tests.unit.feeds.conftest import WriteRows

START_NS = 1_704_205_800_000_000_000  # 2024-01-02T14:30:00Z
ENDINGS = (".parquet", ".csv", ".csv.gz")
ROWS = [
    ("AAA", "2024-01-02T14:30:00Z", 10.0, 10.5, 9.5, 10.25, 100),
    ("BBB", "2024-01-02T14:30:00Z", 20.0, 20.5, 19.5, 20.25, 0),
    ("AAA", "2024-01-02T14:31:00Z", 10.25, 10.75, 10.0, 10.5, 2.5),
    ("BBB", "2024-01-02T14:31:00Z", 20.25, 20.75, 20.0, 20.5, 300),
]


def minute_bar(symbol: str, minute: int, *numbers: float) -> Bar:
    """A bar that starts so many minutes after the first."""
    start_ns = START_NS + minute * MINUTE_NS
    return Bar(symbol, start_ns + MINUTE_NS, start_ns, *numbers)


BARS = [
    minute_bar("AAA", 0, 10.0, 10.5, 9.5, 10.25, 100.0),
    minute_bar("BBB", 0, 20.0, 20.5, 19.5, 20.25, 0.0),
    minute_bar("AAA", 1, 10.25, 10.75, 10.0, 10.5, 2.5),
    minute_bar("BBB", 1, 20.25, 20.75, 20.0, 20.5, 300.0),
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_bars_are_events_at_their_end(write_rows: WriteRows, ending: str) -> None:
    """Every row becomes a bar that starts at ts and is known one bar length later, whatever the file's format."""
    feed = FileFeed(write_rows(ROWS, ending))
    assert list(feed.events()) == BARS
    assert (feed.data, feed.bar_ns, list(feed.symbols)) == ("bars", MINUTE_NS, ["AAA", "BBB"])


def test_events_can_be_played_again(write_rows: WriteRows) -> None:
    """A second reading gives the same events from the first on, also while another one is under way."""
    feed = FileFeed(write_rows(ROWS))
    first = feed.events()
    assert next(first) == BARS[0]
    assert list(feed.events()) == BARS
    assert list(first) == BARS[1:]


@pytest.mark.parametrize("ending", ENDINGS)
def test_trades_are_told_by_their_columns(write_rows: WriteRows, ending: str) -> None:
    """A file with price and size gives trades; other columns are not read; equal times are fine."""
    rows = [("AAA", "2024-01-02T14:30:00Z", 10.0, 5, "Q"), ("AAA", "2024-01-02T14:30:00Z", 10.01, 0, "P")]
    feed = FileFeed(write_rows(rows, ending, ("symbol", "ts", "price", "size", "exchange")))
    assert list(feed.events()) == [Trade("AAA", START_NS, 10.0, 5.0), Trade("AAA", START_NS, 10.01, 0.0)]
    assert feed.bar_ns is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_quote_may_have_one_side(write_rows: WriteRows, ending: str) -> None:
    """A side of zero was not quoted, and comes through as zero."""
    columns = ("symbol", "ts", "bid", "bid_size", "ask", "ask_size")
    feed = FileFeed(write_rows([("AAA", "2024-01-02T14:30:00Z", 0, 0, 10.5, 200)], ending, columns))
    assert list(feed.events()) == [Quote("AAA", START_NS, 0.0, 0.0, 10.5, 200.0)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "+05:30"])
def test_any_unit_and_zone_of_a_timestamp_is_read(tmp_path: Path, unit: str, zone: str) -> None:
    """A Parquet timestamp means the same time in any unit and zone."""
    ts = pa.array([START_NS], pa.timestamp("ns", "UTC")).cast(pa.timestamp(unit, zone))
    path = tmp_path / "trades.parquet"
    pa.parquet.write_table(pa.table({"symbol": ["AAA"], "ts": ts, "price": [1.0], "size": [1]}), path)
    assert list(FileFeed(path).events()) == [Trade("AAA", START_NS, 1.0, 1.0)]


@pytest.mark.parametrize(
    "text", ["2024-01-02T14:30:00Z", "2024-01-02 09:30:00-05:00", "2024-01-02T20:00:00.000000000+0530"]
)
def test_iso_times_with_any_offset_are_read(write_rows: WriteRows, text: str) -> None:
    """CSV times are ISO 8601 with Z or an offset."""
    path = write_rows([("AAA", text, 1, 1)], ".csv", ("symbol", "ts", "price", "size"))
    assert [event.time_ns for event in FileFeed(path).events()] == [START_NS]


def test_number_types_of_parquet_are_read(tmp_path: Path) -> None:
    """Integers, single floats and decimals become floats; symbols may be a dictionary."""
    ts = pa.array([START_NS], pa.timestamp("ns", "UTC"))
    columns = {
        "symbol": pa.array(["AAA"]).dictionary_encode(),
        "ts": ts,
        "open": pa.array([3], pa.int32()),
        "high": pa.array([3.5], pa.float32()),
        "low": pa.array(["2.75"]).cast(pa.decimal128(10, 2)),
        "close": pa.array([3], pa.uint8()),
        "volume": pa.array([2**60 + 1], pa.uint64()),
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "bars.parquet")
    bars = list(FileFeed(tmp_path / "bars.parquet", bar_ns=MINUTE_NS).events())
    assert bars == [minute_bar("AAA", 0, 3.0, 3.5, 2.75, 3.0, 2.0**60)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_wanted_symbols_come(write_rows: WriteRows, ending: str) -> None:
    """A filter leaves out all other symbols; what is wrong with their rows doesn't matter."""
    rows = [*ROWS[:1], ("BBB", "2024-01-02T14:00:00Z", -1, -1, -1, -1, -1), *ROWS[2:]]
    feed = FileFeed(write_rows(rows, ending), symbols=["AAA"])
    assert list(feed.events()) == [BARS[0], BARS[2]]
    assert list(feed.symbols) == ["AAA"]


def test_a_symbol_that_is_not_there_is_named_with_its_neighbours(write_rows: WriteRows) -> None:
    """The error lists what the file has, the nearest first."""
    path = write_rows([("QQQ", *ROWS[0][1:]), ("SPYG", *ROWS[0][1:]), ("SPY", *ROWS[0][1:])])
    with pytest.raises(DataError, match=r"no rows for spx; it has SPY, SPYG, QQQ$"):
        FileFeed(path, symbols=["spx", "QQQ"])


def test_long_lists_of_symbols_are_cut(write_rows: WriteRows) -> None:
    """At most eight symbols are named, then how many more there are."""
    path = write_rows([(f"S{place}", *ROWS[0][1:]) for place in range(20)])
    with pytest.raises(DataError, match=r"S0, .*and 12 more$"):
        FileFeed(path, symbols=["NONE"])


def test_start_divides_history_from_trading(write_rows: WriteRows) -> None:
    """Events before the start are delivered too; the feed says from when on to trade."""
    feed = FileFeed(write_rows(ROWS), start_ns=START_NS + 2 * MINUTE_NS)
    assert feed.trading_from_ns == START_NS + 2 * MINUTE_NS
    assert list(feed.events()) == BARS
    assert FileFeed(write_rows(ROWS)).trading_from_ns == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_end_cuts_by_the_rows_time(write_rows: WriteRows, ending: str) -> None:
    """A row whose ts is the end or later is left out, and what is wrong after it doesn't matter."""
    rows = [*ROWS, ("AAA", "2024-01-02T14:32:00Z", -1, -1, -1, -1, -1)]
    path = write_rows(rows, ending)
    assert list(FileFeed(path, end_ns=START_NS + 2 * MINUTE_NS).events()) == BARS
    assert list(FileFeed(path, end_ns=START_NS + MINUTE_NS).events()) == BARS[:2]
    assert FileFeed(path, end_ns=START_NS + MINUTE_NS).check() == 2


def test_days_are_as_long_as_most_of_them(write_rows: WriteRows) -> None:
    """Daily bars at New York's midnight are 24 hours long, though some days of the year have 23 or 25."""
    midnights = ["2024-03-08T05", "2024-03-09T05", "2024-03-10T05", "2024-03-11T04", "2024-03-12T04"]
    feed = FileFeed(write_rows([("AAA", f"{midnight}:00:00Z", 1, 1, 1, 1, 1) for midnight in midnights]))
    assert feed.bar_ns == DAY_NS


def test_bar_length_can_be_given(write_rows: WriteRows) -> None:
    """A stated length goes before what the gaps say, and one bar is enough then."""
    feed = FileFeed(write_rows(ROWS[:1]), bar_ns=HOUR_NS)
    assert [event.time_ns for event in feed.events()] == [START_NS + HOUR_NS]


def test_bar_length_that_cannot_be_told_is_asked_for(write_rows: WriteRows) -> None:
    """One bar of each symbol has no gap to measure."""
    with pytest.raises(DataError, match="AAA has no two bars near enough to each other to tell their length; give it"):
        FileFeed(write_rows(ROWS[:2]))


def test_total_is_known_for_a_whole_parquet_file_only(write_rows: WriteRows) -> None:
    """Its metadata has the number of rows; with a filter, an end or a CSV file nobody knows before reading."""
    path = write_rows(ROWS)
    assert FileFeed(path).total == 4
    assert FileFeed(path, symbols=["AAA"]).total is None
    assert FileFeed(path, end_ns=START_NS + MINUTE_NS).total is None
    assert FileFeed(write_rows(ROWS, ".csv")).total is None


def test_check_counts_and_reports(write_rows: WriteRows) -> None:
    """A check reads everything and tells how far it is."""
    seen: list[tuple[int, int | None]] = []
    feed = FileFeed(write_rows(ROWS))
    assert feed.check(lambda done, total: seen.append((done, total))) == 4
    assert seen == [(4, 4)]


def test_fingerprint_stays_as_a_file_grows(write_rows: WriteRows) -> None:
    """Rows after the first 1,000, the path, the format and the end make no difference."""
    rows = [
        ("AAA", f"2024-01-{1 + m // 1440:02}T{m // 60 % 24:02}:{m % 60:02}:00Z", 1, 1, 1, 1, m) for m in range(1010)
    ]
    parquet, csv = write_rows(rows), write_rows(rows[:1000], ".csv")
    assert FileFeed(parquet).fingerprint() == FileFeed(csv).fingerprint()
    assert FileFeed(parquet, end_ns=START_NS).fingerprint() == FileFeed(parquet).fingerprint()


def test_fingerprint_changes_with_the_data(write_rows: WriteRows) -> None:
    """Another value, another filter or another bar length is other data."""
    path = write_rows(ROWS)
    prints = [FileFeed(path).fingerprint(), FileFeed(path, symbols=["AAA"]).fingerprint()]
    prints.append(FileFeed(path, bar_ns=HOUR_NS).fingerprint())
    prints.append(FileFeed(write_rows([*ROWS[:3], (*ROWS[3][:6], 301)])).fingerprint())
    assert len(set(prints)) == 4


def test_settings_that_cannot_be_meant_are_refused(write_rows: WriteRows) -> None:
    """No symbols at all, an end before the start, a bar without length."""
    path = write_rows(ROWS)
    with pytest.raises(InvalidValue, match="symbols is an empty list"):
        FileFeed(path, symbols=[])
    with pytest.raises(InvalidValue, match=r"start \(2024-01-02T14:30:00Z\) must be before the end"):
        FileFeed(path, start_ns=START_NS, end_ns=START_NS)
    with pytest.raises(InvalidValue, match="bar_ns must be above zero, not 0"):
        FileFeed(path, bar_ns=0)
