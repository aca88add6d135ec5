"""The catalogue: whole whenever a process dies, the same whoever imports twice, and no row in it changes unasked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from holdfast.core.messages import Bar
from holdfast.core.types import DAY_NS, MINUTE_NS
from holdfast.data import from_frame
from holdfast.data.catalogue import About, Catalogue, chosen, read_month
from holdfast.data.kinds import BARS, TRADES
from holdfast.data.stored import windows
from holdfast.errors import DataError, InvalidValue, Refused
from holdfast.feeds.files import FileFeed
from holdfast.feeds.opened import FeedSettings, catalogue_feed

RAW = About(sources=("first.csv",), zone="America/New_York", adjustment="raw")


def bars(symbol: str, start: str, count: int, freq: str = "1min", price: float = 100.0) -> pa.Table:
    index = pd.date_range(start, periods=count, freq=freq, tz="UTC")
    close = price + np.arange(count) % 7
    frame = pd.DataFrame(
        {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 5.0}, index=index
    )
    return from_frame(frame, symbol=symbol)


def trades(start: str, count: int, price: float = 10.0) -> pa.Table:
    index = pd.date_range(start, periods=count, freq="10s", tz="UTC")
    return from_frame(pd.DataFrame({"price": price, "size": 1.0}, index=index), symbol="BTC/USD")


def test_by_symbol_length_and_month(tmp_path: Path) -> None:
    """What is added comes back, in files by symbol, length and month; what is known of it stands beside it."""
    catalogue = Catalogue(tmp_path / "data")
    table = pa.concat_tables([bars("BTC/USD", "2024-01-31 23:58", 4), bars("SPY", "2024-02-01", 3, "1D")])
    added = catalogue.add(table, BARS, RAW)
    assert [(one.symbol, one.length, one.new) for one in added] == [("BTC/USD", "1Min", 4), ("SPY", "1Day", 3)]
    found = sorted(path.relative_to(tmp_path / "data").as_posix() for path in tmp_path.rglob("*.parquet"))
    assert found == [
        "bars/BTC%2FUSD/1Min/2024-01.parquet",
        "bars/BTC%2FUSD/1Min/2024-02.parquet",
        "bars/SPY/1Day/2024-02.parquet",
    ]
    entry = catalogue.entries()[0]
    assert (entry.symbol, entry.rows, entry.sources, entry.adjustment) == ("BTC/USD", 4, ("first.csv",), "raw")
    assert entry.last_ns - entry.first_ns == 3 * MINUTE_NS
    assert pa.concat_tables(windows([entry], BARS.columns)).equals(table.slice(0, 4))


@pytest.mark.parametrize("symbol", ["BRK.B", ".hidden", "..", "A B", "日経", "a%2Fb", "ES=F", "^GSPC"])
def test_any_symbol(tmp_path: Path, symbol: str) -> None:
    """No symbol leaves the folder, is hidden in it, or comes back as another."""
    Catalogue(tmp_path / "data").add(bars(symbol, "2024-01-01", 2), BARS, RAW)
    assert [entry.symbol for entry in Catalogue(tmp_path / "data").entries()] == [symbol]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_overlapping_imports(tmp_path: Path) -> None:
    """The same rows again change nothing, not even the files; new ones are added; others are refused, with nothing written."""
    catalogue = Catalogue(tmp_path)
    catalogue.add(bars("SPY", "2024-01-01", 10), BARS, RAW)
    path = next(tmp_path.rglob("*.parquet"))
    before = path.read_bytes()
    assert [(one.new, one.there) for one in catalogue.add(bars("SPY", "2024-01-01", 10), BARS, RAW)] == [(0, 10)]
    assert path.read_bytes() == before
    with pytest.raises(Refused, match=r"10 of its bars differ.*--replace"):
        catalogue.add(bars("SPY", "2024-01-01", 50_000, price=101), BARS, RAW)
    assert path.read_bytes() == before
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    later = bars("SPY", "2024-01-01", 17).slice(10)
    assert [(one.new, one.there) for one in catalogue.add(later, BARS, RAW)] == [(7, 0)]
    assert read_month(path)[0].equals(bars("SPY", "2024-01-01", 17))
    [one] = catalogue.add(bars("SPY", "2024-01-01", 3, price=200), BARS, RAW, replace=True)
    assert (one.new, one.there) == (3, 0)
    assert read_month(path)[0].column("close").to_pylist()[:4] == [200, 201, 202, 103]


def test_adjustments_are_not_mixed(tmp_path: Path) -> None:
    """Rows that are adjusted otherwise don't come into the same month unasked."""
    Catalogue(tmp_path).add(bars("SPY", "2024-01-01", 3), BARS, RAW)
    with pytest.raises(Refused, match="--adjustment"):
        Catalogue(tmp_path).add(bars("SPY", "2024-01-02", 3), BARS, About(adjustment="splits"))


def test_overlapping_trades(tmp_path: Path) -> None:
    """Of trades the same stretch of time is the same or refused: two equal trades are two."""
    catalogue = Catalogue(tmp_path)
    whole = trades("2024-01-01", 20)
    catalogue.add(whole.slice(0, 12), TRADES, RAW)
    assert [(one.new, one.there) for one in catalogue.add(whole.slice(6), TRADES, RAW)] == [(8, 6)]
    assert read_month(next(tmp_path.rglob("*.parquet")))[0].equals(whole)
    with pytest.raises(Refused, match="differ from the new ones"):
        catalogue.add(trades("2024-01-01", 20, price=11), TRADES, RAW)
    catalogue.add(trades("2024-01-01", 5, price=11), TRADES, RAW, replace=True)
    assert read_month(next(tmp_path.rglob("*.parquet")))[0].column("price").to_pylist() == [11] * 5 + [10] * 15


def test_a_kill_leaves_it_whole(tmp_path: Path) -> None:
    """Killed at any moment of many imports, each file is one that was written whole, and the next import goes on."""
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.unit.data.test_catalogue import Catalogue, BARS, RAW, bars\n"
        "print('ready', flush=True)\n"
        "for price in range(100, 10_000):\n"
        "    Catalogue(Path(sys.argv[1])).add(bars('SPY', '2024-01-31', 3_000, price=price), BARS, RAW, replace=True)\n"
        "    print(price, flush=True)\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), root], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "103":
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for path in tmp_path.rglob("[!.]*.parquet"):
        table, _ = read_month(path)
        plain = bars("SPY", "2024-01-31", 3_000)
        of_month = plain.filter(pa.array(plain.column("ts").to_pandas().dt.strftime("%Y-%m") == path.stem))
        added = {
            mine - was
            for mine, was in zip(table.column("close").to_pylist(), of_month.column("close").to_pylist(), strict=True)
        }
        assert len(added) == 1  # all of one import
    catalogue = Catalogue(tmp_path)
    catalogue.add(bars("SPY", "2024-01-31", 3_000), BARS, RAW, replace=True)
    assert pa.concat_tables(windows(catalogue.entries(), BARS.columns)).equals(bars("SPY", "2024-01-31", 3_000))


def test_as_a_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue is the same feed as one file of the same rows, also where it is read window by window."""
    table = pa.concat_tables([bars("SPY", "2024-01-31 23:00", 200), bars("AAA", "2024-01-31 23:30", 200)])
    table = table.sort_by([("ts", "ascending"), ("symbol", "ascending")])
    pa.parquet.write_table(table, tmp_path / "one.parquet")
    Catalogue(tmp_path / "data").add(table, BARS, RAW)
    whole = list(FileFeed(tmp_path / "one.parquet").events())
    feed = catalogue_feed(tmp_path / "data", FeedSettings())
    assert list(feed.events()) == whole
    assert feed.total == 400
    monkeypatch.setattr("holdfast.data.stored.WINDOW_ROWS", 50)
    assert list(catalogue_feed(tmp_path / "data", FeedSettings()).events()) == whole
    spy = list(catalogue_feed(tmp_path / "data", FeedSettings(symbols=["SPY"])).events())
    assert spy == [event for event in whole if isinstance(event, Bar) and event.symbol == "SPY"]


def test_which_bars(tmp_path: Path) -> None:
    """Where a symbol has bars of several lengths somebody has to say which; what isn't there is named."""
    catalogue = Catalogue(tmp_path)
    catalogue.add(bars("SPY", "2024-01-01", 5), BARS, RAW)
    catalogue.add(bars("SPY", "2024-01-01", 5, "1D"), BARS, RAW)
    with pytest.raises(InvalidValue, match="has SPY as 1Day, 1Min; say which"):
        catalogue_feed(tmp_path, FeedSettings())
    assert catalogue_feed(tmp_path, FeedSettings(bar_ns=DAY_NS)).lengths_ns == {"SPY": DAY_NS}
    assert catalogue_feed(tmp_path, FeedSettings(bar_ns={"SPY": MINUTE_NS})).lengths_ns == {"SPY": MINUTE_NS}
    with pytest.raises(DataError, match="has no QQQ; it has SPY"):
        chosen(catalogue.entries(), tmp_path, ["QQQ"], None)
    with pytest.raises(DataError, match="is no catalogue"):
        catalogue_feed(tmp_path / "nothing", FeedSettings())


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    """A foreign or broken file in the folder is named, with what to do."""
    Catalogue(tmp_path).add(bars("SPY", "2024-01-01", 2), BARS, RAW)
    path = next(tmp_path.rglob("*.parquet"))
    pa.parquet.write_table(bars("SPY", "2024-01-01", 2), path)
    with pytest.raises(DataError, match="was not written by holdfast data import"):
        Catalogue(tmp_path).entries()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="can't be read"):
        Catalogue(tmp_path).entries()
