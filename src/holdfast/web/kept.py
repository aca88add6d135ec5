"""What the web process has read of a long journal, kept in its own database, so that its next start reads on and not from the first record.

A paper account has no snapshot in its journal, and reading a million records takes a minute. What is kept here is a shortcut and never
evidence: it counts only for the very record that it was made behind, by the same version of Holdfast, and otherwise the records are read.
"""

import hashlib
import os
import threading
from pathlib import Path

import sqlalchemy as sa

from holdfast import __version__
from holdfast.core import snapshot
from holdfast.core.types import NAME_LENGTH
from holdfast.journal.database import Database, open_database
from holdfast.journal.reader import Reader, Snapshot

metadata = sa.MetaData()
_BYTES = sa.LargeBinary().with_variant(sa.LargeBinary(length=1 << 30), "mysql", "mariadb")


def _table(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("account", sa.String(NAME_LENGTH), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("record_hash", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("body", _BYTES, nullable=False),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


states = _table("web_states")
"""One of each account, the newest."""
memories = _table("web_memories")
"""Where the records are that `web.memory` keeps, of each account."""
VERSION = f"{__version__}/{snapshot.VERSION}"


class Kept:
    """A table of a database, which is made at first use. May be used by all threads. Raises JournalError where it can't be used."""

    def __init__(self, url: str, table: sa.Table = states) -> None:
        self._table = table
        self._database: Database = open_database(url)
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()

    def newest(self, reader: Reader, account: str) -> Snapshot | None:
        """What was kept of an account, if its record is the journal's."""
        mine = sa.select(self._table).where(self._table.c.account == account)
        with self._database.reported("used"), self._opened().begin() as connection:
            row = connection.execute(mine).one_or_none()
        if row is None or row.version != VERSION or hashlib.sha256(row.body).hexdigest() != row.body_hash:
            return None
        if reader.hash_of(account, row.sequence) != row.record_hash:
            return None
        return Snapshot(row.sequence, row.body)

    def keep(self, reader: Reader, account: str, found: Snapshot) -> None:
        """Keep something in the place of what was kept before."""
        hashed = reader.hash_of(account, found.sequence)
        if hashed is None:
            return
        row = {"sequence": found.sequence, "record_hash": hashed, "version": VERSION, "body": found.body}
        row |= {"account": account, "body_hash": hashlib.sha256(found.body).hexdigest()}
        with self._database.reported("used"), self._opened().begin() as connection:
            connection.execute(sa.delete(self._table).where(self._table.c.account == account))
            connection.execute(sa.insert(self._table).values(row))

    def _opened(self) -> sa.Engine:
        with self._lock:
            if self._engine is None:
                if self._database.kind == "sqlite":
                    path = Path(self._database.shown)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                engine = self._database.writer()
                with engine.connect() as connection, self._database.migrating(connection):
                    metadata.create_all(connection)
                    connection.commit()
                self._engine = engine
            return self._engine
