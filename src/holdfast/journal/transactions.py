"""Short transactions of many processes on few rows: what loses a race for a lock is tried again, and nobody else hears of it."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from holdfast.errors import JournalError
from holdfast.journal.database import Database

TRIES = 20
"""How often a transaction is begun. With eight processes on one row two or three are usual; twenty is some ten seconds."""
PAUSE_S = 0.005
"""The longest pause before the second try; it doubles from one to the next, up to `LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S = 1.0

SQLSTATES = ("40001", "40P01", "55P03")  # PostgreSQL: serialization failure, deadlock, lock not available
ERROR_CODES = (1020, 1205, 1213)  # MariaDB: record changed since it was read, lock wait timeout, deadlock

_NOW_MS = {
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    "mariadb": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000",
}

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Transactions:
    """Runs short transactions in one database. Safe to use from any thread.

    ``collisions`` counts those that met a deadlock or waited for a lock in vain, ``slowest_s`` is the longest that one took with
    all its tries.
    """

    def __init__(self, database: Database) -> None:
        self.collisions = 0
        self.slowest_s = 0.0
        self._database = database
        self._engine = database.writer()
        self._idle: list[sa.Connection] = []  # connecting to a server costs more than a transaction
        self.now_ms: sa.ColumnElement[int] = sa.literal_column(_NOW_MS[database.kind], sa.BigInteger())
        """The database's own clock in milliseconds since 1970, as an expression for its statements."""

    def insert_missing(self, table: sa.Table) -> sa.Insert:
        """An INSERT that passes over rows whose key is there already."""
        if self._database.kind == "mariadb":
            return sa.insert(table).prefix_with("IGNORE")
        if self._database.kind == "postgresql":
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()

    def run(self, doing: str, work: Callable[[sa.Connection], T]) -> T:
        """What ``work`` gives, committed. It is called again after a collision, so it must leave nothing behind but rows.

        Raises :class:`~holdfast.errors.JournalError` for anything else, and when all tries have collided.
        """
        began_s = time.monotonic()
        try:
            with self._database.reported("written"):
                return self._run(doing, work)
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)

    def close(self) -> None:
        """Let connections go."""
        while self._idle:
            self._idle.pop().close()

    def _run(self, doing: str, work: Callable[[sa.Connection], T]) -> T:
        for attempt in range(TRIES):
            try:
                with self._connection() as connection, connection.begin():
                    return work(connection)
            except DBAPIError as error:
                if not is_collision(error):
                    raise
                self._collided(doing, attempt, error)
        raise JournalError(
            f"journal {self._database.shown} can't be written: {doing} met others' locks {TRIES} times; see what holds them"
        )

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """A connection for one transaction; one in which something went wrong is not used again."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def _collided(self, doing: str, attempt: int, error: DBAPIError) -> None:
        self.collisions += 1
        logger.info("%s met a lock of somebody else and is tried again (%s)", doing, type(error.orig).__name__)
        longest_s = min(PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
        time.sleep(random.uniform(0, longest_s))  # noqa: S311 - chance here keeps two from meeting again; it keeps no secret


def is_collision(error: DBAPIError) -> bool:
    """Whether a transaction failed, and left nothing behind, only because another one was under way."""
    cause = error.orig
    if getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return True
    if getattr(cause, "sqlstate", None) in SQLSTATES:
        return True
    arguments: tuple[object, ...] = getattr(cause, "args", ())
    return len(arguments) > 0 and arguments[0] in ERROR_CODES
