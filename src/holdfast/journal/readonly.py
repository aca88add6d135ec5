"""A connection that only reads a journal: plain SQL, the same for every database, with ``?`` where a value goes.

SQLite's is its driver's own, so a command that looks into a file needs no other library; a server's is SQLAlchemy's.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    import sqlalchemy as sa

Row = tuple[Any, ...]


class ReadOnly(ABC):
    """Connected to a journal. Close it. Its methods raise what the driver raises."""

    def __init__(self) -> None:
        self._in_transaction = False

    @abstractmethod
    def tables(self) -> list[str]:
        """The names of the database's tables."""

    @abstractmethod
    def close(self) -> None:
        """Let the database go."""

    def fetch(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a query, read at one moment."""
        if self._in_transaction:
            return self._run(sql, values)
        with self.transaction():
            return self._run(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything read inside is as of one moment."""
        with self._transaction():
            self._in_transaction = True
            try:
                yield
            finally:
                self._in_transaction = False

    @abstractmethod
    def _transaction(self) -> Any:
        """A context in which the database shows one moment."""

    @abstractmethod
    def _run(self, sql: str, values: Sequence[object]) -> list[Row]:
        """The rows."""


class SqliteReadOnly(ReadOnly):
    """A file, through the driver alone."""

    def __init__(self, connection: "sqlite3.Connection") -> None:
        super().__init__()
        self._connection = connection

    def tables(self) -> list[str]:
        """The names of the file's tables."""
        return [name for (name,) in self.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _run(self, sql: str, values: Sequence[object]) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()


class ServerReadOnly(ReadOnly):
    """A server's, through SQLAlchemy, whose drivers write ``%s`` for a value."""

    def __init__(self, connection: "sa.Connection") -> None:
        super().__init__()
        self._connection = connection

    def tables(self) -> list[str]:
        """The names of the tables in the journal's own database or schema."""
        import sqlalchemy as sa

        with self.transaction():
            return sa.inspect(self._connection).get_table_names()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._connection.begin():
            yield

    def _run(self, sql: str, values: Sequence[object]) -> list[Row]:
        found = self._connection.exec_driver_sql(sql.replace("?", "%s"), tuple(values))
        return [tuple(row) for row in found.all()]
