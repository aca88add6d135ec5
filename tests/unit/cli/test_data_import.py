"""``holdfast data import``: shows what it found, refuses what isn't known, and a backtest runs on what it made."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast.assembly import build_feed
from holdfast.cli.app import app
from holdfast.config import load_config
from holdfast.data.catalogue import Catalogue
from holdfast.errors import ConfigError, HoldfastError
from holdfast.feeds.files import FileFeed

DAYS = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,3,1,2,10\n2024-01-03,2,3,1,2,10\n2024-01-04,2,4,1,3,10\n"
MINUTES = "time,open,high,low,close\n2024-01-02 09:30,1,3,1,2\n2024-01-02 09:31,2,3,1,2\n2024-01-02 09:32,2,4,1,3\n"
CONFIG = """
[feed]
{feed}
[[accounts]]
name = "one"
[[strategies]]
id = "s"
account = "one"
class = "holdfast.strategies.ema_cross:EmaCross"
symbols = ["SPY"]
timeframe = "1Day"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # tests that run side by side are given one, and lines are cut at it
    (tmp_path / "SPY.csv").write_text(DAYS)
    (tmp_path / "minutes.csv").write_text(MINUTES)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", "import", *arguments])
    if isinstance(result.exception, HoldfastError):
        return result.exception.exit_status, str(result.exception)
    return result.exit_code, result.output


def test_shows_and_does_nothing_without_an_answer(folder: Path) -> None:
    """Without a terminal and without --yes the guess is shown with its rows and doubts; the status is 3 and nothing is written."""
    status, text = run("SPY.csv")
    assert status == 3
    assert "2024-01-02T05:00:00Z" in text
    assert "--calendar XNYS (likely)" in text
    assert "--symbol SPY (likely)" in text
    assert not (folder / "data").exists()


def test_takes_what_is_likely_when_told_to(folder: Path) -> None:
    """--yes takes guesses; an import again adds nothing."""
    assert run("SPY.csv", "--yes")[0] == 0
    [entry] = Catalogue(folder / "data").entries()
    assert (entry.symbol, entry.length, entry.rows, entry.zone, entry.sources) == (
        "SPY",
        "1Day",
        3,
        "days of XNYS",
        ("SPY.csv",),
    )
    status, text = run("SPY.csv", "--yes", "--json")
    assert json.loads(text[text.index("{") :])["added"] == [
        {"kind": "bars", "symbol": "SPY", "length": "1Day", "new": 0, "there": 3}
    ]
    assert status == 0


def test_what_nothing_tells_has_to_be_said(folder: Path) -> None:
    """--yes invents no time zone; the option that is needed is named, and does it."""
    status, text = run("minutes.csv", "--yes", "--symbol", "SPY")
    assert (status, "--timezone America/New_York" in text) == (3, True)
    assert run("minutes.csv", "--yes", "--symbol", "SPY", "--timezone", "America/New_York")[0] == 0
    assert Catalogue(folder / "data").entries()[0].length == "1Min"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.csv"], "there is no such file"),
        (["SPY.csv", "--columns", "opn=Open"], "did you mean open"),
        (["SPY.csv", "--columns", "open"], "is not like"),
        (["SPY.csv", "--timezone", "New_York"], "America/New_York"),
        (["SPY.csv", "--bar", "1 minute"], "1Min"),
        (["SPY.csv", "--unit", "minutes"], "unit"),
        (["SPY.csv", "--price-scale", "0"], "price_scale"),
    ],
)
def test_wrong_options(folder: Path, arguments: list[str], words: str) -> None:
    """Each is one line that says what to do, and nothing is written."""
    status, text = run(*arguments, "--yes")
    assert status in (1, 2)
    assert words in text
    assert not (folder / "data").exists()


def feed_of(folder: Path, feed: str) -> FileFeed:
    (folder / "holdfast.toml").write_text(CONFIG.format(feed=feed))
    made = build_feed(load_config(folder / "holdfast.toml"))
    assert isinstance(made, FileFeed)
    return made


def test_the_same_words_in_a_configuration(folder: Path) -> None:
    """A file of another layout, several of them and a catalogue are the same feed."""
    run("SPY.csv", "--yes")
    direct = list(feed_of(folder, 'path = "SPY.csv"\nsymbol = "SPY"').events())
    assert len(direct) == 3
    assert list(feed_of(folder, 'kind = "catalogue"\npath = "data"').events()) == direct
    assert list(feed_of(folder, 'paths = ["SPY.csv", "SPY.csv"]\nsymbol = "SPY"').events()) == direct
    minutes = feed_of(folder, 'path = "minutes.csv"\nsymbol = "SPY"\ntimezone = "America/New_York"\nstamp = "end"')
    assert minutes.lengths_ns == {"SPY": 60_000_000_000}
    assert any("have no volume" in note for note in minutes.notes)


def test_a_feed_that_is_not_known_is_refused(folder: Path) -> None:
    """A backtest guesses nothing: the key that is missing is named."""
    with pytest.raises(HoldfastError, match="no column says whose data it is; give symbol, such as SPY"):
        feed_of(folder, 'path = "SPY.csv"')
    with pytest.raises(HoldfastError, match="name no time zone; give timezone"):
        feed_of(folder, 'path = "minutes.csv"\nsymbol = "SPY"')
    for feed, words in {
        'kind = "synthetic"\nsymbol = "SPY"': "symbol is for file feeds",
        "paths = []": "needs at least one",
        'path = "SPY.csv"\ntimezone = "Mars"': "there is no time zone",
        'path = "SPY.csv"\nstamp = "middle"': "stamp",
        'path = "SPY.csv"\ncolumns = { opn = "Open" }': "did you mean open",
    }.items():
        with pytest.raises(ConfigError, match=words):
            feed_of(folder, feed)


def test_days_and_minutes_of_one_symbol_stay_apart(folder: Path) -> None:
    """In one import too: rows of two lengths are two entries, and not one that has both."""
    assert run("SPY.csv", "minutes.csv", "--yes", "--symbol", "SPY", "--timezone", "America/New_York")[0] == 0
    assert [(entry.length, entry.rows) for entry in Catalogue(folder / "data").entries()] == [("1Day", 3), ("1Min", 3)]
