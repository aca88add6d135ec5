"""What is written is the user's own, whatever the shell's umask is; and what a refused start leaves behind says that it is nothing."""

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER
from holdfast.journal import Journal
from tests.process.program import run, started, succeed, trading, until
from tests.unit.journal.trader import Trader

pytestmark = pytest.mark.process

CONFIGURATION = """
[feed]
kind = "synthetic"
symbols = ["AVOR"]
days = 1
history_days = 0

[[accounts]]
name = "main"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "main"
symbols = ["AVOR"]
params = { fast = 3, slow = 8 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with a configuration, for a user whose files others may read."""
    (tmp_path / "holdfast.toml").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def readable_by_all() -> Iterator[None]:
    """The umask that most systems have."""
    former = os.umask(0o022)
    yield
    os.umask(former)


def open_to_others(folder: Path) -> list[str]:
    """Everything in a folder that somebody else has a right to, with its mode; not what the tests have written."""
    ours = ("holdfast.toml", "output.txt", "errors.txt")
    return [
        f"{path.relative_to(folder)} {stat.S_IMODE(path.stat().st_mode):o}"
        for path in sorted(folder.rglob("*"))
        if path.name not in ours and path.stat().st_mode & 0o077
    ]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_files_of_a_killed_run(folder: Path) -> None:
    """Journal, log, index, locks and anchors as they lie there; a backtest's result beside them, and a command that was filed."""
    with started(folder, "run", "--speed", "60") as process:
        until(lambda: trading(f"sqlite:///{folder / 'holdfast.db'}"), "it to trade")
        assert run(folder, "halt", "--reason", "test").status == 0
        assert open_to_others(folder) == []
        process.kill()
    assert run(folder, "backtest", "--json", "result.json").status == 0
    assert {
        "holdfast.db",
        "holdfast.db-wal",
        "holdfast.db-shm",
        "holdfast.db.locks",
        "main.anchor",
        "result.json",
    } <= names(folder)
    assert open_to_others(folder) == []


def test_files_of_a_program_that_uses_the_library(folder: Path) -> None:
    """Nobody has set another umask for it: the files are made so."""
    with closing(Journal.open(f"sqlite:///{folder / 'holdfast.db'}")) as journal:
        trader = Trader(journal.take("main", PAPER, "me"))
        journal.append(trader.deposit())
        journal.wait_durable("main", trader.sequence, 30)
        assert {"holdfast.db", "holdfast.db-wal", "holdfast.db.locks", "main.anchor"} <= names(folder)
        assert open_to_others(folder) == []


def test_state_of_the_simulator(folder: Path) -> None:
    """It has keys and orders in it."""
    with started(
        folder, "sim", "alpaca", "--port", "0", "--state", "sim.state", "--start", "2024-07-10T13:30:00Z"
    ) as process:
        until(lambda: "127.0.0.1" in (folder / "output.txt").read_text(), "where it serves")
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert "sim.state" in names(folder)
    assert open_to_others(folder) == []


def test_what_a_refused_start_leaves_says_that_it_is_nothing(folder: Path) -> None:
    """It took the account, and was refused before anything was recorded: ``status`` says so, and the next start is a first one."""
    with closing(Journal.open(f"sqlite:///{folder / 'holdfast.db'}")) as journal:
        journal.take("main", PAPER, "me")
    (account,) = succeed(folder, "status", "--json").json["accounts"]
    assert (account["running"], account["last_record"]) == (False, 0)
    assert account["ended"] == "nothing is recorded of it: no start has got so far"
    assert "no start has got so far" in succeed(folder, "status").out
    assert run(folder, "run", "--json").status == 0
    (account,) = succeed(folder, "status", "--json").json["accounts"]
    assert account["epoch"] == 2
