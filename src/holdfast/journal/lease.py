"""Who may trade an account: one process at a time, and each under an epoch of its own.

Two things keep a second engine out. A lock file beside the journal, one for each account, is held for as long as the process
lives; the kernel releases it when the process dies, however it dies, so a restart never waits. And the account's epoch is
raised at each start and checked inside each commit: a process that was overtaken (its lock file deleted, the disk shared
without locks) commits nothing more.
"""

import fcntl
import os
import time
from pathlib import Path
from urllib.parse import quote

import msgspec
import sqlalchemy as sa

from holdfast.core.messages import BrokerName
from holdfast.core.types import ZERO
from holdfast.errors import InvalidValue, JournalCorrupt, Refused, StaleEpoch
from holdfast.journal.chain import GENESIS
from holdfast.journal.database import journal_path
from holdfast.journal.tables import ACCOUNT_LENGTH, accounts, records

LOCK_TRIES = 20
LOCK_PAUSE_S = 0.01
"""`is_running` holds the lock for microseconds to look; a start that meets it tries again for this long."""


class Tenure(msgspec.Struct, frozen=True):
    """An account taken by this process: its ``epoch``, and where its records end.

    ``last_sequence`` 0 means no record yet; ``state`` is the account's at that point ("" before the first batch).
    """

    account: str
    broker: BrokerName
    epoch: int
    last_sequence: int
    last_hash: str
    cursor: int
    state: str


def lock_path(journal: Path, account: str) -> Path:
    """The account's lock file."""
    return journal.with_name(f"{journal.name}.{quote(account, safe='')}.lock")


def is_running(url: str, account: str) -> bool:
    """Whether a process on this machine has the account now."""
    try:
        descriptor = os.open(lock_path(journal_path(url), account), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Lock:
    """An account's lock file, held from here until `release` or the end of the process.

    Raises BlockingIOError when another process holds it, OSError when there can't be such a file.
    """

    def __init__(self, journal: Path, account: str) -> None:
        self._descriptor = os.open(lock_path(journal, account), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire()
        except BaseException:
            self.release()
            raise

    def _acquire(self) -> None:
        for _ in range(LOCK_TRIES):
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE_S)
        return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let the account go. The file stays: deleting it would let two processes hold "it" at once."""
        os.close(self._descriptor)


def check_account_name(account: str) -> None:
    """Raise :class:`~holdfast.errors.InvalidValue` for a name that can't be an account's."""
    if not account or len(account) > ACCOUNT_LENGTH or not account.isprintable():
        raise InvalidValue(f"an account's name has 1 to {ACCOUNT_LENGTH} printable characters, not {account!r}")


def taken_by(connection: sa.Connection, account: str) -> str:
    """The process that took the account last, as it called itself."""
    statement = sa.select(accounts.c.process).where(accounts.c.account == account)
    return connection.execute(statement).scalar() or "another process"


def begin_tenure(connection: sa.Connection, account: str, broker: BrokerName, process: str) -> Tenure:
    """Raise the account's epoch in a transaction of its own; the caller holds the lock.

    Raises :class:`~holdfast.errors.Refused` when the account belongs to another broker, ``StaleEpoch`` when someone raised
    the epoch meanwhile, ``JournalCorrupt`` when the account's records don't end where it says.
    """
    with connection.begin():
        row = connection.execute(sa.select(accounts).where(accounts.c.account == account)).one_or_none()
        if row is None:
            return _first_tenure(connection, account, broker, process)
        if row.broker != broker:
            raise Refused(
                f"account {account!r} is bound to broker {row.broker} and can't be traded at {broker}; "
                "give the other broker an account of its own"
            )
        _check_end(connection, row)
        raised = connection.execute(
            sa.update(accounts)
            .where(accounts.c.account == account, accounts.c.epoch == row.epoch)
            .values(epoch=row.epoch + 1, process=process, started_ns=time.time_ns())
        )
        if raised.rowcount != 1:
            raise StaleEpoch(f"account {account!r} was taken by another process at this moment; stop this one")
    return Tenure(account, broker, row.epoch + 1, row.last_sequence, row.last_hash, row.cursor, row.state)


def _first_tenure(connection: sa.Connection, account: str, broker: BrokerName, process: str) -> Tenure:
    start = Tenure(account, broker, epoch=1, last_sequence=0, last_hash=GENESIS, cursor=0, state="")
    connection.execute(
        sa.insert(accounts).values(
            account=account,
            broker=broker.value,
            epoch=start.epoch,
            state=start.state,
            cash=ZERO,
            last_sequence=start.last_sequence,
            last_hash=start.last_hash,
            cursor=start.cursor,
            process=process,
            started_ns=time.time_ns(),
        )
    )
    return start


def _check_end(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> None:
    """The last record must be the one that the account's row names."""
    statement = (
        sa.select(records.c.sequence, records.c.hash)
        .where(records.c.account == row.account)
        .order_by(records.c.sequence.desc())
        .limit(1)
    )
    last = connection.execute(statement).one_or_none() or (0, GENESIS)
    if tuple(last) != (row.last_sequence, row.last_hash):
        raise JournalCorrupt(
            f"account {row.account!r} should end with record {row.last_sequence}, but the last one found is {last[0]}; "
            "restore a backup"
        )
