"""Appending: durable in order, all or nothing, and final when it fails."""

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.core.messages import PAPER, CashDeposited, OrderFilled, OrderPrepared
from holdfast.core.orders.order import OrderState
from holdfast.core.types import Money
from holdfast.errors import Fatal, JournalError, StaleEpoch
from holdfast.journal import Batch, Journal, Reader
from holdfast.journal.verify import verify
from holdfast.journal.writer import MAX_QUEUED_RECORDS
from tests.databases import locked
from tests.unit.journal.trader import Trader

WAIT_S = 20.0

Sql = Callable[..., None]


def append_all(journal: Journal, *batches: Batch) -> None:
    for batch in batches:
        journal.append(batch)
    last = max((envelope.sequence for batch in batches for envelope in batch.envelopes), default=0)
    journal.wait_durable(batches[0].account, last, WAIT_S)


def failed(journal: Journal) -> JournalError:
    """Wait for the journal to fail and give the error."""
    with pytest.raises(JournalError) as caught:
        journal.wait_durable("main", 1 << 60, WAIT_S)
    assert journal.failure is not None
    assert str(caught.value) == str(journal.failure)
    assert "\n" not in str(caught.value)
    return journal.failure


def test_records_come_back_as_they_went(journal: Journal, trader: Trader, url: str) -> None:
    """What is read equals what was appended, envelope by envelope, and the chain holds."""
    batches = [trader.deposit(), *trader.day(30)]
    append_all(journal, *batches)
    with Reader.open(url) as reader:
        assert list(reader.records("main")) == [envelope for batch in batches for envelope in batch.envelopes]
    assert verify(url).problems == []


@pytest.mark.proves("I10")
def test_watermark_follows_the_commit(journal: Journal, trader: Trader, url: str) -> None:
    """Each time the watermark is announced, another connection finds every record up to it."""
    seen: list[tuple[int, int]] = []
    done = threading.Event()
    total = 41

    def look() -> None:
        watermark = journal.watermark("main")
        with Reader.open(url) as reader:
            seen.append((watermark, reader.account("main").last_sequence))
        if watermark == total:
            done.set()

    journal.on_durable(look)
    for batch in (trader.deposit(), *(trader.deposit("1") for _ in range(40))):
        journal.append(batch)
    assert done.wait(WAIT_S)
    assert all(watermark == stored for watermark, stored in seen)
    assert [watermark for watermark, _ in seen] == sorted({watermark for watermark, _ in seen})


def test_orders_are_copied(journal: Journal, trader: Trader, url: str) -> None:
    """An order that changes after append() is stored as it was when it was appended."""
    _, batch = trader.prepare()
    with locked(url):
        journal.append(batch)
        batch.orders[0].state = OrderState.FAILED
    journal.wait_durable("main", trader.sequence, WAIT_S)
    with Reader.open(url) as reader:
        assert [order.state for order in reader.orders()] == ["RELEASED"]


def test_gathers_what_waits_into_one_commit(journal: Journal, trader: Trader, url: str) -> None:
    """Batches that come while a commit waits go out together in the next one."""
    first, *rest = (trader.deposit("1") for _ in range(101))
    commits: list[int] = []
    done = threading.Event()

    def count() -> None:
        commits.append(journal.watermark("main"))
        if commits[-1] == 101:
            done.set()

    journal.on_durable(count)
    with locked(url):
        journal.append(first)
        for batch in rest:
            journal.append(batch)
    assert done.wait(WAIT_S)
    assert len(commits) <= 2


@pytest.mark.proves("D6")
def test_full_queue_holds_the_caller_back(journal: Journal, trader: Trader, url: str) -> None:
    """At the bound append() waits, and goes on when the disk does."""
    size = MAX_QUEUED_RECORDS // 4
    batches = [trader.batch([CashDeposited(amount=Money(Decimal(1)))] * size) for _ in range(5)]
    through = threading.Event()

    def one_more() -> None:
        journal.append(batches[-1])
        through.set()

    thread = threading.Thread(target=one_more)
    with locked(url):
        for batch in batches[:-1]:
            journal.append(batch)
        thread.start()
        assert not through.wait(0.3)
    assert through.wait(WAIT_S)
    thread.join()
    journal.wait_durable("main", trader.sequence, WAIT_S)


def test_full_queue_lets_go_when_the_journal_fails(impatient: None, journal: Journal, trader: Trader, url: str) -> None:
    """A caller held back at the bound gets the error when the journal fails, and does not wait for ever."""
    with locked(url):
        journal.append(trader.batch([CashDeposited(amount=Money(Decimal(1)))] * MAX_QUEUED_RECORDS))
        with pytest.raises(JournalError, match="locked"):
            journal.append(trader.deposit())


def test_gap_is_fatal_and_harms_nothing(journal: Journal, trader: Trader) -> None:
    """A batch that doesn't continue the last one is refused; the right one is still taken."""
    first, second = trader.deposit(), trader.deposit()
    with pytest.raises(Fatal, match="record 2 came where 1 is due"):
        journal.append(second)
    append_all(journal, first, second)


def test_records_of_another_epoch_are_fatal(journal: Journal, trader: Trader) -> None:
    """Records made under another epoch than the journal was taken for are refused."""
    batch = trader.deposit()
    with pytest.raises(Fatal, match="epoch 7"):
        journal.append(replace(batch, envelopes=[replace(batch.envelopes[0], epoch=7)]))


def test_account_must_be_taken(journal: Journal, trader: Trader) -> None:
    """Nothing is appended to an account that this process has not taken."""
    with pytest.raises(Fatal, match="'other' was not taken"):
        journal.append(Batch("other", (), (), (), "IDLE", Decimal(0)))


def test_accounts_have_chains_of_their_own(journal: Journal, trader: Trader, url: str) -> None:
    """Two accounts share the writer and each counts from 1."""
    other = Trader(journal.take("other", PAPER, "me"))
    for mine, theirs in zip([trader.deposit(), *trader.day(5)], [other.deposit(), *other.day(5)], strict=True):
        journal.append(mine)
        journal.append(theirs)
    journal.wait_durable("main", trader.sequence, WAIT_S)
    journal.wait_durable("other", other.sequence, WAIT_S)
    checked = verify(url)
    assert checked.problems == []
    assert [(account.account, account.records) for account in checked.accounts] == [
        ("main", trader.sequence),
        ("other", other.sequence),
    ]


def test_chain_goes_on_after_a_restart(url: str) -> None:
    """A second lease_term continues the sequence and the chain under the next epoch."""
    for _ in range(3):
        journal = Journal.open(url)
        trader = Trader(journal.take("main", PAPER, "me"))
        with Reader.open(url) as reader:
            trader.resume(reader)
        for batch in (trader.deposit(), *trader.day(3)):
            journal.append(batch)
        journal.close()
    assert verify(url).problems == []
    with Reader.open(url) as reader:
        assert reader.account("main").epoch == 3
        assert sorted({envelope.epoch for envelope in reader.records("main")}) == [1, 2, 3]


def test_close_writes_what_waits(url: str) -> None:
    """close() returns when everything appended is on the disk; afterwards nothing is taken, and closing again is fine."""
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    for batch in trader.day(50):
        journal.append(batch)
    journal.close()
    journal.close()
    with Reader.open(url) as reader:
        assert reader.account("main").last_sequence == trader.sequence
    with pytest.raises(JournalError, match="is closed"):
        journal.append(trader.deposit())


@pytest.mark.proves("L1", "I11")
def test_overtaken_engine_records_nothing_more(journal: Journal, trader: Trader, sql: Sql, url: str) -> None:
    """When someone raised the epoch behind its back, the next commit fails as StaleEpoch and leaves no trace."""
    append_all(journal, trader.deposit())
    sql("UPDATE accounts SET epoch = epoch + 1")
    journal.append(trader.deposit())
    error = failed(journal)
    assert isinstance(error, StaleEpoch)
    assert error.exit_status == 3
    with Reader.open(url) as reader:
        assert [envelope.sequence for envelope in reader.records("main")] == [1]


@pytest.mark.proves("D3")
def test_failure_is_final(journal: Journal, trader: Trader, sql: Sql, url: str) -> None:
    """After a failed commit everything later is refused with the same error, though the cause is gone."""
    sql("UPDATE accounts SET epoch = 9")
    journal.append(trader.deposit())
    error = failed(journal)
    sql("UPDATE accounts SET epoch = 1")
    for refused in (lambda: journal.append(trader.deposit()), lambda: journal.take("other", PAPER, "me")):
        with pytest.raises(StaleEpoch, match="taken over"):
            refused()
    journal.close()
    assert journal.failure is error
    with Reader.open(url) as reader:
        assert reader.last_record("main") is None


def test_failure_is_announced(journal: Journal, trader: Trader, sql: Sql) -> None:
    """The callback is called when the journal fails, with the failure already set."""
    told: list[JournalError | None] = []
    called = threading.Event()

    def tell() -> None:
        told.append(journal.failure)
        called.set()

    journal.on_durable(tell)
    sql("UPDATE accounts SET epoch = 9")
    journal.append(trader.deposit())
    assert called.wait(WAIT_S)
    assert isinstance(told[0], StaleEpoch)


def test_close_raises_what_draining_met(impatient: None, url: str) -> None:
    """When what was waiting can't be written, close() says so."""
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    with locked(url):
        journal.append(trader.deposit())
        with pytest.raises(JournalError, match="locked"):
            journal.close()
    Journal.open(url).close()


def test_failing_callback_stops_the_journal(journal: Journal, trader: Trader) -> None:
    """A callback that raises is a failure: nobody would hear of later commits."""

    def broken() -> None:
        raise RuntimeError("the loop is gone")

    journal.on_durable(broken)
    journal.append(trader.deposit())
    assert "the loop is gone" in str(failed(journal))


def test_execution_is_booked_once(journal: Journal, trader: Trader, url: str) -> None:
    """An execution id that is in the journal already can't be booked again: the batch with it is not committed."""
    name, prepared = trader.prepare()
    fill = trader.fill(name, "3")
    append_all(journal, prepared, fill)
    body = fill.envelopes[0].body
    assert isinstance(body, OrderFilled)
    journal.append(trader.batch([body]))
    assert "an id was used twice" in str(failed(journal))
    with Reader.open(url) as reader:
        assert reader.account("main").last_sequence == 3


def test_order_id_is_used_once(journal: Journal, trader: Trader) -> None:
    """A client order id that was prepared before can't be prepared again."""
    name, prepared = trader.prepare()
    append_all(journal, prepared)
    again = trader.envelope(OrderPrepared(terms=trader.order(name).terms))
    journal.append(Batch("main", [again], [trader.order(name)], (), "IDLE", Decimal(0)))
    assert "an id was used twice" in str(failed(journal))


def test_fill_needs_its_order(journal: Journal, trader: Trader) -> None:
    """A batch with a fill but without the order it fills contradicts itself and stops the journal."""
    name, prepared = trader.prepare()
    fill = trader.fill(name, "3")
    journal.append(prepared)
    journal.append(Batch("main", fill.envelopes, (), (), "IDLE", Decimal(0)))
    assert "without its order" in str(failed(journal))


def test_changed_order_must_exist(journal: Journal, trader: Trader) -> None:
    """A batch that changes an order which was never prepared stops the journal."""
    _, prepared = trader.prepare()
    skipped = Batch("main", [], prepared.orders, (), "IDLE", Decimal(0))
    journal.append(skipped)
    assert "OrderPrepared record is missing" in str(failed(journal))


def test_wait_gives_up_at_its_timeout(journal: Journal, trader: Trader, url: str) -> None:
    """wait_durable() raises at its timeout, and the record still gets there."""
    with locked(url):
        journal.append(trader.deposit())
        with pytest.raises(JournalError, match=r"not on the disk after 0\.05 s"):
            journal.wait_durable("main", 1, 0.05)
    journal.wait_durable("main", 1, WAIT_S)


@pytest.mark.proves("D1")
def test_locked_for_too_long_is_a_failure(impatient: None, journal: Journal, trader: Trader, url: str) -> None:
    """A lock that another program keeps longer than the bound fails the commit; nothing waits for ever."""
    with locked(url):
        journal.append(trader.deposit())
        assert "another program kept it locked" in str(failed(journal))


def test_moved_file_is_noticed(journal: Journal, trader: Trader, path: Path) -> None:
    """When the file is moved away under the engine, the next commit fails: it would be lost."""
    append_all(journal, trader.deposit())
    path.rename(path.with_suffix(".moved"))
    journal.append(trader.deposit())
    assert "was moved or replaced" in str(failed(journal))


def test_database_that_is_full_is_a_failure(path: Path, journal: Journal, trader: Trader, url: str) -> None:
    """SQLite's own "full" fails the commit as a whole, and says what to do."""
    append_all(journal, trader.deposit())
    journal._committer._connection.execute("PRAGMA max_page_count = 1")
    journal.append(trader.batch([CashDeposited(amount=Money(Decimal(1)), reason="x" * 500)] * 1_000))
    assert "the disk is full" in str(failed(journal))
    with Reader.open(url) as reader:
        assert reader.account("main").last_sequence == 1
