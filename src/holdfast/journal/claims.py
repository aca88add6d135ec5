"""Orders that need looking into, and who does so: several workers share them, none has one that another has.

A claim is a lease on one order, by the database's clock. One that lapsed (its worker died, or took too long) is handed out again,
with the next ``fence``; what the first worker says of it after that no longer counts.
"""

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from holdfast.errors import InvalidValue
from holdfast.journal.database import Database
from holdfast.journal.tables import claims
from holdfast.journal.transactions import Transactions

NOBODY = ""
ERROR_LENGTH = 512
"""How much of an error is kept, in characters."""
MAX_TAKEN = 1_000
"""How many claims one call may take: its transaction stays short."""

SKIPS_LOCKED_SINCE = (10, 6)
"""The MariaDB that knows SKIP LOCKED; an older one waits for the others' short transactions."""


class Claim(msgspec.Struct, frozen=True):
    """An order that ``worker`` looks into, for the ``attempts``-th time. ``fence`` grows with each time it is handed out."""

    account: str
    client_order_id: str
    worker: str
    fence: int
    attempts: int


class Claims:
    """The claims in one journal's database. Safe to use from any thread; every call is a transaction of its own, and short.

    Their methods raise :class:`~holdfast.errors.JournalError` when the database can't be used; deadlocks and waits for others'
    locks are dealt with here.
    """

    def __init__(self, database: Database) -> None:
        self.transactions = Transactions(database)

    def file(self, account: str, client_order_ids: Iterable[str]) -> None:
        """Have these orders looked into, at once; those that are filed already stay as they are."""
        rows = [
            {
                "account": account,
                "client_order_id": key,
                "worker": NOBODY,
                "claimed_until_ms": 0,
                "attempts": 0,
                "error": "",
            }
            for key in sorted(set(client_order_ids))  # everybody goes by one order, so that no two wait for each other
        ]
        if not rows:
            return
        now_ms = self.transactions.now_ms
        # a fence that begins with the time is new, also where the order was filed and settled before
        statement = self.transactions.insert_missing(claims).values(fence=now_ms, due_ms=now_ms)
        self.transactions.run("filing claims", lambda connection: connection.execute(statement, rows))

    def take(self, account: str, worker: str, limit: int, lease_s: float) -> list[Claim]:
        """Claim up to ``limit`` orders of the account that are due and that nobody has, the longest due first, for ``lease_s``."""
        if not worker or limit <= 0 or lease_s <= 0:
            raise InvalidValue(
                f"{worker!r} can't claim {limit} orders for {lease_s} s: each must be something, or above 0"
            )
        columns, now_ms = claims.c, self.transactions.now_ms
        free = (
            sa.select(columns.client_order_id, columns.fence, columns.attempts)
            .where(columns.account == account, columns.due_ms <= now_ms, columns.claimed_until_ms <= now_ms)
            .order_by(columns.due_ms, columns.client_order_id)
            .limit(min(limit, MAX_TAKEN))
        )
        claim = (
            sa.update(claims)
            .where(columns.account == account, columns.client_order_id == sa.bindparam("key"))
            .values(
                worker=worker,
                fence=columns.fence + 1,
                attempts=columns.attempts + 1,
                claimed_until_ms=now_ms + round(lease_s * 1000),
            )
        )

        def work(connection: sa.Connection) -> list[Claim]:
            rows = connection.execute(free.with_for_update(skip_locked=_skips_locked(connection))).all()
            if rows:
                connection.execute(claim, [{"key": row.client_order_id} for row in rows])
            return [Claim(account, row.client_order_id, worker, row.fence + 1, row.attempts + 1) for row in rows]

        return self.transactions.run("taking claims", work)

    def settle(self, claim: Claim, next_try_in_s: float | None, error: str = "") -> bool:
        """End a claim: for good with ``next_try_in_s`` None, else the order is due again after that many seconds.

        False when the claim had lapsed and was handed out again: then nothing was changed.
        """
        columns, now_ms = claims.c, self.transactions.now_ms
        ours = sa.and_(
            columns.account == claim.account,
            columns.client_order_id == claim.client_order_id,
            columns.worker == claim.worker,
            columns.fence == claim.fence,
        )
        statement: sa.Delete | sa.Update = sa.delete(claims).where(ours)
        if next_try_in_s is not None:
            statement = (
                sa.update(claims)
                .where(ours)
                .values(
                    worker=NOBODY,
                    claimed_until_ms=0,
                    due_ms=now_ms + round(next_try_in_s * 1000),
                    error=error[:ERROR_LENGTH],
                )
            )
        settled = self.transactions.run("settling a claim", lambda connection: connection.execute(statement).rowcount)
        return settled == 1

    def close(self) -> None:
        """Let connections go."""
        self.transactions.close()


def _skips_locked(connection: sa.Connection) -> bool:
    dialect = connection.dialect
    version = dialect.server_version_info or ()
    return not getattr(dialect, "is_mariadb", False) or tuple(version[:2]) >= SKIPS_LOCKED_SINCE
