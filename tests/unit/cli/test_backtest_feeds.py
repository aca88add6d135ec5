"""A backtest of accounts on several feeds: each goes over its own."""

import json
from pathlib import Path

import pytest

from holdfast.cli.backtest import backtest
from holdfast.errors import ConfigError, InvalidValue

CONFIG = """
[[feeds]]
name = "us"
kind = "file"
path = "us.csv"

[[feeds]]
name = "made"
kind = "synthetic"
days = 1
symbols = ["AVOR"]

[[accounts]]
name = "one"
feed = "us"
calendar = "24/7"

[[accounts]]
name = "two"
feed = "made"

[[strategies]]
id = "both"
class = "holds:Holds"
accounts = ["one", "two"]
symbols = ["AVOR"]
"""
HOLDS = """
from holdfast import Strategy


class Holds(Strategy):
    def on_bar(self, context, bar):
        context.target(bar.symbol, 1)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two feeds that have the same symbol, three bars in the file."""
    rows = [f"AVOR,2024-01-02T14:3{minute}:00Z,10,11,9,10,1000" for minute in range(3)]
    (tmp_path / "us.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    (tmp_path / "holds.py").write_text(HOLDS)
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(capsys: pytest.CaptureFixture[str], only: str | None = None, data: Path | None = None) -> dict[str, int]:
    """How many bars each account has seen."""
    capsys.readouterr()
    assert backtest(None, data, "-", only) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fills"] == len(found["accounts"])
    return {row["account"]: row["bars"] for row in found["accounts"]}


def test_each_account_goes_over_its_own_feed(capsys: pytest.CaptureFixture[str]) -> None:
    """A symbol that both feeds have is each account's own; with one file for all it isn't."""
    both = result(capsys)
    assert both["one"] == 3
    assert both["two"] > 390
    assert result(capsys, "us") == {"one": 3}
    assert result(capsys, "made") == {"two": both["two"]}
    assert result(capsys, data=Path("us.csv")) == {"one": 3, "two": 3}


def test_a_feed_that_is_live_is_left_out_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says both ways."""
    live = CONFIG.replace('kind = "synthetic"\ndays = 1', 'kind = "alpaca"')
    (folder / "holdfast.toml").write_text(live)
    with pytest.raises(
        ConfigError, match="feed made is live and can't be played again; --data PATH names data that can"
    ):
        backtest(None, None, "-")
    assert result(capsys, "us") == {"one": 3}


def test_a_feed_that_is_not_there_is_told() -> None:
    """With the nearest that is."""
    with pytest.raises(InvalidValue, match="there is no feed 'mad'; did you mean made"):
        backtest(None, None, "-", "mad")
    with pytest.raises(InvalidValue, match="there are us, made"):
        backtest(None, None, "-", "")
