"""A journal in PostgreSQL.

A commit returns when its log is on the server's disk: a server that is set otherwise (``synchronous_commit=off``) is told so
for our sessions. Whatever waits on the server waits for a bounded time, and so does our side of the connection when the
server, or the way to it, says nothing more.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.journal import database, schema
from holdfast.journal.server import (
    CONNECT_TIMEOUT_S,
    GRACE_S,
    STATEMENT_TIMEOUT_S,
    ServerDatabase,
)

LOST = "the connection was lost, so it is not known here whether that is there; start again: what is there will be read"
SLOW = "the server didn't get it done in time; look at what keeps it busy"
LOCKED = "another program kept it locked; close whatever else has it open"

_ADVICE = {
    "08": LOST,
    "57P": LOST,
    "25P03": LOST,
    "22001": "a text is longer than its column; report this",
    "23505": "it already has such a row: an id was used twice; run `holdfast audit verify`",
    "25006": "the server, or this user, is read-only; write to the primary, with a user that may",
    "28": "the server refuses this user; check the user and the password in the url",
    "3D000": "make the database first: CREATE DATABASE",
    "3F000": "the schema that the url's search_path names doesn't exist; make it first: CREATE SCHEMA",
    "40P01": "the server broke a deadlock; close whatever else writes to the journal",
    "42501": "this user may not; grant it all rights on the database",
    "42P01": "a table is missing; restore a backup",
    "53100": "the server's disk is full; free space and start again",
    "53300": "the server has no connection to spare; raise max_connections or close some",
    "55P03": LOCKED,
    "57014": SLOW,
    "XX001": "its content is damaged; restore a backup",
    "XX002": "an index is damaged; restore a backup",
}
_SPOKEN = {  # what the way to the server says, which has no code
    "password authentication failed": "check the user and the password in the url",
    "no password supplied": "give the user's password in the url",
    "does not exist": "make the database and its user first: CREATE ROLE, CREATE DATABASE",
    "too many clients": "the server has no connection to spare; raise max_connections or close some",
    "connection slots": "the server has no connection to spare; raise max_connections or close some",
    "connection failed": "check that the server runs there and lets this machine in",
    "connection timeout": "nothing answers there; check the host, the port and the way to it",
    "failed to resolve": "check the host in the url",
}
_DAMAGED = ("XX001", "XX002")

T = TypeVar("T")


ROWS_A_STATEMENT = 500
"""How many rows one INSERT takes; the server allows 65,535 parameters a statement."""


class _WholeStatements(psycopg.Cursor[Any]):
    """A cursor whose every statement is over, for the server, when it is done.

    The driver's own ``executemany`` leaves the server inside a pipeline until the client says its next word. Neither the limit of
    a statement nor that of an idle transaction runs in there: a process stopped at that moment would keep its locks for ever.
    """

    def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:  # noqa: ARG002
        """Run an INSERT with its rows together, anything else row by row; ``rowcount`` is the sum."""
        rows: list[Sequence[Any]] = list(params_seq)
        touched = 0
        head, values, row = str(query).rpartition(" VALUES ")
        if values and row.endswith(")"):
            for start in range(0, len(rows), ROWS_A_STATEMENT):
                some = rows[start : start + ROWS_A_STATEMENT]
                self.execute(head + values + ", ".join([row] * len(some)), [value for one in some for value in one])
                touched += self.rowcount
        else:
            for one in rows:
                self.execute(query, one)
                touched += self.rowcount
        self._rowcount = touched


class _Patient(psycopg.Connection[Any]):
    """A connection that doesn't wait for ever: the driver itself has no bound on waiting for an answer."""

    patience_s = float(STATEMENT_TIMEOUT_S + GRACE_S)

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server, at most as long as is set; then the connection is over."""
        try:
            return super().wait(gen, interval, timeout or self.patience_s)
        except psycopg.OperationalError as error:
            if type(error).__name__ != "_WaitTimeout":
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server said nothing for {self.patience_s:.0f} s") from None


class PostgresqlDatabase(ServerDatabase):
    """A database on a PostgreSQL server; the tables are in the first schema of its ``search_path``."""

    kind = "postgresql"

    def __init__(self, url: URL) -> None:
        super().__init__(url, "postgresql+psycopg")

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's, SQLAlchemy's, the system's and the schema's."""
        return psycopg.Error, DBAPIError, OSError, schema.SchemaError

    def _make_writer(self) -> sa.Engine:
        """Connections whose commits are on the server's disk when they return."""
        engine = self._engine("READ COMMITTED")
        statements = (
            f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'",
            f"SET lock_timeout = '{database.BUSY_TIMEOUT_S * 1000:.0f}ms'",
            f"SET idle_in_transaction_session_timeout = '{STATEMENT_TIMEOUT_S}s'",
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        )
        sa.event.listen(engine, "connect", lambda connection, _: _set_up(connection, statements))
        return self._watched(engine)

    def _make_reader(self, timeout_s: float) -> sa.Engine:
        """Connections that can't write; each of their transactions sees one moment."""
        engine = self._engine("REPEATABLE READ")

        def prepare(connection: _Patient, _record: object) -> None:
            connection.patience_s = timeout_s + GRACE_S
            _set_up(connection, (f"SET statement_timeout = '{timeout_s * 1000:.0f}ms'",))
            connection.read_only = True

        sa.event.listen(engine, "connect", prepare)
        return engine

    def _engine(self, isolation: Any) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            poolclass=NullPool,
            pool_reset_on_return=None,  # what is given back is closed
            isolation_level=isolation,
            paramstyle="format",
            use_native_hstore=False,
        )

        def connect(_dialect: object, _record: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> _Patient:
            named = _BOUNDS | {"application_name": "holdfast", "cursor_factory": _WholeStatements} | named
            return _Patient.connect(*arguments, **named)

        sa.event.listen(engine, "do_connect", connect)
        return engine

    @contextmanager
    def migrating(self, connection: sa.Connection) -> Iterator[None]:
        """Holds a lock of the server's, named by our schema. On a busy machine we may be slow between two statements."""
        idle_s = "SET idle_in_transaction_session_timeout = '{}s'"
        lock = "hashtext('holdfast migrations in ' || current_schema())"
        with connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({lock})")
            connection.exec_driver_sql(idle_s.format(0))
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql(idle_s.format(STATEMENT_TIMEOUT_S))
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({lock})")
                connection.commit()

    def weaknesses(self, connection: sa.Connection) -> list[str]:
        """How the server is set to lose what it acknowledged: a sentence each."""
        names = ("fsync", "full_page_writes")
        found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        return [
            f"the server has {name}=off: a power failure there can lose or damage what was committed; set it to on"
            for name, value in found.items()
            if value == "off"
        ]

    def _contention(self, cause: BaseException) -> str | None:
        return {"55P03": "lock_waits", "40P01": "deadlocks", "40001": "deadlocks"}.get(
            getattr(cause, "sqlstate", None) or ""
        )

    def _diagnose(self, cause: BaseException) -> tuple[bool, str]:
        code = getattr(cause, "sqlstate", None) or ""
        text = str(cause)
        if code:
            advice = next((advice for start, advice in _ADVICE.items() if code.startswith(start)), "")
        else:
            advice = next((advice for part, advice in _SPOKEN.items() if part in text), "")
        if not advice and isinstance(cause, psycopg.OperationalError):
            advice = LOST
        return code in _DAMAGED, advice

    def _words(self, cause: BaseException) -> str:
        """The text, without the place in the statement."""
        return (cause.diag.message_primary if isinstance(cause, psycopg.Error) else None) or str(cause)


_BOUNDS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * (STATEMENT_TIMEOUT_S + GRACE_S),
}


def _set_up(connection: _Patient, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.commit()
