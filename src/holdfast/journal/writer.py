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
from pathlib import Path

import msgspec
import sqlalchemy as sa

from holdfast.core.messages import BrokerName
from holdfast.errors import Fatal, JournalError, Refused
from holdfast.journal import database, schema, tables
from holdfast.journal.batch import Batch
from holdfast.journal.commit import Committer, Line, Work
from holdfast.journal.lease import Lock, Tenure, begin_tenure, check_account_name, taken_by

MAX_QUEUED_RECORDS = 10_000
"""How many records may wait for the disk. At some 1 kB each that bounds the queue at 10 MB, and it is a fraction of a second's
work: who meets the bound has a disk that doesn't keep up, and waits in `Journal.append` until it does."""

logger = logging.getLogger(__name__)


class Journal:
    """The open journal of one process: `take` an account, then `append` to it. Safe to use from any thread."""

    def __init__(self, path: Path, engine: sa.Engine) -> None:
        self.path = path
        self.failure: JournalError | None = None
        self._engine = engine
        self._committer = Committer(engine, path)
        self._lines: dict[str, Line] = {}
        self._locks: list[Lock] = []
        self._callbacks: list[Callable[[], None]] = []
        self._mutex = threading.Lock()
        self._gathered = threading.Condition(self._mutex)  # the writer waits for work
        self._written = threading.Condition(self._mutex)  # callers wait for the disk
        self._queue: list[Work] = []
        self._waiting_records = 0
        self._closing = False
        # A daemon: an interpreter that ends without close() ends as by a crash, which loses nothing acknowledged.
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, url: str) -> "Journal":
        """Open the journal at ``url`` (``sqlite:///path``); make it, with its directory, when there is none; migrate it.

        Raises :class:`~holdfast.errors.ConfigError` for another kind of URL and :class:`~holdfast.errors.JournalError` when the
        file is damaged, read-only, locked, of a newer schema, or can't be made.
        """
        path = database.journal_path(url)
        if not path.exists():
            database.create(path)
        engine = database.writer(path)
        with database.reported(path, "opened"):
            with database.reader(path).connect() as connection, connection.begin():
                found = schema.version(connection)  # before anything is written to what may not be a journal
            with engine.connect() as connection:
                schema.bring_up(connection, found)
            return cls(path, engine)

    def take(self, account: str, broker: BrokerName, process: str) -> Tenure:
        """Become the one process that trades ``account``, under a new epoch. ``process`` tells people who has it.

        Raises :class:`~holdfast.errors.Refused` when a process has it already or it belongs to another broker,
        :class:`~holdfast.errors.JournalCorrupt` when its records don't end where they should.
        """
        check_account_name(account)
        with self._mutex:
            self._check_usable()
        with database.reported(self.path, "written"), self._engine.connect() as connection:
            lock = self._lock(connection, account)
            try:
                tenure = begin_tenure(connection, account, broker, process)
                line = _line(connection, tenure)
            except BaseException:
                lock.release()
                raise
        with self._mutex:
            self._locks.append(lock)
            self._lines[account] = line
        return tenure

    def _lock(self, connection: sa.Connection, account: str) -> Lock:
        try:
            return Lock(self.path, account)
        except BlockingIOError:
            holder = taken_by(connection, account)
        raise Refused(f"account {account!r} of journal {self.path} is being traded by {holder}; stop that engine first")

    def append(self, batch: Batch) -> None:
        """Take a batch in, to be made durable as a whole. Waits only while `MAX_QUEUED_RECORDS` wait for the disk already.

        What it holds is copied here; orders may change as soon as this returns. Raises
        :class:`~holdfast.errors.JournalError` when the journal has failed, :class:`~holdfast.errors.Fatal` when the records
        don't continue those appended before.
        """
        line = self._line(batch.account)
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
        return self._line(account).durable

    def wait_durable(self, account: str, sequence: int, timeout_s: float) -> None:
        """Wait until the account's records are durable up to ``sequence``.

        Raises :class:`~holdfast.errors.JournalError` when the journal fails, and at the timeout, when the record is still on its
        way.
        """
        line = self._line(account)
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
        while self._locks:
            self._locks.pop().release()
        if self.failure is not known:
            self._check_usable()

    def _line(self, account: str) -> Line:
        line = self._lines.get(account)
        if line is None:
            raise Fatal(f"account {account!r} was not taken by this process; call take() first")
        return line

    def _is_over(self) -> bool:
        return self._closing or self.failure is not None

    def _check_usable(self) -> None:
        if self.failure is not None:
            raise type(self.failure)(str(self.failure)) from self.failure
        if self._closing:
            raise JournalError(f"journal {self.path} is closed")

    # --- the writer's thread ---

    def _run(self) -> None:
        try:
            while works := self._next():
                self._committer.commit(works)
                self._announce(works)
                self._call_back()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be recorded after it
            self._fail(error)
        finally:
            self._committer.close()

    def _next(self) -> Sequence[Work]:
        """All that has gathered; empty when there is no more and the journal is closing."""
        with self._mutex:
            while not self._queue and not self._closing:
                self._gathered.wait()
            works, self._queue = self._queue, []
        return works

    def _announce(self, works: Sequence[Work]) -> None:
        with self._mutex:
            for work in works:
                self._waiting_records -= _weight(work.batch)
                work.line.durable = work.line.last_sequence
            self._written.notify_all()

    def _call_back(self) -> None:
        try:
            for callback in self._callbacks:
                callback()
        except Exception as error:
            raise JournalError(
                f"what should hear of commits to {self.path} failed: {error!r}; stop the engine"
            ) from error

    def _fail(self, error: Exception) -> None:
        with self._mutex:
            self.failure = _as_journal_error(error, self.path)
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
    """The last sequence after the batch. Raises Fatal unless its records are this tenure's next ones."""
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


def _line(connection: sa.Connection, tenure: Tenure) -> Line:
    columns = tables.positions.c
    statement = sa.select(columns.account, columns.strategy, columns.symbol).where(columns.account == tenure.account)
    with connection.begin():
        known = {tuple(row) for row in connection.execute(statement)}
    return Line(
        account=tenure.account,
        broker=tenure.broker.value,
        epoch=tenure.epoch,
        appended=tenure.last_sequence,
        durable=tenure.last_sequence,
        last_sequence=tenure.last_sequence,
        last_hash=tenure.last_hash,
        cursor=tenure.cursor,
        positions=known,
    )


def _as_journal_error(error: Exception, path: Path) -> JournalError:
    if isinstance(error, JournalError):
        return error
    if isinstance(error, database.DRIVER_ERRORS):
        return database.explain(error, path, "written")
    return JournalError(f"journal {path} stopped: {type(error).__name__}: {error}")
