"""Who has an account: what its row in the journal says, and what this machine knows of that process."""

import fcntl
import os
import socket
import time
from enum import Enum
from pathlib import Path
from urllib.parse import quote

import msgspec

from holdfast.core.types import iso_time
from holdfast.journal.database import Database, open_database
from holdfast.journal.readonly import ReadOnly

WATCHDOG = "watchdog, "
"""How the name of a watchdog's process begins: it gives the account back by itself, so a start waits for it."""

NAME_PART = 100
"""How much of an account's name goes into that of its lock file, in characters."""


def process_name(pid: int | None = None) -> str:
    """What this process, or another one of this machine, is called in the journal and beside it."""
    return f"pid {os.getpid() if pid is None else pid} on {socket.gethostname()}"


class Holder(msgspec.Struct, frozen=True):
    """Who has an account, or had it last, as its row says. ``started_ns``, ``renewed_ns``: by that process's own wall clock."""

    account: str
    epoch: int
    process: str
    started_ns: int
    lease_ms: int
    renewals: int
    renewed_ns: int

    @property
    def lease_s(self) -> float:
        """How long it keeps the account without a sign of life; 0 when it let go."""
        return self.lease_ms / 1000

    @property
    def is_watchdog(self) -> bool:
        """Whether it is no engine, but guards the account while there is none."""
        return self.process.startswith(WATCHDOG)

    def __str__(self) -> str:
        """As people are told."""
        return f"{self.process or 'another process'} since {iso_time(self.started_ns)}"


class Life(Enum):
    """What is known of the process that took an account last."""

    LET_GO = "let go"
    DEAD = "dead"
    HERE = "on this machine, running or suspended"
    UNKNOWN = "on another machine, or without its lock file"


def lock_path(database: Database, account: str, epoch: int, started_ns: int) -> Path:
    """The lock file of one term: no other one ever has its name."""
    return database.lock_directory / f"{quote(account, safe='')[:NAME_PART]}.{epoch}.{started_ns:x}.lock"


def life_of(database: Database, holder: Holder) -> Life:
    """What this machine knows of an account's holder. Disturbs nobody."""
    if holder.lease_ms == 0:
        return Life.LET_GO
    try:
        descriptor = os.open(
            lock_path(database, holder.account, holder.epoch, holder.started_ns), os.O_RDONLY | os.O_NOFOLLOW
        )
    except OSError:
        return Life.UNKNOWN
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Life.HERE
    finally:
        os.close(descriptor)
    return Life.DEAD


def is_running(url: str, account: str) -> bool:
    """Whether an engine seems to have the account now. For people: of one on another machine it goes by that one's clock."""
    database = open_database(url)
    if not database.exists():
        return False
    with database.reported("read"):
        connection = database.read_only()
        try:
            holder = holder_of(connection, account)
        finally:
            connection.close()
    return holder is not None and seems_alive(database, holder)


def holder_of(connection: ReadOnly, account: str) -> Holder | None:
    """The account's holder; None when it was never taken."""
    columns = ", ".join(Holder.__struct_fields__)
    rows = connection.fetch(f"SELECT {columns} FROM accounts WHERE account = ?", (account,))
    return Holder(*rows[0]) if rows else None


def seems_alive(database: Database, holder: Holder) -> bool:
    """Whether the holder seems to be there. For people, as `is_running`."""
    life = life_of(database, holder)
    if life is Life.UNKNOWN:
        return time.time_ns() - holder.renewed_ns < holder.lease_ms * 1_000_000
    return life is Life.HERE
