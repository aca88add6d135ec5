"""Writing an account's records anew under another name: its own, or that of one of its strategies.

Names are part of records, and of their hashes. So the chain is proven under the old name and written anew under the new one, in one
transaction, and a last record says so, with the hash that the old chain ended with: so a copy from before can be told from one of
another account.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.core.codec import Ids
from holdfast.core.messages import AnyBody, BrokerName, Envelope
from holdfast.errors import InvalidValue, Refused
from holdfast.journal import tables
from holdfast.journal.anchor import Anchor
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.database import Database
from holdfast.journal.holder import Holder, seems_alive
from holdfast.journal.lease import check_anchor, find_holder
from holdfast.journal.reader import PAGE, RecordRow, check_link, to_envelope
from holdfast.journal.rows import record_row

Change = Callable[[sa.Row[Any]], dict[str, Any]]
"""The columns of a record that change, with their new values; the same columns for each record."""


class End(NamedTuple):
    """How a chain that was written anew ends: its last sequence, and the last hash before and after."""

    sequence: int
    before: str
    after: str


def hold(connection: sa.Connection, database: Database, account: str) -> Holder:
    """Keep everybody from taking the account until the transaction is over; gives who had it last.

    Raises Refused while somebody has it, and when its records go less far than is known; InvalidValue when it isn't there.
    """
    columns = tables.accounts.c
    held = sa.select(columns.last_sequence).where(columns.account == account).with_for_update()
    last_sequence = connection.execute(held).scalar()
    holder = find_holder(connection, account)
    if last_sequence is None or holder is None:
        names = ", ".join(connection.execute(sa.select(columns.account).order_by(columns.account)).scalars())
        raise InvalidValue(f"journal {database.shown} has no account {account!r}; it has {names or 'none yet'}")
    if seems_alive(database, holder):
        raise Refused(
            f"account {account!r} is being traded by {holder}; stop that engine before renaming anything of it"
        )
    check_anchor(connection, account, last_sequence, Anchor(database.anchor_directory, account))
    return holder


def rewrite(connection: sa.Connection, account: str, columns: tuple[str, ...], change: Change) -> End:
    """Prove the account's chain and write it anew, with what ``change`` gives for ``columns``. Raises JournalCorrupt."""
    ours = tables.records.c
    update = (
        sa.update(tables.records)
        .where(ours.account == sa.bindparam("was"), ours.sequence == sa.bindparam("number"))
        .values({name: sa.bindparam(f"new_{name}") for name in (*columns, "hash")})
    )
    end = End(0, GENESIS, GENESIS)
    while True:
        found = sa.select(tables.records).where(ours.account == account, ours.sequence > end.sequence)
        page = connection.execute(found.order_by(ours.sequence).limit(PAGE)).all()
        if not page:
            return end
        changes = []
        for row in page:
            before = check_link(end.before, end.sequence + 1, RecordRow._make(row))
            changed = change(row)
            after = link(end.after, tuple((row._asdict() | changed)[name] for name in HASHED))
            end = End(end.sequence + 1, before, after)
            values = {f"new_{name}": value for name, value in (changed | {"hash": after}).items()}
            changes.append({"was": account, "number": end.sequence, **values})
        connection.execute(update, changes)


def tell(connection: sa.Connection, account: str, source: str, end: End, body: AnyBody, *, former: str = "") -> str:
    """Record the change as the last that is known of the account, whose row has the name ``former`` still; the record's hash."""
    columns = tables.accounts.c
    row = connection.execute(sa.select(tables.accounts).where(columns.account == (former or account))).one()
    last = tables.records.c
    newest = sa.select(tables.records).where(last.account == account, last.sequence == end.sequence)
    found = connection.execute(newest).one_or_none()
    time_ns = row.started_ns if found is None else to_envelope(found).time_ns
    envelope = Envelope(
        id=Ids(account, row.epoch).message(end.sequence + 1, time_ns),
        time_ns=time_ns,
        account=account,
        broker=BrokerName(row.broker),
        source=source,
        correlation_id="",
        causation_id="",
        sequence=end.sequence + 1,
        epoch=row.epoch,
        cursor=row.cursor,
        body=body,
    )
    values = dict(zip(tables.records.columns.keys(), record_row(envelope, row.broker, end.after), strict=True))
    connection.execute(sa.insert(tables.records).values(**values))
    ours = {"account": account, "last_sequence": end.sequence + 1, "last_hash": values["hash"], "lease_ms": 0}
    connection.execute(sa.update(tables.accounts).where(columns.account == row.account).values(**ours))
    return str(values["hash"])
