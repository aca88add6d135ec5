"""What the operating system can do to a journal, done for real, in processes of their own."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, CashDeposited
from holdfast.core.types import Money
from holdfast.errors import HoldfastError, JournalError
from holdfast.journal import Journal, Reader
from holdfast.journal.verify import verify
from tests.unit.journal.trader import Trader

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
SUCCESS = "none"

pytestmark = pytest.mark.process


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user can get to (pytest's own are private)."""
    made = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def run(role: str, *arguments: str) -> str:
    """Run a role in a process of its own; what it printed."""
    command = [sys.executable, "-m", "tests.process.test_journal_faults", role, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill_a_journal(url: str) -> None:
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "before"))
    for batch in (trader.deposit(), *trader.day(20)):
        journal.append(batch)
    journal.close()


# --- a disk without space ---


def write_under_a_limit(url: str, limit: str) -> str:
    """Write under a limit on the size of files; the kernel refuses what goes beyond, as a full disk does."""
    journal = Journal.open(url)
    with Reader.open(url) as reader:
        trader = Trader(journal.take("main", PAPER, "me")).resume(reader)
    durable = trader.sequence
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        while True:
            journal.append(trader.batch([CashDeposited(amount=Money(Decimal(1)), reason="x" * 200)] * 50))
            journal.wait_durable("main", trader.sequence, 20)
            durable = trader.sequence
    except JournalError as error:
        told = str(error)
    with pytest.raises(JournalError) as again:
        journal.append(trader.deposit())
    assert str(again.value) == str(journal.failure) == told
    journal.close()
    return f"{durable} {told}"


@pytest.mark.proves("D2")
def test_full_disk(folder: Path) -> None:
    """When the disk takes no more, the commit fails as a whole, the journal stays failed, and what was durable is there."""
    url = f"sqlite:///{folder}/holdfast.db"
    fill_a_journal(url)
    durable, text = run("limit", url, "400000").split(" ", 1)
    assert "can't be written" in text
    assert "\n" not in text
    result = verify(url)
    assert result.problems == []
    assert result.accounts[0].records == int(durable) > 1
    journal = Journal.open(url)  # with space again it goes on
    assert journal.take("main", PAPER, "after").last_sequence == int(durable)
    journal.close()


# --- no permission to write ---


def as_nobody(action: str, url: str) -> str:
    """Try something without root's rights; the error's text."""
    import holdfast.telemetry.journal_metrics  # noqa: F401 - nobody may not read where root's Python is

    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        if action == "write":
            Journal.open(url).close()
        else:
            with Reader.open(url) as reader:
                assert len(list(reader.records("main"))) == reader.account("main").last_sequence
    except HoldfastError as error:
        return f"{type(error).__name__} {error}"
    return SUCCESS


def test_read_only_file(folder: Path) -> None:
    """A journal that may not be written is refused to an engine in one line, and a reader reads it all the same."""
    path = folder / "holdfast.db"
    fill_a_journal(f"sqlite:///{path}")
    path.chmod(0o444)
    folder.chmod(0o555)
    said = run("nobody", "write", f"sqlite:///{path}")
    assert said.startswith("JournalError journal")
    assert "make the file and its directory writable" in said or "can be read and written" in said
    assert "\n" not in said
    assert run("nobody", "read", f"sqlite:///{path}") == SUCCESS


def test_read_only_directory(folder: Path) -> None:
    """Where no file can be made, a new journal is refused in one line, and none is left half made."""
    folder.chmod(0o555)
    said = run("nobody", "write", f"sqlite:///{folder}/new.db")
    assert said.startswith("JournalError journal")
    assert "can't be created: permission denied" in said
    assert list(folder.iterdir()) == []


def test_private_file(folder: Path) -> None:
    """A journal that may not even be read is refused in one line."""
    path = folder / "holdfast.db"
    fill_a_journal(f"sqlite:///{path}")
    path.chmod(0o600)
    if os.getuid() != 0:
        path.chmod(0o000)
    for action in ("read", "write"):
        said = run("nobody", action, f"sqlite:///{path}")
        assert said.startswith("JournalError journal")
        assert "\n" not in said


# --- another program in the file ---


@pytest.mark.proves("D1")
def test_locked_by_another_process(folder: Path) -> None:
    """A lock that another process holds is waited for as long as the bound says, then the journal is refused."""
    path = folder / "holdfast.db"
    fill_a_journal(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "another program kept it locked" in run("open", f"sqlite:///{path}")
    other.execute("ROLLBACK")
    other.close()
    assert run("open", f"sqlite:///{path}") == SUCCESS


def try_to_open(url: str) -> str:
    """Open it as an engine would; the error's text."""
    try:
        Journal.open(url).close()
    except JournalError as error:
        return str(error)
    return SUCCESS


# --- death with the log not yet in the file ---


def write_and_die(url: str) -> str:
    """Leave as a crash does: without closing anything."""
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    for batch in (trader.deposit(), *trader.day(10)):
        journal.append(batch)
    journal.wait_durable("main", trader.sequence, 20)
    sys.stdout.write(str(trader.sequence))
    sys.stdout.flush()
    os._exit(0)


def test_reader_after_a_crash(folder: Path) -> None:
    """What only the write-ahead log holds is read after a crash, by a reader that came first."""
    url = f"sqlite:///{folder}/holdfast.db"
    last = int(run("die", url))
    log = folder / "holdfast.db-wal"
    assert log.stat().st_size > 0
    with Reader.open(url) as reader:
        assert len(list(reader.records("main"))) == last
    assert log.stat().st_size > 0, "a reader must not move the log into the file"


def test_reader_after_a_crash_without_permission(folder: Path) -> None:
    """Without the right to recover, a reader sees all that is in the log, or says that it can't: never less than there is."""
    url = f"sqlite:///{folder}/holdfast.db"
    run("die", url)
    for file in folder.glob("holdfast.db*"):
        file.chmod(0o755 if file.is_dir() else 0o644)  # they are their user's alone, until he lets others read them
    folder.chmod(0o555)
    assert run("nobody", "read", url) == SUCCESS
    folder.chmod(0o755)
    (folder / "holdfast.db-shm").unlink()
    folder.chmod(0o555)
    assert "the file and its directory can be read and written" in run("nobody", "read", url)


@pytest.mark.proves("D4", "I10")
def test_log_cut_short(folder: Path) -> None:
    """A log torn after a crash is cut at its last whole commit: all or nothing of each batch, and what is gone is told."""
    url = f"sqlite:///{folder}/holdfast.db"
    last = int(run("die", url))
    log = folder / "holdfast.db-wal"
    whole = log.read_bytes()
    (folder / "holdfast.db-shm").unlink()
    found = set()
    for cut in range(len(whole), 0, -max(1, len(whole) // 25)):
        log.write_bytes(whole[:cut])
        result = verify(url)
        records = sum(account.records for account in result.accounts)
        assert [problem for problem in result.problems if "its end is lost" not in problem] == []
        if records:  # an account that is gone whole is missed by the start
            assert (result.problems == []) is (records == last)
        found.add(records)
        (folder / "holdfast.db-shm").unlink(missing_ok=True)
    assert max(found) == last
    assert len(found) > 1


ROLES: dict[str, Callable[..., str]] = {
    "limit": write_under_a_limit,
    "nobody": as_nobody,
    "open": try_to_open,
    "die": write_and_die,
}

if __name__ == "__main__":
    sys.stdout.write(ROLES[sys.argv[1]](*sys.argv[2:]))
