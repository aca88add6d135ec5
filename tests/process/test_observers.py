"""Observers as real processes: of two one sends, the other goes on when it is gone; one that an engine started ends with it, after its last word."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.alerting.tables import deliveries, kept_at
from holdfast.errors import HoldfastError
from holdfast.observer.places import Places, turns
from tests.process.program import started, trading, until
from tests.unit.alerting.receiver import Receiver

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 5
speed = 60
symbols = ["AVOR"]

[observer]
url = "sqlite:///observer.db"
every_s = 0.1

[[alerts.targets]]
name = "desk"
url = "{url}"

[[alerts.rules]]
rule = "engine_silent"
after_s = 0

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = {{ fast = 3, slow = 8, allow_short = true }}
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver() as receiver:
        (tmp_path / "holdfast.toml").write_text(CONFIG.format(url=receiver.url))
        yield receiver


def works(folder: Path) -> int:
    """The process whose turn it is; 0 while there is none."""
    with closing(Places(f"sqlite:///{folder / 'observer.db'}")) as kept, suppress(HoldfastError), kept.reading() as now:
        holder = now.execute(sa.select(turns.c.holder)).scalar() or ""
        found = re.match(r"pid (\d+) on", holder)
        return int(found[1]) if found else 0
    return 0


def sent(folder: Path) -> list[str]:
    """The messages that the observers know to have arrived."""
    with closing(kept_at(f"sqlite:///{folder / 'observer.db'}")) as keeping, keeping.reading() as kept:
        return [row.title for row in kept.execute(sa.select(deliveries).where(deliveries.c.state == "sent"))]


def about(receiver: Receiver, *rules: str) -> list[str]:
    """The messages of some rules: what else a busy machine may bring is not what this is about."""
    return [title for title in receiver.titles if any(rule in title for rule in rules)]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_of_two_observers_one_sends_and_the_other_goes_on_when_it_is_killed(tmp_path: Path, receiver: Receiver) -> None:
    """An engine that is killed while both are there is one message; so is its return, after the one that sent was killed; and each that was kept has arrived once."""
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    with started(tmp_path, "observe") as one, started(tmp_path, "observe", errors=tmp_path / "two.txt") as two:
        pids = {one.pid: one, two.pid: two}
        first = until(lambda: works(tmp_path), "an observer")
        with started(tmp_path, "run") as engine:
            until(lambda: trading(url), "the market")
            engine.kill()
        until(lambda: "engine silent house" in sent(tmp_path), "the alert, and the note that it arrived")
        second = next(pid for pid in pids if pid != first)
        pids[first].kill()
        until(lambda: works(tmp_path) == second, "the other one's turn")
        with started(tmp_path, "run") as engine:
            wanted = {"engine restarted house", "over: engine silent house"}
            until(lambda: wanted <= set(sent(tmp_path)), "the restart, and the end")
            engine.send_signal(signal.SIGTERM)
            engine.wait()
        pids[second].send_signal(signal.SIGTERM)
        assert pids[second].wait() == 0
    told = about(receiver, "engine silent", "engine restarted")
    assert sorted(told) == ["engine restarted house", "engine silent house", "over: engine silent house"]
    assert sorted(receiver.titles) == sorted(sent(tmp_path))


def test_the_observer_of_an_engine_is_started_again_and_ends_with_it(tmp_path: Path, receiver: Receiver) -> None:
    """Killed alone it comes back; an end in order takes it along; and of an engine that was killed it still tells."""
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    with started(tmp_path, "run", "--observe") as engine:
        until(lambda: trading(url), "the market")
        first = until(lambda: works(tmp_path), "the observer")
        os.kill(first, signal.SIGKILL)
        again = until(lambda: (found := works(tmp_path)) != first and found, "another observer")
        engine.send_signal(signal.SIGTERM)
        assert engine.wait() == 0
        assert not is_there(again)
    with started(tmp_path, "run", "--observe") as engine:
        last = until(lambda: (found := works(tmp_path)) != again and found, "the observer of the next start")
        until(lambda: engine.poll() is None and trading(url), "the market")
        engine.kill()
        try:
            until(lambda: about(receiver, "engine silent"), "its last word")
        finally:
            os.kill(last, signal.SIGTERM)
        until(lambda: not is_there(last), "its end")
    assert about(receiver, "engine silent") == ["engine silent house"]


def test_the_observer_of_a_web_process_ends_with_it(tmp_path: Path, receiver: Receiver) -> None:
    """At once, when that is ended in order: it needn't be told by whom it was started."""
    with started(tmp_path, "web", "--observe", "--no-open", "--port", "0") as web:
        observer = until(lambda: works(tmp_path), "the observer")
        web.send_signal(signal.SIGTERM)
        assert web.wait() == 0
        assert not is_there(observer)
