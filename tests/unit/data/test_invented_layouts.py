"""Layouts of brokers, exchanges and vendors that nobody has sent us: written here as their own documents describe them."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.data.layout import options
from holdfast.data.read import doubts_of, open_files, read_files
from holdfast.errors import HoldfastError

NEW_YORK = "America/New_York"
Write = Callable[..., Path]

MINUTES = pd.date_range("2024-01-02 09:30", periods=4, freq="1min", tz=NEW_YORK)
DAYS = pd.DatetimeIndex(["2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17"], tz=NEW_YORK)
PRICES = [
    (472.16, 473.67, 470.49, 472.65),
    (470.43, 471.19, 468.17, 468.79),
    (468.3, 470.96, 467.05, 467.28),
    (467.49, 470.44, 466.43, 467.92),
]
VOLUMES = [123623, 103585, 84232, 86060]
ROWS = [(*prices, volume) for prices, volume in zip(PRICES, VOLUMES, strict=True)]


def lines(pattern: str, times: pd.DatetimeIndex = MINUTES, head: str = "", turned: bool = False) -> str:
    """A line for each row: ``t`` is its time, ``n`` its seconds since 1970, and o, h, l, c, v."""
    made = [
        pattern.format(t=time, n=int(time.timestamp()), o=row[0], h=row[1], l=row[2], c=row[3], v=row[4])
        for time, row in zip(times, ROWS, strict=True)
    ]
    return head + "\n".join(made[::-1] if turned else made) + "\n"


def german(text: str) -> str:
    return text.replace(".", "§").replace("§", ",")


CASES: dict[str, tuple[str, str, dict[str, Any], set[str], pd.DatetimeIndex]] = {
    "Alpha Vantage": ("daily_SPY.csv", lines("{t:%Y-%m-%d},{o},{h},{l},{c},{v}", DAYS, "timestamp,open,high,low,close,volume\n", turned=True), {"symbol": "SPY", "calendar": "XNYS"}, {"symbol", "calendar"}, DAYS),
    "TradeStation": ("SPY.txt", lines('{t:%m/%d/%Y},{t:%H:%M},{o},{h},{l},{c},{v},0', MINUTES + pd.Timedelta(minutes=1), '"Date","Time","Open","High","Low","Close","Up","Down"\n'), {"symbol": "SPY", "timezone": NEW_YORK, "columns": {"volume": "Up"}}, {"symbol", "timezone"}, MINUTES),
    "NinjaTrader": ("SPY.Last.txt", lines("{t:%Y%m%d %H%M%S};{o};{h};{l};{c};{v}", MINUTES + pd.Timedelta(minutes=1)), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "end", "columns": {"ts": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}}, {"symbol", "timezone", "stamp", "columns"}, MINUTES),
    "HistData": ("DAT_ASCII_EURUSD_M1_2024.csv", lines("{t:%Y%m%d %H%M%S};{o};{h};{l};{c};{v}", MINUTES.tz_convert("Etc/GMT+5")), {}, set(), MINUTES),
    "MetaTrader 4": ("EURUSD1.csv", lines("{t:%Y.%m.%d},{t:%H:%M},{o},{h},{l},{c},{v}", MINUTES.tz_convert("EET")), {"symbol": "EURUSD", "timezone": "EET", "stamp": "start", "columns": {"date": 1, "time": 2, "open": 3, "high": 4, "low": 5, "close": 6, "volume": 7}}, {"symbol", "timezone", "stamp", "columns"}, MINUTES),
    "Dukascopy": ("EURUSD_Candlestick_1_M_BID_02.01.2024-02.01.2024.csv", lines("{t:%d.%m.%Y %H:%M:%S}.000,{o},{h},{l},{c},{v}", MINUTES.tz_convert("UTC"), "Gmt time,Open,High,Low,Close,Volume\n"), {"symbol": "EURUSD"}, {"symbol"}, MINUTES),
    "Dukascopy local": ("EURUSD.csv", lines("{t:%d.%m.%Y %H:%M:%S}.000 GMT{t:%z},{o},{h},{l},{c},{v}", MINUTES, "Local time,Open,High,Low,Close,Volume\n"), {"symbol": "EURUSD"}, {"symbol"}, MINUTES),
    "Polygon": ("2024-01-02.csv", lines("SPY,{v},{o},{c},{h},{l},{n}000000000,99", MINUTES, "ticker,volume,open,close,high,low,window_start,transactions\n"), {}, set(), MINUTES),
    "nasdaq.com": ("HistoricalData_1705.csv", lines("{t:%m/%d/%Y},${c},{v},${o},${h},${l}", DAYS, "Date,Close/Last,Volume,Open,High,Low\n", turned=True), {"symbol": "SPY"}, {"symbol"}, DAYS),
    "Excel of Germany": ("SPY.csv", german(lines("{t:%d;%m;%Y};{o};{h};{l};{c};{v}", DAYS)).replace(";01;2024", "/01/2024").join(["Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n", ""]), {"symbol": "SPY", "calendar": "XNYS", "encoding": "cp1252", "columns": {"ts": "Datum", "open": "Eröffnung", "high": "Hoch", "low": "Tief", "close": "Schluss", "volume": "Volumen"}}, set(), DAYS),
    "Kraken": ("XBTUSD_1.csv", lines("{n},{o},{h},{l},{c},{v},17"), {"symbol": "XBT/USD", "stamp": "start", "columns": {"ts": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}}, {"symbol", "stamp", "columns"}, MINUTES),
    "NSE": ("Quote-Equity-SPY-EQ-01-01-2024-to-31-01-2024.csv", "\ufeff" + lines('"{t:%d-%b-%Y}","EQ","{o:,.2f}","{h:,.2f}","{l:,.2f}","400.00","{c:,.2f}","{c:,.2f}","471.00","1,600.00","300.00","{v:,}","99,87,654.30","1,234"', DAYS.tz_localize(None).tz_localize("Asia/Kolkata"), '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","52W H","52W L ","VOLUME ","VALUE ","No of trades "\n', turned=True), {"symbol": "SPY"}, {"symbol"}, DAYS.tz_localize(None).tz_localize("Asia/Kolkata")),
    "Sierra Chart": ("SPY.txt", lines("{t:%Y/%m/%d}, {t:%H:%M:%S}, {o}, {h}, {l}, {c}, {v}, 12", MINUTES, "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades\n"), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "start"}, {"symbol", "timezone", "stamp"}, MINUTES),
    "QuantQuote": ("table_spy.csv", lines("{t:%Y%m%d},{t.hour}{t:%M},{o},{h},{l},{c},{v},0,0", MINUTES), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "start", "columns": {"date": 1, "time": 2, "open": 3, "high": 4, "low": 5, "close": 6, "volume": 7}}, {"symbol", "timezone", "stamp", "columns"}, MINUTES),
    "IQFeed": ("SPY.csv", lines("{t:%Y-%m-%d %H:%M:%S},{h},{l},{o},{c},{v},0", MINUTES + pd.Timedelta(minutes=1)), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "end", "columns": {"ts": 1, "high": 2, "low": 3, "open": 4, "close": 5, "volume": 6}}, {"symbol", "timezone", "stamp", "columns"}, MINUTES),
    "ThetaData": ("theta_spy.csv", lines("{t.hour}{t:%M}§,{o},{h},{l},{c},{v},9,{t:%Y%m%d}", MINUTES, "ms_of_day,open,high,low,close,volume,count,date\n"), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "start"}, {"symbol", "timezone", "stamp"}, MINUTES),
    "investing.com": ("SPY Historical Data.csv", lines('"{t:%m/%d/%Y}","{c}","{o}","{h}","{l}","{v}","0.1%"', DAYS, '"Date","Price","Open","High","Low","Vol.","Change %"\n', turned=True), {"symbol": "SPY", "calendar": "XNYS"}, {"symbol", "calendar"}, DAYS),
    "Bitstamp": ("btc.csv", lines("{n},{o},{h},{l},{c},{v},9999.5,470.1", MINUTES, "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n"), {"symbol": "BTC/USD", "stamp": "start"}, {"symbol", "stamp"}, MINUTES),
    "OKX": ("okx.csv", lines("{n}000,{o},{h},{l},{c},{v},1,1,1", MINUTES, "ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm\n"), {"symbol": "X", "stamp": "start"}, {"symbol", "stamp"}, MINUTES),
    "Yahoo tabs and words": ("a.tsv", lines("{t:%b} {t.day}, {t:%Y}\t{o}\t{h}\t{l}\t{c}\t{c}\t{v}", DAYS, "Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume\n"), {"symbol": "SPY", "calendar": "XNYS"}, {"symbol", "calendar"}, DAYS),
    "Tiingo": ("tiingo_spy.csv", lines("{t:%Y-%m-%d}T00:00:00.000Z,{c},{h},{l},{o},{v},1,1,1,1,1,0.0,1.0", DAYS, "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"), {"symbol": "SPY"}, {"symbol"}, DAYS.tz_localize(None).tz_localize("UTC")),
    "IB with its zone": ("ib.csv", lines("{t:%Y%m%d %H:%M:%S} US/Eastern,{o},{h},{l},{c},{v},1,1", MINUTES, "date,open,high,low,close,volume,average,barCount\n"), {"symbol": "SPY"}, {"symbol"}, MINUTES),
    "serial days": ("SPY.csv", "Date,Open,High,Low,Close,Volume\n" + "".join(f"{45302 + day},{','.join(map(str, row))}\n" for day, row in zip((0, 1, 5, 6), ROWS, strict=True)), {"symbol": "SPY", "calendar": "XNYS", "unit": "excel"}, {"symbol", "calendar", "unit"}, DAYS),
    "spaces": ("spy.prn", lines("{t:%Y-%m-%d}   {t:%H:%M}  {o} {h}   {l} {c} {v}", MINUTES, "date time open high low close volume\n"), {"symbol": "SPY", "timezone": NEW_YORK, "stamp": "start"}, {"symbol", "timezone", "stamp"}, MINUTES),
    "comments before": ("SPY.csv", lines("{t:%Y-%m-%dT%H:%M:%S%z},{o},{h},{l},{c},{v}", MINUTES, "# made by a program\n# on a day\n\ntime,open,high,low,close,volume\n"), {"symbol": "SPY", "stamp": "start"}, {"symbol", "stamp"}, MINUTES),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_text(write: Write, case: str) -> None:
    """What the data don't tell is asked, and with that the bars are those that were written."""
    name, text, said, asked, times = CASES[case]
    if case == "ThetaData":  # milliseconds of the day, in which a whole number of minutes shows as such
        for time in MINUTES:
            text = text.replace(f"{time.hour}{time:%M}§", str((time.hour * 60 + time.minute) * 60_000))
    path = write(name, text, said.get("encoding", "utf-8"))
    said = dict(said)
    calendar = said.pop("calendar", None)
    unasked = said if not asked else {}
    found = {doubt.option for doubt in doubts_of(open_files([path], options(**unasked), None if asked else calendar))}
    assert found == asked
    check(path, said, calendar, times)


def check(path: Path, said: dict[str, Any], calendar: str | None, times: pd.DatetimeIndex) -> None:
    table = read_files([path], options(**said), calendar).table
    assert table.column("ts").cast("int64").to_pylist() == times.tz_convert("UTC").as_unit("ns").asi8.tolist()
    numbers = [table.column(name).to_pylist() for name in ("open", "high", "low", "close", "volume")]
    assert list(zip(*numbers, strict=True)) == ROWS


JSON: dict[str, tuple[Any, dict[str, Any], set[str]]] = {
    "Polygon": ({"ticker": "SPY", "results": [{"v": v, "vw": 1, "o": o, "c": c, "h": h, "l": low, "t": int(t.timestamp()) * 1000, "n": 1} for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)], "status": "OK"}, {}, set()),
    "Schwab": ({"candles": [{"open": o, "high": h, "low": low, "close": c, "volume": v, "datetime": int(t.timestamp()) * 1000} for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)], "symbol": "SPY", "empty": False}, {"stamp": "start"}, {"stamp"}),
    "Finnhub": ({"o": [r[0] for r in ROWS], "h": [r[1] for r in ROWS], "l": [r[2] for r in ROWS], "c": [r[3] for r in ROWS], "v": [r[4] for r in ROWS], "t": [int(t.timestamp()) for t in MINUTES], "s": "ok"}, {"symbol": "SPY", "stamp": "start"}, {"symbol", "stamp"}),
    "Twelve Data": ({"meta": {"symbol": "SPY", "exchange_timezone": NEW_YORK}, "values": [{"datetime": f"{t:%Y-%m-%d %H:%M:%S}", "open": str(o), "high": str(h), "low": str(low), "close": str(c), "volume": str(v)} for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)][::-1], "status": "ok"}, {"stamp": "start"}, {"stamp"}),
    "Yahoo chart": ({"chart": {"result": [{"meta": {"symbol": "SPY"}, "timestamp": [int(t.timestamp()) for t in MINUTES], "indicators": {"quote": [{"open": [r[0] for r in ROWS], "high": [r[1] for r in ROWS], "low": [r[2] for r in ROWS], "close": [r[3] for r in ROWS], "volume": [r[4] for r in ROWS]}]}}], "error": None}}, {"stamp": "start"}, {"stamp"}),
    "Coinbase": ([[int(t.timestamp()), low, h, o, c, v] for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)][::-1], {"symbol": "SPY", "stamp": "start", "columns": {"ts": 1, "low": 2, "high": 3, "open": 4, "close": 5, "volume": 6}}, {"symbol", "stamp", "columns"}),
    "Bitfinex": ([[int(t.timestamp()) * 1000, o, c, h, low, v] for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)][::-1], {"symbol": "SPY", "stamp": "start", "columns": {"ts": 1, "open": 2, "close": 3, "high": 4, "low": 5, "volume": 6}}, {"symbol", "stamp", "columns"}),
    "Alpha Vantage": ({"Meta Data": {"2. Symbol": "SPY", "6. Time Zone": "US/Eastern"}, "Time Series (1min)": {f"{t:%Y-%m-%d %H:%M:%S}": {"1. open": str(o), "2. high": str(h), "3. low": str(low), "4. close": str(c), "5. volume": str(v)} for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)}}, {"stamp": "start"}, {"stamp"}),
    "OANDA": ({"instrument": "EUR_USD", "granularity": "M1", "candles": [{"complete": True, "volume": v, "time": f"{t.tz_convert('UTC'):%Y-%m-%dT%H:%M:%S}.000000000Z", "mid": {"o": str(o), "h": str(h), "l": str(low), "c": str(c)}} for t, (o, h, low, c, v) in zip(MINUTES, ROWS, strict=True)]}, {"stamp": "start"}, {"stamp"}),
    "freqtrade": ([[int(t.timestamp()) * 1000, *row] for t, row in zip(MINUTES, ROWS, strict=True)], {"symbol": "BTC/USDT"}, {"symbol"}),
}  # fmt: skip


@pytest.mark.parametrize("case", JSON)
def test_json(write: Write, case: str) -> None:
    """Documents of brokers and exchanges, whatever stands around the bars, and in whatever order they write the prices."""
    document, said, asked = JSON[case]
    path = write("BTC_USDT-1m.json", json.dumps(document))
    assert {doubt.option for doubt in doubts_of(open_files([path], options()))} == asked
    check(path, said, None, MINUTES)


def test_yfinance_of_three_lines(write: Write) -> None:
    """Columns of several symbols under three lines of names; a symbol has no bar where it has no prices."""
    text = (
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n"
        "Ticker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n"
        "Date,,,,,,,,,,\n"
        "2024-01-02,185.6,370.8,188.4,375.9,183.8,366.7,187.1,373.8,82488700,25258600\n"
        "2024-01-03,184.2,,185.8,,183.4,,184.2,,58414500,\n"
    )
    table = read_files([write("two.csv", text)], options(), "XNYS").table
    assert table.column("symbol").to_pylist() == ["AAPL", "MSFT", "AAPL"]
    assert table.column("open").to_pylist() == [187.1, 373.8, 184.2]
    assert table.column("volume").to_pylist() == [82488700, 25258600, 58414500]


def test_packed_and_in_folders(tmp_path: Path) -> None:
    """gz, zip and folders of files are read as one, each bar once; bars that differ between files are refused."""
    head = "symbol,ts,open,high,low,close,volume\n"
    whole = lines("SPY,{t:%Y-%m-%dT%H:%M:%S%z},{o},{h},{l},{c},{v}").splitlines(keepends=True)
    (tmp_path / "a" / ".hidden").mkdir(parents=True)
    (tmp_path / "a" / "first.csv.gz").write_bytes(gzip.compress((head + "".join(whole[:2])).encode()))
    with zipfile.ZipFile(tmp_path / "a" / "rest.zip", "w") as archive:
        archive.writestr("inner/second.csv", head + "".join(whole[1:]))
        archive.writestr("__MACOSX/._second.csv", "x")
    (tmp_path / "a" / "readme.md").write_text("no data")
    (tmp_path / "a" / ".hidden" / "other.csv").write_text("nothing")
    data = read_files([tmp_path / "a"])
    assert data.table.num_rows == 4
    assert any("1 bars are in several of the files" in note for note in data.notes)


def test_parquet_of_pandas(tmp_path: Path) -> None:
    """A frame that pandas saved with its index is read; its numbers stay exactly what they were."""
    frame = pd.DataFrame(ROWS, columns=["Open", "High", "Low", "Close", "Volume"], index=MINUTES)
    frame.to_parquet(tmp_path / "SPY.parquet")
    check(tmp_path / "SPY.parquet", {"symbol": "SPY", "stamp": "start"}, None, MINUTES)


HEAD = "Date,Open,High,Low,Close,Volume\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "24/01/02,1,2,1,2,5\n24/01/03,1,2,1,2,5\n", "whether day or month comes first"),
        (HEAD + "02/01/2024,1,2,1,2,5\n03/01/2024,1,2,1,2,5\n", "whether day or month comes first"),
        (HEAD.replace("Volume", "Close") + "2024-01-02,1,2,1,2,3\n2024-01-03,1,2,1,2,3\n", "several columns 'Close'"),
        (
            HEAD.replace("Date", "time") + "1704067200,1,2,1,2,5\n1704067260000,1,2,1,2,5\n",
            "nothing says what they count",
        ),
        (
            HEAD.replace(",", ";") + "2024-01-02;1,250;1,500;1,100;1,200;5\n2024-01-03;1,250;1,500;1,100;1,200;5\n",
            "decimal",
        ),
        ("20240102,1,2,1,2,5\n20240103,1,2,1,2,5\n", "their values don't tell which is what"),
        (HEAD + "2024-01-02,1,2,1,2,5\n2024-01-03 16:00,1,2,1,2,5\n", "no time zone"),
        (HEAD + "2024-01-02,1,2,1,2,5\n2024-01-03,1,2,1,2,5,9\n", "line 3 has 7 values"),
        ("", "is empty"),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked(write: Write, text: str, words: str) -> None:
    """Nothing of it is read without a word of a person."""
    with pytest.raises(HoldfastError, match=words):
        read_files([write("file.csv", text)], options(symbol="X", stamp="start"), "XNYS")
