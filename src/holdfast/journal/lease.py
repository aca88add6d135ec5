"""Who may trade an account: one process at a time, each under an epoch of its own, for as long as it gives signs of life.

The account's row is the lease. Each commit of the holder, and an empty one where nothing else is written, counts ``renewals`` on.
Nobody compares two machines' clocks: the holder trusts the account until ``lease_ms`` after the *beginning* of its last good
commit, by its own clock; who wants to have it watches the row, by his own clock, and may take it, under the next epoch, when it
hasn't changed for a whole ``lease_ms``. He needn't wait when the holder let go in order (``lease_ms`` 0), or is proven dead: each
term holds a lock file of its own, which the kernel gives up when the process dies, however it dies. A file that isn't there
proves nothing; the holder may be on another machine.

A process that was overtaken commits nothing more: each commit asks for its own epoch.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError

from holdfast.core.messages import BrokerName
from holdfast.core.milestones import AccountRenamed, StrategyRenamed
from holdfast.core.types import ZERO, check_name
from holdfast.errors import JournalCorrupt, Refused, StaleEpoch
from holdfast.journal.anchor import Anchor
from holdfast.journal.chain import GENESIS
from holdfast.journal.database import Database
from holdfast.journal.holder import Holder, Life, life_of, lock_path
from holdfast.journal.tables import accounts, records

PROCESS_LENGTH = 128
"""How much of a process's name is kept, in characters."""

log = structlog.get_logger(__name__)


class Lease(msgspec.Struct, frozen=True):
    """How long an engine that falls silent keeps an account, and how long before that end it sends nothing more, in seconds."""

    duration_s: float = 40.0
    margin_s: float = 15.0

    @property
    def duration_ms(self) -> int:
        """As it is kept in the journal."""
        return max(1, round(self.duration_s * 1000))


class LeaseTerm(msgspec.Struct, frozen=True):
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


class LifeLine:
    """A term's lock file, held from here until `release` or the end of the process. Raises OSError when there can't be one."""

    def __init__(self, database: Database, account: str, epoch: int, started_ns: int) -> None:
        database.make_lock_directory()
        self._path = lock_path(database, account, epoch, started_ns)
        self._descriptor: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody can know of it yet

    def release(self, *, remove: bool) -> None:
        """Let it go; again does nothing. ``remove`` when no row names it any more; what stays behind proves that its process is gone."""
        if self._descriptor is None:
            return
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def find_holder(connection: sa.Connection, account: str) -> Holder | None:
    """The account's holder; None when it was never taken."""
    columns = [accounts.c[name] for name in Holder.__struct_fields__]
    row = connection.execute(sa.select(*columns).where(accounts.c.account == account)).one_or_none()
    return None if row is None else Holder(*row)


class Watch:
    """Watches an account that may have a holder. ``now_s`` is the watcher's own clock, which only goes forward."""

    def __init__(self, database: Database, account: str, now_s: Callable[[], float]) -> None:
        self.account = account
        self.holder: Holder | None = None
        self.has_moved = False
        """Whether the holder gave a sign of life while it was watched."""
        self._database = database
        self._now_s = now_s
        self._since_s: float | None = None

    def look(self, connection: sa.Connection) -> None:
        """See how the row stands now."""
        with connection.begin():
            holder = find_holder(connection, self.account)
        if self._since_s is None or holder != self.holder:
            self.has_moved = self._since_s is not None
            self._since_s, self.holder = self._now_s(), holder

    @property
    def life(self) -> Life:
        """What is known of the holder."""
        return Life.LET_GO if self.holder is None else life_of(self._database, self.holder)

    @property
    def silent_s(self) -> float:
        """For how long the row has stayed as it is, as far as it was watched; 0 before the first look."""
        return 0.0 if self._since_s is None else self._now_s() - self._since_s

    @property
    def rest_s(self) -> float:
        """How long the row must stay as it is before the account may be taken; 0 when it may be now."""
        if self.holder is None or self._since_s is None or self.life in (Life.LET_GO, Life.DEAD):
            return 0.0
        return max(0.0, self._since_s + self.holder.lease_s - self._now_s())


def check_account_name(account: str) -> None:
    """Raise :class:`~holdfast.errors.InvalidValue` for a name that can't be an account's."""
    check_name("an account's name", account)


def check_bound(account: str, bound: str, broker: str) -> None:
    """Raise :class:`~holdfast.errors.Refused` for an account that is recorded as another broker's."""
    if bound != broker:
        raise Refused(
            f"account {account!r} is bound to broker {bound} and can't be traded at {broker}; "
            "give the other broker an account of its own"
        )


def begin_lease_term(
    connection: sa.Connection,
    watch: Watch,
    broker: BrokerName,
    process: str,
    started_ns: int,
    lease: Lease,
    anchor: Anchor,
) -> LeaseTerm:
    """Take the account under the next epoch if its row still is as it was seen, in a transaction of its own.

    Raises :class:`~holdfast.errors.Refused` when the account belongs to another broker, ``StaleEpoch`` when its row has changed
    meanwhile, ``JournalCorrupt`` when the account's records don't end where it says; Refused when they go less far than ``anchor``
    says that they went once.
    """
    account, holder = watch.account, watch.holder
    ours: dict[str, Any] = {
        "process": process[:PROCESS_LENGTH],
        "started_ns": started_ns,
        "lease_ms": lease.duration_ms,
        "renewed_ns": started_ns,
    }
    with connection.begin():
        # with the row locked, a holder that is awake after all can't add records while their end is looked at
        found = sa.select(accounts).where(accounts.c.account == account).with_for_update()
        row = connection.execute(found).one_or_none()
        if row is not None:
            _check_end(connection, row)
        check_anchor(connection, account, 0 if row is None else row.last_sequence, anchor)
        if row is None and holder is None:
            return _first_lease_term(connection, account, broker, ours)
        if row is None or holder is None:
            raise _overtaken(account)
        check_bound(account, row.broker, broker)
        raised = connection.execute(
            sa.update(accounts)
            .where(
                accounts.c.account == account,
                accounts.c.epoch == holder.epoch,
                accounts.c.renewals == holder.renewals,
            )
            .values(epoch=holder.epoch + 1, renewals=holder.renewals + 1, **ours)
        )
        if raised.rowcount != 1:
            raise _overtaken(account)
    return LeaseTerm(account, broker, holder.epoch + 1, row.last_sequence, row.last_hash, row.cursor, row.state)


def end_lease_term(connection: sa.Connection, account: str, epoch: int) -> None:
    """Give an account back, if it is still that epoch's."""
    ours = sa.and_(accounts.c.account == account, accounts.c.epoch == epoch)
    with connection.begin():
        connection.execute(sa.update(accounts).where(ours).values(lease_ms=0, renewals=accounts.c.renewals + 1))


def forget_lock_file(database: Database, holder: Holder) -> None:
    """Remove the lock file of a dead holder whose account was taken."""
    with suppress(OSError):
        lock_path(database, holder.account, holder.epoch, holder.started_ns).unlink()


def _overtaken(account: str) -> StaleEpoch:
    return StaleEpoch(f"account {account!r} was taken by another process at this moment; stop this one")


def _first_lease_term(connection: sa.Connection, account: str, broker: BrokerName, ours: dict[str, Any]) -> LeaseTerm:
    start = LeaseTerm(account, broker, epoch=1, last_sequence=0, last_hash=GENESIS, cursor=0, state="")
    statement = sa.insert(accounts).values(
        account=account,
        broker=broker,
        epoch=start.epoch,
        state=start.state,
        cash=ZERO,
        last_sequence=start.last_sequence,
        last_hash=start.last_hash,
        cursor=start.cursor,
        renewals=1,
        **ours,
    )
    try:
        connection.execute(statement)
    except IntegrityError:
        raise _overtaken(account) from None
    return start


def check_anchor(connection: sa.Connection, account: str, last_sequence: int, anchor: Anchor) -> None:
    """Raise Refused unless the records go as far as they were once known to be durable, and are the same there.

    Those of a chain that was written anew since (`journal/rename.py`, maybe on another machine) are others, and go further.
    """
    noted = anchor.read()
    if noted is None:
        if last_sequence:
            log.warning("nothing is noted of how far the journal went: a lost end would go unseen", account=account)
        return
    columns = records.c
    found = connection.execute(
        sa.select(columns.hash).where(columns.account == account, columns.sequence == noted[0])
    ).scalar()
    if noted[0] and found != noted[1] and not _was_rewritten(connection, account, noted[0]):
        what = f"its records end with {last_sequence}" if found is None else "its record of that number is another one"
        raise Refused(
            f"account {account!r}: it is not the latest journal of this account: record {noted[0]} was on the disk once, and {what}. "
            "Its log was cut, or an older copy was put in its place. Use the latest one; if this is all there is, and you know what "
            f"is lost, remove {anchor.path}"
        )


def _was_rewritten(connection: sa.Connection, account: str, since: int) -> bool:
    """Whether the account, or a strategy of it, got another name after a record."""
    columns = records.c
    statement = sa.select(columns.sequence).where(
        columns.account == account,
        columns.sequence > since,
        columns.type.in_([AccountRenamed.__name__, StrategyRenamed.__name__]),
    )
    return connection.execute(statement.limit(1)).scalar() is not None


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
