"""Reading a journal, while an engine writes it or after it died. Nothing here can change what is recorded.

Rows come back as the small classes below. `Reader.records` proves the hash chain as it goes, so who has read to the end has
read what was written.
"""

import hashlib
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

from holdfast.core import snapshot
from holdfast.core.codec import decode_body
from holdfast.core.messages import VERSION, AnyBody, BrokerName, Command, Envelope
from holdfast.core.milestones import AccountBound
from holdfast.core.orders.order import TERMINAL
from holdfast.core.types import Side
from holdfast.errors import InvalidValue, JournalCorrupt
from holdfast.journal import schema
from holdfast.journal.batch import CommandAnswer, PositionRow
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.database import Database, open_database
from holdfast.journal.holder import holder_of, seems_alive
from holdfast.journal.readonly import ReadOnly
from holdfast.journal.readonly import Row as PlainRow

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


class RecordRow(NamedTuple):
    """A row of ``records``: the columns of `HASHED` and the hash."""

    account: str
    sequence: int
    epoch: int
    cursor: int
    time_ns: int
    type: str
    event_id: str
    correlation_id: str
    causation_id: str
    source: str
    broker: str
    version: int
    body: str
    hash: str


_TERMINAL: Final = tuple(state.value for state in TERMINAL)
RECORD_COLUMNS: Final = ", ".join(
    f"records.{name}" for name in RecordRow._fields
)  # bare, some names are MariaDB's own words
_COMMAND: Final = "id, account, source, created_ns, expires_ns, body, status, commands.text, client_order_ids"
COUNTED: Final = ("records", "orders", "fills", "positions", "commands", "claims", "snapshots")
"""The tables whose rows are counted."""


class Reader:
    """An open journal, for reading, in one thread at a time. Close it, or use it in a ``with``."""

    is_of_before = False
    """Whether it looks at one moment (`snapshot`), after which more may have been written."""

    def __init__(self, database: Database, connection: ReadOnly) -> None:
        self.database = database
        self._connection = connection

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the journal at ``url`` for reading.

        Raises :class:`~holdfast.errors.ConfigError` for a URL of another form,
        :class:`~holdfast.errors.JournalError` when there is no journal, or it is damaged or of another schema.
        """
        database = open_database(url)
        database.require()
        with database.reported("opened"):
            connection = database.read_only()
            try:
                schema.require_head_to_read(connection)
            except BaseException:
                connection.close()
                raise
        return cls(database, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def accounts(self) -> list[AccountRow]:
        """Every account in the journal, by name."""
        return self._all(AccountRow, "accounts", "ORDER BY account")

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
        with self.database.reported("read"):
            holder = holder_of(self._connection, account)
        return holder is not None and seems_alive(self.database, holder)

    def records(self, account: str, after: int = 0) -> Iterator[Envelope]:
        """The account's records after sequence ``after``, in order, in pages of `PAGE`: memory stays flat.

        Raises :class:`~holdfast.errors.JournalCorrupt` at the first record that is missing, doesn't fit the hash chain or
        can't be read.
        """
        previous = GENESIS if after == 0 else self._known_hash_of(account, after)
        while page := self.page(account, after):
            for row in page:
                after += 1
                previous = check_link(previous, after, row)
                yield to_envelope(row)

    def records_between(self, account: str, since_ns: int, until: int) -> Iterator[Envelope]:
        """The account's records since a time and up to sequence ``until``, in order. Time never goes back in a journal.

        Raises :class:`~holdfast.errors.JournalCorrupt` as :meth:`records` does.
        """
        sql = "SELECT time_ns FROM records WHERE account = ? AND sequence = ?"
        first, last = 0, until  # the record to begin after is in between
        while first < last:
            middle = (first + last + 1) // 2
            rows = self._fetch(sql, account, middle)
            if not rows or int(str(rows[0][0])) >= since_ns:
                last = middle - 1
            else:
                first = middle
        return takewhile(lambda record: record.sequence <= until, self.records(account, first))

    def snapshots(self, account: str) -> Iterator[Snapshot]:
        """The account's snapshots that can be used, the newest first.

        A snapshot is a shortcut and never evidence: one that is damaged, of another version, or behind a record that is not
        there any more, is passed over, and the records, which prove themselves, are read from further back.
        """
        places = "SELECT sequence FROM snapshots WHERE account = ? ORDER BY sequence DESC"
        one = (
            "SELECT s.sequence, s.body, s.body_hash, s.version, s.record_hash, r.hash FROM snapshots s "
            "LEFT JOIN records r ON r.account = s.account AND r.sequence = s.sequence WHERE s.account = ? AND s.sequence = ?"
        )
        for (sequence,) in self._fetch(places, account):
            ((_, body, body_hash, version, known, hashed),) = self._fetch(one, account, sequence)  # some megabytes each
            whole = hashlib.sha256(body).hexdigest() == body_hash and hashed == known
            if whole and version == snapshot.VERSION:
                yield Snapshot(sequence, bytes(body))
            else:
                logger.warning("account %r: the snapshot at record %d is passed over", account, sequence)

    def last_record(self, account: str, kind: str | None = None) -> Envelope | None:
        """The account's newest record, or its newest of type ``kind``; None when it has none."""
        found = self.last_records(account, 1, *(() if kind is None else (kind,)))
        return found[0] if found else None

    def last_records(
        self, account: str, most: int, *kinds: str, after: int = 0, before: int | None = None
    ) -> list[Envelope]:
        """The account's records after a sequence and before another, of any type or of some, the newest first: ``most`` of them at most."""
        where, values = _of_kinds(account, kinds, after)
        if before is not None:
            where, values = f"{where} AND sequence < ?", (*values, before)
        return self._envelopes(f"{where} ORDER BY sequence DESC LIMIT ?", *values, most)

    def records_of(
        self, account: str, kinds: Sequence[type], after: int = 0, before: int | None = None
    ) -> list[Envelope]:
        """The account's records of some types after a sequence and before another, in order. Not for types of which there are many."""
        where, values = _of_kinds(account, [kind.__name__ for kind in kinds], after)
        if before is not None:
            where, values = f"{where} AND sequence < ?", (*values, before)
        return self._envelopes(f"{where} ORDER BY sequence", *values)

    def records_at(self, account: str, time_ns: int, kind: type) -> list[Envelope]:
        """The account's records of a type and a time, in order."""
        where = "account = ? AND time_ns = ? AND type = ? ORDER BY sequence"
        return self._envelopes(where, account, time_ns, kind.__name__)

    def correlated(self, account: str, correlation_id: str) -> list[Envelope]:
        """The account's records that go back to the same cause, in order."""
        return self._envelopes("account = ? AND correlation_id = ? ORDER BY sequence", account, correlation_id)

    def newest_of(self, account: str, *kinds: type) -> Iterator[AnyBody]:
        """The bodies of the account's records of some types, the newest first. Raises JournalCorrupt when one can't be read."""
        before = sys.maxsize
        names = [kind.__name__ for kind in kinds]
        where, values = _of_kinds(account, names, 0)
        while page := self._envelopes(f"{where} AND sequence < ? ORDER BY sequence DESC LIMIT 100", *values, before):
            for record in page:
                yield record.body
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
        where, values = _whose(account)
        if live_only:
            where += f" AND state NOT IN ({_marks(_TERMINAL)})"
            values += _TERMINAL
        return self._all(
            OrderRow, "orders", f"{where} ORDER BY created_ns DESC, client_order_id DESC", *values, most=limit
        )

    def order(self, client_order_id: str) -> OrderRow:
        """One order, of any account. Raises :class:`~holdfast.errors.InvalidValue` when there is none of that id."""
        found = self._all(OrderRow, "orders", "WHERE client_order_id = ?", client_order_id)
        if not found:
            raise InvalidValue(
                f"journal {self.database.shown} has no order {client_order_id!r}; `holdfast orders` lists those it has"
            )
        return found[0]

    def orders_made(self, account: str, since_ns: int, until_ns: int) -> list[OrderRow]:
        """The account's orders that were made since a time and before another, in order."""
        where = "WHERE account = ? AND created_ns >= ? AND created_ns < ? ORDER BY created_ns, client_order_id"
        return self._all(OrderRow, "orders", where, account, since_ns, until_ns)

    def orders_after(self, account: str, client_order_id: str) -> list[OrderRow]:
        """The account's next `PAGE` orders, by id."""
        where = "WHERE account = ? AND client_order_id > ? ORDER BY client_order_id"
        return self._all(OrderRow, "orders", where, account, client_order_id, most=PAGE)

    def fills(self, account: str | None = None, *, limit: int | None = None, since_ns: int = 0) -> list[FillRow]:
        """Executions since a time, the newest first (of one account by record, of all by time)."""
        where, values = _whose(account)
        order = "sequence DESC" if account else "time_ns DESC, sequence DESC"
        return self._all(FillRow, "fills", f"{where} AND time_ns >= ? ORDER BY {order}", *values, since_ns, most=limit)

    def fills_between(self, account: str, first: int, last: int) -> list[FillRow]:
        """The account's executions whose records have these sequences, or one in between."""
        return self._all(FillRow, "fills", "WHERE account = ? AND sequence BETWEEN ? AND ?", account, first, last)

    def fills_of(self, account: str, strategy: str, symbol: str) -> list[FillRow]:
        """The executions of a strategy in a symbol, in order."""
        where = "WHERE account = ? AND strategy = ? AND symbol = ? ORDER BY sequence"
        return self._all(FillRow, "fills", where, account, strategy, symbol)

    def fills_by_strategy(self, account: str) -> dict[str, int]:
        """How many executions each of the account's strategies had."""
        rows = self._fetch("SELECT strategy, count(*) FROM fills WHERE account = ? GROUP BY strategy", account)
        return {strategy: int(number) for strategy, number in rows}

    def positions(self, account: str | None = None) -> list[AccountPosition]:
        """Positions, flat ones too, by account, strategy and symbol; strategy "" is the account's own line."""
        where, values = _whose(account)
        return self._all(AccountPosition, "positions", f"{where} ORDER BY account, strategy, symbol", *values)

    def command(self, command_id: str) -> CommandRow:
        """A command that was filed. Raises :class:`~holdfast.errors.InvalidValue` when there is none of that id."""
        rows = self._fetch(f"SELECT {_COMMAND} FROM commands WHERE id = ?", command_id)
        if not rows:
            raise InvalidValue(f"journal {self.database.shown} has no command {command_id!r}")
        return to_command(rows[0])

    def unanswered(self, account: str) -> list[CommandRow]:
        """The account's commands that wait for an engine, the oldest first. Raises JournalCorrupt when one can't be read."""
        pending = f"SELECT {_COMMAND} FROM commands WHERE account = ? AND status = ? ORDER BY created_ns, id"
        return [to_command(row) for row in self._fetch(pending, account, PENDING)]

    def count(self, table: str, account: str | None = None) -> int:
        """How many rows a table has; one of `COUNTED`."""
        if table not in COUNTED:
            raise ValueError(f"no table {table!r} is counted")
        where, values = _whose(account)
        return int(self._fetch(f"SELECT count(*) FROM {table} {where}", *values)[0][0])

    def unknown_accounts(self, table: str) -> list[str]:
        """The accounts that rows of a table name, and that the journal doesn't have."""
        known = "SELECT account FROM accounts"
        rows = self._fetch(f"SELECT DISTINCT account FROM {table} WHERE account NOT IN ({known}) ORDER BY account")
        return [account for (account,) in rows]

    def repeated_ids(self, account: str) -> list[tuple[str, int]]:
        """The ids that several of the account's records have, each with the sequence of the first."""
        repeated = "SELECT event_id, min(sequence) FROM records WHERE account = ? GROUP BY event_id HAVING count(*) > 1"
        return [(event_id, int(first)) for event_id, first in self._fetch(repeated, account)]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is as of one moment, that of the outermost. Not for long: the write-ahead log grows meanwhile."""
        if self.is_of_before:
            yield
            return
        with self.database.reported("read"), self._connection.transaction():
            self.is_of_before = True
            try:
                yield
            finally:
                self.is_of_before = False

    def page_problems(self) -> list[str]:
        """What the database finds wrong with its own pages, for those that can tell."""
        if self.database.kind != "sqlite":
            return []
        return [line for (line,) in self._fetch("PRAGMA integrity_check(10)") if line != "ok"]

    def _fetch(self, sql: str, *values: object) -> list[PlainRow]:
        """All rows of a query, read at one moment. Raises JournalError when they can't be read."""
        with self.database.reported("read"):
            return self._connection.fetch(sql, values)

    def _all(self, kind: type[T], table: str, tail: str, *values: object, most: int | None = None) -> list[T]:
        names = kind.__struct_fields__
        columns = ", ".join(f"{table}.{name}" for name in names)
        sql = f"SELECT {columns} FROM {table} {tail}"
        rows = self._fetch(sql, *values) if most is None else self._fetch(f"{sql} LIMIT ?", *values, most)
        return [_convert(kind, dict(zip(names, row, strict=True))) for row in rows]

    def _envelopes(self, where: str, *values: object) -> list[Envelope]:
        return [to_envelope(row) for row in self._fetch(f"SELECT {RECORD_COLUMNS} FROM records WHERE {where}", *values)]

    def page(self, account: str, after: int) -> list[RecordRow]:
        """The next `PAGE` rows of ``records``, unproven."""
        where = "WHERE account = ? AND sequence > ? ORDER BY sequence LIMIT ?"
        rows = self._fetch(f"SELECT {RECORD_COLUMNS} FROM records {where}", account, after, PAGE)
        return [RecordRow._make(row) for row in rows]

    def hash_of(self, account: str, sequence: int) -> str | None:
        """The hash of a record; None when there is no such record."""
        rows = self._fetch("SELECT hash FROM records WHERE account = ? AND sequence = ?", account, sequence)
        return str(rows[0][0]) if rows else None

    def _known_hash_of(self, account: str, sequence: int) -> str:
        found = self.hash_of(account, sequence)
        if found is None:
            raise JournalCorrupt(f"account {account!r}: record {sequence} is missing; restore a backup")
        return found


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _whose(account: str | None) -> tuple[str, tuple[object, ...]]:
    """The beginning of a condition, and its values: of one account, or of all."""
    return ("WHERE 1 = 1", ()) if account is None else ("WHERE account = ?", (account,))


def _of_kinds(account: str, kinds: Sequence[str], after: int) -> tuple[str, tuple[object, ...]]:
    where = "account = ? AND sequence > ?"
    return where + (f" AND type IN ({_marks(kinds)})" if kinds else ""), (account, after, *kinds)


def check_link(previous: str, expected: int, row: RecordRow) -> str:
    """The record's hash, proven; raises :class:`~holdfast.errors.JournalCorrupt` unless it is number ``expected`` and fits."""
    if row.sequence != expected:
        raise JournalCorrupt(
            f"account {row.account!r}: record {expected} is missing, {row.sequence} follows; restore a backup"
        )
    if link(previous, row[: len(HASHED)]) != row.hash:
        raise JournalCorrupt(
            f"account {row.account!r}: record {expected} doesn't fit its hash: it, or the record before, was changed after "
            "it was written; restore a backup"
        )
    return str(row.hash)


def to_envelope(row: PlainRow) -> Envelope:
    """The record as it was appended. Raises :class:`~holdfast.errors.JournalCorrupt` when it can't be read."""
    account, sequence, epoch, cursor, time_ns, _, name, correlation, cause, source, broker, version, body, _ = row
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


def to_command(row: PlainRow) -> CommandRow:
    """A row of ``commands``. Raises :class:`~holdfast.errors.JournalCorrupt` when its body can't be read."""
    command_id, account, source, created_ns, expires_ns, text, status, answered, order_ids = row
    answer = None
    if status != PENDING:
        answer = CommandAnswer(command_id, status, answered, msgspec.json.decode(order_ids, type=tuple[str, ...]))
    body: Any = decode_body(text.encode())
    return CommandRow(command_id, account, source, created_ns, expires_ns, body, answer)


def _convert(kind: type[T], row: dict[str, object]) -> T:
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        what, _, name = str(error).partition(" - at `$.")
        if "decimal" in what:
            value = row.get(name.rstrip("`"))
            raise JournalCorrupt(f"the journal has {value!r} where a number should be; restore a backup") from None
        raise JournalCorrupt(f"a row can't be read as {kind.__name__} ({error}); restore a backup") from None
