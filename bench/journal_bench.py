"""How fast orders become durable: the journal beside the bare driver committing the same rows to the same database.

On SQLite (``sqlite3``, the same pragmas), and on PostgreSQL (``psycopg``) and MariaDB (``pymysql``) where servers run: on this
machine's standard ports, or where ``HOLDFAST_TEST_POSTGRES_URL`` and ``HOLDFAST_TEST_MARIADB_URL`` say.

One order is one ``OrderPrepared`` record and its row in ``orders``. Both sides wait for each commit before they begin the next,
and take turns, so that a slow moment of the disk falls on both. The raw side gets its rows ready made: what it doesn't do
(copying, encoding, hashing, handing over to the writer's thread) is what the ratio shows. The last line of each appends
without waiting, as an engine under load does, and lets the writer gather.
"""

import argparse
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from holdfast.core.codec import Ids
from holdfast.core.messages import PAPER, Envelope, OrderPrepared, OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import Quantity, Side, StrategyId
from holdfast.journal import Batch, Journal, LeaseTerm
from holdfast.journal.chain import GENESIS
from holdfast.journal.rows import Row, order_row, record_row
from holdfast.journal.tables import orders, records

DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg", "mariadb": "pymysql"}
SIZES = (1, 10, 100)
COMMITS = {1: 1_000, 10: 500, 100: 100}
ROUNDS = 5
PIPELINED = 20_000
START_NS = 1_700_000_000_000_000_000


def batches(lease_term: LeaseTerm, size: int, count: int) -> Iterator[Batch]:
    """``count`` batches of ``size`` new orders each."""
    ids = Ids(lease_term.account, lease_term.epoch)
    sequence = lease_term.last_sequence
    for _ in range(count):
        envelopes, made = [], []
        for _ in range(size):
            sequence += 1
            time_ns = START_NS + sequence * 1_000_000
            terms = OrderTerms(ids.order(sequence), StrategyId("ema"), "IBM", Side.BUY, Quantity(Decimal(10)))
            name = ids.message(sequence, time_ns)
            envelopes.append(
                Envelope(
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
            )
            made.append(Order(terms, OrderState.PREPARED, terms.quantity, time_ns, time_ns))
        yield Batch(lease_term.account, envelopes, made, (), "IDLE", Decimal(100_000))


class Raw:
    """The same rows by the driver alone, in a journal of its own."""

    def __init__(self, url: str) -> None:
        journal = Journal.open(url)
        journal.take("main", PAPER, "bench")
        journal.close()
        self.connection = _connect(url)
        self.cursor: Any = self.connection.cursor()
        self.hash = GENESIS
        sign = "?" if url.startswith("sqlite") else "%s"
        self.record_sql = f"INSERT INTO records VALUES ({','.join([sign] * len(records.columns))})"
        self.order_sql = f"INSERT INTO orders VALUES ({','.join([sign] * len(orders.columns))})"
        quote = "`" if url.startswith("mariadb") else '"'
        self.account_sql = (
            f"UPDATE accounts SET state='IDLE', cash='100000', last_sequence={sign}, last_hash={sign}, {quote}cursor{quote}={sign}"
            " WHERE account='main' AND epoch=1"
        )

    def rows(self, batch: Batch) -> tuple[list[Row], list[Row]]:
        """What a batch becomes in the tables."""
        made = []
        for envelope in batch.envelopes:
            made.append(record_row(envelope, "paper", self.hash))
            self.hash = str(made[-1][-1])
        return made, [order_row(batch.account, order) for order in batch.orders]

    def commit(self, record_rows: list[Row], order_rows: list[Row]) -> None:
        """One transaction with everything the journal's has."""
        last = record_rows[-1]
        if isinstance(self.connection, sqlite3.Connection):
            self.cursor.execute("BEGIN IMMEDIATE")
        self.cursor.execute(self.account_sql, (last[1], last[-1], last[3]))
        self._insert(self.record_sql, record_rows)
        self._insert(self.order_sql, order_rows)
        self.connection.commit()

    def _insert(self, sql: str, rows: list[Row]) -> None:
        if len(rows) == 1:
            self.cursor.execute(sql, rows[0])
        else:
            self.cursor.executemany(sql, rows)


def _connect(url: str) -> Any:
    """The bare driver's connection, set as the journal sets its own."""
    place = make_url(url)
    if url.startswith("sqlite"):
        connection = sqlite3.connect(place.database or "", isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        return connection
    named: dict[str, Any] = {"host": place.host, "user": place.username, "password": place.password or ""}
    if url.startswith("postgresql"):
        return psycopg.connect(**named, port=place.port or 5432, dbname=place.database)
    return pymysql.connect(**named, port=place.port or 3306, database=place.database)


def compare(kind: str, size: int) -> dict[str, object]:
    """Commit times of both sides at one batch size, in turns."""
    with fresh(kind, "raw") as theirs, fresh(kind, "journal") as ours:
        return _compare(Raw(theirs), Journal.open(ours), size)


def _compare(raw: Raw, journal: Journal, size: int) -> dict[str, object]:
    lease_term = journal.take("main", PAPER, "bench")
    count = COMMITS[size]
    ours = batches(lease_term, size, count * ROUNDS)
    theirs = (raw.rows(batch) for batch in batches(lease_term, size, count * ROUNDS))
    journal_s: list[float] = []
    raw_s: list[float] = []
    for _ in range(ROUNDS):
        for record_rows, order_rows in list(islice(theirs, count)):
            start = time.perf_counter()
            raw.commit(record_rows, order_rows)
            raw_s.append(time.perf_counter() - start)
        for batch in list(islice(ours, count)):
            start = time.perf_counter()
            journal.append(batch)
            journal.wait_durable("main", batch.envelopes[-1].sequence, 60)
            journal_s.append(time.perf_counter() - start)
    journal.close()
    raw.connection.close()
    return _row(size, journal_s, raw_s)


def _row(size: int, journal_s: list[float], raw_s: list[float]) -> dict[str, object]:
    row: dict[str, object] = {"orders_per_commit": size}
    for name, times in (("journal", sorted(journal_s)), ("raw", sorted(raw_s))):
        row[f"{name}_orders_per_s"] = round(size * len(times) / sum(times))
        row[f"{name}_p50_us"] = round(times[len(times) // 2] * 1e6)
        row[f"{name}_p99_us"] = round(times[len(times) * 99 // 100] * 1e6)
    row["ratio"] = round(sum(raw_s) / sum(journal_s), 2)
    return row


def pipelined(kind: str) -> int:
    """Orders a second when nobody waits: one order a batch, gathered by the writer."""
    with fresh(kind, "pipelined") as url:
        journal = Journal.open(url)
        lease_term = journal.take("main", PAPER, "bench")
        ready = list(batches(lease_term, 1, PIPELINED))
        start = time.perf_counter()
        for batch in ready:
            journal.append(batch)
        journal.wait_durable("main", PIPELINED, 60)
        rate = PIPELINED / (time.perf_counter() - start)
        journal.close()
        return round(rate)


@contextmanager
def fresh(kind: str, purpose: str) -> Iterator[str]:
    """The URL of a journal that isn't there yet; it is gone afterwards. A file is on the disk that holds temporary files."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/{purpose}.db"
        return
    name = f"holdfast_bench_{purpose}_{os.getpid()}"
    _administer(kind, f"CREATE DATABASE {name}")
    try:
        yield make_url(_server(kind)).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(kind, f"DROP DATABASE {name}")


def _server(kind: str) -> str:
    if kind == "postgresql":
        return os.environ.get("HOLDFAST_TEST_POSTGRES_URL") or "postgresql://postgres@127.0.0.1:5432/postgres"
    return os.environ.get("HOLDFAST_TEST_MARIADB_URL") or "mariadb://root@127.0.0.1:3306/"


def _administer(kind: str, statement: str) -> None:
    driver = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}[kind]
    engine = sa.create_engine(make_url(_server(kind)).set(drivername=driver), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def measure(kind: str) -> dict[str, object]:
    """Everything, on one kind of database; with a reason instead where there is none."""
    try:
        if kind != "sqlite":
            _administer(kind, "SELECT 1")
    except sa.exc.SQLAlchemyError as error:
        return {"database": kind, "skipped": " ".join(str(error).split())[:100]}
    rows = [compare(kind, size) for size in SIZES]
    return {"database": kind, "commits": rows, "pipelined_orders_per_s": pipelined(kind)}


def main(as_json: bool = False) -> None:
    """Print the report."""
    if as_json:
        print(json.dumps([measure(kind) for kind in DRIVERS]))
        return
    print("orders per  |        journal            |       bare driver         | journal /")
    print("commit      | orders/s   p50 us  p99 us | orders/s   p50 us  p99 us | bare")
    for kind, driver in DRIVERS.items():
        print(f"{kind} ({driver})")
        _print(measure(kind))


def _print(report: dict[str, Any]) -> None:
    if "skipped" in report:
        print(f"  not measured: {report['skipped']}")
        return
    for row in report["commits"]:
        print(
            "{orders_per_commit:11} | {journal_orders_per_s:8,} {journal_p50_us:8,} {journal_p99_us:7,} |"
            " {raw_orders_per_s:8,} {raw_p50_us:8,} {raw_p99_us:7,} | {ratio:.2f}".format(**row)
        )
    print(f"appended without waiting: {report['pipelined_orders_per_s']:,} orders/s")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Commit speed of the journal beside the bare driver.")
    arguments.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    main(arguments.parse_args().json)
