"""Opening: what is made, and what is refused, each in one clear line."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, Halt
from holdfast.errors import ConfigError, HoldfastError, JournalCorrupt, JournalError
from holdfast.journal import CommandQueue, Journal, Reader, database, file_command
from holdfast.journal.database import open_database
from holdfast.journal.verify import verify
from tests.databases import locked

Spoil = Callable[[Path], None]


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is a text file and no database\n" * 500)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _header_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _other_program(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def _newer_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE holdfast_schema SET version_num = '9999'")
    connection.close()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILED: list[tuple[Spoil, str]] = [
    (_garbage, "not a journal, or its first page is damaged"),
    (_empty, "it is empty; restore a backup"),
    (_header_only, "restore a backup"),
    (_other_program, "a database of another program"),
    (_newer_schema, "schema 9999 is newer"),
    (_directory, "can't be opened"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILED)
def test_spoiled_file_is_refused(spoil: Spoil, says: str, written: None, path: Path, url: str) -> None:
    """Whatever the file has become, opening it to write or to read says what is wrong in one line, and changes nothing."""
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    for attempt in (lambda: Journal.open(url), lambda: Reader.open(url)):
        with pytest.raises(JournalError) as caught:
            attempt()
        assert says in str(caught.value)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_damage_is_told_from_other_failures(written: None, path: Path, url: str) -> None:
    """A file that is no database at all is JournalCorrupt, so that a caller can advise to restore a backup."""
    _garbage(path)
    with pytest.raises(JournalCorrupt):
        Journal.open(url)


def test_truncated_file_does_not_pass(written: None, path: Path, url: str) -> None:
    """A journal cut in half is refused at opening or found out by the audit; it never passes."""
    _cut_short(path)
    assert not verify(url).ok


@pytest.mark.parametrize(
    "url",
    [
        "oracle://user:secret@db/holdfast",
        "postgresql+asyncpg://user:secret@db/holdfast",
        "mysql+mysqldb://user:secret@db/holdfast?password=secret",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x.db?mode=ro&uri=true",
        "holdfast.db",
        "",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """What is no journal's URL is a ConfigError in one line that shows no password."""
    with pytest.raises(ConfigError) as caught:
        Journal.open(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_makes_file_and_directories(tmp_path: Path) -> None:
    """A new journal is made with its directories, synced in WAL mode, and nothing else is left lying about."""
    path = tmp_path / "some" / "new place" / "holdfast 100%.db"
    Journal.open(f"sqlite:///{path}").close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_directory_that_cannot_be(tmp_path: Path) -> None:
    """A directory that can't be made is a clear JournalError."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match=r"can't be created: .*check the path"):
        Journal.open(f"sqlite:///{tmp_path / 'file' / 'holdfast.db'}")


def test_two_that_create_at_once_share_one_journal(path: Path, url: str) -> None:
    """The second of two processes that make the same journal keeps the first one's."""
    database = open_database(url)
    database.create()
    before = path.read_bytes()
    database.create()
    assert path.read_bytes() == before


def test_sqlite_commits_are_synced(path: Path, journal: Journal) -> None:
    """The writing connection runs with synchronous=FULL: a commit returns after the disk has it."""
    connection = journal._committer._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (int(database.BUSY_TIMEOUT_S * 1000),)


def test_locked_journal_is_refused(written: None, path: Path, url: str, impatient: None) -> None:
    """A file that another program keeps locked is refused after a bounded wait."""
    with locked(url):
        with pytest.raises(JournalError, match="kept it locked"):
            Journal.open(url)
        with pytest.raises(JournalError, match="kept it locked"):
            file_command(url, "main", Halt(), "cli:a", None, 1)


def test_locked_account_is_not_taken(written: None, url: str, impatient: None) -> None:
    """An account whose row another session keeps locked is refused after a bounded wait, and can be taken afterwards."""
    with locked(url), pytest.raises(JournalError, match="kept it locked"), closing(Journal.open(url)) as journal:
        journal.take("main", PAPER, "me")
    with closing(Journal.open(url)) as journal:
        assert journal.take("main", PAPER, "me").epoch == 2


def test_missing_journal_is_not_made_by_readers(tmp_path: Path) -> None:
    """Reading, auditing and filing commands need a journal that exists, and make none."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    for attempt in (
        lambda: Reader.open(url),
        lambda: verify(url),
        lambda: file_command(url, "main", Halt(), "cli:a", None, 1),
        lambda: CommandQueue(url),
    ):
        with pytest.raises(HoldfastError) as caught:
            attempt()
        assert "none.db" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_copy_of_a_journal_opens(written: None, path: Path, tmp_path: Path) -> None:
    """A backup made by copying the closed file is a whole journal."""
    shutil.copy(path, tmp_path / "backup.db")
    assert verify(f"sqlite:///{tmp_path / 'backup.db'}").ok
