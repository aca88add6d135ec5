"""Where the tortured journal is kept: a database of its own, and what can go wrong with it."""

import os
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from holdfast.errors import ConfigError
from holdfast.torture.processes.proxy import Cut, Proxy

KINDS = ("sqlite", "postgres", "mariadb")
VARIABLES = {"postgres": "HOLDFAST_TEST_POSTGRES_URL", "mariadb": "HOLDFAST_TEST_MARIADB_URL"}
LOCAL = {"postgres": "postgresql://postgres@127.0.0.1:5432/postgres", "mariadb": "mariadb://root@127.0.0.1:3306/"}
"""Servers on their standard ports."""
DRIVERS = {"postgres": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
PORTS = {"postgres": 5432, "mariadb": 3306}
FAULTS = {
    "sqlite": ("locked",),
    "postgres": (*(cut.value for cut in Cut), "stall"),
    "mariadb": (*(cut.value for cut in Cut), "stall"),
}
"""What can be made to go wrong, by kind. All but ``locked`` and ``stall`` end the engine: a failed commit is final."""
NOT_FATAL = ("locked", "stall")


class Store(Protocol):
    """One journal's database. ``url`` reaches it, ``engine_url`` is what engines are given; ``fired`` counts faults.

    ``shown`` is the URL without its password.
    """

    url: str
    shown: str
    engine_url: str
    fired: Counter[str]

    def fail(self, fault: str, seconds: float) -> None:
        """Make one of `FAULTS` happen; returns at once."""

    def heal(self) -> None:
        """End what still goes wrong."""

    def close(self, *, keep: bool = False) -> None:
        """Take the database away, unless it is to be looked at."""


class SqliteStore:
    """A file in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.db"
        self.url = self.engine_url = self.shown = f"sqlite:///{self._path}"
        self.fired: Counter[str] = Counter()
        self._locker: threading.Thread | None = None
        self._unlock = threading.Event()

    def fail(self, fault: str, seconds: float) -> None:
        """See `Store`."""
        self.heal()
        self.fired[fault] += 1
        self._unlock.clear()
        self._locker = threading.Thread(target=self._lock, args=(seconds,), name="locker", daemon=True)
        self._locker.start()

    def _lock(self, seconds: float) -> None:
        """Hold the write lock, as a backup or a forgotten shell does."""
        connection = sqlite3.connect(self._path, timeout=seconds, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._unlock.wait(seconds)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            self.fired["locked"] -= 1  # the engine never let it in
        finally:
            connection.close()

    def heal(self) -> None:
        """See `Store`."""
        self._unlock.set()
        if self._locker is not None:
            self._locker.join()

    def close(self, *, keep: bool = False) -> None:  # noqa: ARG002 - it is part of the folder
        """See `Store`."""
        self.heal()


class ServerStore:
    """A database of its own on a server, behind a proxy. Raises ConfigError when the server can't be reached."""

    def __init__(self, kind: str, url: str | None) -> None:
        self._base = _with_driver(kind, url or os.environ.get(VARIABLES[kind]) or LOCAL[kind])
        self._name = f"holdfast_torture_{os.getpid()}_{time.monotonic_ns() % 1_000_000_000}"
        self._is_mariadb = kind == "mariadb"
        self._administer(f"CREATE DATABASE {self._name}")
        self._proxy = Proxy(self._base.host or "127.0.0.1", self._base.port or PORTS[kind])
        self.fired = self._proxy.fired
        own = self._base.set(database=self._name, drivername=self._base.get_backend_name())
        self.url = own.render_as_string(hide_password=False)
        self.shown = own.render_as_string(hide_password=True)
        self.engine_url = own.set(host="127.0.0.1", port=self._proxy.port).render_as_string(hide_password=False)

    def _administer(self, *statements: str) -> None:
        engine = sa.create_engine(self._base, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        except sa.exc.OperationalError as error:
            shown = self._base.render_as_string(hide_password=True)
            reason = " ".join(str(error.orig).split())[:200]
            raise ConfigError(f"{shown}: {reason}; name another server with --url, or start this one") from None

    def fail(self, fault: str, seconds: float) -> None:
        """See `Store`."""
        if fault == "stall":
            self._proxy.stall(seconds)
        else:
            self._proxy.cut(Cut(fault))

    def heal(self) -> None:
        """See `Store`."""
        self._proxy.heal()

    def close(self, *, keep: bool = False) -> None:
        """See `Store`."""
        self._proxy.close()
        if keep:
            return
        force = "" if self._is_mariadb else " WITH (FORCE)"
        self._administer(f"DROP DATABASE {self._name}{force}")


def _with_driver(kind: str, url: str) -> URL:
    parsed = make_url(url)
    expected = DRIVERS[kind].partition("+")[0]
    if parsed.get_backend_name() != expected and not (kind == "mariadb" and parsed.get_backend_name() == "mysql"):
        raise ConfigError(f"--db {kind} needs a url that begins with {expected}://, not {parsed.get_backend_name()}://")
    return parsed.set(drivername=DRIVERS[kind])


def open_store(kind: str, folder: Path, url: str | None) -> Store:
    """A new database of this kind. Raises ConfigError when there can be none."""
    return SqliteStore(folder) if kind == "sqlite" else ServerStore(kind, url)
