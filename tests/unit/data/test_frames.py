"""Frames of pandas, polars-like and Arrow objects in Holdfast's own columns."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from holdfast.core.types import SECOND_NS
from holdfast.data import from_frame
from holdfast.data.kinds import BARS, QUOTES, TRADES
from holdfast.errors import ConfigError, DataError, InvalidValue

FIRST_S = 1_704_205_800
"""2024-01-02 9:30 in New York."""
MINUTES = pd.date_range("2024-01-02 09:30", periods=3, freq="1min", tz="America/New_York")
DAYS = pd.date_range("2024-01-02", periods=3)


def frame(index: Any = MINUTES) -> pd.DataFrame:
    columns = {"Open": [1.0, 2, 3], "High": [2.0, 3, 4], "Low": [1.0, 1, 1], "Close": [2.0, 2, 2], "Volume": [1, 2, 3]}
    return pd.DataFrame(columns, index=index)


def seconds(table: pa.Table) -> list[int]:
    return [value // SECOND_NS for value in table.column("ts").cast("int64").to_pylist()]


def test_index_is_the_time() -> None:
    """A frame with times as its index and prices as columns is bars in UTC."""
    table = from_frame(frame(), symbol="SPY")
    assert table.schema == BARS.schema()
    assert seconds(table) == [FIRST_S, FIRST_S + 60, FIRST_S + 120]
    assert table.column("open").to_pylist() == [1, 2, 3]
    assert table.column("volume").to_pylist() == [1, 2, 3]
    assert set(table.column("symbol").to_pylist()) == {"SPY"}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: frame().reset_index(names="timestamp"), id="a column"),
        pytest.param(lambda: pa.table(frame().reset_index(names="timestamp")), id="Arrow"),
        pytest.param(lambda: pa.RecordBatch.from_pandas(frame().reset_index(names="t")), id="a batch of Arrow"),
        pytest.param(lambda: frame().iloc[::-1], id="newest first"),
        pytest.param(lambda: frame(MINUTES.tz_convert("UTC")), id="another zone"),
        pytest.param(lambda: frame([(FIRST_S + 60 * n) * 1000 for n in range(3)]), id="milliseconds"),
        pytest.param(lambda: frame().astype(str), id="numbers as text"),
        pytest.param(lambda: frame([str(time) for time in MINUTES]), id="times as text"),
    ],
)
def test_same_bars_in_other_forms(data: Any) -> None:
    """What is the same data is the same table, however it is put."""
    assert from_frame(data(), symbol="SPY").equals(from_frame(frame(), symbol="SPY"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: {"A": frame(), "B": frame()}, id="mapping"),
        pytest.param(lambda: pd.concat({"A": frame(), "B": frame()}), id="index of symbol and time"),
        pytest.param(lambda: pd.concat({"A": frame(), "B": frame()}, names=["symbol", "timestamp"]), id="named levels"),
        pytest.param(lambda: pd.concat({"A": frame(), "B": frame()}, axis=1), id="columns by symbol"),
        pytest.param(lambda: pd.concat({"A": frame(), "B": frame()}, axis=1).swaplevel(axis=1), id="columns by price"),
        pytest.param(lambda: pd.concat([frame().assign(ticker=name) for name in "AB"]), id="a column of symbols"),
    ],
)
def test_several_symbols(data: Any) -> None:
    """Every way to hold several symbols is the same table, sorted by time and symbol."""
    table = from_frame(data())
    assert table.column("symbol").to_pylist() == ["A", "B"] * 3
    assert seconds(table) == [FIRST_S + 60 * minute for minute in (0, 0, 1, 1, 2, 2)]


def test_symbols_that_trade_on_other_days() -> None:
    """In columns by symbol, a time at which one has no price is none of its bars."""
    wide = pd.concat({"A": frame().iloc[:2], "B": frame().iloc[1:]}, axis=1)
    assert from_frame(wide).column("symbol").to_pylist() == ["A", "A", "B", "B"]


def test_naive_times_are_refused() -> None:
    """A time of day without a zone is not guessed; the text names the option."""
    with pytest.raises(InvalidValue, match="times such as 2024-01-02 09:30:00 name no time zone; give timezone"):
        from_frame(frame(MINUTES.tz_localize(None)), symbol="SPY")
    table = from_frame(frame(MINUTES.tz_localize(None)), symbol="SPY", timezone="America/New_York")
    assert table.equals(from_frame(frame(), symbol="SPY"))


@pytest.mark.parametrize(
    ("calendar", "first"), [(None, "2024-01-02T05:00"), ("XBOM", "2024-01-01T18:30"), ("24/7", "2024-01-02")]
)
def test_days_are_the_exchange_s(calendar: str | None, first: str) -> None:
    """A day without a zone begins at the midnight of the calendar's exchange."""
    for index in (DAYS, [day.date() for day in DAYS], [day.strftime("%Y-%m-%d") for day in DAYS]):
        table = from_frame(frame(index), symbol="X", calendar=calendar)
        assert table.column("ts")[0].as_py() == pd.Timestamp(first, tz="UTC")


def test_day_and_month_are_not_guessed() -> None:
    """02/01/2024 is asked about until a date of the frame tells; dots are always day first."""
    with pytest.raises(InvalidValue, match="day_first"):
        from_frame(frame(["01/02/2024", "02/02/2024", "03/02/2024"]), symbol="X")
    told = from_frame(frame(["11/02/2024", "12/02/2024", "13/02/2024"]), symbol="X")
    assert told.column("ts")[0].as_py() == pd.Timestamp("2024-02-11 05:00", tz="UTC")
    said = from_frame(frame(["01/02/2024", "01/03/2024", "01/04/2024"]), symbol="X", day_first=False)
    assert said.column("ts")[2].as_py() == pd.Timestamp("2024-01-04 05:00", tz="UTC")
    dots = from_frame(frame(["01.02.2024", "02.02.2024", "03.02.2024"]), symbol="X")
    assert dots.column("ts")[0].as_py() == pd.Timestamp("2024-02-01 05:00", tz="UTC")


def test_stamped_at_the_end() -> None:
    """With ``stamp="end"`` a bar's start is its length earlier."""
    assert seconds(from_frame(frame(), symbol="X", stamp="end")) == [FIRST_S - 60, FIRST_S, FIRST_S + 60]


def test_trades_and_quotes_by_their_columns() -> None:
    """Price and size are trades, bid and ask are quotes; sizes that are not there are 0."""
    trades = pd.DataFrame({"time": MINUTES, "price": [1.0, 2, 3], "size": [1, 1, 1]})
    assert from_frame(trades, symbol="X").schema == TRADES.schema()
    quotes = from_frame(pd.DataFrame({"time": MINUTES, "bid": [1.0, 2, 3], "ask": [2.0, 3, 4]}), symbol="X")
    assert quotes.schema == QUOTES.schema()
    assert quotes.column("ask_size").to_pylist() == [0, 0, 0]


def test_blank_rows_and_volumes() -> None:
    """A row without any price is no bar; one without a volume has 0; one without some price is refused by its row."""
    holiday = frame()
    holiday.iloc[1] = None
    assert seconds(from_frame(holiday, symbol="X")) == [FIRST_S, FIRST_S + 120]
    assert from_frame(frame().drop(columns="Volume"), symbol="X").column("volume").to_pylist() == [0, 0, 0]
    hole = frame()
    hole.loc[MINUTES[2], "Low"] = None
    with pytest.raises(DataError, match=r"row 3 \(X\): low is missing"):
        from_frame(hole, symbol="X")


def test_repeated_bars() -> None:
    """The same bar twice is one; two that differ are refused with both rows."""
    twice = pd.concat([frame(), frame().iloc[1:2]])
    assert from_frame(twice, symbol="X").equals(from_frame(frame(), symbol="X"))
    twice.iloc[3, 0] = 2.5
    with pytest.raises(DataError, match=r"rows 2 and 4 \(X\): two bars at 2024-01-02T14:31:00Z that differ"):
        from_frame(twice, symbol="X")


def test_hour_shown_twice() -> None:
    """Where the clocks go back, the order of rows says which hour is meant; without it the time is refused."""
    wall = ["2024-11-03 01:00", "2024-11-03 01:30", "2024-11-03 01:00", "2024-11-03 01:30"]
    index = pd.DatetimeIndex([*wall, "2024-11-03 02:00"])
    prices = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 1.0), index=index)
    table = from_frame(prices, symbol="X", timezone="America/New_York")
    assert seconds(table) == [1_730_610_000 + 1800 * n for n in range(5)]
    with pytest.raises(DataError, match="showed this hour twice"):
        from_frame(prices.iloc[[0, 1, 4]], symbol="X", timezone="America/New_York")
    skipped = prices.set_index(pd.DatetimeIndex([f"2024-03-10 02:{n}0" for n in range(5)]))
    with pytest.raises(DataError, match="that the clocks of America/New_York skipped"):
        from_frame(skipped, symbol="X", timezone="America/New_York")


@pytest.mark.parametrize(
    ("data", "said", "error", "words"),
    [
        (frame(), {}, InvalidValue, "symbol='SPY'"),
        (frame(), {"symbol": "X", "colums": {}}, InvalidValue, "did you mean columns"),
        (frame(), {"symbol": "X", "columns": {"opn": "Open"}}, InvalidValue, "did you mean open"),
        (frame(), {"symbol": "X", "columns": {"open": "Opn"}}, InvalidValue, "column 'Opn' isn't there"),
        (frame(), {"symbol": "X", "timezone": "America/NewYork"}, InvalidValue, "did you mean America/New_York"),
        (frame(), {"symbol": "X", "calendar": "XNY"}, ConfigError, "XNYS"),
        (frame(), {"symbol": "X", "stamp": "middle"}, InvalidValue, "stamp"),
        (frame([5, 6, 7]), {"symbol": "X"}, InvalidValue, "unit"),
        (frame().rename(columns={"Open": "What"}), {"symbol": "X"}, DataError, "bars need open"),
        (frame().assign(High=0.5), {"symbol": "X"}, DataError, "high 0.5 is below low 1"),
        (frame().assign(Open=-1.0), {"symbol": "X"}, DataError, "open is -1; it must be a finite number above zero"),
        (frame().assign(Open="1;5"), {"symbol": "X"}, DataError, "open is '1;5', which is not a number"),
        (frame()[0:0], {"symbol": "X"}, DataError, "no rows"),
        ([1], {"symbol": "X"}, InvalidValue, "is a list"),
        ({"A": frame()}, {"symbol": "X"}, InvalidValue, "keys"),
        ({}, {}, InvalidValue, "no frames"),
    ],
)  # fmt: skip
def test_what_is_refused(data: Any, said: dict[str, Any], error: type[Exception], words: str) -> None:
    """Each refusal says what is wrong and what to give."""
    with pytest.raises(error, match=words):
        from_frame(data, **said)


def test_columns_by_name() -> None:
    """Columns that have other names are named; the rest are found."""
    renamed = frame().rename(columns={"Open": "first price"})
    assert from_frame(renamed, symbol="X", columns={"open": "first price"}).column("open").to_pylist() == [1, 2, 3]
