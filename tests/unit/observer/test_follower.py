"""Following a journal's tail: in order, once, from where it ended, whoever else raises."""

import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.config import Config
from holdfast.core.messages import PAPER
from holdfast.core.types import SECOND_NS
from holdfast.journal import Batch, Journal, Reader
from holdfast.observer.follower import Follower
from holdfast.observer.places import Places, turns
from holdfast.observer.turn import LOST_S, RENEW_S, Turn
from tests.databases import KINDS
from tests.unit.alerting.test_watcher import facts, started
from tests.unit.journal.trader import Trader
from tests.unit.observer.conftest import Listener, kept

NOW = 1_000 * SECOND_NS
Follow = Callable[..., Follower]


def last(config: Config) -> int:
    with Reader.open(config.journal.url) as reader:
        return reader.account("main").last_sequence


@pytest.fixture
def follow(config: Config) -> Iterator[Follow]:
    """Makes followers, closed at the end."""
    with ExitStack() as at_end:
        yield lambda *watchers, beside="": at_end.enter_context(closing(Follower(config, watchers, beside)))


def test_who_is_started_by_an_engine_is_told_of_all_since_its_start(
    follow: Follow, config: Config, journal: Journal, trader: Trader
) -> None:
    """The engine may have written before the observer's first look; what was before that engine is not told."""
    append(journal, facts(trader, started(1, "pid 7 on tower")), trader.deposit())
    old = last(config)
    append(journal, facts(trader, started(2, "pid 8 on tower")), trader.deposit())
    since, others = Listener("since"), Listener("others")
    look(follow(since, beside="pid 8 on tower"))
    assert since.heard == list(range(old + 1, last(config) + 1))
    look(follow(others, beside="pid 7 on tower"))
    assert others.heard == []


def look(follower: Follower, now_ns: int = NOW) -> None:
    while follower.look(now_ns):
        pass


def write(journal: Journal, trader: Trader, orders: int = 3) -> None:
    append(journal, *trader.day(orders))


def append(journal: Journal, *batches: Batch) -> None:
    """Until it is durable."""
    for batch in batches:
        journal.append(batch)
    journal.wait_durable("main", batches[-1].envelopes[-1].sequence, 60)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_new_is_told_once_and_in_order_across_processes(
    follow: Follow, config: Config, journal: Journal, trader: Trader
) -> None:
    """Who begins to watch is told of what comes from then on; the next process goes on where the last one was."""
    append(journal, trader.deposit())
    before, listener = last(config), Listener()
    follower = follow(listener)
    look(follower)
    assert (listener.heard, listener.restored) == ([], [("main", before), ("other", 0)])
    write(journal, trader)
    look(follower)
    middle = last(config)
    assert listener.heard == list(range(before + 1, middle + 1))
    follower.close()
    write(journal, trader)
    again = Listener()
    look(follow(again))
    assert again.heard == list(range(middle + 1, last(config) + 1))
    assert again.restored[0] == ("main", middle)
    assert kept(config) == list(range(before + 1, last(config) + 1))


def test_of_a_journal_that_comes_later_all_is_new(follow: Follow, tmp_path: Path, config: Config, url: str) -> None:
    """The first record of an engine that is started after the observer is told."""
    listener = Listener()
    follower = follow(listener)
    look(follower)
    assert "there is no journal" in listener.moments[-1].trouble
    assert listener.moments[-1].reader is None
    with_journal = Journal.open(url)
    trader = Trader(with_journal.take("main", PAPER, "me"))
    append(with_journal, trader.deposit())
    look(follower)
    with_journal.close()
    assert listener.heard == list(range(1, last(config) + 1))
    assert listener.moments[-1].trouble == ""


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_raises_is_told_again_and_stops_no_other(
    follow: Follow, config: Config, journal: Journal, trader: Trader
) -> None:
    """What it wrote is undone, it is restored to where it was, and meanwhile the other hears everything."""
    broken, other = Listener("broken"), Listener("other")
    follower = follow(broken, other)
    look(follower)
    broken.raises = RuntimeError("a bug")
    write(journal, trader)
    look(follower)
    everything = list(range(1, last(config) + 1))
    assert (other.heard, kept(config)) == (everything, everything)
    broken.heard.clear()
    broken.restored.clear()
    broken.raises = None
    look(follower, NOW + SECOND_NS // 2)
    assert broken.heard == []
    look(follower, NOW + 2 * SECOND_NS)
    assert (broken.heard, broken.restored[0]) == (everything, ("main", 0))
    assert sorted(kept(config)) == sorted(everything * 2)


def test_of_two_at_once_one_works(follow: Follow, config: Config, journal: Journal, trader: Trader) -> None:
    """The second tells nothing, not even the time, until the first is gone, and goes on where that one was."""
    told, waits = Listener(), Listener()
    one, two = follow(told), follow(waits)
    for _ in range(2):
        look(one)
        look(two)
        write(journal, trader)
    look(two)
    look(one)
    assert (waits.heard, waits.moments, told.heard) == ([], [], kept(config))
    one.close()
    write(journal, trader)
    two._turn._looked_s = None  # it waits a second else
    look(two)
    assert kept(config) == list(range(1, last(config) + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_that_is_not_renewed_is_lost(config: Config) -> None:
    """By the clock of who waits; who comes back after that stands aside, and one that is gone from this machine loses it at once."""
    clock = [0.0]
    with ExitStack() as at_end:
        kept = [at_end.enter_context(closing(Places(config.observer.url))) for _ in range(2)]
        one, two = (Turn(each, lambda: clock[0]) for each in kept)
        assert [one.is_mine(), two.is_mine()] == [True, False]
        for _ in range(20):
            clock[0] += RENEW_S
            assert [one.is_mine(), two.is_mine()] == [True, False]
        clock[0] += LOST_S - 0.1
        assert not two.is_mine()
        clock[0] += 1.2
        assert [two.is_mine(), one.is_mine()] == [True, False]
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        gone = f"pid {ended.pid} on {socket.gethostname()} x"
        with kept[0].begin() as connection:
            connection.execute(sa.update(turns).values(holder=gone))
        clock[0] += RENEW_S
        assert [one.is_mine(), two.is_mine()] == [True, False]
        one.give_back()
        clock[0] += RENEW_S
        assert two.is_mine()


def test_records_that_do_not_prove_themselves_are_not_told(
    follow: Follow, tmp_path: Path, config: Config, url: str
) -> None:
    """The watchers hear what is wrong, and are told of the records before it."""
    listener = Listener()
    follower = follow(listener)
    look(follower)
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    write(journal, trader)
    journal.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE records SET source = 'somebody' WHERE sequence = 4")
    raw.close()
    look(follower)
    look(follower)
    assert listener.heard == [1, 2, 3]
    assert "record 4 doesn't fit its hash" in listener.moments[-1].damage["main"]


def test_of_another_journal_than_before_only_what_comes_is_told(
    follow: Follow, tmp_path: Path, config: Config, url: str
) -> None:
    """A backup that was put in place is not told of again."""
    path = Path(url.removeprefix("sqlite:///"))

    def begin(orders: int) -> tuple[Journal, Trader]:
        journal = Journal.open(url)
        trader = Trader(journal.take("main", PAPER, "me"))
        append(journal, trader.deposit(f"{orders}000"))
        write(journal, trader, orders)
        return journal, trader

    listener = Listener()
    follower = follow(listener)
    look(follower)
    first, _ = begin(4)
    first.close()
    look(follower)
    for file in path.parent.glob(f"{path.name}*"):
        if file.is_file():
            file.unlink()
    second, trader = begin(5)
    listener.heard.clear()
    look(follower)
    assert listener.heard == []
    end = last(config)
    write(second, trader)
    look(follower)
    second.close()
    assert listener.heard == list(range(end + 1, last(config) + 1))


def test_it_ends_when_it_is_asked_to(follow: Follow, config: Config, journal: Journal, trader: Trader) -> None:
    """A thread that runs it is over soon after."""
    over = threading.Event()
    thread = threading.Thread(target=follow(Listener()).run, args=(over,))
    thread.start()
    over.set()
    thread.join(60)
    assert not thread.is_alive()
