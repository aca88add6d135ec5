"""One commit: everything that has gathered, in one transaction. Used by the writer thread alone.

The statements are SQLAlchemy's, compiled once to the driver's own text and run on the driver's cursor: SQLAlchemy's execution
layer would add some 60 us to a commit of 300 us.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import sqlalchemy as sa

from holdfast.core.messages import FillBusted, OrderFilled, OrderPrepared
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import reversal
from holdfast.errors import Fatal, JournalError, StaleEpoch
from holdfast.journal import tables
from holdfast.journal.batch import Batch
from holdfast.journal.rows import Row, fill_row, order_progress, order_row, position_row, record_row

_POSITION_KEY = 3
_ACCOUNT_COLUMNS = ("state", "cash", "last_sequence", "last_hash", "cursor")

PositionKey = tuple[object, ...]


class Line(msgspec.Struct):
    """One account's place in the journal. ``last_sequence``, ``last_hash``, ``cursor``: the end of what was committed.

    ``appended`` is the last sequence that was taken in, ``durable`` the last that is known to be on the disk.
    """

    account: str
    broker: str
    epoch: int
    appended: int
    durable: int
    last_sequence: int
    last_hash: str
    cursor: int
    positions: set[PositionKey]


class Work(msgspec.Struct, frozen=True):
    """A batch that was taken in, as it was at that moment."""

    line: Line
    batch: Batch


class _Rows:
    """The rows of one commit, sorted by what is done with them. Of an order or position only the last state is kept."""

    def __init__(self) -> None:
        self.accounts: dict[str, Row] = {}
        self.records: list[Row] = []
        self.fills: list[Row] = []
        self.answers: list[Row] = []
        self._new_orders: set[tuple[str, str]] = set()
        self._orders: dict[tuple[str, str], Order] = {}
        self._positions: dict[PositionKey, Row] = {}

    def add(self, work: Work) -> None:
        line, batch = work.line, work.batch
        for order in batch.orders:
            self._orders[line.account, order.terms.client_order_id] = order
        self._add_records(line, batch)
        for position in batch.positions:
            row = position_row(line.account, position)
            self._positions[row[:_POSITION_KEY]] = row
        for answer in batch.answers:
            ids = msgspec.json.encode(answer.client_order_ids).decode()
            self.answers.append((answer.status, answer.text, ids, answer.command_id, line.account))
        self.accounts[line.account] = (
            batch.account_state,
            str(batch.cash),
            line.last_sequence,
            line.last_hash,
            line.cursor,
            line.account,
            line.epoch,
        )

    def _add_records(self, line: Line, batch: Batch) -> None:
        previous = line.last_hash
        for envelope in batch.envelopes:
            row = record_row(envelope, line.broker, previous)
            previous = str(row[-1])
            self.records.append(row)
            body = envelope.body
            if type(body) is OrderFilled:
                self.fills.append(fill_row(envelope, body, _strategy_of(batch, body)))
            elif type(body) is FillBusted:
                self.fills.append(fill_row(envelope, reversal(body), _strategy_of(batch, body)))
            elif type(body) is OrderPrepared:
                self._new_orders.add((line.account, body.terms.client_order_id))
        if batch.envelopes:
            line.last_sequence, line.last_hash, line.cursor = envelope.sequence, previous, envelope.cursor

    def orders(self) -> tuple[list[Row], list[Row]]:
        """The rows to insert, and the progress to update."""
        new, changed = [], []
        for key, order in self._orders.items():
            row = order_row(key[0], order)
            if key in self._new_orders:
                new.append(row)
            else:
                changed.append(order_progress(row))
        return new, changed

    def positions(self, known: set[PositionKey]) -> tuple[list[Row], list[Row]]:
        """The rows to insert, and what to update."""
        new = [row for key, row in self._positions.items() if key not in known]
        changed = [row[_POSITION_KEY:] + key for key, row in self._positions.items() if key in known]
        return new, changed


def _strategy_of(batch: Batch, fill: OrderFilled | FillBusted) -> str:
    for order in batch.orders:
        if order.terms.client_order_id == fill.client_order_id:
            return order.terms.strategy
    raise Fatal(f"fill {fill.execution_id} came without its order {fill.client_order_id}")


class Committer:
    """Owns the connection that writes."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self._path = path
        self._pooled = engine.raw_connection()
        self._connection = cast(Any, self._pooled.driver_connection)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._cursor = self._connection.cursor()
        self._file = self._identity()
        self._prepare(engine.dialect)

    def _prepare(self, dialect: sa.Dialect) -> None:
        accounts, orders, commands = tables.accounts, tables.orders, tables.commands
        position_values = tables.positions.columns.keys()[_POSITION_KEY:]
        self._account_sql = _update_sql(dialect, accounts, _ACCOUNT_COLUMNS, ("account", "epoch"))
        self._record_sql = _insert_sql(dialect, tables.records)
        self._order_sql = _insert_sql(dialect, orders)
        self._progress_sql = _update_sql(dialect, orders, tables.ORDER_PROGRESS, ("account", "client_order_id"))
        self._fill_sql = _insert_sql(dialect, tables.fills)
        self._position_sql = _insert_sql(dialect, tables.positions)
        self._move_sql = _update_sql(dialect, tables.positions, position_values, ("account", "strategy", "symbol"))
        self._answer_sql = _update_sql(dialect, commands, ("status", "text", "client_order_ids"), ("id", "account"))

    def commit(self, gathered: Iterable[Work]) -> None:
        """Write it all and sync it. Whatever is raised, nothing of it may be taken for written.

        Raises the driver's errors, ``StaleEpoch`` when an account was taken by another process, ``JournalError`` when the file
        is gone, ``Fatal`` when a batch contradicts itself.
        """
        rows, lines = _Rows(), {}
        for work in gathered:
            rows.add(work)
            lines[work.line.account] = work.line
        if self._is_sqlite and self._identity() != self._file:
            raise JournalError(f"journal {self._path} was moved or replaced while in use; put it back and start again")
        known = set().union(*(line.positions for line in lines.values()))
        new_positions, moved = rows.positions(known)
        self._begin()
        try:
            self._write(rows, new_positions, moved)
            self._connection.commit()
        except BaseException:
            self._roll_back()
            raise
        for row in new_positions:
            lines[str(row[0])].positions.add(row[:_POSITION_KEY])

    def _write(self, rows: _Rows, new_positions: list[Row], moved: list[Row]) -> None:
        for account, row in rows.accounts.items():
            self._cursor.execute(self._account_sql, row)
            if self._cursor.rowcount != 1:
                raise StaleEpoch(
                    f"account {account!r} was taken over by another engine; this one stops, and recorded nothing since"
                )
        new_orders, changed = rows.orders()
        self._many(self._record_sql, rows.records)
        self._many(self._order_sql, new_orders)
        if self._many(self._progress_sql, changed) != len(changed):
            raise Fatal("a batch changes an order that the journal doesn't have: its OrderPrepared record is missing")
        self._many(self._fill_sql, rows.fills)
        self._many(self._position_sql, new_positions)
        self._many(self._move_sql, moved)
        self._many(self._answer_sql, rows.answers)

    def _many(self, sql: str, rows: list[Row]) -> int:
        """Run a statement for each row; how many rows it touched."""
        if not rows:
            return 0
        if len(rows) == 1:
            self._cursor.execute(sql, rows[0])
        else:
            self._cursor.executemany(sql, rows)
        return int(self._cursor.rowcount)

    def _begin(self) -> None:
        if self._is_sqlite:  # its driver is in autocommit mode; the others begin by themselves
            self._cursor.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        """Best effort: the connection is not used again, and closing it would roll back as well."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.rollback()

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def close(self) -> None:
        """Close the connection."""
        self._cursor.close()
        self._pooled.close()


def _insert_sql(dialect: sa.Dialect, table: sa.Table) -> str:
    """The driver's text of an INSERT whose parameters are a row in the order of the table's columns."""
    return _text(dialect, sa.insert(table), table.columns.keys())


def _update_sql(dialect: sa.Dialect, table: sa.Table, values: Sequence[str], key: Sequence[str]) -> str:
    """The driver's text of an UPDATE whose parameters are ``values``, then ``key``, in the order given."""
    condition = sa.and_(*(table.columns[name] == sa.bindparam(f"key_{name}") for name in key))
    statement = sa.update(table).where(condition).ordered_values(*((name, sa.bindparam(name)) for name in values))
    return _text(dialect, statement, [*values, *(f"key_{name}" for name in key)])


def _text(dialect: sa.Dialect, statement: sa.Insert | sa.Update, expected: Sequence[str]) -> str:
    compiled = statement.compile(dialect=dialect)
    if compiled.positiontup != list(expected):
        raise Fatal(f"a statement takes {compiled.positiontup}, not {expected}")
    return compiled.string
