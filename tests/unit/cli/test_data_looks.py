"""``holdfast data list``, ``check`` and ``show`` on what ``import`` made, and on files as they are."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast.cli.app import app
from holdfast.errors import HoldfastError

DAYS = """Date,Open,High,Low,Close,Volume
2024-01-02,10,13,9,12,10
2024-01-03,12,13,11,12,10
2024-01-05,12,14,11,13,10
2024-01-08,12,14,11,13,10
"""
BAD = """Date,Open,High,Low,Close,Volume
2024-01-02,10,13,9,12,10
2024-01-03,12,11,13,12,10
2024-01-03,12,13,11,12,10
2024-01-04,12,14,0,13,10
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # tests that run side by side are given one, and lines are cut at it
    (tmp_path / "SPY.csv").write_text(DAYS)
    assert run("import", "SPY.csv", "--yes", "--adjustment", "raw")[0] == 0
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *arguments])
    if isinstance(result.exception, HoldfastError):
        return result.exception.exit_status, str(result.exception)
    return result.exit_code, result.output


def test_what_a_catalogue_has(folder: Path) -> None:
    """Each symbol with its length, times, rows, source, zone and adjustment; the same as JSON."""
    status, text = run("list")
    assert status == 0
    for word in ("SPY", "1Day", "2024-01-02", "2024-01-08", "SPY.csv", "days of XNYS", "raw"):
        assert word in text
    [row] = json.loads(run("list", str(folder / "data"), "--json")[1])
    assert (row["rows"], row["from"], row["sources"]) == (4, "2024-01-02T05:00:00Z", ["SPY.csv"])


def test_a_catalogue_is_looked_at_by_the_exchange_it_was_imported_for(folder: Path) -> None:
    """The day without a bar is told; it is no error. Without any doubt that is said too."""
    status, text = run("check")
    assert status == 0
    assert "no bar in 1 of 5 sessions of XNYS: 2024-01-04" in text
    found = json.loads(run("check", "--json", "--calendar", "XNYS")[1])
    assert found["ok"]
    assert [(one["kind"], one["severity"], one["count"]) for one in found["findings"]] == [
        ("missing_sessions", "warning", 1)
    ]
    (folder / "one.csv").write_text("".join(DAYS.splitlines(keepends=True)[:3]))
    assert "nothing doubtful" in run("check", "one.csv", "--symbol", "SPY")[1]


def test_what_an_import_refuses_is_told_whole(folder: Path) -> None:
    """All that can't be in a file is named at once, with exit status 1; the file stays as it is."""
    (folder / "bad.csv").write_text(BAD)
    status, text = run("check", "bad.csv", "--symbol", "SPY", "--json")
    assert status == 1
    found = json.loads(text)
    assert not found["ok"]
    assert {one["kind"] for one in found["findings"]} >= {"conflict", "price", "high_low"}
    assert (folder / "bad.csv").read_text() == BAD


def test_one_symbol_of_a_file_of_several(folder: Path) -> None:
    """--symbol says which to look at where a column has names, and whose it is where none has."""
    lines = DAYS.splitlines()
    (folder / "two.csv").write_text(
        "\n".join([f"Symbol,{lines[0]}", *(f"{s},{line}" for s in "AB" for line in lines[1:])])
    )
    found = json.loads(run("check", "two.csv", "--symbol", "B", "--json")[1])
    assert [(one["symbol"], one["bars"]) for one in found["checked"]] == [("B", 4)]
    assert "has no bars of C; it has A, B" in run("check", "two.csv", "--symbol", "C")[1]


def test_rows_are_shown_on_the_exchanges_clocks(folder: Path) -> None:
    """A date is that of the exchange and is included; of many rows both ends are shown."""
    status, text = run("show", "SPY", "--from", "2024-01-03", "--to", "2024-01-05")
    assert status == 0
    assert "2024-01-03 00:00:00-0500" in text
    assert "2 rows, SPY 1Day bars, adjusted: raw" in text
    ends = run("show", "SPY", "-n", "3")[1]
    assert [day for day in ("01-02", "01-03", "01-05", "01-08") if f"2024-{day}" in ends] == ["01-02", "01-03", "01-08"]
    assert "3 of 4 rows" in ends
    shown = json.loads(run("show", "SPY", "--from", "2024-01-08", "--json")[1])
    assert shown["rows"] == [
        {"symbol": "SPY", "ts": "2024-01-08T05:00:00Z", "open": 12, "high": 14, "low": 11, "close": 13, "volume": 10}
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("list", "nowhere"), 1, "is no catalogue"),
        (("list", "SPY.csv"), 2, "holdfast data check looks at files"),
        (("check", "nowhere"), 1, "there is no such file"),
        (("check", "--calendar", "XNYZ"), 2, "XNYS"),
        (("check", "--symbol", "QQQ"), 1, "has no bars of QQQ"),
        (("show", "SPX"), 1, "did you mean SPY?"),
        (("show", "SPY", "--from", "soon"), 2, "--from 'soon' is no date"),
        (("show", "SPY", "--from", "2025-01-01"), 1, "it has 2024-01-02T05:00:00Z to 2024-01-08T05:00:00Z"),
        (("show", "SPY", "--bar", "1Min"), 1, "1Day"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_said_in_a_line(arguments: tuple[str, ...], status: int, words: str) -> None:
    """With what there is instead."""
    got, text = run(*arguments)
    assert got == status
    assert words in text
    assert "\n" not in text.strip()
