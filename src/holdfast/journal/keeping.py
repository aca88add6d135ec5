"""Databases of our own beside the journal's: opened, made at first use, one transaction at a time.

What a process keeps for itself (users, alerts, how far it has read) has no place in the journal: on SQLite each of its commits would lock the
engine's file.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.errors import HoldfastError, JournalError
from holdfast.journal.database import Database, open_database


class Tables(NamedTuple):
    """What a database holds.

    ``versions`` is the table whose one row has the ``version``; ``what`` is what people call the database, ``url_of`` the section of the
    configuration that names its URL, ``error`` what is raised when it can't be used. ``is_made_anew``: what a loss of power takes is found again, by
    whoever reads on from what is left.
    """

    metadata: sa.MetaData
    versions: sa.Table
    version: int
    what: str
    url_of: str
    error: type[HoldfastError]
    is_made_anew: bool = False


class Keeping:
    """The tables at a database's ``url``. May be used by all threads.

    Raises :class:`~holdfast.errors.ConfigError` for a URL that is none.
    """

    def __init__(self, url: str, tables: Tables) -> None:
        self._tables = tables
        self._database: Database = open_database(url)
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()

    @property
    def shown(self) -> str:
        """Where it is, without any password."""
        return self._database.shown

    def exists(self) -> bool:
        """Whether it was made. Raises the error of its `Tables`."""
        with self._reported():
            return self._database.exists()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: what is done inside is kept whole, or not at all. Raises the error of its `Tables`."""
        engine = self._opened()
        with self._reported(), engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and waits for nobody. Raises the error of its `Tables`."""
        self._opened()
        with self._reported(), self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let the database go."""
        if self._engine is not None:
            self._engine.dispose()

    def on_made(self, connection: sa.Connection) -> None:
        """What else is done when it is opened, in the transaction that makes its tables."""

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            with self._database.reported("used"):
                yield
        except JournalError as error:
            raise self._tables.error(str(error).replace("journal ", f"{self._tables.what} ", 1)) from error

    @cached_property
    def _reader(self) -> sa.Engine:
        """Connections that only read; to make this anew each time would cost more than all that is read."""
        return self._database.reader()

    def _opened(self) -> sa.Engine:
        with self._lock:
            if self._engine is None:
                with self._reported():
                    self._engine = self._made()
            return self._engine

    def _made(self) -> sa.Engine:
        if self._database.kind == "sqlite":
            _make_private_file(Path(self._database.shown))
        engine = self._database.keeper(is_made_anew=self._tables.is_made_anew)
        with engine.connect() as connection, self._database.migrating(connection):
            self._make_tables(connection)
        return engine

    def _make_tables(self, connection: sa.Connection) -> None:
        tables, versions = self._tables, self._tables.versions
        with connection.begin():
            tables.metadata.create_all(connection)
            version = connection.execute(sa.select(versions.c.version)).scalar()
            if version is None:
                connection.execute(sa.insert(versions).values(version=tables.version))
            elif version != tables.version:
                raise tables.error(
                    f"{tables.what} {self._database.shown} has version {version} and this Holdfast reads "
                    f"{tables.version}: use the newer Holdfast, or name another database as url of [{tables.url_of}]"
                )
            self.on_made(connection)


def _make_private_file(path: Path) -> None:
    """An empty file that is its owner's alone, unless there is one; of one that is there, others lose their rights.

    That one is not opened: to close it again would take the locks of this process's connections (fcntl's are the process's), and another process that
    closes its own would put away the log from under them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(0o600)
