"""A disk that can fail, and a journal on it that keeps what `journal.writer.Journal` promises.

A commit takes a while. Until it has returned nothing of it is known to be there: a process that is killed in between finds it
whole or not at all, after a power cut it is gone.
"""

import asyncio
import copy
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any, Protocol

import msgspec

from holdfast.core.codec import decode_body
from holdfast.core.messages import BrokerName, Command, Envelope, FillBusted, OrderFilled, OrderReleased
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import reversal
from holdfast.core.types import ZERO
from holdfast.errors import Fatal, JournalCorrupt, JournalError, StaleEpoch
from holdfast.journal.batch import Batch, PositionRow
from holdfast.journal.chain import GENESIS, link
from holdfast.journal.lease import Lease, LeaseTerm
from holdfast.journal.reader import FillRow, Snapshot
from holdfast.journal.rows import Row, record_row
from holdfast.journal.writer import RENEWALS_A_LEASE
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.torture.world.loop import Process

LEASE = Lease(duration_s=6.0, margin_s=2.0)
"""Short, like everything here."""

CLOSE_PAUSE_S = 0.001

Pending = tuple[str, str, int, int | None, Command]
"""A command as the mailbox wants it: id, source, when, until when, what."""


class Disk:
    """What is durable of one account, as the journal's tables have it."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.epoch = 0
        self.renewals = 0
        self.renewed_s = 0.0
        """When the holder's last good commit began."""
        self.holder: Process | None = None
        self.rows: list[Row] = []
        self.last_hash = GENESIS
        self.cursor = 0
        self.state = ""
        self.cash: Decimal = ZERO
        self.orders: dict[str, Order] = {}
        self.positions: dict[tuple[str, str], PositionRow] = {}
        self.released: dict[str, int] = {}
        """Orders with a durable release, and its epoch."""
        self.commands: dict[str, Pending] = {}
        self._snapshots: list[Snapshot] = []
        self._fills: list[FillRow] = []

    # --- what an engine reads -----------------------------------------------------------------------------------------

    def pending(self, _account: str) -> list[Pending]:
        """Commands nobody has answered."""
        return list(self.commands.values())

    def snapshots(self, _account: str) -> Iterator[Snapshot]:
        """The newest first."""
        return reversed(self._snapshots)

    def others_bound_to(self, _account: str, _broker_account_id: str) -> list[tuple[str, int]]:
        """There is one account in a world."""
        return []

    def fills(self, _account: str, *, limit: int, since_ns: int) -> Sequence[FillRow]:
        """The newest first."""
        return [row for row in reversed(self._fills) if row.time_ns >= since_ns][:limit]

    def records(self, _account: str, after: int = 0) -> Iterator[Envelope]:
        """From the bytes, each proven. Raises JournalCorrupt."""
        previous = str(self.rows[after - 1][-1]) if after else GENESIS
        for row in self.rows[after:]:
            if link(previous, row[:-1]) != row[-1]:
                raise JournalCorrupt(f"record {row[1]} doesn't fit its hash")
            previous = str(row[-1])
            yield _envelope(row)

    def records_between(self, account: str, since_ns: int, until: int) -> Iterator[Envelope]:
        """Those since a time and up to one of them."""
        found = (record for record in self.records(account) if record.time_ns >= since_ns)
        return takewhile(lambda record: record.sequence <= until, found)

    # --- what a journal writes ----------------------------------------------------------------------------------------

    def write(self, batches: Sequence[Batch], broker: str, began_s: float) -> None:
        """Make batches durable, all of them, by a commit that began then."""
        self.renewals += 1
        self.renewed_s = began_s
        for batch in batches:
            strategies = {order.terms.client_order_id: order.terms.strategy for order in batch.orders}
            for envelope in batch.envelopes:
                row = record_row(envelope, broker, self.last_hash)
                self.rows.append(row)
                self.last_hash = str(row[-1])
                self.cursor = envelope.cursor
                self._note(envelope, strategies)
            for order in batch.orders:
                self.orders[order.terms.client_order_id] = order
            for position in batch.positions:
                self.positions[position.strategy, position.symbol] = position
            for answer in batch.answers:
                self.commands.pop(answer.command_id, None)
            if batch.snapshot is not None:
                self._snapshots.append(Snapshot(batch.envelopes[-1].sequence, batch.snapshot))
            self.state, self.cash = batch.account_state, batch.cash

    def _note(self, envelope: Envelope, strategies: dict[Any, Any]) -> None:
        body = envelope.body
        if isinstance(body, OrderReleased):
            self.released[body.client_order_id] = envelope.epoch
        elif isinstance(body, OrderFilled | FillBusted):
            fill = body if isinstance(body, OrderFilled) else reversal(body)
            self._fills.append(
                FillRow(
                    self.account,
                    fill.execution_id,
                    envelope.sequence,
                    fill.client_order_id,
                    strategies[body.client_order_id],
                    fill.symbol,
                    fill.side,
                    fill.quantity,
                    fill.price,
                    fill.fee,
                    envelope.time_ns,
                )
            )


def _envelope(row: Row) -> Envelope:
    columns: tuple[Any, ...] = row
    account, sequence, epoch, cursor, time_ns, _, name, correlation, cause, source, broker, version, body, _ = columns
    return Envelope(
        name,
        time_ns,
        account,
        BrokerName(broker),
        source,
        correlation,
        cause,
        sequence,
        epoch,
        cursor,
        decode_body(body.encode()),
        version,
    )


class CommitFate(msgspec.Struct, frozen=True):
    """How a commit goes: it takes this long, and then it is there or has failed."""

    takes_s: float
    fails: bool = False


class DiskFates(Protocol):
    """What befalls commits."""

    def commit(self) -> CommitFate:
        """How the next one goes."""

    def survives_kill(self) -> bool:
        """Whether a commit that was under way when its process was killed is there afterwards."""


class WorldJournal:
    """The interface of `journal.writer.Journal` on a `Disk`, for one process."""

    def __init__(self, disk: Disk, process: Process, fates: DiskFates, now_s: Callable[[], float]) -> None:
        """``now_s`` is the clock that leases go by."""
        self.failure: JournalError | None = None
        self.last: Sequence[Envelope] = ()
        """The records of the batch that was last taken in."""
        self._disk = disk
        self._process = process
        self._fates = fates
        self._now_s = now_s
        self._began_s = self._renewed_s = 0.0
        self._is_writing = False
        self._callbacks: list[Callable[[], None]] = []
        self._queue: list[Batch] = []
        self._writing: list[Batch] = []
        self._broker = ""
        self._epoch = 0
        self._appended = 0
        self._durable = 0
        process.on_killed.append(self._on_killed)

    def take(self, account: str, broker: BrokerName, _process: str) -> LeaseTerm:
        """Become the one process that trades the account, under a new epoch. Whoever had it is dead, or was silent for long."""
        disk = self._disk
        disk.holder = self._process
        disk.epoch += 1
        disk.renewals += 1
        disk.renewed_s = self._renewed_s = self._now_s()
        self._broker, self._epoch = broker, disk.epoch
        self._appended = self._durable = len(disk.rows)
        self._process.later(LEASE.duration_s / RENEWALS_A_LEASE, self._renew)
        return LeaseTerm(account, broker, disk.epoch, len(disk.rows), disk.last_hash, disk.cursor, disk.state)

    def may_send(self, _account: str) -> bool:
        """Whether the account is ours for as long as sending takes."""
        return self.failure is None and self._now_s() < self._renewed_s + LEASE.duration_s - LEASE.margin_s

    def beat(self) -> None:
        """The loop turns, here always: a process that stands still is one whose events wait."""

    def _renew(self) -> None:
        """Give a sign of life where nothing else is written."""
        if self.failure is None:
            if not self._is_writing and self._now_s() - self._renewed_s >= LEASE.duration_s / RENEWALS_A_LEASE / 2:
                self._begin()
            self._process.later(LEASE.duration_s / RENEWALS_A_LEASE, self._renew)

    def append(self, batch: Batch) -> None:
        """Take a batch in, to be made durable as a whole. Raises JournalError, Fatal."""
        self._process.check()
        if self.failure is not None:
            raise type(self.failure)(str(self.failure))
        for envelope in batch.envelopes:
            self._appended += 1
            if (envelope.sequence, envelope.epoch) != (self._appended, self._epoch):
                raise Fatal(f"record {envelope.sequence} of epoch {envelope.epoch} came where {self._appended} is due")
        orders, self.last = tuple(map(copy.copy, batch.orders)), tuple(batch.envelopes)
        self._queue.append(msgspec.structs.replace(batch, envelopes=self.last, orders=orders))
        if not self._is_writing:
            self._begin()

    def watermark(self, _account: str) -> int:
        """The sequence up to which records are on the disk."""
        self._process.check()
        return self._durable

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for the disk."""
        return not self._is_writing and not self._queue

    def on_durable(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each commit and when the journal fails."""
        self._callbacks.append(callback)

    async def close(self) -> None:
        """Write what is waiting."""
        while not self.is_idle and self.failure is None:
            await asyncio.sleep(CLOSE_PAUSE_S)

    def _begin(self) -> None:
        self._is_writing = True
        self._began_s = self._now_s()
        self._writing, self._queue = self._queue, []
        fate = self._fates.commit()
        self._process.later(fate.takes_s, self._end, fate.fails)

    def _end(self, fails: bool) -> None:
        """The commit returns."""
        self._is_writing = False
        if fails:
            self._fail(JournalError("the journal can't be written: the disk failed; see to it and start again"))
        elif self._disk.epoch != self._epoch:
            self._fail(StaleEpoch(f"account {self._disk.account!r} was taken over by another engine"))
        else:
            reach(CrashPoint.IN_COMMIT)
            if any(batch.snapshot is not None for batch in self._writing):
                reach(CrashPoint.IN_SNAPSHOT)
            written, self._writing = self._writing, []
            self._disk.write(written, self._broker, self._began_s)
            reach(CrashPoint.COMMITTED)
            if any(isinstance(record.body, OrderFilled) for batch in written for record in batch.envelopes):
                reach(CrashPoint.FILL_DURABLE)
            self._durable, self._renewed_s = len(self._disk.rows), self._began_s
            if self._queue:
                self._begin()
        for callback in self._callbacks:
            callback()

    def _fail(self, error: JournalError) -> None:
        self.failure = error
        self._writing.clear()
        self._queue.clear()

    def _on_killed(self) -> None:
        writing, self._writing = self._writing, []
        if writing and self._disk.epoch == self._epoch and self._fates.survives_kill():
            self._disk.write(writing, self._broker, self._began_s)
