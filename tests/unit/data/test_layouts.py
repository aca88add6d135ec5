"""Files in layouts that people have, read and compared with what pandas reads of them with the options written by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.data.layout import options
from holdfast.data.read import doubts_of, open_files, read_files
from holdfast.errors import InvalidValue
from tests.unit.data.conftest import Rows, expected, rows_of

NEW_YORK = "America/New_York"
PLAIN = ["open", "high", "low", "close", "volume"]
KLINES = ["ts", *PLAIN, *(f"more{n}" for n in range(6))]


def lower(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns=lambda name: name.strip().strip("<>").lower())


def zoned(times: Any, zone: str = NEW_YORK) -> Any:
    return pd.DatetimeIndex(pd.to_datetime(times)).tz_localize(zone)


def lean(path: Path) -> Rows:
    frame = pd.read_csv(path, header=None, names=["ms", *PLAIN])
    frame[PLAIN[:4]] /= 10_000
    return expected("SPY", zoned(["2024-01-02"] * len(frame)) + pd.to_timedelta(frame.ms, unit="ms"), frame)


def klines(unit: str) -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        frame = pd.read_csv(path, header=None, names=KLINES)
        return expected("BTCUSDT", pd.to_datetime(frame.ts, unit=unit, utc=True), frame)

    return read


def named(symbol: str, time: Callable[[pd.DataFrame], Any], **said: Any) -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        frame = lower(pd.read_csv(path, **said))
        return expected(frame.get("symbol", symbol), time(frame), frame)

    return read


def days(zone: str = NEW_YORK) -> Callable[[pd.DataFrame], Any]:
    return lambda frame: zoned(frame["date"], zone)


def cryptodatadownload(path: Path) -> Rows:
    frame = lower(pd.read_csv(path, skiprows=1))
    return expected(frame.symbol, zoned(frame.date, "UTC"), frame.assign(volume=frame["volume btc"]))


def firstrate(path: Path) -> Rows:
    frame = pd.read_csv(path, header=None, names=["ts", *PLAIN])
    return expected("SPY", zoned(frame.ts), frame)


def alpaca_json(path: Path) -> Rows:
    frame = pd.DataFrame(json.loads(path.read_text())["bars"]["SPY"])
    frame = frame.rename(columns=dict(zip("ohlcv", PLAIN, strict=True)))
    return expected("SPY", pd.to_datetime(frame.t, utc=True), frame)


def arrays(symbol: str, find: Callable[[Any], Any], **time: Any) -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        frame = pd.DataFrame(find(json.loads(path.read_text())), columns=["ts", *PLAIN])
        return expected(symbol, pd.to_datetime(frame.ts, utc=True, **time), frame)

    return read


def databento(path: Path) -> Rows:
    frame = pd.read_csv(path)
    frame[PLAIN[:4]] /= 10**9
    return expected(frame.symbol, pd.to_datetime(frame.ts_event, utc=True), frame)


def mt5(**said: Any) -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        frame = lower(pd.read_csv(path, sep="\t", **said))
        times = zoned(frame["date"].str.replace(".", "-") + " " + frame["time"], "EET")
        return expected("EURUSD", times, frame.assign(volume=frame.tickvol))

    return read


def stooq(path: Path) -> Rows:
    frame = lower(pd.read_csv(path, dtype={"<DATE>": str}))
    return expected(frame.ticker, zoned(frame.date), frame.assign(volume=frame.vol))


SPY, MINE = {"symbol": "SPY"}, {"symbol": "MINE"}
LAYOUTS: list[tuple[str, dict[str, Any], set[str], Callable[[Path], Rows]]] = [
    ("20240102_trade.zip", {"timezone": NEW_YORK}, {"timezone"}, lean),
    ("BTCUSDT-1m-2024-01.csv", {}, set(), klines("ms")),
    ("BTCUSDT-1m-2025-01.csv", {}, set(), klines("us")),
    ("Binance_BTCUSDT_minute.csv", {}, set(), cryptodatadownload),
    ("SPY_firstrate_1min.txt", {}, set(), firstrate),
    ("alpaca_bars.json", {}, set(), alpaca_json),
    ("alpaca_py_df.csv", {}, set(), named("", lambda frame: pd.to_datetime(frame.timestamp, utc=True))),
    ("bom_ok.csv", {}, set(), named("", lambda frame: pd.to_datetime(frame.ts), encoding="utf-8-sig")),
    ("ccxt_BTC_USDT.json", {"symbol": "BTC/USDT"}, {"symbol"}, arrays("BTC/USDT", lambda found: found, unit="ms")),
    ("databento_ohlcv-1m.csv", {}, set(), databento),
    ("ib_spy.csv", SPY, {"symbol"}, named("SPY", lambda frame: pd.to_datetime(frame.date), index_col=0)),
    ("kaggle_spy_1min.csv", {**SPY, "timezone": NEW_YORK}, {"symbol", "timezone"}, named("SPY", days())),
    ("kite_infy.json", {"symbol": "INFY"}, {"symbol"}, arrays("INFY", lambda found: found["data"]["candles"])),
    ("kite_infy_noColon.csv", {}, set(), named("", lambda frame: pd.to_datetime(frame.ts))),
    ("mt5_EURUSD_M1.csv", {"symbol": "EURUSD", "timezone": "EET"}, {"symbol", "timezone"}, mt5()),
    ("mt5_utf16.csv", {"symbol": "EURUSD", "timezone": "EET"}, {"symbol", "timezone"}, mt5(encoding="utf-16")),
    ("ndl_WIKI.csv", MINE, {"symbol"}, named("MINE", days())),
    ("spaces.csv", {}, set(), named("", lambda frame: pd.to_datetime(frame.ts), skipinitialspace=True)),
    ("stooq_spy.us.txt", {"calendar": "XNYS"}, {"calendar"}, stooq),
    ("stooq_web.csv", {**MINE, "calendar": "XWAR"}, {"symbol", "calendar"}, named("MINE", days("Europe/Warsaw"))),
    ("tv_BATS_SPY_1.csv", SPY, {"symbol"}, named("SPY", lambda frame: pd.to_datetime(frame.time, unit="s", utc=True))),
    ("yahoo_SPY.csv", {**SPY, "calendar": "XNYS"}, {"symbol", "calendar"}, named("SPY", days())),
    ("yfinance_1m.csv", MINE, {"symbol"}, named("MINE", lambda frame: pd.to_datetime(frame.datetime))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "asked", "by_hand"), LAYOUTS, ids=[row[0] for row in LAYOUTS])
def test_layout(
    shared_cases: Path, name: str, said: dict[str, Any], asked: set[str], by_hand: Callable[[Path], Rows]
) -> None:
    """The file is asked about as far as its data don't tell, and then says what pandas reads in it."""
    path = shared_cases / "layouts" / name
    said = dict(said)
    calendar = said.pop("calendar", None)
    assert {doubt.option for doubt in doubts_of(open_files([path], options()))} == asked
    if asked:
        with pytest.raises(InvalidValue, match="; give "):
            read_files([path])
    data = read_files([path], options(**said), calendar)
    assert rows_of(data.table) == by_hand(path)
    assert data.table.schema == data.kind.schema()


def test_every_layout_has_its_row(shared_cases: Path) -> None:
    """A file that is added to the folder needs a row here."""
    assert sorted(path.name for path in (shared_cases / "layouts").iterdir()) == sorted(row[0] for row in LAYOUTS)
