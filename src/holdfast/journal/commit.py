"""One commit: everything that has gathered, in one transaction. Used by the writer thread alone.

The statements are SQLAlchemy's, compiled once to the driver's own text and run on the driver's cursor: SQLAlchemy's execution
layer would add some 60 us to a commit of 300 us.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import msgspec
import sqlalchemy as sa

from holdfast.core.messages import FillBusted, OrderAdopted, OrderFilled, OrderPrepared
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import reversal
from holdfast.errors import Fatal, JournalError, StaleEpoch
from holdfast.journal import tables
from holdfast.journal.batch import Batch
from holdfast.journal.database import Database
from holdfast.journal.rows import Row, fill_row, order_progress, order_row, position_row, record_row, snapshot_row
from holdfast.telemetry.crash_points import CrashPoint, reach

DEADLOCKS, LOCK_WAITS = "deadlocks", "lock_waits"
DEADLOCK_TRIES, DEADLOCK_PAUSE_S = 4, 0.05

_POSITION_KEY = 3
_BODY = tables.records.columns.keys().index("body")
_ACCOUNT_COLUMNS = ("state", "cash", "last_sequence", "last_hash", "cursor", "renewed_ns")
_RENEWALS = "renewals"
"""Counted on by each commit of an account's holder: the sign that he is there."""

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
    snapshot_at: int = 0
    """Where its newest snapshot of this term stands; older ones are dropped, that one is kept besides the next."""


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
        self.snapshots: list[tuple[Row, int]] = []
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
        if batch.snapshot is not None:
            row = snapshot_row(line.account, line.last_sequence, line.last_hash, batch.snapshot)
            self.snapshots.append((row, line.snapshot_at))
            line.snapshot_at = line.last_sequence
        self.accounts[line.account] = (
            batch.account_state,
            str(batch.cash),
            line.last_sequence,
            line.last_hash,
            line.cursor,
            time.time_ns(),
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
            elif isinstance(body, OrderPrepared | OrderAdopted):
                self._new_orders.add((line.account, body.terms.client_order_id))
        if batch.envelopes:
            line.last_sequence, line.last_hash, line.cursor = envelope.sequence, previous, envelope.cursor

    def size(self) -> int:
        """Characters of the records' bodies."""
        return sum(len(str(row[_BODY])) for row in self.records)

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

    def __init__(self, database: Database) -> None:
        self._database = database
        engine = database.writer()
        pooled = engine.raw_connection()
        self._connection = cast(Any, pooled.driver_connection)
        pooled.detach()
        self._cursor = self._connection.cursor()
        self._identity = database.identity()
        self._is_committing = False
        self._locking_s = 0.0
        self._sql = _statements(engine.dialect)

    def commit(self, gathered: Iterable[Work], idle: Iterable[Line] = ()) -> None:
        """Write it all and sync it, and a sign of life of the ``idle`` accounts. Whatever is raised, nothing may be taken for written.

        Raises the driver's errors, ``StaleEpoch`` when an account was taken by another process, ``JournalError`` when the file
        is gone, ``Fatal`` when a batch contradicts itself.
        """
        rows, lines = _Rows(), {}
        for work in gathered:
            rows.add(work)
            lines[work.line.account] = work.line
        if self._database.identity() != self._identity:
            raise JournalError(
                f"journal {self._database.shown} was moved or replaced while in use; put it back and start again"
            )
        known = set().union(*(line.positions for line in lines.values()))
        new_positions, moved = rows.positions(known)
        began_s = time.perf_counter()
        silent = [line for line in idle if line.account not in lines]

        def write() -> None:
            self._write(rows, new_positions, moved)
            self._sign(silent, self._sql.renewal)
            if lines:
                reach(CrashPoint.IN_COMMIT)

        self._patiently(write)
        if lines:
            seconds = time.perf_counter() - began_s
            self._database.metrics.committed(seconds, len(rows.records), rows.size())
            reach(CrashPoint.COMMITTED)
        if rows.fills:
            reach(CrashPoint.FILL_DURABLE)
        for row in new_positions:
            lines[str(row[0])].positions.add(row[:_POSITION_KEY])

    def let_go(self, lines: Iterable[Line]) -> None:
        """Give accounts back in order: anybody may take them at once. Raises as `commit`."""
        known = list(lines)
        self._patiently(lambda: self._sign(known, self._sql.let_go, 0))

    def _patiently(self, write: Callable[[], None]) -> None:
        """Write in one transaction, and again from its beginning while others are in the way: a lock that ends must not end the engine.

        What has been rolled back may be tried again; what failed in the COMMIT itself may have been carried out, and isn't.
        """
        tries = {DEADLOCKS: DEADLOCK_TRIES, LOCK_WAITS: self._database.lock_tries}
        self._locking_s = 0.0
        while True:
            self._is_committing = False
            try:
                with self._transaction():
                    write()
            except self._database.errors as error:
                kind = self._database.contention(error) or ""
                tries[kind] = tries.get(kind, 1) - 1
                if kind != LOCK_WAITS or not tries[kind]:
                    self._database.note(error)
                if self._is_committing or not tries[kind]:
                    raise
                time.sleep(DEADLOCK_PAUSE_S if kind == DEADLOCKS else 0)
            else:
                self._database.metrics.locked(self._locking_s)
                return

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            if self._database.begin:
                self._lock(self._database.begin)
            yield
            self._end()
        except BaseException:
            self._roll_back()
            raise

    def _sign(self, lines: Iterable[Line], sql: str, *values: int) -> None:
        for line in lines:
            self._change_account(sql, (*values, time.time_ns(), line.account, line.epoch))

    def _change_account(self, sql: str, row: Row) -> None:
        """Change an account's row; its key comes last: the account, and the epoch that must be ours."""
        self._lock(sql, row)
        if self._cursor.rowcount != 1:
            raise overtaken(str(row[-2]))

    def _write(self, rows: _Rows, new_positions: list[Row], moved: list[Row]) -> None:
        for account in rows.accounts.values():
            self._change_account(self._sql.account, account)
        new_orders, changed = rows.orders()
        self._many(self._sql.record, rows.records)
        self._many(self._sql.order, new_orders)
        if self._many(self._sql.progress, changed) != len(changed):
            raise Fatal("a batch changes an order that the journal doesn't have: its OrderPrepared record is missing")
        self._many(self._sql.fill, rows.fills)
        self._many(self._sql.position, new_positions)
        self._many(self._sql.move, moved)
        self._many(self._sql.answer, rows.answers)
        for row, before in rows.snapshots:
            self._cursor.execute(self._sql.snapshot, row)
            self._cursor.execute(self._sql.drop, (row[0], before))
            reach(CrashPoint.IN_SNAPSHOT)

    def _many(self, sql: str, rows: list[Row]) -> int:
        """Run a statement for each row; how many rows it touched."""
        if not rows:
            return 0
        if len(rows) == 1:
            self._execute(sql, rows[0])
        else:
            began_s = time.perf_counter()
            self._cursor.executemany(sql, rows)
            self._database.metrics.took(sql, time.perf_counter() - began_s)
        return int(self._cursor.rowcount)

    def _lock(self, sql: str, row: Row = ()) -> None:
        """Run a statement that takes a lock which others may have: SQLite's BEGIN, elsewhere the change of an account's row."""
        began_s = time.perf_counter()
        try:
            self._execute(sql, row)
        finally:
            self._locking_s += time.perf_counter() - began_s

    def _execute(self, sql: str, row: Row = ()) -> None:
        began_s = time.perf_counter()
        self._cursor.execute(sql, row)
        self._database.metrics.took(sql, time.perf_counter() - began_s)

    def _end(self) -> None:
        began_s = time.perf_counter()
        self._is_committing = True
        self._connection.commit()
        self._database.metrics.took("COMMIT", time.perf_counter() - began_s)

    def _roll_back(self) -> None:
        """Best effort: where it fails the connection is of no use, and closing it would roll back as well."""
        with contextlib.suppress(*self._database.errors):
            self._connection.rollback()

    def close(self) -> None:
        """Close the connection, whatever has become of it."""
        with contextlib.suppress(*self._database.errors):
            self._connection.close()


def overtaken(account: str) -> StaleEpoch:
    """What an engine stops with whose account another one has."""
    return StaleEpoch(
        f"account {account!r} was taken over by another engine; this one stops, and recorded nothing since"
    )


class _Statements(NamedTuple):
    """What is written, in a driver's own words."""

    account: str
    renewal: str
    let_go: str
    record: str
    order: str
    progress: str
    fill: str
    position: str
    move: str
    snapshot: str
    drop: str
    answer: str


_made: dict[object, _Statements] = {}
"""By driver and server: to put them into words takes as long as all else that opening a journal does."""


def _statements(dialect: sa.Dialect) -> _Statements:
    key = type(dialect), dialect.paramstyle, dialect.server_version_info
    if key not in _made:
        _made[key] = _make_statements(dialect)
    return _made[key]


def _make_statements(dialect: sa.Dialect) -> _Statements:
    accounts, orders, commands = tables.accounts, tables.orders, tables.commands
    position_values = tables.positions.columns.keys()[_POSITION_KEY:]
    ours = ("account", "epoch")
    return _Statements(
        account=_update_sql(dialect, accounts, _ACCOUNT_COLUMNS, ours, _RENEWALS),
        renewal=_update_sql(dialect, accounts, ("renewed_ns",), ours, _RENEWALS),
        let_go=_update_sql(dialect, accounts, ("lease_ms", "renewed_ns"), ours, _RENEWALS),
        record=_insert_sql(dialect, tables.records),
        order=_insert_sql(dialect, orders),
        progress=_update_sql(dialect, orders, tables.ORDER_PROGRESS, ("account", "client_order_id")),
        fill=_insert_sql(dialect, tables.fills),
        position=_insert_sql(dialect, tables.positions),
        move=_update_sql(dialect, tables.positions, position_values, ("account", "strategy", "symbol")),
        snapshot=_insert_sql(dialect, tables.snapshots),
        drop=_delete_older_sql(dialect, tables.snapshots),
        answer=_update_sql(dialect, commands, ("status", "text", "client_order_ids"), ("id", "account")),
    )


def _insert_sql(dialect: sa.Dialect, table: sa.Table) -> str:
    """The driver's text of an INSERT whose parameters are a row in the order of the table's columns."""
    return _text(dialect, sa.insert(table), table.columns.keys())


def _update_sql(
    dialect: sa.Dialect, table: sa.Table, values: Sequence[str], key: Sequence[str], counter: str | None = None
) -> str:
    """The driver's text of an UPDATE whose parameters are ``values``, then ``key``, in the order given; it counts ``counter`` on."""
    condition = sa.and_(*(table.columns[name] == sa.bindparam(f"key_{name}") for name in key))
    changes: list[tuple[str, Any]] = [(name, sa.bindparam(name)) for name in values]
    if counter is not None:
        changes.append((counter, table.columns[counter] + sa.literal_column("1")))
    statement = sa.update(table).where(condition).ordered_values(*changes)
    return _text(dialect, statement, [*values, *(f"key_{name}" for name in key)])


def _delete_older_sql(dialect: sa.Dialect, table: sa.Table) -> str:
    """The driver's text of a DELETE of an account's rows before a sequence: the parameters are those two."""
    columns = table.columns
    older = sa.and_(columns.account == sa.bindparam("account"), columns.sequence < sa.bindparam("sequence"))
    return _text(dialect, sa.delete(table).where(older), ["account", "sequence"])


def _text(dialect: sa.Dialect, statement: sa.Insert | sa.Update | sa.Delete, expected: Sequence[str]) -> str:
    compiled = statement.compile(dialect=dialect)
    if compiled.positiontup != list(expected):
        raise Fatal(f"a statement takes {compiled.positiontup}, not {expected}")
    return compiled.string
