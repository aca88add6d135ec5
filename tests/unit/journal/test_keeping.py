"""Databases of our own beside the journal's: what a process that lives long costs the disk, and what it notices."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.journal.database import open_database
from holdfast.journal.keeping import Keeping
from holdfast.observer.places import TABLES, Place, Places
from holdfast.web.auth.store import TABLES as USERS


def test_the_log_stays_from_one_transaction_to_the_next_and_is_put_away_at_the_end(tmp_path: Path) -> None:
    """To begin it anew each time is some syncs a transaction, on the disk that the engine's commits wait for."""
    kept, log = Places(f"sqlite:///{tmp_path}/kept.db"), tmp_path / "kept.db-wal"
    kept.put("one", "main", Place(1, "a"))
    first = log.stat().st_ino
    kept.put("one", "main", Place(2, "b"))
    assert log.stat().st_ino == first
    kept.close()
    assert not log.exists()


def test_what_another_process_closes_takes_nothing_away(tmp_path: Path) -> None:
    """Two of one process have the file open, as an observer has; one who looked and is through with it is not the last."""
    path = tmp_path / "kept.db"
    first, second = (Places(f"sqlite:///{path}") for _ in range(2))
    first.put("one", "main", Place(1, "a"))
    second.put("two", "main", Place(1, "a"))
    look = f"import sqlite3; there = sqlite3.connect({str(path)!r}); there.execute('SELECT 1 FROM observer_places'); there.close()"
    subprocess.run([sys.executable, "-c", look], check=True, timeout=60)
    assert path.with_name("kept.db-wal").exists()
    first.put("one", "main", Place(2, "b"))
    assert second.of("one") == {"main": Place(2, "b")}
    first.close()
    second.close()


@pytest.mark.parametrize(("tables", "level"), [(TABLES, 1), (USERS, 2)])
def test_only_what_is_made_anew_leaves_the_disk_its_time(tmp_path: Path, tables: object, level: int) -> None:
    """SQLite's 1 is NORMAL, 2 is FULL: the place of an observer is found again, a user who was made isn't."""
    kept = Keeping(f"sqlite:///{tmp_path}/kept.db", tables)  # type: ignore[arg-type]
    with kept.begin() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == level
    kept.close()


def test_another_file_in_its_place_is_seen(tmp_path: Path) -> None:
    """What is kept goes into the file that is there, and not into one that has no name any more."""
    path = tmp_path / "kept.db"
    kept = Places(f"sqlite:///{path}")
    kept.put("one", "main", Place(1, "a"))
    path.rename(tmp_path / "moved.db")
    other = Places(f"sqlite:///{path}")
    assert other.of("one") == {}
    kept.put("one", "main", Place(2, "b"))
    assert other.of("one") == {"main": Place(2, "b")}
    other.close()
    kept.close()


def test_the_engine_of_a_server_is_that_of_any_writer() -> None:
    """A server's connections are its own affair."""
    database = open_database("postgresql://holdfast@127.0.0.1:1/none")
    assert database.keeper() is database.writer()
