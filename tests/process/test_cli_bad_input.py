"""The command line: whatever is wrong gets one line on stderr and the right exit status, and harms nothing."""

import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.process.program import COMMAND, PATIENCE_S, environment, proves_itself, run, succeed

pytestmark = pytest.mark.process

GOOD_ROWS = [f"SPY,2024-01-02T14:{minute:02d}:00Z,10,11,9,10,1000" for minute in range(30, 50)]
HEADER = "symbol,ts,open,high,low,close,volume"
LAST = "SPY,2024-01-02T14:50:00Z"
CONFIG = """
[journal]
url = "sqlite:///holdfast.db"

[feed]
kind = "file"
path = "bars.csv"
bar = "1Min"

[[accounts]]
name = "paper-1"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "paper-1"
symbols = ["SPY"]
params = { fast = 2, slow = 4 }
"""

CONFIG_MISTAKES = [
    ("cash_ = 1", 'name = "paper-1"', 'name = "paper-1"\ncash_ = 5', "did you mean cash?"),
    ("section", "[feed]", "[fead]", "did you mean feed?"),
    ("strategy key", "symbols = [", "symbol = [", "did you mean symbols?"),
    ("strategy account", 'account = "paper-1"', 'account = "papr-1"', "did you mean paper-1?"),
    ("parameter", "fast = 2", "fasst = 2", "did you mean fast?"),
    ("parameter's bound", "fast = 2", "fast = 9", "fast (9) must be below slow (4)"),
    ("module", "holdfast.strategies:EmaCross", "no_such_module:EmaCross", "no_such_module"),
    ("class", "holdfast.strategies:EmaCross", "holdfast.strategies:EmaCros", "EmaCros"),
    ("broken strategy", "holdfast.strategies:EmaCross", "broken:Mine", "ZeroDivisionError"),
    ("unknown symbol", 'symbols = ["SPY"]', 'symbols = ["SPX"]', "SPY"),
    ("calendar", 'calendar = "24/7"', 'calendar = "XNYX"', "XNYS"),
    ("speed", 'bar = "1Min"', 'bar = "1Min"\nspeed = "fast"', "speed"),
    ("toml", "[feed]", "[feed", "TOML"),
    ("url", "sqlite:///holdfast.db", "postgres://u:secret@h/d", "sqlite:///"),
]
BAD_DATA = [
    ("missing column", HEADER.replace("close", "klose"), [], "close"),
    ("unsorted", HEADER, ["SPY,2024-01-02T14:00:00Z,10,11,9,10,1"], "sort the file by ts"),
    ("naive time", HEADER, ["SPY,2024-01-02T14:50:00,10,11,9,10,1"], "ts"),
    ("nan", HEADER, [f"{LAST},10,11,9,nan,1"], "close is nan"),
    ("zero price", HEADER, [f"{LAST},10,11,0,10,1"], "low is 0"),
    ("negative price", HEADER, [f"{LAST},-1,11,9,10,1"], "open is -1"),
    ("duplicate bar", HEADER, [f"{LAST},10,11,9,10,1"] * 2, "a second bar"),
    ("no number", HEADER, [f"{LAST},ten,11,9,10,1"], "bars.csv"),
]


def prepare(folder: Path) -> Path:
    """Make ``folder`` one in which ``holdfast run`` works."""
    write_bars(folder, HEADER, [])
    (folder / "holdfast.toml").write_text(CONFIG)
    (folder / "broken.py").write_text("1 / 0\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which ``holdfast run`` would work."""
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose data has been traded, with a proven journal; to be copied."""
    folder = prepare(tmp_path_factory.mktemp("model"))
    succeed(folder, "run", "--json")
    assert proves_itself(folder, "holdfast.toml")
    return folder


@pytest.fixture
def traded(model: Path, tmp_path: Path) -> Path:
    """A traded folder of the test's own."""
    return Path(shutil.copytree(model, tmp_path / "traded"))


def write_bars(folder: Path, header: str, more: list[str]) -> None:
    (folder / "bars.csv").write_text("\n".join([header, *GOOD_ROWS, *more]) + "\n")


@pytest.mark.parametrize(
    ("old", "new", "text"), [row[1:] for row in CONFIG_MISTAKES], ids=[row[0] for row in CONFIG_MISTAKES]
)
def test_a_wrong_configuration_is_misuse(folder: Path, old: str, new: str, text: str) -> None:
    """Exit status 2, one line that names the mistake and the nearest right value; no journal is made of it."""
    assert old in CONFIG
    (folder / "holdfast.toml").write_text(CONFIG.replace(old, new))
    done = run(folder, "run")
    assert (done.status, text in done.error) == (2, True), done
    assert "secret" not in done.error
    assert not (folder / "holdfast.db").exists()
    checked = run(folder, "check")
    assert checked.status == 2
    assert "fail" in checked.out


def test_a_missing_configuration_is_misuse(tmp_path: Path) -> None:
    """Without a file the line says which one was looked for and what needs none."""
    done = run(tmp_path, "run")
    assert (done.status, "holdfast.toml" in done.error, "demo" in done.error) == (2, True, True)


@pytest.mark.parametrize(("header", "more", "text"), [row[1:] for row in BAD_DATA], ids=[row[0] for row in BAD_DATA])
def test_bad_data_is_named_before_it_is_traded_on(traded: Path, header: str, more: list[str], text: str) -> None:
    """Exit status 1 and one line with file and place, from run, backtest and check alike; the journal stays as it is."""
    before = succeed(traded, "audit", "tail", "--json").json
    write_bars(traded, header, more)
    done = run(traded, "run")
    assert (done.status, "bars.csv" in done.error, text in done.error) == (1, True, True), done
    assert run(traded, "backtest") == done
    checked = run(traded, "check")
    assert (checked.status, text in checked.out) == (1, True)
    assert succeed(traded, "audit", "tail", "--json").json == before
    assert proves_itself(traded, "holdfast.toml")


def test_a_data_file_that_is_not_there(folder: Path) -> None:
    """Exit status 1, and the path in the line."""
    done = run(folder, "backtest", "--data", "nowhere.parquet")
    assert (done.status, "nowhere.parquet" in done.error) == (1, True)


@pytest.mark.proves("D1")
def test_a_locked_journal(traded: Path) -> None:
    """While another program holds the database's lock a run fails with one line; afterwards it works."""
    with sqlite3.connect(traded / "holdfast.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        done = run(traded, "run")
        assert (done.status, "locked" in done.error) == (1, True), done
        other.execute("ROLLBACK")
    succeed(traded, "run", "--json")
    assert proves_itself(traded, "holdfast.toml")


@pytest.mark.proves("D5")
def test_a_corrupt_journal(traded: Path) -> None:
    """A journal whose first page is overwritten is refused by all that would use it, and not touched."""
    path = traded / "holdfast.db"
    with path.open("r+b") as file:
        file.write(b"\xff" * 512)
    damaged = path.read_bytes()
    for command in (["run"], ["orders"], ["status"], ["halt"]):
        done = run(traded, *command)
        assert (done.status, "holdfast.db" in done.error) == (1, True), done
    assert run(traded, "audit", "verify").status == 1
    assert path.read_bytes() == damaged


@pytest.mark.proves("D5", "I10")
def test_a_changed_record_is_found(traded: Path) -> None:
    """One changed byte in a record: ``audit verify`` ends with 1 and says which, and no engine trades on it."""
    with sqlite3.connect(traded / "holdfast.db") as other:
        other.execute("UPDATE records SET body = replace(body, '100000', '900000') WHERE type = 'CashDeposited'")
    done = run(traded, "audit", "verify", "--json")
    assert (done.status, done.json["ok"]) == (1, False)
    assert "hash" in done.json["problems"][0]
    refused = run(traded, "run")
    assert (refused.status, "hash" in refused.err.splitlines()[-1]) == (1, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything; test_journal_faults.py covers it there")
def test_a_read_only_journal(traded: Path) -> None:
    """A journal that may not be written can be looked at, but not traded on."""
    (traded / "holdfast.db").chmod(0o444)
    traded.chmod(0o555)
    try:
        done = run(traded, "run")
        assert (done.status, "writable" in done.error) == (1, True), done
        succeed(traded, "orders", "--json")
    finally:
        traded.chmod(0o755)


@pytest.mark.proves("D2")
def test_a_full_disk(folder: Path) -> None:
    """When the journal can't grow the engine stops with one line; with room again it goes on and all is proven."""
    rows = [
        f"SPY,2024-01-03T{hour:02d}:{minute:02d}:00Z,10,11,9,{10 + minute % 3 / 10},1000"
        for hour in range(24)
        for minute in range(60)
    ]
    write_bars(folder, HEADER, rows)
    limit = 400_000  # bytes: the tables fit, a day of trading doesn't: it takes ten times as much

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*COMMAND, "run", "--json"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        preexec_fn=small_files,
        check=False,
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done
    assert done.stderr.startswith("holdfast: journal ")
    assert proves_itself(folder, "holdfast.toml")
    assert succeed(folder, "run", "--json").json["chain_verified"] is True


def test_misuse_of_the_command_line(tmp_path: Path) -> None:
    """Unknown commands and options end with 2."""
    for arguments in (["bakctest"], ["run", "--sped", "3"], ["demo", "--for", "soon"], ["buy", "SPY"]):
        assert run(tmp_path, *arguments).status == 2


def test_debug_shows_where(tmp_path: Path) -> None:
    """No traceback, unless HOLDFAST_DEBUG asks for one."""
    assert "Traceback" not in run(tmp_path, "run").err
    assert "Traceback" in run(tmp_path, "run", HOLDFAST_DEBUG="1").err


def test_check_finds_nothing_in_what_is_well(folder: Path) -> None:
    """``check`` ends with 0 and says ok of every part; ``--json`` has the same."""
    lines = succeed(folder, "check").out.splitlines()
    assert all(line.startswith("ok") for line in lines)
    found = succeed(folder, "check", "--json").json
    assert found["ok"] is True
    parts = {row["check"] for row in found["checks"]}
    assert parts == {"configuration", "calendar", "feed", "strategies", "accounts", "journal", "disk", "clock"}
