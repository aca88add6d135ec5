"""What survives a restart of a broker in a box: one SQLite file with a row for each order, fill, account and watchlist.

Rows are written as they change and committed before the HTTP answer leaves. ``synchronous=NORMAL`` on a write-ahead log: the
death of the process loses nothing; that of the machine may lose the last moments.
"""

import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from holdfast.core.types import iso_time
from holdfast.errors import ConfigError

VERSION = 1
CHECKPOINT_PAGES = 4_000
"""How long the log grows (16 MB) before it is carried over into the file, which waits for the disk."""


class Kind(StrEnum):
    """What a row holds."""

    ACCOUNT = "account"
    ORDER = "order"
    EXECUTION = "execution"
    WATCHLIST = "watchlist"
    EQUITY = "equity"


class State:
    """The open file. Used by one thread at a time. ``is_changed`` says that something waits for `commit`."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises :class:`~holdfast.errors.ConfigError` when it is no such file."""
        self._path = path
        self.is_changed = False
        self._kept_ns: int | None = None
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            self._connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (kind TEXT, account TEXT, id TEXT, body BLOB, "
                "PRIMARY KEY (kind, account, id)) WITHOUT ROWID"
            )
            version = self._meta("version")
        except sqlite3.Error as error:
            raise ConfigError(
                f"the state file {path} can't be used ({error}); name another file, or remove it to start afresh"
            ) from error
        if version is None:
            self._set_meta("version", VERSION)
        elif version != VERSION:
            raise ConfigError(f"the state file {path} is of version {version}, this program reads {VERSION}; remove it")

    @property
    def market_time_ns(self) -> int | None:
        """The market's time when the file was last written; None in a new file."""
        return self._meta("market_time_ns")

    def save_time(self, now_ns: int) -> None:
        """Keeps the market's time, with the next `commit`."""
        if now_ns == self._kept_ns:
            return
        self._begin()
        self._set_meta("market_time_ns", now_ns)
        self._kept_ns = now_ns

    def put(self, kind: Kind, account: str, row_id: str, body: bytes) -> None:
        """Keeps a row, with the next `commit`."""
        self._begin()
        self._connection.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (kind.value, account, row_id, body))

    def drop(self, kind: Kind, account: str, row_id: str) -> None:
        """Removes a row, with the next `commit`."""
        self._begin()
        self._connection.execute(
            "DELETE FROM rows WHERE kind = ? AND account = ? AND id = ?", (kind.value, account, row_id)
        )

    def commit(self) -> None:
        """Everything put or dropped is durable when this returns."""
        if self.is_changed:
            self._connection.execute("COMMIT")
            self.is_changed = False

    def rows(self, kind: Kind, account: str | None = None) -> Iterator[bytes]:
        """The rows of a kind, of one account or all, by id."""
        where, values = ("", (kind.value,)) if account is None else (" AND account = ?", (kind.value, account))
        yield from (
            body
            for (body,) in self._connection.execute(
                f"SELECT body FROM rows WHERE kind = ?{where} ORDER BY account, id",  # noqa: S608  of two constants
                values,
            )
        )

    def close(self) -> None:
        """Commits and closes the file."""
        self.commit()
        self._connection.close()

    def __repr__(self) -> str:
        time_ns = self.market_time_ns
        return f"State({self._path}, {'new' if time_ns is None else iso_time(time_ns)})"

    def _begin(self) -> None:
        if not self.is_changed:
            self._connection.execute("BEGIN")
            self.is_changed = True

    def _meta(self, name: str) -> int | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def _set_meta(self, name: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
