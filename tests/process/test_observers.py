"""Observers as real processes: of two one sends, the other goes on when it is gone; one that an engine started ends with it, after its last word."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest
import sqlalchemy as sa

from holdfast.alerting.tables import deliveries, kept_at
from holdfast.errors import HoldfastError
from holdfast.observer.places import Places, turns
from tests.databases import SERVERS, fresh_database
from tests.process.program import started, trading, until
from tests.unit.alerting.receiver import Receiver

pytestmark = pytest.mark.process

CONFIG = """
[journal]
url = {journal}

[feed]
kind = "synthetic"
seed = 5
days = 5
speed = 60
symbols = ["AVOR"]

[observer]
url = {observer}
every_s = 0.1
{more}
[[alerts.targets]]
name = "desk"
url = {target}

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


class Urls(NamedTuple):
    """Where the journal is, and what the observers keep."""

    journal: str
    observer: str


def configured(folder: Path, receiver: Receiver, urls: Urls | None = None, more: str = "") -> Urls:
    """A configuration in a folder; without ``urls`` its databases are files there."""
    urls = urls or Urls(f"sqlite:///{folder / 'holdfast.db'}", f"sqlite:///{folder / 'observer.db'}")
    quoted = {name: json.dumps(text) for name, text in {**urls._asdict(), "target": receiver.url}.items()}
    (folder / "holdfast.toml").write_text(CONFIG.format(**quoted, more=more))
    return urls


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def works(urls: Urls) -> int:
    """The process whose turn it is; 0 while there is none."""
    with closing(Places(urls.observer)) as kept, suppress(HoldfastError), kept.reading() as now:
        holder = now.execute(sa.select(turns.c.holder)).scalar() or ""
        found = re.match(r"pid (\d+) on", holder)
        return int(found[1]) if found else 0
    return 0


def sent(urls: Urls) -> list[str]:
    """The messages that the observers know to have arrived."""
    with closing(kept_at(urls.observer)) as keeping, keeping.reading() as kept:
        return [row.title for row in kept.execute(sa.select(deliveries).where(deliveries.c.state == "sent"))]


def figures(address: str) -> str:
    """What the observer that serves shows; empty while none does."""
    with suppress(OSError), urlopen(f"http://{address}/metrics", timeout=60) as answer:
        return str(answer.read().decode())
    return ""


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Urls | None]:
    """A server's database for all of it; None where files do."""
    if kind == "sqlite":
        yield None
    else:
        with fresh_database(kind, folder) as url:
            yield Urls(url, url)


def about(receiver: Receiver, *rules: str) -> list[str]:
    """The messages of some rules: what else a busy machine may bring is not what this is about."""
    return [title for title in receiver.titles if any(rule in title for rule in rules)]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("kind", ["sqlite", *(pytest.param(kind, marks=pytest.mark.campaign) for kind in SERVERS)])
def test_of_two_observers_one_sends_and_the_other_goes_on_when_it_is_killed(
    kind: str, tmp_path: Path, receiver: Receiver
) -> None:
    """An engine that is killed while both are there is one message; so is its return, after the one that sent was killed; each that was kept has arrived once; and figures are served again."""
    with databases(kind, tmp_path) as there, socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        urls = configured(tmp_path, receiver, there, f'[monitor]\nlisten = "{address}"\n')
        with started(tmp_path, "observe") as one, started(tmp_path, "observe", errors=tmp_path / "two.txt") as two:
            pids = {one.pid: one, two.pid: two}
            first = until(lambda: works(urls), "an observer")
            with started(tmp_path, "run") as engine:
                until(lambda: trading(urls.journal), "the market")
                engine.kill()
            until(lambda: "engine silent house" in sent(urls), "the alert, and the note that it arrived")
            second = next(pid for pid in pids if pid != first)
            pids[first].kill()
            until(lambda: works(urls) == second, "the other one's turn")
            until(lambda: "holdfast_pipeline_level" in figures(address), "its figures")
            with started(tmp_path, "run") as engine:
                wanted = {"engine restarted house", "over: engine silent house"}
                until(lambda: wanted <= set(sent(urls)), "the restart, and the end")
                engine.send_signal(signal.SIGTERM)
                engine.wait()
            pids[second].send_signal(signal.SIGTERM)
            assert pids[second].wait() == 0
        told = about(receiver, "engine silent", "engine restarted")
        assert sorted(told) == ["engine restarted house", "engine silent house", "over: engine silent house"]
        assert sorted(receiver.titles) == sorted(sent(urls))


def test_the_observer_of_an_engine_is_started_again_and_ends_with_it(tmp_path: Path, receiver: Receiver) -> None:
    """Killed alone it comes back; an end in order takes it along; and of an engine that was killed it still tells."""
    urls = configured(tmp_path, receiver)
    with started(tmp_path, "run", "--observe") as engine:
        until(lambda: trading(urls.journal), "the market")
        first = until(lambda: works(urls), "the observer")
        os.kill(first, signal.SIGKILL)
        again = until(lambda: (found := works(urls)) != first and found, "another observer")
        engine.send_signal(signal.SIGTERM)
        assert engine.wait() == 0
        assert not is_there(again)
    with started(tmp_path, "run", "--observe") as engine:
        last = until(lambda: (found := works(urls)) != again and found, "the observer of the next start")
        until(lambda: engine.poll() is None and trading(urls.journal), "the market")
        engine.kill()
        try:
            until(lambda: about(receiver, "engine silent"), "its last word")
        finally:
            os.kill(last, signal.SIGTERM)
        until(lambda: not is_there(last), "its end")
    assert about(receiver, "engine silent") == ["engine silent house"]


def test_the_observer_of_a_web_process_ends_with_it(tmp_path: Path, receiver: Receiver) -> None:
    """At once, when that is ended in order: it needn't be told by whom it was started."""
    urls = configured(tmp_path, receiver)
    with started(tmp_path, "web", "--observe", "--no-open", "--port", "0") as web:
        observer = until(lambda: works(urls), "the observer")
        web.send_signal(signal.SIGTERM)
        assert web.wait() == 0
        assert not is_there(observer)
