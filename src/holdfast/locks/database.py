"""Locks in the journal's database: a row each, changed by compare-and-set, timed by the database's own clock."""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from holdfast.errors import JournalError
from holdfast.journal.database import Database
from holdfast.journal.tables import locks
from holdfast.journal.transactions import Transactions
from holdfast.locks.lock import LockManager, StoreUnreachable

FREE = ""
"""The token of a lock that nobody has."""

T = TypeVar("T")


class DatabaseLocks(LockManager):
    """The locks of one journal's database. A row stays when its lock is given back: its fence goes on from there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transactions = Transactions(database)

    @property
    def shown(self) -> str:
        """The journal."""
        return self._database.shown

    def take(self, name: str, token: str, lease_ms: int) -> int | None:
        """Ask for a lock: the fence, None when another token has it. Raises StoreUnreachable."""
        now_ms, its_row = self._transactions.now_ms, locks.c.name == name
        may_take = sa.or_(locks.c.token.in_([FREE, token]), locks.c.expires_ms <= now_ms)
        look = sa.select(may_take).where(its_row)
        make = self._transactions.insert_missing(locks).values(name=name, token=FREE, fence=0, expires_ms=0)
        change = (
            sa.update(locks)
            .where(its_row, may_take)
            .values(token=token, fence=locks.c.fence + 1, expires_ms=now_ms + lease_ms)
        )

        def work(connection: sa.Connection) -> int | None:
            is_free = connection.execute(look).scalar()  # who waits looks often, and locks no row by it
            if is_free is None:
                connection.execute(make)
            elif not is_free:
                return None
            if connection.execute(change).rowcount != 1:
                return None
            fence: int = connection.execute(sa.select(locks.c.fence).where(its_row)).scalar_one()
            return fence

        return self._run(f"taking lock {name!r}", work)

    def extend(self, name: str, token: str, lease_ms: int) -> bool:
        """Ask for ``lease_ms`` from now on; False when the token has it no longer. Raises StoreUnreachable."""
        now_ms = self._transactions.now_ms
        statement = (
            sa.update(locks)
            .where(locks.c.name == name, locks.c.token == token, locks.c.expires_ms > now_ms)
            .values(expires_ms=now_ms + lease_ms)
        )
        return self._run(f"renewing lock {name!r}", lambda connection: connection.execute(statement).rowcount == 1)

    def give_back(self, name: str, token: str) -> bool:
        """Free the token's lock; False when it had it no longer. Raises StoreUnreachable."""
        statement = (
            sa.update(locks).where(locks.c.name == name, locks.c.token == token).values(token=FREE, expires_ms=0)
        )
        return self._run(f"giving lock {name!r} back", lambda connection: connection.execute(statement).rowcount == 1)

    def close(self) -> None:
        """Let connections go."""
        self._transactions.close()

    def _run(self, doing: str, work: Callable[[sa.Connection], T]) -> T:
        try:
            return self._transactions.run(doing, work)
        except JournalError as error:
            raise StoreUnreachable(f"{doing} failed: {error}") from error
