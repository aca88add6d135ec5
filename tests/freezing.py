"""Freezing a process where it holds up nobody else."""

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

LOOK_S = 0.002
LOCK_S = 0.2
"""How long a lock is waited for that a commit of others may hold."""


def freeze(pid: int, send: Callable[[signal.Signals], None], url: str) -> None:
    """Stop a process with SIGSTOP, outside of a commit to the journal at ``url``.

    One that is stopped inside a commit keeps the file of an SQLite journal locked, and nobody can take over (docs/leases.md).
    """
    while True:
        send(signal.SIGSTOP)
        while not _stands_still(pid):
            time.sleep(LOOK_S)
        if _can_be_written(url):
            return
        send(signal.SIGCONT)
        time.sleep(LOOK_S)


def _stands_still(pid: int) -> bool:
    """Whether all threads of a process are stopped, or it is gone."""
    try:
        states = [(task / "stat").read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended, or the process
        return not Path(f"/proc/{pid}").exists()
    return all(state in "TXZ" for state in states)


def _can_be_written(url: str) -> bool:
    """Whether nobody holds the lock for writing; servers take it from a session that stands still."""
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        return True
    with closing(sqlite3.connect(str(made.database), timeout=LOCK_S, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
    return True
