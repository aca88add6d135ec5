"""The journal as the engine sees it: batches go in from the loop's thread, one writer thread makes them durable.

The writer takes everything that has gathered and commits it in one go (`commit.py`): while one commit syncs, the next batches
gather, so the rate follows the load and not the disk. Then it moves the watermarks and calls back. A commit that fails is
final: nothing is tried again, the journal refuses everything from then on, and every waiting caller is told.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import sqlalchemy as sa

from holdfast.core.messages import BrokerName
from holdfast.errors import Fatal, JournalError, Refused, StaleEpoch
from holdfast.journal import schema, tables
from holdfast.journal.anchor import Anchor
from holdfast.journal.batch import Batch
from holdfast.journal.commit import Committer, Line, Work, overtaken
from holdfast.journal.database import Database, open_database
from holdfast.journal.lease import (
    Lease,
    LeaseTerm,
    LifeLine,
    Watch,
    begin_lease_term,
    check_account_name,
    end_lease_term,
    find_holder,
    forget_lock_file,
)
from holdfast.telemetry.clock import boot_time_s

MAX_QUEUED_RECORDS = 10_000
"""How many records may wait for the disk. At some 1 kB each that bounds the queue at 10 MB, and it is a fraction of a second's
work: who meets the bound has a disk that doesn't keep up, and waits in `Journal.append` until it does."""

LOOK_S = 1.0
"""How long a journal that has failed looks for the reason before it says so."""
RENEWALS_A_LEASE = 3
"""How often an account is renewed in the time of its lease, if nothing else is written."""
NO_BEAT_S = 0.1
"""How long a renewal that is due waits before it looks again for a sign of life of the loop."""

logger = logging.getLogger(__name__)


class _Hold(msgspec.Struct):
    """An account that this process has. ``renewed_s``: when its last good commit began, by our own clock.

    ``beat`` is what `Journal.beat` had counted at that moment.
    """

    line: Line
    lease: Lease
    life_line: LifeLine
    anchor: Anchor
    renewed_s: float
    beat: int

    @property
    def due_s(self) -> float:
        """When it is to be renewed."""
        return self.renewed_s + self.lease.duration_s / RENEWALS_A_LEASE

    @property
    def deadline_s(self) -> float:
        """From when on somebody else may have it."""
        return self.renewed_s + self.lease.duration_s


class Journal:
    """The open journal of one process: `take` an account, then `append` to it. Safe to use from any thread.

    ``now_s`` is the clock that leases go by; it must go forward, also while the machine sleeps.
    """

    def __init__(self, database: Database, now_s: Callable[[], float] = boot_time_s) -> None:
        self.database = database
        self._now_s = now_s
        self.failure: JournalError | None = None
        self._engine = database.writer()
        self._committer = Committer(database)
        self._holds: dict[str, _Hold] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._mutex = threading.Lock()
        self._committing = threading.Lock()
        self._left: dict[str, int] = {}
        """Up to where the accounts that were given back are on the disk."""
        self._gathered = threading.Condition(self._mutex)  # the writer waits for work
        self._written = threading.Condition(self._mutex)  # callers wait for the disk
        self._queue: list[Work] = []
        self._waiting_records = 0
        self._closing = False
        self._beats = 0
        # A daemon: an interpreter that ends without close() ends as by a crash, which loses nothing acknowledged.
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, url: str, now_s: Callable[[], float] = boot_time_s) -> "Journal":
        """Open the journal at ``url``; make it when there is none (a file with its directory); migrate it.

        Raises :class:`~holdfast.errors.ConfigError` for another kind of URL and :class:`~holdfast.errors.JournalError` when the
        file is damaged, read-only, locked, of a newer schema, or can't be made.
        """
        database = open_database(url)
        if not database.exists():
            database.create()
        database.check()
        database.close_to_others()
        with database.reported("opened"):
            with database.reader().connect() as connection, connection.begin():
                found = schema.version(connection)  # before anything is written to what may not be a journal
            with database.writer().connect() as connection:
                schema.bring_up(connection, found, database)
                for weakness in database.weaknesses(connection):
                    logger.warning("%s", weakness)
            return cls(database, now_s)

    def watch(self, account: str) -> Watch:
        """Somebody to watch an account that another process may have. Raises InvalidValue for a name that can't be one's."""
        check_account_name(account)
        return Watch(self.database, account, self._now_s)

    def look(self, watch: Watch) -> None:
        """Let the watch see how things stand now. Raises JournalError."""
        with self.database.reported("read"), self._engine.connect() as connection:
            watch.look(connection)

    def take(
        self, account: str, broker: BrokerName, process: str, lease: Lease | None = None, watch: Watch | None = None
    ) -> LeaseTerm:
        """Become the one process that trades ``account``, under a new epoch. ``process`` tells people who has it.

        Who has watched the account for long enough may take it from a process that fell silent; without a ``watch`` it must be
        free, or its process proven dead. Raises :class:`~holdfast.errors.Refused` when it isn't, and when the account belongs to
        another broker, ``StaleEpoch`` when somebody else took it at this moment,
        :class:`~holdfast.errors.JournalCorrupt` when its records don't end where they should.
        """
        with self._mutex:
            self._check_usable()
        lease, watch = lease or Lease(), watch or self.watch(account)
        self.look(watch)
        if watch.rest_s > 0:
            raise self.refusal(watch)
        with self.database.reported("written"), self._engine.connect() as connection:
            hold, lease_term = self._begin(connection, watch, broker, process, lease)
        if watch.holder is not None:
            forget_lock_file(self.database, watch.holder)
        with self._mutex:
            self._holds[account] = hold
            self._gathered.notify()
        return lease_term

    def refusal(self, watch: Watch) -> Refused:
        """What to say of an account that another process has."""
        return Refused(
            f"account {watch.account!r} of journal {self.database.shown} is being traded by {watch.holder}; stop that engine "
            "first, or stand by for it with `holdfast run --standby`"
        )

    def _begin(
        self, connection: sa.Connection, watch: Watch, broker: BrokerName, process: str, lease: Lease
    ) -> tuple[_Hold, LeaseTerm]:
        epoch = 1 if watch.holder is None else watch.holder.epoch + 1
        started_ns, started_s = time.time_ns(), self._now_s()
        life_line = LifeLine(self.database, watch.account, epoch, started_ns)
        try:
            anchor = Anchor(self.database.anchor_directory, watch.account)
            lease_term = begin_lease_term(connection, watch, broker, process, started_ns, lease, anchor)
            return _Hold(_line(connection, lease_term), lease, life_line, anchor, started_s, self._beats), lease_term
        except BaseException:
            life_line.release(remove=True)
            raise

    def let_go(self, account: str) -> None:
        """Give back an account of which everything is durable. Raises JournalError when that can't be done: then it lapses."""
        with self._committing:  # a renewal that is under way would find the account gone
            with self._mutex:
                hold = self._holds.pop(account)
                self._left[account] = hold.line.durable
            with self.database.reported("written"), self._engine.connect() as connection:
                end_lease_term(connection, account, hold.line.epoch)
        hold.life_line.release(remove=True)
        hold.anchor.close()

    def deadline_s(self, account: str) -> float:
        """From when on, by ``now_s``, another process may have the account, unless something is committed before."""
        return self._hold(account).deadline_s

    def may_send(self, account: str) -> bool:
        """Whether what is sent for the account now will have arrived before anybody else may have it. Any thread may ask."""
        hold = self._hold(account)
        return not self._is_over() and self._now_s() < hold.deadline_s - hold.lease.margin_s

    def beat(self) -> None:
        """Say that the loop which trades is alive. An idle account is renewed only if it was said since the last time.

        The writer's own thread lives on when the loop is stuck, so it proves nothing.
        """
        self._beats += 1

    @property
    def beats(self) -> int:
        """How often `beat` was called so far: while it doesn't grow, the loop doesn't turn. Any thread may ask."""
        return self._beats

    def append(self, batch: Batch) -> None:
        """Take a batch in, to be made durable as a whole. Waits only while `MAX_QUEUED_RECORDS` wait for the disk already.

        What it holds is copied here; orders may change as soon as this returns. Raises
        :class:`~holdfast.errors.JournalError` when the journal has failed, :class:`~holdfast.errors.Fatal` when the records
        don't continue those appended before.
        """
        line = self._hold(batch.account).line
        batch = _copy(batch)
        with self._mutex:
            while self._waiting_records >= MAX_QUEUED_RECORDS and not self._is_over():
                self._written.wait()
            self._check_usable()
            line.appended = _check_continues(line, batch)
            self._queue.append(Work(line, batch))
            self._waiting_records += _weight(batch)
            self._gathered.notify()

    def watermark(self, account: str) -> int:
        """The sequence up to which the account's records are on the disk."""
        left = self._left.get(account)
        return self._hold(account).line.durable if left is None else left

    def wait_durable(self, account: str, sequence: int, timeout_s: float) -> None:
        """Wait until the account's records are durable up to ``sequence``.

        Raises :class:`~holdfast.errors.JournalError` when the journal fails, and at the timeout, when the record is still on its
        way.
        """
        line = self._hold(account).line
        deadline_s = time.monotonic() + timeout_s
        with self._mutex:
            while line.durable < sequence:
                self._check_usable()
                rest_s = deadline_s - time.monotonic()
                if rest_s <= 0:
                    raise JournalError(
                        f"record {sequence} of account {account!r} is not on the disk after {timeout_s} s; check the disk"
                    )
                self._written.wait(rest_s)

    def on_durable(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in the writer's thread after each commit and when the journal fails. It must not block."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Write what is waiting, then let the accounts go. Closing again does nothing.

        Raises :class:`~holdfast.errors.JournalError` when what was waiting could not be written.
        """
        known = self.failure
        with self._mutex:
            self._closing = True
            self._gathered.notify()
            self._written.notify_all()
        self._thread.join()
        for hold in self._holds.values():
            hold.life_line.release(remove=self.failure is None)
            hold.anchor.close()
        if self.failure is not known:
            self._check_usable()

    def _hold(self, account: str) -> _Hold:
        hold = self._holds.get(account)
        if hold is None:
            raise Fatal(f"account {account!r} was not taken by this process; call take() first")
        return hold

    def _is_over(self) -> bool:
        return self._closing or self.failure is not None

    def _check_usable(self) -> None:
        if self.failure is not None:
            raise type(self.failure)(str(self.failure)) from self.failure
        if self._closing:
            raise JournalError(f"journal {self.database.shown} is closed")

    # --- the writer's thread ---

    def _run(self) -> None:
        try:
            while gathered := self._next():
                works, due = gathered
                with self._committing:
                    started_s, beats = self._now_s(), self._beats
                    held = [hold for hold in due if self._holds.get(hold.line.account) is hold]
                    self._committer.commit(works, [hold.line for hold in held])
                    self._announce(works, held, started_s, beats)
                self._call_back()
            if self._holds:
                self._committer.let_go([hold.line for hold in self._holds.values()])
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be recorded after it
            self._fail(error)
        finally:
            self._committer.close()

    def _next(self) -> tuple[Sequence[Work], Sequence[_Hold]] | None:
        """All that has gathered, and the accounts that are to be renewed; None when there is no more and the journal is closing."""
        with self._mutex:
            while not self._queue and not self._closing and not self._due():
                self._gathered.wait(self._pause_s())
            if self._closing and not self._queue:
                return None
            works, self._queue = self._queue, []
            return works, self._due()

    def _due(self) -> list[_Hold]:
        now_s = self._now_s()
        return [hold for hold in self._holds.values() if hold.due_s <= now_s and hold.beat != self._beats]

    def _pause_s(self) -> float | None:
        """How long nothing is due; None for as long as it takes."""
        times_s = [hold.due_s for hold in self._holds.values()]
        if not times_s:
            return None
        rest_s = min(times_s) - self._now_s()
        return rest_s if rest_s > 0 else NO_BEAT_S

    def _announce(self, works: Sequence[Work], renewed: Sequence[_Hold], started_s: float, beats: int) -> None:
        with self._mutex:
            for work in works:
                self._waiting_records -= _weight(work.batch)
                hold = self._holds[work.line.account]
                if work.line.durable != work.line.last_sequence:
                    hold.anchor.write(work.line.last_sequence, work.line.last_hash)
                work.line.durable = work.line.last_sequence
                hold.renewed_s, hold.beat = started_s, beats
            for hold in renewed:
                hold.renewed_s, hold.beat = started_s, beats
            self._written.notify_all()

    def _call_back(self) -> None:
        try:
            for callback in self._callbacks:
                callback()
        except Exception as error:
            raise JournalError(
                f"what should hear of commits to {self.database.shown} failed: {error!r}; stop the engine"
            ) from error

    def _overtaken(self) -> StaleEpoch | None:
        """Whether a commit failed because of a takeover: a server ends the session of a process that was stopped inside one."""
        with suppress(*self.database.errors), self.database.reader(LOOK_S).connect() as connection, connection.begin():
            for hold in list(self._holds.values()):
                holder = find_holder(connection, hold.line.account)
                if holder is not None and holder.epoch != hold.line.epoch:
                    return overtaken(hold.line.account)
        return None

    def _fail(self, error: Exception) -> None:
        failure = self._overtaken() or _as_journal_error(error, self.database)
        with self._mutex:
            self.failure = failure
            self._queue.clear()
            self._written.notify_all()
        try:
            self._call_back()
        except JournalError:
            logger.exception("nobody heard of the journal's failure (%s)", self.failure)


def _copy(batch: Batch) -> Batch:
    """The batch as it is now, sharing nothing that can change. An order's fields are immutable values."""
    return msgspec.structs.replace(
        batch,
        envelopes=tuple(batch.envelopes),
        orders=tuple(map(copy.copy, batch.orders)),
        positions=tuple(batch.positions),
        answers=tuple(batch.answers),
    )


def _weight(batch: Batch) -> int:
    return len(batch.envelopes) + 1


def _check_continues(line: Line, batch: Batch) -> int:
    """The last sequence after the batch. Raises Fatal unless its records are this term's next ones."""
    expected = line.appended
    for envelope in batch.envelopes:
        expected += 1
        if envelope.sequence != expected:
            raise Fatal(f"account {line.account!r}: record {envelope.sequence} came where {expected} is due")
        if envelope.account != line.account or envelope.broker != line.broker or envelope.epoch != line.epoch:
            raise Fatal(
                f"record {expected} is of account {envelope.account!r} at {envelope.broker} in epoch {envelope.epoch}; "
                f"the journal was taken for {line.account!r} at {line.broker} in epoch {line.epoch}"
            )
    return expected


def _line(connection: sa.Connection, lease_term: LeaseTerm) -> Line:
    columns = tables.positions.c
    statement = sa.select(columns.account, columns.strategy, columns.symbol).where(
        columns.account == lease_term.account
    )
    with connection.begin():
        known = {tuple(row) for row in connection.execute(statement)}
    return Line(
        account=lease_term.account,
        broker=lease_term.broker,
        epoch=lease_term.epoch,
        appended=lease_term.last_sequence,
        durable=lease_term.last_sequence,
        last_sequence=lease_term.last_sequence,
        last_hash=lease_term.last_hash,
        cursor=lease_term.cursor,
        positions=known,
    )


def _as_journal_error(error: Exception, database: Database) -> JournalError:
    if isinstance(error, JournalError):
        return error
    if isinstance(error, database.errors):
        return database.explain(error, "written")
    return JournalError(f"journal {database.shown} stopped: {type(error).__name__}: {error}")
