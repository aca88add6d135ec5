"""Giving an account of a journal another name, with all that is recorded of it (`journal/rewrite.py` says how).

Orders keep their ids: those of later ones begin otherwise, and the counter in them goes on.
"""

import sqlalchemy as sa

from holdfast.core.milestones import AccountRenamed
from holdfast.errors import InvalidValue
from holdfast.journal import schema, tables
from holdfast.journal.anchor import Anchor
from holdfast.journal.database import Database, open_database
from holdfast.journal.holder import seems_alive
from holdfast.journal.lease import check_account_name, find_holder, forget_lock_file
from holdfast.journal.rewrite import hold, rewrite, tell

WITH_NAME = (tables.orders, tables.fills, tables.positions, tables.commands, tables.claims, tables.posts)
"""The tables that name an account, besides its own row, its records and snapshots (shortcuts, which are made anew)."""


def rename_account(url: str, old: str, new: str) -> int:
    """Rename; gives the number of records, the one about it included.

    Raises :class:`~holdfast.errors.InvalidValue` when there is no such account, or one of the new name; Refused while an engine or a
    watchdog has it, and when its records go less far than is known; JournalCorrupt when they don't prove themselves; JournalError.
    """
    check_account_name(new)
    database = open_database(url)
    database.require()
    database.check()
    with database.reported("written"), database.writer().connect() as connection, connection.begin():
        schema.require_head(connection)
        holder = hold(connection, database, old)
        _make_room(connection, database, old, new)
        end = rewrite(connection, old, ("account",), lambda _: {"account": new})
        for table in WITH_NAME:
            connection.execute(sa.update(table).where(table.c.account == old).values(account=new))
        connection.execute(sa.delete(tables.snapshots).where(tables.snapshots.c.account == old))
        last_hash = tell(connection, new, "rename-account", end, AccountRenamed(old, end.before), former=old)
    forget_lock_file(database, holder)
    anchor = Anchor(database.anchor_directory, old).rename(new)
    anchor.write(end.sequence + 1, last_hash)
    anchor.close()
    return end.sequence + 1


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
