"""Backtests on real data beside a second opinion: every fill, and what was made, to the last digit."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from holdfast.assembly import build_feed
from holdfast.backtesting.results import AccountResult
from holdfast.backtesting.run import Backtest
from holdfast.config import parse_config
from tests.audit import reference
from tests.audit.reference import Fill, Row
from tests.audit.strategies import NEW_YORK, Decided, LimitReplaced, LimitWithExits, SmaCross
from tests.budget import by_tier

DEPOSIT = 10_000_000
FILLS = ("close", "next_open")


def rows_of(path: Path, symbols: Sequence[str]) -> list[Row]:
    """The rows of a file in exact prices. To read them takes longer than most tests, so they are kept."""
    return _rows_of(path, tuple(symbols))


@cache
def _rows_of(path: Path, symbols: tuple[str, ...]) -> list[Row]:
    columns = ["symbol", "ts", "open", "high", "low", "close"]
    table = pq.read_table(path, columns=columns, filters=[("symbol", "in", symbols)])
    found = []
    for symbol, ts, *prices in zip(*(column.to_pylist() for column in table.columns), strict=True):
        day = ts.astimezone(NEW_YORK).date().isoformat()
        found.append(
            Row(symbol, int(ts.timestamp()) * 10**9, day, *(Fraction(Decimal(repr(price))) for price in prices))
        )
    return found


def backtest(
    folder: Path, data: Path, kind: str, symbols: Sequence[str], timeframe: str, fill: str, **more: Any
) -> tuple[AccountResult, list[Fill]]:
    """The engine's answer."""
    account = {"name": "a", "calendar": more.get("calendar", "XNYS"), "cash": DEPOSIT}
    strategy = {"id": "s", "class": kind, "account": "a", "symbols": list(symbols), "timeframe": timeframe}
    config = parse_config(
        {
            "feed": {"path": str(data)},
            "venue": {"fill": fill},
            "accounts": [account],
            "strategies": [strategy | {"params": more.get("params", {})}],
        },
        "audit",
        folder,
    )
    run = Backtest(config, config.accounts[0], build_feed(config), folder)
    result = run.run()
    fills = [
        Fill(row.fill.symbol, int(row.fill.quantity) * row.fill.side.sign, Fraction(row.fill.price))
        for row in run.recorder.fills.rows()
    ]
    assert not result.anomalies
    return result, fills


def made(result: AccountResult) -> Fraction:
    return Fraction(result.value.equity) - DEPOSIT


LONG = pytest.mark.campaign
"""What takes seconds and differs from what each run compares in its symbol or in the fill of its orders alone."""
EMA = {"fast": 10, "slow": 30, "quantity": "100", "allow_short": True}


@pytest.mark.parametrize(
    ("file", "symbol", "timeframe", "calendar", "count", "fill"),
    [
        ("us_hour", "AAPL", "1Hour", "XNYS", 1_313, "close"),
        pytest.param("us_hour", "AAPL", "1Hour", "XNYS", 1_313, "next_open", marks=LONG),
        ("us_minute_trades", "SPY", "1Min", "XNYS", 143, "close"),
        ("us_minute_trades", "SPY", "1Min", "XNYS", 143, "next_open"),
        pytest.param("crypto_minute", "BTCUSD", "1Min", "24/7", 413, "close", marks=LONG),
        ("crypto_minute", "BTCUSD", "1Min", "24/7", 413, "next_open"),
    ],
)
def test_crossing_averages(
    shared_data: Path, tmp_path: Path, file: str, symbol: str, timeframe: str, calendar: str, count: int, fill: str
) -> None:
    """The shipped strategy, always in the market: as many fills as other programs have, each at the reference's price."""
    data = shared_data / f"{file}.parquet"
    kind, settings = "holdfast.strategies:EmaCross", {"calendar": calendar, "params": EMA}
    result, fills = backtest(tmp_path, data, kind, [symbol], timeframe, fill, **settings)
    rows = rows_of(data, [symbol])
    book = reference.run(rows, reference.ema_cross(10, 30, 100), next_open=fill == "next_open")
    assert fills == book.fills
    assert len(fills) == count
    assert made(result) == reference.equity(book, rows)


def last_of(path: Path, symbol: str, folder: Path) -> Path:
    """A file of one symbol's last rows; in a campaign all there are."""
    rows = pq.read_table(path, filters=[("symbol", "=", symbol)]).sort_by("ts")
    few = rows.slice(max(0, len(rows) - by_tier(test=3_000, campaign=len(rows))))
    pq.write_table(few, folder / path.name)
    return folder / path.name


def days_after(rows: Sequence[Row]) -> list[str]:
    """For each bar the day that an order made at its end is good for: that of the next bar."""
    return [row.day for row in rows[1:]] + [""]


@pytest.mark.parametrize(
    ("kind", "symbol", "fill"),
    [
        (SmaCross, "SPY", "close"),
        (SmaCross, "SPY", "next_open"),
        pytest.param(LimitWithExits, "SPY", "close", marks=LONG),
        (LimitWithExits, "SPY", "next_open"),
        (LimitReplaced, "SPY", "close"),
        pytest.param(LimitReplaced, "SPY", "next_open", marks=LONG),
        pytest.param(LimitReplaced, "AAPL", "close", marks=LONG),
        pytest.param(LimitReplaced, "AAPL", "next_open", marks=LONG),
    ],
)
def test_stops_targets_and_limits(
    shared_data: Path, tmp_path: Path, kind: type[Decided], symbol: str, fill: str
) -> None:
    """With stop and target alive in the bar of the entry; the ambiguous bars are as many."""
    data = last_of(shared_data / "us_daily.parquet", symbol, tmp_path)
    result, fills = backtest(tmp_path, data, f"tests.audit.strategies:{kind.__name__}", [symbol], "1Day", fill)
    rows = rows_of(data, [symbol])
    book = reference.run(rows, kind.make(), next_open=fill == "next_open", good_for=days_after(rows))
    assert fills == book.fills
    assert made(result) == reference.equity(book, rows)
    assert result.ambiguous_bars == book.ambiguous
    assert len(fills) > 100


def peek(bars: dict[str, Row], last: list[Fraction]) -> dict[str, int]:
    row = bars.get("IWM")
    if row is None:
        return {}
    before = last[0] if last else None
    last[:] = [row.close]
    return {} if before is None else {"SPY": 100 if row.close > before else -100}


@pytest.mark.parametrize(
    ("first", "fill", "profit"),
    [
        ("IWM", "close", -19_331),
        ("SPY", "next_open", -9_917),
        pytest.param("SPY", "close", -19_331, marks=LONG),
        pytest.param("IWM", "next_open", -9_917, marks=LONG),
    ],
)
def test_one_symbol_decides_on_another(shared_data: Path, tmp_path: Path, fill: str, profit: int, first: str) -> None:
    """Long in one when the other rose today: a loss, whichever row of a day comes first. It once showed 580,296."""
    table = pq.read_table(shared_data / "us_daily.parquet")
    table = table.filter(pc.is_in(table["symbol"], pa.array(["SPY", "IWM"])))
    table = table.filter(pc.greater_equal(table["ts"], pa.scalar(dt.datetime(2001, 1, 1, tzinfo=dt.UTC))))
    way = "ascending" if first == "IWM" else "descending"
    data = tmp_path / "two.parquet"
    pq.write_table(table.sort_by([("ts", "ascending"), ("symbol", way)]), data)
    result, fills = backtest(tmp_path, data, "tests.audit.strategies:Peek", ["SPY", "IWM"], "1Day", fill)
    rows, last = rows_of(data, ["SPY", "IWM"]), list[Fraction]()
    books = reference.run_all(rows, lambda bars: peek(bars, last), next_open=fill == "next_open")
    assert fills == books["SPY"].fills
    assert made(result) == profit


@pytest.mark.parametrize("fill", FILLS)
def test_a_monthly_rebalance(shared_data: Path, tmp_path: Path, fill: str) -> None:
    """Four symbols set right once a month, at prices that come after the decision."""
    data, symbols = shared_data / "us_daily.parquet", ["SPY", "QQQ", "IWM", "EEM"]
    _, fills = backtest(tmp_path, data, "tests.audit.strategies:Monthly", symbols, "1Day", fill)
    month = ""

    def decide(bars: dict[str, Row]) -> dict[str, int]:
        nonlocal month
        now = next(iter(bars.values())).day[:7]
        if now == month:
            return {}
        month = now
        return {symbol: int(10_000 // float(bars[symbol].close)) for symbol in sorted(bars)}

    books = reference.run_all(rows_of(data, symbols), decide, next_open=fill == "next_open")
    for symbol in symbols:
        assert [row for row in fills if row.symbol == symbol] == books[symbol].fills
    assert len(fills) > 300
