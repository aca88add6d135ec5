"""What people are told when their trading days are a guess."""

from pathlib import Path

import pytest

from holdfast.assembly import calendar_notes
from holdfast.cli.backtest import backtest
from holdfast.config import load_config

CONFIG = """
[feed]
kind = "file"
path = "bars.csv"

[[accounts]]
name = "in"
calendar = "XBOM"

[[accounts]]
name = "us"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two accounts over a file that goes into a year which Bombay's table doesn't have."""
    rows = [f"INFY,2026-12-31T04:0{minute}:00Z,1,1,1,1,1" for minute in range(3)]
    rows += [f"INFY,2027-01-04T04:0{minute}:00Z,1,1,1,1,1" for minute in range(3)]
    (tmp_path / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    return tmp_path / "holdfast.toml"


def test_only_the_calendar_that_ends_soon_is_named(config: Path) -> None:
    """Bombay's within sixty days of the end of its table, New York's years before its own not; earlier none."""
    loaded = load_config(config)
    (note,) = calendar_notes(loaded, "2026-11-30")
    assert note.startswith("calendar XBOM: holidays are known up to 2026-12-31")
    assert calendar_notes(loaded, "2026-10-01") == []


def test_a_backtest_over_guessed_days_goes_on_and_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs to its end; the account whose days were a guess is named, the other isn't."""
    assert backtest(config, None, "-") == 0
    told = capsys.readouterr().err
    assert "in: the trading days of XBOM after 2026-12-31 are a guess by weekday" in " ".join(told.split())
    assert "us:" not in told


@pytest.mark.parametrize(("calendar", "notes"), [("XNYS", 1), ("24/7", 0)])
def test_coins_on_an_exchange_that_closes_are_told(tmp_path: Path, calendar: str, notes: int) -> None:
    """Which strategy, which coins, and the line to write."""
    text = f"""
[[accounts]]
name = "coins"
calendar = "{calendar}"

[[strategies]]
id = "t"
class = "holdfast.strategies:EmaCross"
account = "coins"
symbols = ["BTC/USD", "AVOR"]
"""
    (tmp_path / "holdfast.toml").write_text(text)
    found = calendar_notes(load_config(tmp_path / "holdfast.toml"), "2026-01-05")
    assert len(found) == notes
    assert all("BTC/USD," in note and 'calendar = "24/7"' in note for note in found)
