"""The report of real backtests: from Python, from what was kept, from the command line."""

from pathlib import Path

import pandas as pd
import pytest

from holdfast import backtest
from holdfast.backtesting.result import Result, load
from holdfast.calendars import trading_calendar
from holdfast.cli.report_page import report
from holdfast.errors import DataError, InvalidValue
from tests.unit.report.reading import Seen, numbers

STRATEGY = "EmaCross"


def prices(seed: int = 1) -> pd.DataFrame:
    """Two hundred daily bars that go up and down in waves."""
    days = [day.date for day in trading_calendar("XNYS").days if day.date >= "2021-01-01"][:200]
    closes = [
        100 + 10 * ((place * (seed + 2)) % 40 - 20) / 20 * (-1) ** (place // 40) + place * 0.01 for place in range(200)
    ]
    rows = [(day, close, close + 1, close - 1, close + 0.5, 1_000) for day, close in zip(days, closes, strict=True)]
    return pd.DataFrame(rows, columns=["time", "open", "high", "low", "close", "volume"])


@pytest.fixture(scope="module")
def made() -> Result:
    """A real run with trades, fees and a benchmark."""
    return backtest(
        STRATEGY, {"AAA": prices()}, fast=3, slow=8, fees={"type": "per_share", "rate": "0.01"}, benchmark="AAA"
    )


def test_the_page_is_the_result(made: Result, tmp_path: Path) -> None:
    """Its equity is the account's, its trades are the round trips, its fine print is the result's; kept and loaded it is the same page."""
    page = made.report(tmp_path / "run.html").read_text(encoding="utf-8")
    found = Seen(page)
    assert len(made.trades) > 3
    assert f"{made.account.value.equity:,.2f}" in found.text
    for line in made.fine_print:
        assert line[1:] in found.text
    data = found.data
    assert round(numbers(data["runs"][0]["equity"])[-1], 2) == round(float(made.account.value.equity), 2)
    assert len(data["trades"]["bars"]) == len(made.trades) + len(made.open_trades)
    assert len(data["candles"][0]["t"]) == 200
    assert {row["name"] for row in data["indicators"]} == set(made.indicators["indicator"])
    made.save(tmp_path / "kept")
    assert load(tmp_path / "kept").report(tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_a_trade_stands_on_the_candle_it_was_made_in(made: Result, tmp_path: Path) -> None:
    """Its entry is within the low and high of the candle whose time it falls into."""
    data = Seen(made.report(tmp_path / "run.html").read_text(encoding="utf-8")).data
    row, trades = data["candles"][0], data["trades"]
    starts = pd.Series(row["t"]).cumsum()
    frame = made.prices
    for entry, price in zip(pd.Series(trades["entry"]).cumsum(), numbers(trades["entry_price"]), strict=True):
        candle = frame.iloc[int((starts <= entry).sum()) - 1]
        assert candle["low"] - 0.01 <= price <= candle["high"] + 0.01


def test_falls_have_the_dates_of_their_sessions(made: Result, tmp_path: Path) -> None:
    """A daily bar ends at midnight in New York, which is the next day in UTC; its date is that of its session."""
    text = Seen(made.report(tmp_path / "run.html").read_text(encoding="utf-8")).text
    fall = made.summary.drawdown
    ends = pd.Timestamp(fall.low_ns, tz="UTC").tz_convert("America/New_York")
    assert str((ends - pd.Timedelta(1, "ns")).date()) in text
    assert ends.hour == 0


def test_the_call_on_the_page_makes_the_run_again(made: Result, tmp_path: Path) -> None:
    """With the same data it comes to the same equity and trades."""
    text = Seen(made.report(tmp_path / "run.html").read_text(encoding="utf-8")).text
    call = text[text.index("from holdfast import backtest") :]
    call = call[: call.index("\n)") + 2]
    lines = ["data = {'AAA': prices()}" if line.startswith("data = ") else line for line in call.splitlines()]
    names: dict[str, object] = {"prices": prices}
    exec(compile("\n".join(lines), "page", "exec"), names)  # noqa: S102 - our own page
    again = names["result"]
    assert isinstance(again, Result)
    assert again.account.value.equity == made.account.value.equity
    assert again.tables["trades"].equals(made.tables["trades"])


def test_kept_results_are_put_side_by_side(made: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the names of their folders; a folder of several accounts is all of them."""
    made.save(tmp_path / "runs" / "fast")
    made.save(tmp_path / "runs" / "slow")
    made.save(tmp_path / "other" / "slow")
    assert report([tmp_path / "runs", tmp_path / "other" / "slow"], tmp_path / "x.html") == 0
    assert "report: " in capsys.readouterr().err
    found = Seen((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert [run["name"] for run in found.data["runs"]] == ["fast", "runs/slow", "other/slow"]


def test_what_can_not_be_written_or_read_is_one_line(made: Result, tmp_path: Path) -> None:
    """Before anything is loaded or run."""
    made.save(tmp_path / "kept")
    with pytest.raises(DataError, match="is a folder; give the name of a file"):
        report([tmp_path / "kept"], tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        report([tmp_path / "kept"], tmp_path / "no" / "x.html")
    with pytest.raises(DataError, match="there is no such folder"):
        report([tmp_path / "nothing"], tmp_path / "x.html")
    with pytest.raises(InvalidValue, match="was given twice"):
        report([tmp_path / "kept", tmp_path / "." / "kept"], tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()
