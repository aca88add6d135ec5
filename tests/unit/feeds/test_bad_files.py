"""File feeds: one clear line for everything that can be wrong with a file, and nothing lost before it."""

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from holdfast.core.types import MINUTE_NS
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed
from holdfast.feeds.tables import BATCH_ROWS
from tests.unit.feeds.conftest import WriteRows

GOOD = [
    ("SPY", "2024-01-02T14:30:00Z", 10.0, 10.5, 9.5, 10.25, 100.0),
    ("IBM", "2024-01-02T14:30:00Z", 10.0, 10.5, 9.5, 10.25, 100.0),
    ("SPY", "2024-01-02T14:31:00Z", 10.0, 10.5, 9.5, 10.25, 100.0),
]
LATER = "2024-01-02T14:32:00Z"
TRADE_COLUMNS = ("symbol", "ts", "price", "size")
QUOTE_COLUMNS = ("symbol", "ts", "bid", "bid_size", "ask", "ask_size")
NAN, INF = float("nan"), float("inf")

BAD_BARS = [
    (("SPY", LATER, NAN, 10.5, 9.5, 10.25, 100.0), "row 4 (SPY): open is nan; it must be a finite number above zero"),
    (("SPY", LATER, 10.0, INF, 9.5, 10.25, 100.0), "row 4 (SPY): high is inf; it must be a finite number above zero"),
    (("SPY", LATER, 10.0, 10.5, 0.0, 10.25, 100.0), "row 4 (SPY): low is 0; it must be a finite number above zero"),
    (("SPY", LATER, 10.0, 10.5, 9.5, -1.5, 100.0), "row 4 (SPY): close is -1.5; it must be a finite number above zero"),
    (
        ("SPY", LATER, 10.0, 10.5, 9.5, 10.25, -1.0),
        "row 4 (SPY): volume is -1; it must be a finite number zero or above",
    ),
    (("SPY", LATER, 10.0, 9.0, 9.5, 10.25, 100.0), "row 4 (SPY): high 9 is below low 9.5; correct or remove the row"),
    (
        ("IBM", "2024-01-02T14:30:59Z", 10.0, 10.5, 9.5, 10.25, 100.0),
        "row 4 (IBM): ts 2024-01-02T14:30:59Z is before that of the row above it, 2024-01-02T14:31:00Z; sort the file by ts",
    ),
    (
        ("SPY", "2024-01-02T14:31:00Z", 10.0, 10.5, 9.5, 10.25, 100.0),
        "row 4 (SPY): a second bar at ts 2024-01-02T14:31:00Z; remove one of the two",
    ),
    (("", LATER, 10.0, 10.5, 9.5, 10.25, 100.0), "row 4: symbol is missing; every row needs one"),
]


def assert_fails_at(feed: FileFeed, text: str, good: int) -> None:
    """Both ways of reading raise ``text`` in one line; the events before are delivered."""
    events = feed.events()
    assert len([next(events) for _ in range(good)]) == good
    for read in (lambda: next(events), feed.check):
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value).startswith(f"{feed.name}: {text}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize(("row", "text"), BAD_BARS, ids=[text[7:30] for _, text in BAD_BARS])
def test_a_bad_bar_is_named_after_the_good_ones(
    write_rows: WriteRows, ending: str, row: tuple[object, ...], text: str
) -> None:
    """File, row, symbol, value and what to do; the rows before it come first, whatever follows."""
    path = write_rows([*GOOD, row, ("SPY", "2024-01-02T14:33:00Z", -1.0, -1.0, -1.0, -1.0, -1.0)], ending)
    assert_fails_at(FileFeed(path), text, good=3)


@pytest.mark.parametrize("missing", range(7))
def test_missing_values_of_parquet_are_bad_rows(write_rows: WriteRows, missing: int) -> None:
    """A null in any column that is read is found where it is."""
    row: list[object] = ["SPY", LATER, 10.0, 10.5, 9.5, 10.25, 100.0]
    name = ("symbol", "ts", "open", "high", "low", "close", "volume")[missing]
    row[missing] = None
    who = "" if missing == 0 else " (SPY)"
    assert_fails_at(FileFeed(write_rows([*GOOD, row])), f"row 4{who}: {name} is", good=3)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("SPY", LATER, "abc", 1), "row 2 (SPY): price is 'abc', which is not a number; correct or remove the row"),
        (("SPY", LATER, "", 1), "row 2 (SPY): price is '', which is not a number"),
        (("SPY", LATER, "nan", 1), "row 2 (SPY): price is nan; it must be a finite number above zero"),
        (("SPY", LATER, "0", 1), "row 2 (SPY): price is 0; it must be a finite number above zero"),
        (("SPY", LATER, "1", -1), "row 2 (SPY): size is -1; it must be a finite number zero or above"),
        (("SPY", "2024-01-02T14:30:00", 1, 1), "row 2 (SPY): ts '2024-01-02T14:30:00' has no time zone; write it like"),
        (("SPY", "1704205800", 1, 1), "row 2 (SPY): ts '1704205800' is not an ISO 8601 time; write it like 2024"),
        (("SPY", "", 1, 1), "row 2 (SPY): ts '' is not an ISO 8601 time"),
        (("SPY", "2300-01-01T00:00:00Z", 1, 1), "row 2 (SPY): ts 2300-01-01T00:00:00Z is outside of 1678 to 2261"),
        (("", LATER, 1, 1), "row 2: symbol is missing"),
    ],
)
def test_bad_text_in_csv_is_named(write_rows: WriteRows, values: tuple[object, ...], text: str) -> None:
    """What can't be read as a time or a number is shown as it stands in the file."""
    rows = [("SPY", "2024-01-02T14:30:00Z", 1, 1), values, ("SPY", "x", "x", "x")]
    assert_fails_at(FileFeed(write_rows(rows, ".csv", TRADE_COLUMNS)), text, good=1)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("SPY", LATER, 1), "row 2 has 3 values, the header 4: 'SPY,2024-01-02T14:32:00Z,1'; correct or remove it"),
        (("SPY", LATER, 1, 1, 1), "row 2 has 5 values, the header 4"),
    ],
)
def test_a_row_of_another_length_is_named(write_rows: WriteRows, values: tuple[object, ...], text: str) -> None:
    """When the file is opened: its symbols and the lengths of their bars are read from every row."""
    rows = [("SPY", "2024-01-02T14:30:00Z", 1, 1), values, ("SPY", "x", "x", "x")]
    with pytest.raises(DataError, match=re.escape(text)):
        FileFeed(write_rows(rows, ".csv", TRADE_COLUMNS))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((-0.5, 1.0, 2.0, 1.0), "row 2 (SPY): bid is -0.5; it must be a finite number zero or above"),
        ((1.0, 1.0, 2.0, -1.0), "row 2 (SPY): ask_size is -1; it must be a finite number zero or above"),
        ((1.0, NAN, 2.0, 1.0), "row 2 (SPY): bid_size is nan"),
    ],
)
def test_a_quote_may_be_zero_but_not_negative(write_rows: WriteRows, values: tuple[float, ...], text: str) -> None:
    """Sides and sizes of quotes are zero or above."""
    rows = [("SPY", LATER, 0.0, 0.0, 2.0, 1.0), ("SPY", LATER, *values)]
    assert_fails_at(FileFeed(write_rows(rows, ".parquet", QUOTE_COLUMNS)), text, good=1)


def long_file(path: Path, rows: int, **changes: tuple[int, object]) -> Path:
    """Minute bars of one symbol in a Parquet file, with some values (place, value) changed."""
    columns: dict[str, list[object]] = {name: [1.0] * rows for name in ("open", "high", "low", "close", "volume")}
    columns["ts"] = [minute * MINUTE_NS for minute in range(rows)]
    for name, (place, value) in changes.items():
        columns[name][place] = value
    ts = pa.array(columns.pop("ts"), pa.timestamp("ns", "UTC"))
    pa.parquet.write_table(pa.table({"symbol": ["SPY"] * rows, "ts": ts, **columns}), path)
    return path


@pytest.mark.parametrize("place", [BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS])
@pytest.mark.parametrize("change", ["close", "duplicate", "unsorted"])
def test_a_bad_row_is_found_on_both_sides_of_a_batch(tmp_path: Path, place: int, change: str) -> None:
    """Where batches meet, rows are still compared with the one before, and counted on."""
    changes: dict[str, tuple[int, object]] = {
        "close": (place, -1.0) if change == "close" else (0, 1.0),
        "ts": (place, (place - {"close": 0, "duplicate": 1, "unsorted": 2}[change]) * MINUTE_NS),
    }
    feed = FileFeed(long_file(tmp_path / "long.parquet", 2 * BATCH_ROWS + 10, **changes))
    assert_fails_at(feed, f"row {place + 1} (SPY): ", good=place)


def test_a_duplicate_is_found_between_other_symbols(write_rows: WriteRows) -> None:
    """Two bars of a symbol at one time needn't stand next to each other."""
    names = ["A", "B", "C", "B", "D"]
    rows = [(name, "2024-01-02T14:30:00Z", 1.0, 1.0, 1.0, 1.0, 1.0) for name in names]
    assert_fails_at(FileFeed(write_rows(rows), bar_ns=MINUTE_NS), "row 4 (B): a second bar", good=3)


def test_row_numbers_count_rows_that_are_filtered_out(write_rows: WriteRows) -> None:
    """The number in the error is the row's in the file."""
    rows = [*GOOD, ("SPY", LATER, -1.0, 1.0, 1.0, 1.0, 1.0)]
    assert_fails_at(FileFeed(write_rows(rows), symbols=["SPY"]), "row 4 (SPY): open is -1", good=2)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("symbol ts open high low close", "column volume not found; bars need symbol ts open high low close volume"),
        ("Symbol ts Open high low close volume", "(rename 'Symbol' to symbol, 'Open' to open?)"),
        ("symbol ts price", "column size not found; trades need symbol ts price size, the file has symbol ts price"),
        (
            "symbol time bid bid_size ask asksize",
            "columns ts, ask_size not found (rename 'asksize' to ask_size?); quotes",
        ),
        ("symbol ts ts price size", "column ts is there 2 times; keep one"),
    ],
)
def test_missing_columns_are_named_with_what_was_found(write_rows: WriteRows, columns: str, text: str) -> None:
    """The nearest kind of data says what it lacks, and a near name is offered."""
    path = write_rows([], ".csv", columns.split())
    with pytest.raises(DataError) as caught:
        FileFeed(path)
    assert text in str(caught.value)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz"])
def test_a_file_without_rows_is_refused(write_rows: WriteRows, ending: str) -> None:
    """Columns alone are nothing to trade on."""
    with pytest.raises(DataError, match=r"market\.[a-z.]+: has no rows; there is nothing to trade on"):
        FileFeed(write_rows([], ending, TRADE_COLUMNS) if ending != ".parquet" else empty_parquet(write_rows))


def empty_parquet(write_rows: WriteRows) -> Path:
    """A trades file that has its columns and types, and no row."""
    path = write_rows([("SPY", LATER, 1.0, 1.0)], ".parquet", TRADE_COLUMNS)
    table = pa.parquet.read_table(path)
    pa.parquet.write_table(table.slice(0, 0), path)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_an_empty_file_cannot_be_read(tmp_path: Path, name: str) -> None:
    """Zero bytes are no market data."""
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"can't be read \(.+\); check that the file is whole"):
        FileFeed(tmp_path / name)


def test_a_file_that_is_not_what_its_name_says_cannot_be_read(tmp_path: Path) -> None:
    """Text called Parquet."""
    (tmp_path / "a.parquet").write_text("symbol,ts,price,size\n")
    with pytest.raises(DataError, match=r"can't be read \(.*not a parquet file.*\)"):
        FileFeed(tmp_path / "a.parquet")


def test_a_truncated_gzip_fails(tmp_path: Path) -> None:
    """Half a download is found at its end, not taken for a shorter file."""
    lines = [f"SPY,2024-01-02T14:30:00Z,{1 + n * 7919 % 1000},{n}" for n in range(200_000)]
    whole = gzip.compress("\n".join(["symbol,ts,price,size", *lines, ""]).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.csv\.gz: can't be read"):
        FileFeed(tmp_path / "a.csv.gz").check()


def test_a_damaged_parquet_page_fails(tmp_path: Path) -> None:
    """Bytes turned over in the middle of the data are reported as such."""
    path = long_file(tmp_path / "long.parquet", 50_000)
    content = bytearray(path.read_bytes())
    content[2_000:60_000] = bytes(58_000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"long\.parquet: can't be read"):
        FileFeed(path).check()


@pytest.mark.parametrize(
    ("column", "values", "text"),
    [
        ("ts", pa.array([1], pa.timestamp("ns")), "ts has no time zone; store it as a timestamp in UTC"),
        ("ts", pa.array([1], pa.int64()), "column ts is int64; it must be a timestamp with a time zone"),
        ("ts", pa.array(["2024-01-02T14:30:00Z"]), "column ts is string; it must be a timestamp with a time zone"),
        ("symbol", pa.array([1]), "column symbol is int64; it must be text"),
        ("price", pa.array(["1.5"]), "column price is string; it must be a number"),
        ("size", pa.array([True]), "column size is bool; it must be a number"),
    ],
)
def test_wrong_types_of_parquet_columns_are_refused(tmp_path: Path, column: str, values: pa.Array, text: str) -> None:
    """What the file declares is checked before anything is read; a time without a zone is no time."""
    good = {"symbol": ["A"], "ts": pa.array([1], pa.timestamp("ns", "UTC")), "price": [1.0], "size": [1]}
    pa.parquet.write_table(pa.table({**good, column: values}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=text):
        FileFeed(tmp_path / "a.parquet")


def test_a_parquet_time_beyond_nanoseconds_is_a_bad_row(tmp_path: Path) -> None:
    """Seconds reach further than nanoseconds do."""
    ts = pa.array([0, 32_503_680_000], pa.timestamp("s", "UTC"))
    pa.parquet.write_table(
        pa.table({"symbol": ["A"] * 2, "ts": ts, "price": [1.0] * 2, "size": [1] * 2}), tmp_path / "a.parquet"
    )
    assert_fails_at(
        FileFeed(tmp_path / "a.parquet"), "row 2 (A): ts 3000-01-01 00:00:00.000Z is outside of 1678", good=1
    )


def test_paths_that_are_no_data_file_are_refused(tmp_path: Path) -> None:
    """No such file, a folder, an ending nobody reads."""
    (tmp_path / "a.txt").write_text("x")
    for name, text in (("b.csv", "there is no such file"), ("", "is a folder"), ("a.txt", "not '.txt'")):
        with pytest.raises(DataError, match=text):
            FileFeed(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
@pytest.mark.parametrize("place", ["header", "row"])
def test_text_in_another_encoding_is_refused_with_its_cure(encoding: str, place: str, tmp_path: Path) -> None:
    """In the first line or further down; what is only ASCII in it is read as it is."""
    header = "symbol,ts,open,high,low,close,volume"
    rows = [
        "SPY,2024-01-02T14:30:00Z,10,11,9,10,1",
        "SPY,2024-01-02T14:31:00Z,10,11,9,10,1",
        "SPÉ,2024-01-02T14:32:00Z,10,11,9,10,1",
    ]
    text = "\n".join([header.replace("volume", "volumé") if place == "header" else header, *rows]) + "\n"
    path = tmp_path / "bars.csv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=r"(?i)UTF-?8"):
        list(FileFeed(path).events())
