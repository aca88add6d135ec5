"""How fast orders become durable: the journal beside raw ``sqlite3`` committing the same rows with the same pragmas.

One order is one ``OrderPrepared`` record and its row in ``orders``. Both sides wait for each commit before they begin the next,
and take turns, so that a slow moment of the disk falls on both. The raw side gets its rows ready made: what it doesn't do
(copying, encoding, hashing, handing over to the writer's thread) is what the ratio shows. The last line appends
without waiting, as an engine under load does, and lets the writer gather.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from holdfast.core.codec import Ids
from holdfast.core.messages import BrokerName, Envelope, OrderPrepared, OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import Quantity, Side, StrategyId
from holdfast.journal import Batch, Journal, Tenure
from holdfast.journal.chain import GENESIS
from holdfast.journal.rows import Row, order_row, record_row
from holdfast.journal.tables import orders, records

SIZES = (1, 10, 100)
COMMITS = {1: 1_000, 10: 500, 100: 100}
ROUNDS = 5
PIPELINED = 20_000
START_NS = 1_700_000_000_000_000_000


def batches(tenure: Tenure, size: int, count: int) -> Iterator[Batch]:
    """``count`` batches of ``size`` new orders each."""
    ids = Ids(tenure.account, tenure.epoch)
    sequence = tenure.last_sequence
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
                    account=tenure.account,
                    broker=tenure.broker,
                    source="core",
                    correlation_id=name,
                    causation_id=name,
                    sequence=sequence,
                    epoch=tenure.epoch,
                    cursor=sequence,
                    body=OrderPrepared(terms=terms),
                )
            )
            made.append(Order(terms, OrderState.PREPARED, terms.quantity, time_ns, time_ns))
        yield Batch(tenure.account, envelopes, made, (), "IDLE", Decimal(100_000))


class Raw:
    """The same rows by the standard library alone, in a journal file of its own."""

    def __init__(self, path: Path) -> None:
        journal = Journal.open(f"sqlite:///{path}")
        journal.take("main", BrokerName.PAPER, "bench")
        journal.close()
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous=FULL")
        self.hash = GENESIS
        self.record_sql = f"INSERT INTO records VALUES ({','.join('?' * len(records.columns))})"
        self.order_sql = f"INSERT INTO orders VALUES ({','.join('?' * len(orders.columns))})"

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
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(
            "UPDATE accounts SET state='IDLE', cash='100000', last_sequence=?, last_hash=?, cursor=?"
            " WHERE account='main' AND epoch=1",
            (last[1], last[-1], last[3]),
        )
        self.connection.executemany(self.record_sql, record_rows)
        self.connection.executemany(self.order_sql, order_rows)
        self.connection.execute("COMMIT")


def compare(folder: Path, size: int) -> dict[str, object]:
    """Commit times of both sides at one batch size, in turns."""
    raw = Raw(folder / f"raw{size}.db")
    journal = Journal.open(f"sqlite:///{folder}/journal{size}.db")
    tenure = journal.take("main", BrokerName.PAPER, "bench")
    count = COMMITS[size]
    ours = batches(tenure, size, count * ROUNDS)
    theirs = (raw.rows(batch) for batch in batches(tenure, size, count * ROUNDS))
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


def pipelined(folder: Path) -> int:
    """Orders a second when nobody waits: one order a batch, gathered by the writer."""
    journal = Journal.open(f"sqlite:///{folder}/pipelined.db")
    tenure = journal.take("main", BrokerName.PAPER, "bench")
    ready = list(batches(tenure, 1, PIPELINED))
    start = time.perf_counter()
    for batch in ready:
        journal.append(batch)
    journal.wait_durable("main", PIPELINED, 60)
    rate = PIPELINED / (time.perf_counter() - start)
    journal.close()
    return round(rate)


def measure() -> dict[str, object]:
    """Everything, in a folder of its own on the disk that holds temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare(Path(folder), size) for size in SIZES]
        return {"commits": rows, "pipelined_orders_per_s": pipelined(Path(folder))}


def main(as_json: bool = False) -> None:
    """Print the report."""
    report = measure()
    if as_json:
        print(json.dumps(report))
        return
    print("orders per  |        journal            |       raw sqlite3         | journal /")
    print("commit      | orders/s   p50 us  p99 us | orders/s   p50 us  p99 us | raw")
    for row in report["commits"]:  # type: ignore[attr-defined]
        print(
            "{orders_per_commit:11} | {journal_orders_per_s:8,} {journal_p50_us:8,} {journal_p99_us:7,} |"
            " {raw_orders_per_s:8,} {raw_p50_us:8,} {raw_p99_us:7,} | {ratio:.2f}".format(**row)
        )
    print(f"appended without waiting: {report['pipelined_orders_per_s']:,} orders/s")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Commit speed of the journal beside raw sqlite3.")
    arguments.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    main(arguments.parse_args().json)
