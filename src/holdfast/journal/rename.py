"""Giving an account of a journal another name, with all that is recorded of it.

The name is part of every record, and of its hash. So the chain is proven under the old name and written anew under the new one, in one
transaction, and a last record says so: it names the old name and the hash that the old chain ended with, so that a copy from before can
be told from one of another account. Orders keep their ids: those of later ones begin otherwise, and the counter in them goes on.
"""

import sqlalchemy as sa

from holdfast.core.codec import Ids
from holdfast.core.messages import BrokerName, Envelope
from holdfast.core.milestones import AccountRenamed
from holdfast.errors import InvalidValue, Refused
from holdfast.journal import schema, tables
from holdfast.journal.anchor import Anchor
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.database import Database, open_database
from holdfast.journal.lease import Holder, check_account_name, find_holder, forget_lock_file, seems_alive
from holdfast.journal.reader import PAGE, check_link, to_envelope
from holdfast.journal.rows import record_row

WITH_NAME = (tables.orders, tables.fills, tables.positions, tables.commands, tables.claims)
"""The tables that name an account, besides its own row, its records and snapshots (shortcuts, which are made anew)."""


def rename_account(url: str, old: str, new: str) -> int:
    """Rename; gives the number of records, the one about it included.

    Raises :class:`~holdfast.errors.InvalidValue` when there is no such account, or one of the new name; Refused while an engine or a
    watchdog has it; JournalCorrupt when its records don't prove themselves; JournalError.
    """
    check_account_name(new)
    database = open_database(url)
    database.require()
    database.check()
    with database.reported("written"), database.writer().connect() as connection, connection.begin():
        schema.require_head(connection)
        holder = _free(connection, database, old)
        _make_room(connection, database, old, new)
        end = _rewrite(connection, old, new)
        for table in WITH_NAME:
            connection.execute(sa.update(table).where(table.c.account == old).values(account=new))
        connection.execute(sa.delete(tables.snapshots).where(tables.snapshots.c.account == old))
        last_hash = _tell(connection, old, new, end)
    forget_lock_file(database, holder)
    anchor = Anchor(database.anchor_directory, old).rename(new)
    anchor.write(end[0] + 1, last_hash)
    anchor.close()
    return end[0] + 1


def _free(connection: sa.Connection, database: Database, account: str) -> Holder:
    """Who had the account last. Raises Refused while somebody has it; locked, nobody takes it meanwhile."""
    columns = tables.accounts.c
    connection.execute(sa.select(columns.epoch).where(columns.account == account).with_for_update())
    holder = find_holder(connection, account)
    if holder is None:
        names = ", ".join(connection.execute(sa.select(columns.account).order_by(columns.account)).scalars())
        raise InvalidValue(f"journal {database.shown} has no account {account!r}; it has {names or 'none yet'}")
    if seems_alive(database, holder):
        raise Refused(f"account {account!r} is being traded by {holder}; stop that engine before renaming it")
    return holder


def _make_room(connection: sa.Connection, database: Database, old: str, new: str) -> None:
    """Forget an account of the new name if nothing is recorded of it: a start that was refused leaves one."""
    columns = tables.accounts.c
    found = connection.execute(sa.select(columns.last_sequence).where(columns.account == new)).scalar()
    if found is None and old != new:
        return
    holder = find_holder(connection, new)
    if found or old == new or (holder is not None and seems_alive(database, holder)):
        raise InvalidValue(f"journal {database.shown} has an account {new!r} already; choose another name")
    connection.execute(sa.delete(tables.accounts).where(columns.account == new))


def _rewrite(connection: sa.Connection, old: str, new: str) -> tuple[int, str, str]:
    """Prove the chain and write it anew under the new name: the last sequence, and the last hash before and after."""
    columns = tables.records.c
    change = (
        sa.update(tables.records)
        .where(columns.account == sa.bindparam("was"), columns.sequence == sa.bindparam("number"))
        .values(account=sa.bindparam("name"), hash=sa.bindparam("proof"))
    )
    sequence, before, after = 0, GENESIS, GENESIS
    while True:
        found = sa.select(tables.records).where(columns.account == old, columns.sequence > sequence)
        page = connection.execute(found.order_by(columns.sequence).limit(PAGE)).all()
        if not page:
            return sequence, before, after
        changes = []
        for row in page:
            sequence += 1
            before = check_link(before, sequence, row)
            after = link(after, (new, *tuple(row)[1 : len(HASHED)]))
            changes.append({"was": old, "number": sequence, "name": new, "proof": after})
        connection.execute(change, changes)


def _tell(connection: sa.Connection, old: str, new: str, end: tuple[int, str, str]) -> str:
    """Record the change, and let the account's row end with that record; its hash."""
    columns = tables.accounts.c
    row = connection.execute(sa.select(tables.accounts).where(columns.account == old)).one()
    sequence, before, after = end
    last = tables.records.c
    newest = sa.select(tables.records).where(last.account == new, last.sequence == sequence)
    found = connection.execute(newest).one_or_none()
    time_ns = row.started_ns if found is None else to_envelope(found).time_ns
    envelope = Envelope(
        id=Ids(new, row.epoch).message(sequence + 1, time_ns),
        time_ns=time_ns,
        account=new,
        broker=BrokerName(row.broker),
        source="rename-account",
        correlation_id="",
        causation_id="",
        sequence=sequence + 1,
        epoch=row.epoch,
        cursor=row.cursor,
        body=AccountRenamed(old, before),
    )
    values = dict(zip(tables.records.columns.keys(), record_row(envelope, row.broker, after), strict=True))
    connection.execute(sa.insert(tables.records).values(**values))
    ours = {"account": new, "last_sequence": sequence + 1, "last_hash": values["hash"], "lease_ms": 0}
    connection.execute(sa.update(tables.accounts).where(columns.account == old).values(**ours))
    return str(values["hash"])
