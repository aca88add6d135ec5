"""Several that open a new file at the same time."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.journal import database
from holdfast.journal.database import open_database

WAIT_S = 60.0


def test_who_finds_a_new_file_locked_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says at once that it is locked when the log can't be begun: that is no failure, as long as the other lets go."""
    path = tmp_path / "new.db"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE made (by_whom TEXT)")
    has_waited, modes, again = threading.Event(), list[str](), time.sleep

    def wait(seconds: float) -> None:
        has_waited.set()
        again(seconds)

    monkeypatch.setattr(time, "sleep", wait)

    def begin() -> None:
        with open_database(f"sqlite:///{path}").writer().connect() as connection:
            modes.append(connection.scalar(sa.text("PRAGMA journal_mode")))

    opening = threading.Thread(target=begin)
    opening.start()
    try:
        assert has_waited.wait(WAIT_S)
    finally:
        other.execute("COMMIT")
        opening.join(WAIT_S)
        other.close()
    assert modes == ["wal"]


def test_a_file_that_stays_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the same time as for any other lock."""
    path = tmp_path / "new.db"
    path.touch()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            open_database(f"sqlite:///{path}").writer().connect()
    finally:
        other.close()
