"""Reading a journal, while an engine writes it or after it died. Nothing here can change what is recorded.

Rows come back as the small classes below. `Reader.records` proves the hash chain as it goes, so who has read to the end has
read what was written.
"""

import hashlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from holdfast.core import snapshot
from holdfast.core.codec import decode_body
from holdfast.core.messages import VERSION, AnyBody, BrokerName, Command, Envelope
from holdfast.core.milestones import AccountBound
from holdfast.core.orders.order import TERMINAL
from holdfast.core.types import Side
from holdfast.errors import InvalidValue, JournalCorrupt
from holdfast.journal import schema, tables
from holdfast.journal.batch import CommandAnswer, PositionRow
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.database import Database, open_database
from holdfast.journal.lease import is_running

PAGE = 1_000
"""How many records are held in memory at once; at some 1 kB each, 1 MB."""

PENDING = "pending"
"""The status of a command that the engine has not answered."""

T = TypeVar("T", bound=msgspec.Struct)

logger = logging.getLogger(__name__)


class AccountRow(msgspec.Struct, frozen=True):
    """An account: its broker, who took it last (``process``, at ``started_ns``) and where its records end."""

    account: str
    broker: BrokerName
    broker_account_id: str | None
    epoch: int
    state: str
    cash: Decimal
    last_sequence: int
    last_hash: str
    cursor: int
    process: str
    started_ns: int
    renewed_ns: int


class OrderRow(msgspec.Struct, frozen=True):
    """An order's terms and what became of it so far, as `Order` has them."""

    account: str
    client_order_id: str
    strategy: str
    symbol: str
    side: Side
    order_type: str
    time_in_force: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    role: str
    parent: str | None
    oco_group: str | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: int | None
    tag: str
    created_ns: int
    state: str
    quantity: Decimal
    filled_quantity: Decimal
    filled_notional: Decimal
    fees: Decimal
    broker_order_id: str
    reason: str
    released_ns: int
    cancel_released_ns: int
    updated_ns: int


class FillRow(msgspec.Struct, frozen=True):
    """One execution, and the sequence of its record."""

    account: str
    execution_id: str
    sequence: int
    client_order_id: str
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_ns: int


class AccountPosition(PositionRow, frozen=True, kw_only=True):
    """A position and whose it is."""

    account: str


class CommandRow(msgspec.Struct, frozen=True):
    """A command as it was filed; ``answer`` is None until the engine has dealt with it."""

    id: str
    account: str
    source: str
    created_ns: int
    expires_ns: int | None
    body: Command
    answer: CommandAnswer | None


class Snapshot(msgspec.Struct, frozen=True):
    """An account's state after record ``sequence``, as bytes (`core/snapshot.py`)."""

    sequence: int
    body: bytes


class Reader:
    """An open journal, for reading, in one thread at a time. Close it, or use it in a ``with``."""

    def __init__(self, database: Database, connection: sa.Connection, url: str) -> None:
        self.database = database
        self._connection = connection
        self._url = url

    @classmethod
    def open(cls, url: str) -> "Reader":
        """Open the journal at ``url`` for reading.

        Raises :class:`~holdfast.errors.ConfigError` for a URL of another form,
        :class:`~holdfast.errors.JournalError` when there is no journal, or it is damaged or of another schema.
        """
        database = open_database(url)
        database.require()
        with database.reported("opened"):
            connection = database.reader().connect()
            try:
                with connection.begin():
                    schema.require_head(connection)
            except BaseException:
                connection.close()
                raise
        return cls(database, connection, url)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def accounts(self) -> list[AccountRow]:
        """Every account in the journal, by name."""
        return self._all(AccountRow, sa.select(tables.accounts).order_by(tables.accounts.c.account))

    def account(self, name: str) -> AccountRow:
        """One account. Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account."""
        found = {row.account: row for row in self.accounts()}
        if name not in found:
            raise InvalidValue(
                f"journal {self.database.shown} has no account {name!r}; it has {', '.join(found) or 'none yet'}"
            )
        return found[name]

    def is_running(self, account: str) -> bool:
        """Whether a process on this machine trades the account now."""
        return is_running(self._url, account)

    def records(self, account: str, after: int = 0) -> Iterator[Envelope]:
        """The account's records after sequence ``after``, in order, in pages of `PAGE`: memory stays flat.

        Raises :class:`~holdfast.errors.JournalCorrupt` at the first record that is missing, doesn't fit the hash chain or
        can't be read.
        """
        previous = GENESIS if after == 0 else self._hash_of(account, after)
        while page := self.page(account, after):
            for row in page:
                after += 1
                previous = check_link(previous, after, row)
                yield to_envelope(row)

    def snapshots(self, account: str) -> Iterator[Snapshot]:
        """The account's snapshots that can be used, the newest first.

        A snapshot is a shortcut and never evidence: one that is damaged, of another version, or behind a record that is not
        there any more, is passed over, and the records, which prove themselves, are read from further back.
        """
        columns, hashed = tables.snapshots.c, tables.records.c.hash.label("hash")
        same = sa.and_(tables.records.c.account == columns.account, tables.records.c.sequence == columns.sequence)
        one = _of(tables.snapshots, account).add_columns(hashed).outerjoin(tables.records, same)
        places = sa.select(columns.sequence).where(columns.account == account).order_by(columns.sequence.desc())
        for (sequence,) in self.fetch(places):
            (row,) = self.fetch(one.where(columns.sequence == sequence))  # some megabytes each
            whole = hashlib.sha256(row.body).hexdigest() == row.body_hash and row.hash == row.record_hash
            if whole and row.version == snapshot.VERSION:
                yield Snapshot(row.sequence, bytes(row.body))
            else:
                logger.warning("account %r: the snapshot at record %d is passed over", account, row.sequence)

    def last_record(self, account: str, kind: str | None = None) -> Envelope | None:
        """The account's newest record, or its newest of type ``kind``; None when it has none."""
        statement = _of(tables.records, account).order_by(tables.records.c.sequence.desc())
        if kind is not None:
            statement = statement.where(tables.records.c.type == kind)
        rows = self.fetch(statement.limit(1))
        return to_envelope(rows[0]) if rows else None

    def newest_of(self, account: str, *kinds: type) -> Iterator[AnyBody]:
        """The bodies of the account's records of some types, the newest first. Raises JournalCorrupt when one can't be read."""
        columns, before = tables.records.c, sys.maxsize
        names = [kind.__name__ for kind in kinds]
        ours = _of(tables.records, account).where(columns.type.in_(names)).order_by(columns.sequence.desc()).limit(100)
        while page := self.fetch(ours.where(columns.sequence < before)):
            for row in page:
                yield to_envelope(row).body
            before = page[-1].sequence

    def others_bound_to(self, account: str, broker_account_id: str) -> list[tuple[str, int]]:
        """The other accounts that are the broker's account of that id, each with the time of its last record."""
        found = []
        for row in self.accounts():
            bound = None if row.account == account else self.last_record(row.account, AccountBound.__name__)
            if bound is not None and getattr(bound.body, "broker_account_id", "") == broker_account_id:
                last = self.last_record(row.account)
                found.append((row.account, bound.time_ns if last is None else last.time_ns))
        return found

    def orders(
        self, account: str | None = None, *, live_only: bool = False, limit: int | None = None
    ) -> list[OrderRow]:
        """Orders, the newest first."""
        columns = tables.orders.c
        statement = _of(tables.orders, account).order_by(columns.created_ns.desc(), columns.client_order_id.desc())
        if live_only:
            statement = statement.where(columns.state.not_in([state.value for state in TERMINAL]))
        return self._all(OrderRow, statement.limit(limit))

    def fills(self, account: str | None = None, *, limit: int | None = None, since_ns: int = 0) -> list[FillRow]:
        """Executions since a time, the newest first (of one account by record, of all by time)."""
        columns = tables.fills.c
        order = (columns.sequence.desc(),) if account else (columns.time_ns.desc(), columns.sequence.desc())
        statement = _of(tables.fills, account).where(columns.time_ns >= since_ns)
        return self._all(FillRow, statement.order_by(*order).limit(limit))

    def positions(self, account: str | None = None) -> list[AccountPosition]:
        """Positions, flat ones too, by account, strategy and symbol; strategy "" is the account's own line."""
        columns = tables.positions.c
        statement = _of(tables.positions, account).order_by(columns.account, columns.strategy, columns.symbol)
        return self._all(AccountPosition, statement)

    def command(self, command_id: str) -> CommandRow:
        """A command that was filed. Raises :class:`~holdfast.errors.InvalidValue` when there is none of that id."""
        rows = self.fetch(sa.select(tables.commands).where(tables.commands.c.id == command_id))
        if not rows:
            raise InvalidValue(f"journal {self.database.shown} has no command {command_id!r}")
        return to_command(rows[0])

    def unanswered(self, account: str) -> list[CommandRow]:
        """The account's commands that wait for an engine, the oldest first. Raises JournalCorrupt when one can't be read."""
        columns = tables.commands.c
        statement = _of(tables.commands, account).where(columns.status == PENDING)
        return [to_command(row) for row in self.fetch(statement.order_by(columns.created_ns, columns.id))]

    def count(self, table: sa.Table, account: str | None = None) -> int:
        """How many rows a table of `tables` has."""
        statement = _of(table, account).with_only_columns(sa.func.count(), maintain_column_froms=True)
        return int(self.fetch(statement)[0][0])

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is as of one moment. Not for long: the write-ahead log grows meanwhile."""
        with self.database.reported("read"), self._connection.begin():
            yield

    def page_problems(self) -> list[str]:
        """What the database finds wrong with its own pages, for those that can tell."""
        if self.database.kind != "sqlite":
            return []
        with self.database.reported("read"):
            lines = self._connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
        return [line for line in lines if line != "ok"]

    def fetch(self, statement: sa.Select[Any]) -> list[sa.Row[Any]]:
        """All rows of a statement, read at one moment. Raises JournalError when they can't be read."""
        with self.database.reported("read"):
            if self._connection.in_transaction():
                return list(self._connection.execute(statement).all())
            with self._connection.begin():
                return list(self._connection.execute(statement).all())

    def _all(self, kind: type[T], statement: sa.Select[Any]) -> list[T]:
        return [_convert(kind, row) for row in self.fetch(statement)]

    def page(self, account: str, after: int) -> list[sa.Row[Any]]:
        """The next `PAGE` rows of ``records``, unproven."""
        sequence = tables.records.c.sequence
        return self.fetch(_of(tables.records, account).where(sequence > after).order_by(sequence).limit(PAGE))

    def _hash_of(self, account: str, sequence: int) -> str:
        rows = self.fetch(_of(tables.records, account).where(tables.records.c.sequence == sequence))
        if not rows:
            raise JournalCorrupt(f"account {account!r}: record {sequence} is missing; restore a backup")
        return str(rows[0].hash)


def check_link(previous: str, expected: int, row: sa.Row[Any]) -> str:
    """The record's hash, proven; raises :class:`~holdfast.errors.JournalCorrupt` unless it is number ``expected`` and fits."""
    if row.sequence != expected:
        raise JournalCorrupt(
            f"account {row.account!r}: record {expected} is missing, {row.sequence} follows; restore a backup"
        )
    if link(previous, tuple(row)[: len(HASHED)]) != row.hash:
        raise JournalCorrupt(
            f"account {row.account!r}: record {expected} doesn't fit its hash: it, or the record before, was changed after "
            "it was written; restore a backup"
        )
    return str(row.hash)


def to_envelope(row: sa.Row[Any]) -> Envelope:
    """The record as it was appended. Raises :class:`~holdfast.errors.JournalCorrupt` when it can't be read."""
    columns: tuple[Any, ...] = tuple(row)
    account, sequence, epoch, cursor, time_ns, _, name, correlation, cause, source, broker, version, body, _ = columns
    if version > VERSION or not broker:
        raise JournalCorrupt(
            f"record {sequence} has version {version} and broker {broker!r}; this Holdfast reads up to version {VERSION}"
        )
    return Envelope(
        id=name,
        time_ns=time_ns,
        account=account,
        broker=BrokerName(broker),
        source=source,
        correlation_id=correlation,
        causation_id=cause,
        sequence=sequence,
        epoch=epoch,
        cursor=cursor,
        body=decode_body(body.encode()),
        version=version,
    )


def to_command(row: sa.Row[Any]) -> CommandRow:
    """A row of ``commands``. Raises :class:`~holdfast.errors.JournalCorrupt` when its body can't be read."""
    answer = None
    if row.status != PENDING:
        ids = msgspec.json.decode(row.client_order_ids, type=tuple[str, ...])
        answer = CommandAnswer(row.id, row.status, row.text, ids)
    body: Any = decode_body(row.body.encode())
    return CommandRow(row.id, row.account, row.source, row.created_ns, row.expires_ns, body, answer)


def _of(table: sa.Table, account: str | None) -> sa.Select[Any]:
    statement = sa.select(table)
    return statement if account is None else statement.where(table.c.account == account)


def _convert(kind: type[T], row: sa.Row[Any]) -> T:
    try:
        return msgspec.convert(row._mapping, kind)
    except msgspec.ValidationError as error:
        raise JournalCorrupt(f"a row can't be read as {kind.__name__} ({error}); restore a backup") from None
