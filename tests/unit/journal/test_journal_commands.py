"""The mailbox: filed once, handed out once, answered with the commit that acts on it."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core.messages import Action, Halt, PlaceOrder, Resume, Signal
from holdfast.core.types import MANUAL
from holdfast.errors import InvalidValue, JournalError
from holdfast.journal import (
    CommandAnswer,
    CommandQueue,
    Journal,
    Reader,
    answer_of,
    commands,
    database,
    file_command,
    sqlite,
)
from holdfast.journal.commands import new_id
from holdfast.journal.database import Database
from holdfast.journal.sqlite import SqliteDatabase
from tests.databases import locked
from tests.unit.journal.trader import Trader

Sql = Callable[..., None]
MAX_PENDING = 10
NOW_NS = 1_700_000_000_123_456_789
BUY = PlaceOrder(signal=Signal(strategy=MANUAL, symbol="IBM", action=Action.BUY))


@pytest.fixture
def queue(trader: Trader, url: str) -> Iterator[CommandQueue]:
    opened = CommandQueue(url)
    yield opened
    opened.close()


def test_command_goes_there_and_its_answer_comes_back(
    journal: Journal, trader: Trader, queue: CommandQueue, url: str
) -> None:
    """A command reaches the engine as it was filed; its answer becomes readable with the batch that carries it."""
    name = file_command(url, "main", BUY, "cli:alice", NOW_NS + 5, NOW_NS)
    assert queue.pending("main") == [(name, "cli:alice", NOW_NS, NOW_NS + 5, BUY)]
    assert answer_of(url, name) is None
    answer = CommandAnswer(name, "done", "bought", ("h1", "h2"))
    journal.append(replace(trader.deposit(), answers=[answer]))
    journal.wait_durable("main", 1, 20)
    assert answer_of(url, name) == answer
    with Reader.open(url) as reader:
        assert reader.command(name).body == BUY


def test_handed_out_once(queue: CommandQueue, journal: Journal, trader: Trader, url: str) -> None:
    """However often it is asked and whatever is committed meanwhile, a queue hands each command out once, oldest first."""
    late = file_command(url, "main", Resume(), "cli:a", None, NOW_NS + 1)
    early = file_command(url, "main", Halt(), "cli:a", None, NOW_NS)
    assert [command[0] for command in queue.pending("main")] == [early, late]
    journal.append(trader.deposit())
    journal.wait_durable("main", 1, 20)
    assert queue.pending("main") == []
    third = file_command(url, "main", Halt(), "cli:a", None, NOW_NS)
    assert [command[0] for command in queue.pending("main")] == [third]


def test_unanswered_comes_again_after_a_restart(
    queue: CommandQueue, journal: Journal, trader: Trader, url: str
) -> None:
    """What was handed out and not answered is handed out again by the next queue; what was answered is not."""
    answered, open_ = (file_command(url, "main", Halt(), "cli:a", None, NOW_NS + number) for number in range(2))
    assert len(queue.pending("main")) == 2
    journal.append(replace(trader.deposit(), answers=[CommandAnswer(answered, "refused", "no")]))
    journal.wait_durable("main", 1, 20)
    again = CommandQueue(url)
    assert [command[0] for command in again.pending("main")] == [open_]
    again.close()


def test_each_account_sees_its_own(queue: CommandQueue, journal: Journal, trader: Trader, url: str) -> None:
    """Commands go to the account they were filed for, and asking for one account hides nothing of another."""
    journal.take("other", trader.lease_term.broker, "me")
    mine, theirs = (file_command(url, account, Halt(), "cli:a", None, NOW_NS) for account in ("main", "other"))
    assert [command[0] for command in queue.pending("other")] == [theirs]
    assert [command[0] for command in queue.pending("main")] == [mine]


def test_more_than_a_page_all_come(
    monkeypatch: pytest.MonkeyPatch, queue: CommandQueue, journal: Journal, trader: Trader, url: str
) -> None:
    """More commands than are looked at in one go come in order as the earlier ones are answered."""
    monkeypatch.setattr(commands, "MAX_PENDING", MAX_PENDING)
    names = [file_command(url, "main", Halt(), "cli:a", None, NOW_NS + number) for number in range(MAX_PENDING + 3)]
    first = [command[0] for command in queue.pending("main")]
    assert first == names[:MAX_PENDING]
    journal.append(replace(trader.deposit(), answers=[CommandAnswer(name, "done", "") for name in first]))
    journal.wait_durable("main", 1, 20)
    assert [command[0] for command in queue.pending("main")] == names[MAX_PENDING:]


def test_unreadable_command_stops_nothing(
    queue: CommandQueue, url: str, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """A command of a kind this version doesn't know is passed over, and the next one still comes."""
    strange = file_command(url, "main", Halt(), "cli:a", None, NOW_NS)
    good = file_command(url, "main", Resume(), "cli:a", None, NOW_NS + 1)
    sql('UPDATE commands SET body = \'{"type":"Teleport"}\' WHERE id = ?', strange)
    assert [command[0] for command in queue.pending("main")] == [good]
    assert answer_of(url, good) is None


def test_unknown_account_or_command(trader: Trader, url: str) -> None:
    """Filing for an account that isn't there, or asking for a command that was never filed, is an InvalidValue."""
    with pytest.raises(InvalidValue, match="no account 'mian'"):
        file_command(url, "mian", Halt(), "cli:a", None, NOW_NS)
    with pytest.raises(InvalidValue, match="no command"):
        answer_of(url, "nope")


def test_ids_are_uuids_in_order_of_time() -> None:
    """A command's id is a version 7 UUID of its moment, unique within it, later ones sorting after earlier ones."""
    made = [new_id(NOW_NS) for _ in range(1_000)]
    assert len(set(made)) == len(made)
    parsed = uuid.UUID(made[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert int(made[0].replace("-", "")[:12], 16) == NOW_NS // 1_000_000
    assert max(made) < new_id(NOW_NS + 1_000_000)


class Counted:
    """Counts how many write a command at the same time."""

    def __init__(self, write: Callable[[Database, dict[str, Any]], None]) -> None:
        self._write = write
        self._counting = threading.Lock()
        self._now = self.most = 0

    def __call__(self, database: Database, row: dict[str, Any]) -> None:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self._write(database, row)
        finally:
            with self._counting:
                self._now -= 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_fifty_at_once_disturb_nobody(
    impatient: None, journal: Journal, trader: Trader, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty commands are filed, one after the other, while the engine commits without a pause: each gets there, every commit is made.

    Together their tries take as long as in earnest, each of them less: how fast the machine is decides nothing.
    """
    monkeypatch.setattr(commands, "FILE_TRIES", 25 * commands.FILE_TRIES)
    monkeypatch.setattr(SqliteDatabase, "lock_tries", 25 * SqliteDatabase.lock_tries)
    monkeypatch.setattr(sqlite, "QUEUE_WAIT_S", 600.0)
    counted = Counted(commands._file)
    monkeypatch.setattr(commands, "_file", counted)
    failures: list[BaseException] = []

    def file(number: int) -> None:
        try:
            file_command(url, "main", Halt(), f"cli:{number}", None, NOW_NS)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test says it
            failures.append(error)

    people = [threading.Thread(target=file, args=(number,)) for number in range(50)]
    for person in people:
        person.start()
    last = 0
    while any(person.is_alive() for person in people):
        batch = trader.deposit()
        journal.append(batch)
        last = batch.envelopes[-1].sequence
        journal.wait_durable("main", last, 90)
    assert failures == []
    assert counted.most == 1
    assert (journal.failure, journal.watermark("main")) == (None, last)
    with Reader.open(url) as reader:
        assert reader.count("commands", "main") == 50


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_lock_that_ends_does_not_end_the_engine(impatient: None, journal: Journal, trader: Trader, url: str) -> None:
    """Another program keeps the journal locked for several times as long as a wait for it lasts: the commit comes after that."""
    with locked(url):
        batch = trader.deposit()
        journal.append(batch)
        with pytest.raises(JournalError, match="not on the disk"):
            journal.wait_durable("main", batch.envelopes[-1].sequence, 3 * database.BUSY_TIMEOUT_S)
        assert journal.failure is None
    journal.wait_durable("main", batch.envelopes[-1].sequence, 20)
    assert journal.database.metrics.summary()["lock_waits"] == 0
