"""Giving a strategy another id, with all that is recorded of it: its positions, orders, guards, waiting intents and counters go with it.

All of them are made from records, and every field of a record that names a strategy has the type `StrategyId`. So each of those is
changed (`journal/rewrite.py` says how), and a restart comes to where it would have come to if the strategy had always been called so.
"""

from collections.abc import Sequence
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import sqlalchemy as sa

from holdfast.core.codec import decode_body, encode_body, encode_params
from holdfast.core.messages import AnyBody
from holdfast.core.milestones import StrategyRenamed, StrategyStarted
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import MANUAL, StrategyId, check_name
from holdfast.errors import InvalidValue
from holdfast.journal import schema, tables
from holdfast.journal.anchor import Anchor
from holdfast.journal.database import Database, open_database
from holdfast.journal.rewrite import hold, rewrite, tell

WITH_STRATEGY = (tables.orders, tables.fills, tables.positions)
"""The tables that have a column with a strategy's id."""

RESERVED = ("", EXTERNAL, MANUAL)
"""Whose positions belong to no strategy of a configuration."""


def rename_strategy(url: str, account: str | None, old: str, new: str) -> tuple[str, int]:
    """Rename in one account (None: the one that knows ``old``); gives it and the number of its records, the one about it included.

    Raises :class:`~holdfast.errors.InvalidValue` when no account knows the old id, several do, or anything is recorded of the new one;
    Refused while an engine or a watchdog has the account, and when its records go less far than is known; JournalCorrupt when
    they don't prove themselves; JournalError.
    """
    _check_names(old, new)
    database = open_database(url)
    database.require()
    database.check()
    with database.reported("written"), database.writer().connect() as connection, connection.begin():
        schema.require_head(connection)
        account = account or _account_of(connection, database, old)
        hold(connection, database, account)
        names = _Names(old, new)
        end = rewrite(connection, account, ("source", "body"), names.change)
        if not names.count:
            raise InvalidValue(f"nothing is recorded of strategy {old!r} in account {account}; is the id right?")
        for table in WITH_STRATEGY:
            mine = sa.and_(table.c.account == account, table.c.strategy == old)
            connection.execute(sa.update(table).where(mine).values(strategy=new))
        _rename_in_commands(connection, account, names)
        connection.execute(sa.delete(tables.snapshots).where(tables.snapshots.c.account == account))
        last_hash = tell(connection, account, "rename-strategy", end, StrategyRenamed(old, StrategyId(new), end.before))
    anchor = Anchor(database.anchor_directory, account)
    anchor.write(end.sequence + 1, last_hash)
    anchor.close()
    return account, end.sequence + 1


def _check_names(old: str, new: str) -> None:
    for name in (old, new):
        check_name("a strategy's id", name)
        if name in RESERVED:
            raise InvalidValue(
                f"{name!r} can't be a strategy's id: {MANUAL!r} and {EXTERNAL!r} are ledgers of their own"
            )
    if old == new:
        raise InvalidValue(f"the strategy is called {new!r} already")


def _account_of(connection: sa.Connection, database: Database, strategy: str) -> str:
    """The one account in which the strategy has traded."""
    found: set[str] = set()
    for table in WITH_STRATEGY:
        ours = sa.select(table.c.account).where(table.c.strategy == strategy).distinct()
        found.update(connection.execute(ours).scalars())
    if len(found) != 1:
        where = "no account" if not found else f"accounts {', '.join(sorted(found))}"
        raise InvalidValue(
            f"strategy {strategy!r} has traded in {where} of journal {database.shown}; use --account NAME"
        )
    return found.pop()


class _Names:
    """Changes one id in records. ``count`` is in how many records it was found."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self.count = 0

    def change(self, row: sa.Row[Any]) -> dict[str, Any]:
        """A record's columns anew. Raises InvalidValue when it says something of the new id: that would become one history with the old."""
        if encode_params(self._new) in row.body:
            self._check_is_new(row, decode_body(row.body.encode()))
        was = f"strategy:{self._old}"
        source = f"strategy:{self._new}" if row.source == was else row.source
        return {"source": source, "body": self.change_body(row.body)}

    def _check_is_new(self, row: sa.Row[Any], body: AnyBody) -> None:
        if not isinstance(body, StrategyStarted) and renamed(body, AnyBody, self._new, self._old) != body:
            raise InvalidValue(
                f"strategy {self._new!r} has records of its own in account {row.account} (the first is number {row.sequence}): "
                "two histories can't become one; choose another id"
            )

    def change_body(self, text: str) -> str:
        """A body's text; the very same where it doesn't name the strategy."""
        if encode_params(self._old) not in text:
            return text
        body = decode_body(text.encode())
        changed = renamed(body, AnyBody, self._old, self._new)
        if changed == body:
            return text
        self.count += 1
        return encode_body(changed).decode()


def renamed(value: Any, hint: Any, old: str, new: str) -> Any:
    """A message with another id in each field whose type is `StrategyId`, however deep; ``hint`` is the value's declared type."""
    if hint is StrategyId:
        return StrategyId(new) if value == old else value
    if isinstance(value, msgspec.Struct):
        hints = _hints_of(type(value))
        inner = {name: renamed(getattr(value, name), hints[name], old, new) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **inner)
    if get_origin(hint) in (Union, UnionType):
        for option in get_args(hint):
            value = renamed(value, option, old, new) if option is StrategyId or _is_of(value, option) else value
        return value
    if isinstance(value, dict) and get_args(hint):
        key, item = get_args(hint)
        return {renamed(name, key, old, new): renamed(each, item, old, new) for name, each in value.items()}
    if isinstance(value, tuple | list) and get_args(hint):
        return type(value)(renamed(each, kind, old, new) for each, kind in zip(value, _kinds(hint, value), strict=True))
    return value


_hints_of = cache(get_type_hints)


def _is_of(value: Any, option: Any) -> bool:
    return isinstance(value, dict | tuple | list) and get_origin(option) is type(value)


def _kinds(hint: Any, values: Sequence[Any]) -> Sequence[Any]:
    """The declared type of each of a list's or tuple's values."""
    kinds = get_args(hint)
    return kinds if len(kinds) > 1 and kinds[1] is not Ellipsis else kinds[:1] * len(values)


def _rename_in_commands(connection: sa.Connection, account: str, names: _Names) -> None:
    """Those that wait for an engine name the strategy too."""
    columns = tables.commands.c
    for row in connection.execute(sa.select(columns.id, columns.body).where(columns.account == account)).all():
        text = names.change_body(row.body)
        if text != row.body:
            connection.execute(sa.update(tables.commands).where(columns.id == row.id).values(body=text))
