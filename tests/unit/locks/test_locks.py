"""Locks that processes share: one holder at a time, given back by token, lost when not renewed; on every store alike."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from holdfast.errors import ConfigError, InvalidValue, LockAcquisitionError
from holdfast.locks import Lock, LockManager, lock, open_locks
from tests.unit.locks.store_that_fails import StoreThatFails

ROOT = Path(__file__).resolve().parents[3]
THREADS = 3
TURNS = 8
PROCESSES = 2


def test_held_by_one(locks: LockManager, name: str) -> None:
    """While one holds it nobody else gets it, and the error says what and where; afterwards the next one does, with a greater fence."""
    with locks.lock(name) as first:
        assert first.is_held()
        with pytest.raises(LockAcquisitionError, match=rf"lock '{name}' in .* is held by somebody else \(waited 0 s\)"):
            locks.acquire(name)
        with locks.lock(f"{name}-other") as other:
            assert other.is_held()
    assert not first.is_held()
    with locks.lock(name) as second:
        assert second.fence > first.fence


def test_waiting_until_it_is_given_back(locks: LockManager, name: str) -> None:
    """Who waits gets it as soon as it is free."""
    first = locks.acquire(name)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(locks.acquire, name, 30.0)
        first.release()
        assert waiting.result().fence > first.fence


@pytest.mark.proves("L4")
def test_lapsed_lock_goes_to_the_next(locks: LockManager, name: str) -> None:
    """A lock that is not renewed goes to who waits; the first one knows by its own clock, and can neither renew nor release it."""
    first = locks.acquire(name, lease_s=0.3)
    second = locks.acquire(name, timeout_s=30.0)
    assert second.fence > first.fence
    assert not first.is_held()
    assert not first.renew()
    first.release()
    assert not locks.extend(name, first.token, 1000)
    assert not locks.give_back(name, first.token)
    assert second.renew()
    with pytest.raises(LockAcquisitionError):
        locks.acquire(name)
    second.release()


def test_long_holder_is_renewed(locks: LockManager, name: str) -> None:
    """Inside ``with`` a lock outlives its lease several times over."""
    with locks.lock(name, lease_s=1.2) as held:
        deadline_s = held._deadline_s
        until(lambda: held._deadline_s > deadline_s + 1.6)
        assert held.is_held()
        with pytest.raises(LockAcquisitionError):
            locks.acquire(name)


def test_taking_again_by_the_same_token(locks: LockManager, name: str) -> None:
    """An answer that got lost can be asked for again: the token that has the lock gets it, with a greater fence."""
    first = locks.take(name, "token", 5000)
    again = locks.take(name, "token", 5000)
    assert first is not None
    assert again is not None
    assert again > first
    assert locks.give_back(name, "token")


@pytest.mark.proves("L4")
def test_never_two_holders(url: str, name: str) -> None:
    """Threads of several processes add to one number, each step unsafe without the lock: none is lost, and no fence comes twice."""
    command = [sys.executable, "-m", "tests.unit.locks.count_up", url, name, str(THREADS), str(TURNS)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    lines = [line for process in processes for line in process.communicate(timeout=240)[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    turns = sorted(
        tuple(map(int, line.split()[1:])) for line in lines if line.startswith("turn ")
    )  # fence, when it was had, when it was given back
    assert len({fence for fence, _, _ in turns}) == len(turns) == PROCESSES * THREADS * TURNS
    for (_, _, ended_ns), (_, began_ns, _) in pairwise(turns):
        assert ended_ns <= began_ns


@pytest.mark.parametrize(("name_", "lease_s"), [("", 1.0), ("x" * 129, 1.0), ("a\nb", 1.0), ("a", 0.0)])
def test_what_cannot_be_a_lock(locks: LockManager, name_: str, lease_s: float) -> None:
    """A name or a lease that can't be one is refused before the store is asked."""
    with pytest.raises(InvalidValue):
        locks.acquire(name_, lease_s=lease_s)


@pytest.mark.proves("L4")
def test_store_that_cannot_be_reached(name: str) -> None:
    """A Redis that isn't there is told of without the password, and no lock is had."""
    locks = open_locks("redis://user:s3cret-word@127.0.0.1:1/0")
    with pytest.raises(LockAcquisitionError, match="can't be reached") as caught:
        locks.acquire(name)
    assert "s3cret-word" not in str(caught.value)


def test_urls_that_are_none() -> None:
    """A URL that can't be read, or is of something else, is a ConfigError."""
    for url in ("redis://host:port/0", "ftp://host", ""):
        with pytest.raises(ConfigError):
            open_locks(url)


# --- with a clock and a store of the test's own ------------------------------------------------------------------------


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The holder's clock, to be set."""
    now_s = [1000.0]
    monkeypatch.setattr(lock, "boot_time_s", lambda: now_s[0])
    return now_s


def held_by(store: StoreThatFails, lease_s: float = 10.0) -> Lock:
    return store.acquire("a", lease_s=lease_s)


@pytest.mark.proves("L4")
def test_renewal_counts_from_its_beginning(now_s: list[float]) -> None:
    """However long the answer takes, the lock is held for one lease from when the renewal was asked for."""
    store = StoreThatFails(now_s)
    held = held_by(store)
    now_s[0] = 1005.0
    store.takes_s = 4.0
    assert held.renew()
    now_s[0] = 1014.9
    assert held.is_held()
    now_s[0] = 1015.0
    assert not held.is_held()


@pytest.mark.proves("L4")
def test_answer_that_comes_too_late(now_s: list[float]) -> None:
    """A renewal whose answer comes after the deadline is not believed, and the lock is never held again."""
    store = StoreThatFails(now_s)
    held = held_by(store)
    now_s[0] = 1009.0
    store.takes_s = 2.0
    assert not held.renew()
    now_s[0] = 1001.0  # whatever the clock says later
    assert not held.is_held()


@pytest.mark.proves("L4")
def test_renewal_without_an_answer_counts_for_nothing(now_s: list[float]) -> None:
    """A store that is away takes nothing from the holder and gives nothing: held until the deadline there was."""
    store = StoreThatFails(now_s)
    held = held_by(store)
    now_s[0] = 1008.0
    store.is_away = True
    with pytest.raises(LockAcquisitionError, match="away"):
        held.renew()
    assert held.is_held()
    now_s[0] = 1010.0
    assert not held.is_held()


@pytest.mark.proves("L4")
def test_grant_that_comes_too_late(now_s: list[float]) -> None:
    """A lock that is granted when its lease is over already was not had, and is given back."""
    store = StoreThatFails(now_s)
    store.takes_s = 11.0
    with pytest.raises(LockAcquisitionError, match="granted after its 10 s were over"):
        held_by(store)
    assert store.given_back == 1


@pytest.mark.proves("L4")
def test_grant_whose_answer_is_lost(now_s: list[float]) -> None:
    """When it is not known whether a lock was granted it is given back, as far as that goes, and the caller is told."""
    store = StoreThatFails(now_s)
    store.is_away = True
    with pytest.raises(LockAcquisitionError, match="away"):
        held_by(store)
    assert store.given_back == 1


def until(condition: object) -> None:
    assert callable(condition)
    ends_s = time.monotonic() + 60
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < ends_s
        pause.wait(0.02)
