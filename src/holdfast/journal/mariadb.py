"""A journal in MariaDB, in InnoDB tables.

A commit is on the server's disk when it returns if the server is set so (``innodb_flush_log_at_trx_commit=1``, its default);
that can't be set for one session, so a server that is set otherwise is told of. Its definitions of tables commit by themselves:
a migration can be left half way by a crash, and is repeated from there.
"""

import hashlib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import pymysql
import pymysql.connections
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.errors import JournalError
from holdfast.journal import database, schema
from holdfast.journal.server import (
    CONNECT_TIMEOUT_S,
    GRACE_S,
    STATEMENT_TIMEOUT_S,
    ServerDatabase,
)

IDLE_S = 30 * 24 * 3600
"""How long a session may be idle; the server's own bound of eight hours is shorter than a night."""

LOST = "the connection was lost, so it is not known here whether that is there; start again: what is there will be read"

_ADVICE = {
    1021: "the server's disk is full; free space and start again",
    1040: "the server has no connection to spare; raise max_connections or close some",
    1044: "this user may not; grant it all rights on the database",
    1045: "check the user and the password in the url",
    1049: "make the database first: CREATE DATABASE",
    1053: LOST,
    1062: "it already has such a row: an id was used twice; run `holdfast audit verify`",
    1114: "the server's disk is full, or a table has reached its bound; free space and start again",
    1142: "this user may not; grant it all rights on the database",
    1146: "a table is missing; restore a backup",
    1153: "it is longer than the server's max_allowed_packet; raise that",
    1193: "the server is no MariaDB 10.6 or newer, which a journal needs",
    1205: "another program kept it locked; close whatever else has it open",
    1213: "the server broke a deadlock; close whatever else writes to the journal",
    1290: "the server is read-only; write to the primary",
    1406: "a text is longer than its column; report this",
    1698: "check the user and the password in the url",
    1792: "it was opened for reading alone; report this",
    1927: LOST,
    1969: "the server didn't get it done in time; look at what keeps it busy",
    2002: "check that the server runs there and lets this machine in",
    2003: "check that the server runs there and lets this machine in",
    2006: LOST,
    2013: LOST,
}
_DAMAGED = (126, 127, 145, 1034, 1194, 1712)


class _Connection(pymysql.connections.Connection):  # type: ignore[misc]  # the driver has no types
    """The driver's own, but for what it makes anew each time: 20 ms of processor time for certificates that it never looks at."""

    def _create_ssl_ctx(self, sslp: Mapping[str, object]) -> ssl.SSLContext:
        made: ssl.SSLContext = super()._create_ssl_ctx(sslp) if sslp else _encrypted_when_offered()
        return made


@cache
def _encrypted_when_offered() -> ssl.SSLContext:
    """What the driver uses when the URL says nothing of TLS: it encrypts if the server can, and checks no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class MariadbDatabase(ServerDatabase):
    """A database on a MariaDB server, whichever of its two names the URL begins with."""

    kind = "mariadb"

    def __init__(self, url: URL) -> None:
        super().__init__(url, "mysql+pymysql")

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's, SQLAlchemy's, the system's and the schema's."""
        return pymysql.Error, DBAPIError, OSError, schema.SchemaError

    def _make_writer(self) -> sa.Engine:
        """Connections that may write; texts too long are refused by the server and not cut."""
        engine = self._engine(
            STATEMENT_TIMEOUT_S,
            "ISOLATION LEVEL READ COMMITTED",
            f"innodb_lock_wait_timeout = {max(1, round(database.BUSY_TIMEOUT_S))}",
            f"lock_wait_timeout = {max(1, round(database.BUSY_TIMEOUT_S))}",
            f"idle_write_transaction_timeout = {STATEMENT_TIMEOUT_S}",
        )
        return self._watched(engine)

    def _make_reader(self, timeout_s: float) -> sa.Engine:
        """Connections that can't write; each of their transactions sees one moment."""
        return self._engine(timeout_s, "ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def _engine(self, timeout_s: float, transactions: str, *settings: str) -> sa.Engine:
        patience_s = timeout_s + GRACE_S
        engine = sa.create_engine(
            self._url,
            poolclass=NullPool,
            pool_reset_on_return=None,  # what is given back is closed
            paramstyle="format",
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": patience_s,
                "write_timeout": patience_s,
            },
        )
        mode = "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'"
        sentence = ", ".join((mode, f"max_statement_time = {timeout_s}", f"wait_timeout = {IDLE_S}", *settings))

        def prepare(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION {sentence}")
                cursor.execute(f"SET SESSION TRANSACTION {transactions}")

        def connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> _Connection:
            return _Connection(*arguments, **options)

        sa.event.listen(engine, "do_connect", connect)
        sa.event.listen(engine, "connect", prepare)
        return engine

    @contextmanager
    def migrating(self, connection: sa.Connection) -> Iterator[None]:
        """Holds a lock of the server's, named by our database."""
        name = "holdfast " + hashlib.sha256((self._url.database or "").encode()).hexdigest()[:32]
        with connection.begin():
            got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, CONNECT_TIMEOUT_S)).scalar()
        if got != 1:
            raise JournalError(f"another process is migrating journal {self.shown}; start again when it is through")
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (name,))
                connection.commit()

    def weaknesses(self, connection: sa.Connection) -> list[str]:
        """How the server is set to lose what it acknowledged: a sentence each."""
        names = ("innodb_flush_log_at_trx_commit", "innodb_doublewrite", "sync_binlog", "log_bin")
        row = connection.exec_driver_sql(f"SELECT {', '.join('@@' + name for name in names)}").one()
        found = {name: str(value).upper() for name, value in zip(names, row, strict=True)}
        lax = {
            "innodb_flush_log_at_trx_commit": found["innodb_flush_log_at_trx_commit"] != "1",
            "innodb_doublewrite": found["innodb_doublewrite"] in ("0", "OFF"),
            "sync_binlog": found["log_bin"] not in ("0", "OFF") and found["sync_binlog"] != "1",
        }
        return [
            f"the server has {name}={found[name]}: a power failure there can lose or damage what was committed; set it to 1"
            for name, is_lax in lax.items()
            if is_lax
        ]

    def _contention(self, cause: BaseException) -> str | None:
        return {1205: "lock_waits", 1213: "deadlocks", 1020: "deadlocks"}.get(_code(cause))

    def _diagnose(self, cause: BaseException) -> tuple[bool, str]:
        code = _code(cause)
        advice = _ADVICE.get(code, "")
        if not advice and isinstance(cause, pymysql.err.InterfaceError):
            advice = LOST  # the driver had noticed before
        return code in _DAMAGED, advice

    def _words(self, cause: BaseException) -> str:
        """The text, without the number before it."""
        return str(cause.args[-1] if isinstance(cause, pymysql.Error) and cause.args else cause)


def _code(cause: BaseException) -> int:
    """The number of the server's or the driver's error; 0 for what has none."""
    code = cause.args[0] if isinstance(cause, pymysql.Error) and cause.args else 0
    return code if isinstance(code, int) else 0
