"""A fresh database of each kind for a test, on servers that run already.

Where they are is said by ``HOLDFAST_TEST_POSTGRES_URL``, ``HOLDFAST_TEST_MARIADB_URL`` and ``HOLDFAST_TEST_REDIS_URL``; by
default they are this machine's own, on their standard ports. ``compose.yaml`` starts some. A test whose server can't be
reached is skipped; on CI it fails, so that a run without servers can't pass for one with them.

A server takes a second to make a journal and to drop it. Most tests are not about that: they take an `empty_journal`, which
the test before has used too.
"""

import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pymysql
import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from holdfast.journal import Journal, schema, tables
from holdfast.journal.database import open_database

KINDS = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")

VARIABLES = {
    "postgresql": ("HOLDFAST_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("HOLDFAST_TEST_MARIADB_URL", "mariadb://root@127.0.0.1:3306/"),
    "redis": ("HOLDFAST_TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
}
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}

ON_CI = os.environ.get("CI", "").lower() == "true"


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a journal that isn't there yet, of its own; it is gone afterwards, whoever still has it open.

    ``folder`` is where a SQLite file goes.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'holdfast.db'}"
        return
    url = _create(kind)
    try:
        yield url
    finally:
        _forget_locks(url)
        _drop(kind, url)


@contextmanager
def empty_journal(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a journal that nobody has written to; SQLite's file isn't there yet.

    On a server it may be one that a test before has used: its rows are gone, its tables are as they were made.
    """
    if kind == "sqlite":
        with fresh_database(kind, folder) as url:
            yield url
        return
    kept = _taken(kind) or _Kept(kind)
    try:
        yield kept.url
    finally:
        _forget_locks(kept.url)
        _kept[kind].append(kept)


class _Kept:
    """A database with a journal that one test after the other uses."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.url = _create(kind)
        Journal.open(self.url).close()
        self._engine = sa.create_engine(make_url(self.url).set(drivername=_DRIVERS[kind]), poolclass=NullPool)
        self._made = self._shape()

    def empty(self) -> bool:
        """Take all rows out; False when somebody still has it open, or its tables were changed."""
        if kill_sessions(self.kind, self.url) or self._shape() != self._made:
            return False
        with self._engine.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
        return True

    def _shape(self) -> object:
        """Its tables with their columns, and the version of its schema."""
        where = "current_schema()" if self.kind == "postgresql" else "database()"
        columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(f"{columns} WHERE table_schema = {where} ORDER BY 1, 2").all()
            return rows, schema.version(connection)

    def drop(self) -> None:
        """It is gone."""
        _drop(self.kind, self.url)


_kept: dict[str, list[_Kept]] = defaultdict(list)


def _taken(kind: str) -> _Kept | None:
    """One that was used before, emptied; None when there is none."""
    while _kept[kind]:
        kept = _kept[kind].pop()
        if kept.empty():
            return kept
        kept.drop()
    return None


def close() -> None:
    """Drop what was kept."""
    for kind in SERVERS:
        while _kept[kind]:
            _kept[kind].pop().drop()
        if _administrator.cache_info().currsize:
            _administrator(kind).dispose()


def _create(kind: str) -> str:
    """The URL of a new database on the server."""
    server = server_url(kind)
    name = f"holdfast_test_{os.getpid()}_{secrets.token_hex(4)}"
    run_on_server(kind, f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False)


def _drop(kind: str, url: str) -> None:
    name = make_url(url).database
    run_on_server(kind, f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else ""))


def _forget_locks(url: str) -> None:
    """Nothing is left of the journal on this machine either."""
    database = open_database(url)
    for left in (database.lock_directory, database.anchor_directory):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def server_url(kind: str) -> URL:
    """Where the server is; a test without it ends here."""
    if reason := _unreachable(kind):
        text = f"no {kind} server: {reason}; start one (compose.yaml), or name it in {VARIABLES[kind][0]}"
        if ON_CI:
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    return make_url(_url(kind))


def redis_url() -> str:
    """Where Redis is; a test without it ends here. Keys there are everybody's: begin yours with a name of your own."""
    server_url("redis")
    return _url("redis")


def run_on_server(kind: str, statement: str) -> list[sa.Row[tuple[object, ...]]]:
    """Run a statement as the server's administrator, outside of any transaction; its rows."""
    with _administrator(kind).connect() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result.all()) if result.returns_rows else []


@cache
def _administrator(kind: str) -> sa.Engine:
    """One session, which is kept: a new one costs more than most statements."""
    return sa.create_engine(
        make_url(_url(kind)).set(drivername=_DRIVERS[kind]),
        pool_size=1,
        pool_pre_ping=True,  # tests end sessions
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 5},
    )


def run_in(url: str, statement: str, *values: object) -> list[sa.Row[tuple[object, ...]]]:
    """Run a statement in the journal at ``url`` behind its back, and commit it; ``values`` stand in for each ``?``."""
    with open_database(url).writer().begin() as connection:
        if connection.dialect.name == "mysql":  # quotes and || as in the other two
            connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI')")
        if connection.dialect.name != "sqlite":
            statement = statement.replace("%", "%%").replace("?", "%s")
        result = connection.exec_driver_sql(statement, values)
        return list(result.all()) if result.returns_rows else []


def kill_sessions(kind: str, url: str) -> int:
    """End every session in the journal's database, as a server's restart does; how many there were."""
    name = make_url(url).database
    if kind == "postgresql":
        done = run_on_server(
            kind,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()",
        )
        return len(done)
    found = run_on_server(kind, f"SELECT id FROM information_schema.processlist WHERE db = '{name}'")
    for (number,) in found:
        run_on_server(kind, f"KILL {number}")
    return len(found)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Holds what a commit needs, as another program's open transaction would."""
    with open_database(url).writer().connect() as connection:
        connection.begin()
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET SESSION " + _NO_HURRY[connection.dialect.name])
            connection.exec_driver_sql("SELECT * FROM accounts FOR UPDATE")
        yield
        connection.rollback()


_NO_HURRY = {"postgresql": "idle_in_transaction_session_timeout = 0", "mysql": "idle_write_transaction_timeout = 0"}


def _url(kind: str) -> str:
    variable, default = VARIABLES[kind]
    return os.environ.get(variable) or default


@cache
def _unreachable(kind: str) -> str:
    """Why the server can't be reached; empty when it can."""
    try:
        if kind == "redis":
            with redis.Redis.from_url(_url(kind), socket_timeout=5, socket_connect_timeout=5) as client:
                client.ping()
        else:
            run_on_server(kind, "SELECT 1")
    except (sa.exc.SQLAlchemyError, redis.RedisError, pymysql.Error, OSError) as error:
        return " ".join(str(error).split())[:200]
    return ""
