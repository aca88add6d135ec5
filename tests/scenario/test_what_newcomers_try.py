"""What people try in their first ten minutes: it works, or one line says what to do."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast import Annotated, Bar, Context, Ema, Exits, Meta, Parameters, Strategy, backtest
from holdfast.cli.backtest import backtest as from_command_line
from holdfast.core.types import to_decimal
from holdfast.data.catalogue import About, Catalogue
from holdfast.data.frames import from_frame
from holdfast.data.kinds import BARS
from holdfast.errors import ConfigError, DataError, HoldfastError, InvalidValue

GERMAN = """Datum;Eröffnung;Höchstkurs;Tief;Schluß;Volumen
02.01.2024;472,16;473,67;470,49;472,65;123.623.700
03.01.2024;470,43;471,19;468,17;468,79;103.585.900
16.01.2024;468,30;470,96;467,05;467,28;84.232.200
"""


class Holds(Strategy):
    """Buys ``units`` and keeps them."""

    class Params(Parameters, frozen=True):
        units: Annotated[int, Meta(ge=1)] = 10

    params: Params

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not context.position(bar.symbol).quantity and not context.orders(bar.symbol):
            context.buy(bar.symbol, self.params.units)


class OfNumpy(Strategy):
    """Its numbers are numpy's."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not context.position(bar.symbol).quantity:
            context.buy(bar.symbol, np.int64(3), exits=Exits(stop_loss=np.float32(bar.close / 2)))  # type: ignore[arg-type]


class TooEarly(Strategy):
    """Asks an indicator that has no value yet."""

    def on_start(self, context: Context) -> None:
        self.ema = context.indicator(Ema(20))

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.close > self.ema.value:  # type: ignore[operator]
            context.buy(bar.symbol, 1)


class AllCash(Strategy):
    """Divides money by a price."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.buy(bar.symbol, int(context.cash / bar.close))  # type: ignore[operator]


def frame(count: int = 60, freq: str = "B", start: str = "2024-02-20", tz: str | None = None) -> pd.DataFrame:
    """Bars that move a little."""
    index = pd.date_range(start, periods=count, freq=freq, tz=tz)
    close = 100 + np.arange(count) % 7
    return pd.DataFrame({"Open": close, "High": close + 1.0, "Low": close - 1.0, "Close": close, "Volume": 1000}, index)


DAYS = frame()


def told(error: type[HoldfastError], strategy: Any = Holds, data: Any = DAYS, **said: Any) -> str:
    """What a backtest that can't be is answered with."""
    with pytest.raises(error) as raised:
        backtest(strategy, data, **{"symbol": "SPY", **said})
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_data_that_are_no_frame_are_told_as_such() -> None:
    """A Series, columns of several kinds of value: in our words, not in Arrow's."""
    assert told(InvalidValue, data=DAYS["Close"]).startswith(
        "the frame is a Series, which is one column; bars need open"
    )
    mixed = DAYS.astype(object).assign(Open=[1, "a"] * 30)
    assert told(InvalidValue, data=mixed).startswith("column 'Open' of the frame has values that are not of one kind")


def test_arguments_that_other_programs_have_are_told_by_their_names_here() -> None:
    """Fees as a number, slippage as an argument, a time unit's letter, a list for one symbol, a start in the future."""
    assert "give {'type': 'bps', 'bps': 10}" in told(InvalidValue, fees=0.001)
    assert told(InvalidValue, slippage=0.001).endswith("did you mean venue={'slippage_bps': ...}?")
    assert told(InvalidValue, commission=0.001).endswith("did you mean fees?")
    assert told(InvalidValue, max_position_valu=1).endswith("did you mean risk={'max_position_value': ...}?")
    assert told(InvalidValue, unts=1).endswith("did you mean units?")
    assert told(InvalidValue, benchmark=True) == "benchmark is a symbol, or a list of them, not True"
    assert told(InvalidValue, symbol=["SPY"]) == "symbol is the one of all rows, not ['SPY']; symbols names several"
    assert "all of it lies before start (2030-01-01T00:00:00Z), the last at 2024-05-" in told(
        DataError, start="2030-01-01"
    )
    assert told(InvalidValue, strategy=Holds()).startswith("give the class Holds, not one made of it")


@pytest.mark.parametrize(
    ("said", "meant"), [("5m", "5Min"), ("1h", "1Hour"), ("D", "1Day"), ("1M", "1Month"), ("15 mins", "15Min")]
)
def test_timeframes_of_other_programs_are_told_by_their_names_here(said: str, meant: str) -> None:
    """And what no program writes is told without a guess."""
    assert told(ConfigError, timeframe=said).endswith(f"; did you mean {meant}?")
    assert told(ConfigError, timeframe="often").endswith("nor 1Week or 1Month")


def test_numbers_and_dates_of_numpy_are_numbers_and_dates() -> None:
    """As a quantity, a price, a parameter, cash, a start."""
    result = backtest(OfNumpy, DAYS, symbol="SPY", cash=np.int64(5000), start=np.datetime64("2024-03-01"))  # type: ignore[arg-type]
    assert not result.stopped
    assert result.account.deposit == 5000
    assert result.fills["quantity"].tolist() == [3.0]
    assert result.fills.index[0] >= pd.Timestamp("2024-03-01", tz="UTC")
    assert backtest(Holds, DAYS, symbol="SPY", units=np.int32(4)).account.positions["SPY"].quantity == 4


def test_a_strategy_that_stops_for_a_usual_reason_is_told_what_to_do() -> None:
    """An indicator without a value yet, and money that is divided by a float."""
    for strategy, words in (
        (TooEarly, "an indicator's value before it has its bars"),
        (AllCash, "float(context.cash)"),
    ):
        with pytest.warns(UserWarning, match="was stopped"):
            result = backtest(strategy, DAYS, symbol="SPY")
        assert words in result.stopped[strategy.__name__]


def test_how_a_frame_is_laid_out_is_said_by_the_words_of_the_file() -> None:
    """``columns`` and ``unit`` are keywords, and the refusal that names them is true."""
    plain = backtest(Holds, DAYS, symbol="SPY").account.value.equity
    seconds = DAYS.set_axis(DAYS.index.as_unit("s").astype("int64"), axis=0)
    named = DAYS.rename(columns={"Close": "Mine"})
    assert backtest(Holds, named, symbol="SPY", columns={"close": "Mine"}).account.value.equity == plain
    one = backtest(Holds, seconds, symbol="SPY", unit="s", calendar="24/7")
    assert one.account.bars == len(DAYS)
    assert told(DataError, data=named).endswith("name them by columns")


def test_files_that_people_have_are_backtested_as_they_are(tmp_path: Path) -> None:
    """A table program's file in German, with semicolons and decimal commas; and a catalogue of it."""
    file = tmp_path / "kurse.csv"
    file.write_text(GERMAN, encoding="cp1252")
    result = backtest(Holds, file, symbol="SPY")
    assert result.account.bars == 3
    assert result.fills["price"].tolist() == [470.43]
    assert result.head.data == str(file)
    assert "no column says whose data it is; give symbol" in told(InvalidValue, data=file, symbol=None)
    Catalogue(tmp_path / "data").add(from_frame(DAYS, symbol="SPY"), BARS, About(adjustment="raw"))
    kept = backtest(Holds, str(tmp_path / "data"))
    assert kept.account.value.equity == backtest(Holds, DAYS, symbol="SPY").account.value.equity
    assert "is a catalogue, which knows its own" in told(InvalidValue, data=tmp_path / "data", unit="s")


HOURS = [
    ("7D", "1h", "24/7", '; for a market that never closes say calendar = "24/7"'),
    ("100h", "1h", "24/5", '; for a market that closes at weekends only say calendar = "24/5"'),
]


@pytest.mark.parametrize(("span", "freq", "calendar", "hint"), HOURS)
def test_bars_outside_the_sessions_are_told_with_the_calendar_that_fits(
    span: str, freq: str, calendar: str, hint: str
) -> None:
    """Hours round the clock on the exchange's calendar; the calendar that was told is the one that nothing is said of."""
    data = frame(int(pd.Timedelta(span) / pd.Timedelta(freq)), freq, "2024-02-26", "UTC")
    notes = backtest(Holds, data, symbol="SPY").notes
    assert any("% of the bars lie outside the sessions of XNYS" in note and note.endswith(hint) for note in notes)
    assert backtest(Holds, data, symbol="SPY", calendar=calendar).notes == ()


def test_bars_within_the_sessions_are_not_told_of() -> None:
    """Days of the exchange, and minutes of a session of New York's."""
    assert backtest(Holds, DAYS[DAYS.index != "2024-03-29"], symbol="SPY").notes == ()
    minutes = frame(390, "1min", "2024-02-26 09:30", "America/New_York")
    assert backtest(Holds, minutes, symbol="SPY").notes == ()


def test_the_command_line_tells_of_bars_outside_the_sessions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same words, with the name of the file."""
    data = (
        frame(72, "1h", "2024-02-26", "UTC")
        .rename(columns=str.lower)
        .assign(symbol="SPY")
        .rename_axis("ts")
        .reset_index()
    )
    data.to_parquet(tmp_path / "bars.parquet")
    (tmp_path / "holdfast.toml").write_text(
        '[feed]\npath = "bars.parquet"\n[[accounts]]\nname = "a"\n'
        '[[strategies]]\nid = "s"\nclass = "EmaCross"\naccount = "a"\nsymbols = ["SPY"]\ntimeframe = "1Hour"\n'.replace(
            '"EmaCross"', '"holdfast.strategies:EmaCross"'
        )
    )
    assert from_command_line(tmp_path / "holdfast.toml", None, "-") == 0
    assert "of the bars lie outside the sessions of XNYS" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("value", [True, np.bool_(True), "ten", None, Decimal("nan"), np.float64("inf")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    """Numpy's truth is no 1, and its infinity no price."""
    with pytest.raises(InvalidValue, match=r"^limit must be a"):
        to_decimal(value, "limit")
