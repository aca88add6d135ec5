"""Leases: signs of life, deadlines by one's own clock, and taking over from who gave no sign for a whole lease."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.core.messages import PAPER
from holdfast.errors import Refused, StaleEpoch
from holdfast.journal import Journal, is_running
from holdfast.journal.lease import Lease, LifeLine
from holdfast.telemetry.clock import boot_time_s
from tests.databases import run_in
from tests.unit.journal.trader import Trader

LEASE = Lease(duration_s=40.0, margin_s=15.0)
PATIENCE_S = 60.0


class Machine(NamedTuple):
    """An engine's journal and the clock of its machine."""

    journal: Journal
    now_s: list[float]


@pytest.fixture
def first(url: str) -> Iterator[Machine]:
    """The machine that has the account at first. Its clock stands still unless a test sets it, as that of a frozen process does."""
    yield from machine(url, 1_000.0)


@pytest.fixture
def second(url: str, first: Machine) -> Iterator[Machine]:
    """Another one, whose clock shows something else altogether."""
    yield from machine(url, 5_000_000.0)


def machine(url: str, time_s: float) -> Iterator[Machine]:
    now_s = [time_s]
    journal = Journal.open(url, lambda: now_s[0])
    yield Machine(journal, now_s)
    with suppress(StaleEpoch):
        journal.close()


def forget_lock_files(journal: Journal) -> None:
    """As another machine sees it: no lock file of the holder."""
    for path in journal.database.lock_directory.iterdir():
        path.unlink()


def committed(journal: Journal, trader: Trader) -> None:
    journal.append(trader.deposit())
    journal.wait_durable("main", trader.sequence, PATIENCE_S)


@pytest.mark.proves("L4", "I11")
def test_deadline_counts_from_the_beginning_of_a_good_commit(first: Machine) -> None:
    """Taking and committing give a lease each from when they began; from a margin before its end nothing may be sent."""
    journal, now_s = first
    trader = Trader(journal.take("main", PAPER, "me", LEASE))
    assert journal.deadline_s("main") == 1_040.0
    now_s[0] = 1_005.0
    committed(journal, trader)
    assert journal.deadline_s("main") == 1_045.0
    now_s[0] = 1_029.9
    assert journal.may_send("main")
    now_s[0] = 1_030.0
    assert not journal.may_send("main")


def test_idle_engine_gives_signs_of_life(url: str) -> None:
    """With nothing to write the account is renewed three times a lease, as long as its loop lives; closing lets it go."""
    journal, seen = Journal.open(url), threading.Semaphore(0)
    renewals: list[int] = []
    journal.on_durable(seen.release)
    journal.take("main", PAPER, "me", Lease(0.6, 0.1))
    for _ in range(3):
        journal.beat()
        assert seen.acquire(timeout=PATIENCE_S)
        assert journal.may_send("main")
        renewals.append(number(url, "renewals"))
    assert renewals == sorted(renewals)
    assert renewals[0] >= 2
    journal.close()
    assert not journal.may_send("main")
    assert number(url, "lease_ms") == 0
    assert list(journal.database.lock_directory.iterdir()) == []


@pytest.mark.proves("L1")
def test_an_engine_whose_loop_is_stuck_is_not_renewed(url: str) -> None:
    """The writer's thread lives on, and that is no sign of life: the lease lapses, and with the next beat it is renewed again."""
    journal, renewed = Journal.open(url), threading.Semaphore(0)
    journal.on_durable(renewed.release)
    journal.take("main", PAPER, "me", Lease(0.3, 0.1))
    journal.beat()
    assert renewed.acquire(timeout=PATIENCE_S)
    before = number(url, "renewals")
    assert not renewed.acquire(timeout=1.0)
    assert number(url, "renewals") == before
    assert not journal.may_send("main")
    journal.beat()
    assert renewed.acquire(timeout=PATIENCE_S)
    assert number(url, "renewals") == before + 1
    journal.close()


def number(url: str, column: str) -> int:
    ((value,),) = map(tuple, run_in(url, f"SELECT {column} FROM accounts"))
    return int(str(value))


@pytest.mark.proves("L1", "L5", "I11")
@pytest.mark.parametrize("elsewhere", [True, False], ids=["another machine", "frozen here"])
def test_taking_over_after_a_whole_lease(first: Machine, second: Machine, elsewhere: bool) -> None:
    """Who watches a silent holder for a whole lease by his own clock takes over; the old one commits and sends nothing more."""
    old, new = first.journal, second.journal
    trader = Trader(old.take("main", PAPER, "old", LEASE))
    committed(old, trader)
    if elsewhere:
        forget_lock_files(old)
    watch = new.watch("main")
    for waited_s in (0.0, 39.9):
        second.now_s[0] = 5_000_000.0 + waited_s
        with pytest.raises(Refused, match="being traded by old since"):
            new.take("main", PAPER, "new", LEASE, watch)
    second.now_s[0] = 5_000_040.0
    assert new.take("main", PAPER, "new", LEASE, watch).epoch == trader.lease_term.epoch + 1
    assert not is_sent(first, after_s=40.0)
    with pytest.raises(StaleEpoch, match="taken over by another engine"):
        committed(old, trader)
    assert not old.may_send("main")
    assert isinstance(old.failure, StaleEpoch)
    assert new.may_send("main")


def is_sent(machine: Machine, after_s: float) -> bool:
    """Whether the old holder would send when as much time has gone by for it."""
    machine.now_s[0] += after_s
    return machine.journal.may_send("main")


@pytest.mark.proves("L5")
def test_a_sign_of_life_begins_the_wait_anew(first: Machine, second: Machine) -> None:
    """A holder who commits just before his lease is over keeps the account for another one."""
    trader = Trader(first.journal.take("main", PAPER, "old", LEASE))
    watch = second.journal.watch("main")
    second.journal.look(watch)
    second.now_s[0] += 39.0
    committed(first.journal, trader)
    for _ in range(2):
        second.now_s[0] += 20.0
        second.journal.look(watch)
        assert watch.rest_s > 0
    assert watch.has_moved
    second.now_s[0] += 20.0
    assert second.journal.take("main", PAPER, "new", LEASE, watch).epoch == 2


@pytest.mark.proves("L1", "I11")
def test_a_commit_at_the_last_moment_keeps_the_account(
    first: Machine, second: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder who commits between the last look and the taking has a new lease, so the taking fails."""
    trader = Trader(first.journal.take("main", PAPER, "old", LEASE))

    class Slow(LifeLine):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            committed(first.journal, trader)

    monkeypatch.setattr("holdfast.journal.writer.LifeLine", Slow)
    watch = second.journal.watch("main")
    second.journal.look(watch)
    second.now_s[0] += 40.0
    with pytest.raises(StaleEpoch, match="taken by another process at this moment"):
        second.journal.take("main", PAPER, "new", LEASE, watch)
    committed(first.journal, trader)
    assert len(list(first.journal.database.lock_directory.iterdir())) == 1


@pytest.mark.proves("C2", "L2")
def test_suspended_machine_wakes_without_a_lease(first: Machine) -> None:
    """After ten minutes' sleep nothing may be sent before a commit has shown that nobody took the account."""
    trader = Trader(first.journal.take("main", PAPER, "me", LEASE))
    first.now_s[0] += 600.0
    assert not first.journal.may_send("main")
    committed(first.journal, trader)
    assert first.journal.may_send("main")


def test_leases_go_by_a_clock_that_counts_sleep() -> None:
    """The clock of deadlines is the one that goes on while the machine is suspended, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert 0 <= time.clock_gettime(clock) - boot_time_s() + 0.001 < 1


@pytest.mark.proves("L6")
def test_people_see_an_engine_on_another_machine(first: Machine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock file to go by, an engine runs for people as long as its last sign of life is younger than its lease."""
    first.journal.take("main", PAPER, "me", LEASE)
    forget_lock_files(first.journal)
    assert is_running(url, "main")
    later_ns = time.time_ns() + 41_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    assert not is_running(url, "main")


def test_two_that_take_a_new_account_at_once(first: Machine, second: Machine) -> None:
    """Of two first takers one gets it; the other is told, and leaves no lock file."""
    watch = second.journal.watch("main")
    second.journal.look(watch)
    first.journal.take("main", PAPER, "one", LEASE)
    with second.journal._engine.connect() as connection, pytest.raises(StaleEpoch):
        second.journal._begin(connection, watch, PAPER, "two", LEASE)
    assert len(list(first.journal.database.lock_directory.iterdir())) == 1


def test_account_given_back_before_use(first: Machine, second: Machine) -> None:
    """An account that is let go again is free at once; the rest stay taken."""
    first.journal.take("main", PAPER, "one", LEASE)
    first.journal.take("side", PAPER, "one", LEASE)
    first.journal.let_go("main")
    assert second.journal.take("main", PAPER, "two", LEASE).epoch == 2
    with pytest.raises(Refused):
        second.journal.take("side", PAPER, "two", LEASE)


def test_lock_folder_is_forgotten_by_successors(first: Machine, url: str, tmp_path: Path) -> None:
    """The lock file of a dead process goes when its account is taken: none pile up over restarts."""
    first.journal.take("main", PAPER, "one", LEASE)
    first.journal._holds["main"].life_line.release(remove=False)  # as the kernel does when a process dies
    for _ in range(3):
        journal = Journal.open(url)
        journal.take("main", PAPER, "next", LEASE)
        assert len(list(journal.database.lock_directory.iterdir())) == 1
        journal._holds["main"].life_line.release(remove=False)
