"""A long journal out of a short one: what an engine recorded, over and over, with new ids, times and hashes.

It is for those who read. Every record proves itself as before and fits those before it: what is repeated ends where nothing is held and no order is open. An engine would not go on from there, but `writing` does in its place.
"""

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast.core.codec import Ids
from holdfast.core.messages import PAPER, Envelope, OrderPrepared, OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import Quantity, Side, StrategyId
from holdfast.journal import Batch, Journal, LeaseTerm
from holdfast.journal.chain import HASHED, link
from holdfast.journal.reader import RecordRow
from holdfast.journal.tables import fills, orders, records

RECORD = RecordRow._fields
ORDER, FILL = tuple(orders.columns.keys()), tuple(fills.columns.keys())
ONCE = ("EngineStarted", "FeedOpened", "StrategyStarted", "CashDeposited", "RecoveryCompleted", "EngineStopped")
"""What a run records at its ends."""


def lengthen(path: Path, account: str, least: int) -> int:
    """Lengthen the journal of one account to ``least`` records or a few more; gives their number."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    shutil.rmtree(f"{path}.anchors", ignore_errors=True)  # it notes records that are cut off, and would be believed
    try:
        with connection:
            return _lengthen(connection, account, least)
    finally:
        connection.close()


def _lengthen(connection: sqlite3.Connection, account: str, least: int) -> int:
    ((there,),) = connection.execute("SELECT MAX(sequence) FROM records")
    if there >= least:
        return int(there)
    columns = ", ".join(RECORD)
    every = [RecordRow(*row) for row in connection.execute(f"SELECT {columns} FROM records ORDER BY sequence")]
    every, ids = _until_flat(every)
    _cut(connection, every[-1].sequence, ids)
    base = [row for row in every if row.type not in ONCE]
    base_orders = _rows(connection, "orders", ORDER, "WHERE state IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')")
    base_fills = _rows(connection, "fills", FILL, "")
    prefix = str(base_orders[0]["client_order_id"])[:-9]
    last, span_ns, block = every[-1], every[-1].time_ns - base[0].time_ns + 1, 0
    while last.sequence < least:
        block += 1
        again = _Again(prefix, f"{prefix[:-4]}{block:04x}", block * span_ns, last.sequence + 1 - base[0].sequence)
        made = list(_records(base, again, last))
        _insert(connection, "records", RECORD, made)
        _insert(connection, "orders", ORDER, [again.row(row) for row in base_orders])
        _insert(connection, "fills", FILL, [again.row(row) for row in base_fills])
        last = made[-1]
    ends = last.sequence, last.hash, account
    connection.execute("UPDATE accounts SET last_sequence = ?, last_hash = ? WHERE account = ?", ends)
    connection.execute("DELETE FROM snapshots")
    return last.sequence


ENDS = ("OrderCanceled", "OrderExpired", "OrderRejected", "OrderNotSent")


def _until_flat(every: list[RecordRow]) -> tuple[list[RecordRow], list[str]]:
    """The records up to the last moment at which nothing was held and every order was over, and the orders' ids."""
    held: dict[tuple[str, str], Decimal] = {}
    rest: dict[str, Decimal] = {}
    ids: list[str] = []
    last = 0, 0
    for at, row in enumerate(every, 1):
        body = json.loads(row.body)
        if row.type == "PositionChanged":
            held[body["strategy"], body["symbol"]] = Decimal(body["quantity"])
        elif row.type == "OrderPrepared":
            ids.append(body["terms"]["client_order_id"])
            rest[ids[-1]] = Decimal(body["terms"]["quantity"])
        elif row.type == "OrderFilled":
            rest[body["client_order_id"]] -= Decimal(body["quantity"])
        elif row.type in ENDS:
            rest[body["client_order_id"]] = Decimal(0)
        if row.type == "PnlSnapshot" and not any(held.values()) and not any(rest.values()):
            last = at, len(ids)
    assert last[0] > len(ONCE), "this market was never flat: trade another"
    return every[: last[0]], ids[: last[1]]


def _cut(connection: sqlite3.Connection, last: int, ids: list[str]) -> None:
    """Forget what came after a record."""
    connection.execute("DELETE FROM records WHERE sequence > ?", (last,))
    connection.execute("DELETE FROM fills WHERE sequence > ?", (last,))
    marks = ", ".join("?" * len(ids))
    connection.execute(f"DELETE FROM orders WHERE client_order_id NOT IN ({marks})", ids)
    connection.execute("UPDATE positions SET quantity = '0', cost = '0', average_price = '0'")


class _Again:
    """Makes a row of the first run one of a later."""

    def __init__(self, old: str, new: str, later_ns: int, further: int) -> None:
        self._old, self._new, self._later_ns, self._further = old, new, later_ns, further

    def row(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """With other ids, later."""
        return tuple(self._value(name, value) for name, value in row.items())

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(self._old, self._new)
        if name.endswith("_ns") and value:
            return value + self._later_ns
        return value + self._further if name == "sequence" else value


def _records(base: list[RecordRow], again: _Again, last: RecordRow) -> Any:
    sequence, hashed = last.sequence, last.hash
    for row in base:
        sequence += 1
        fresh = RecordRow(*again.row(row._asdict()))._replace(sequence=sequence)
        fresh = fresh._replace(event_id=f"{sequence}-{fresh.event_id}"[:64])
        hashed = link(hashed, fresh[: len(HASHED)])
        yield fresh._replace(hash=hashed)


@contextmanager
def writing(url: str, account: str, every_s: float = 0.2) -> Iterator[None]:
    """Have the account, as an engine does, and prepare an order every so often."""
    journal = Journal.open(url)
    over = threading.Event()
    lease_term = journal.take(account, PAPER, "a writer in the engine's place")

    def write() -> None:
        sequence = lease_term.last_sequence
        while not over.wait(every_s):
            sequence += 1
            journal.beat()
            journal.append(_prepared(lease_term, sequence))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        journal.close()


def _prepared(lease_term: LeaseTerm, sequence: int) -> Batch:
    ids, time_ns = Ids(lease_term.account, lease_term.epoch), time.time_ns()
    terms = OrderTerms(ids.order(sequence), StrategyId("revert"), "KORU", Side.BUY, Quantity(Decimal(1)))
    name = ids.message(sequence, time_ns)
    record = Envelope(
        id=name,
        time_ns=time_ns,
        account=lease_term.account,
        broker=lease_term.broker,
        source="core",
        correlation_id=name,
        causation_id=name,
        sequence=sequence,
        epoch=lease_term.epoch,
        cursor=sequence,
        body=OrderPrepared(terms=terms),
    )
    order = Order(terms, OrderState.PREPARED, terms.quantity, time_ns, time_ns)
    return Batch(lease_term.account, [record], [order], (), "ACTIVE", Decimal(100_000))


def _rows(connection: sqlite3.Connection, table: str, names: tuple[str, ...], where: str) -> list[dict[str, Any]]:
    found = connection.execute(f"SELECT {', '.join(names)} FROM {table} {where}")
    return [dict(zip(names, row, strict=True)) for row in found]


def _insert(connection: sqlite3.Connection, table: str, names: tuple[str, ...], rows: list[Any]) -> None:
    marks = ", ".join("?" * len(names))
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)


assert set(RECORD) == set(records.columns.keys())
