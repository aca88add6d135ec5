"""The observer is killed at each step of telling: nothing is untold, and what may be told twice says so."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.alerting import book
from holdfast.alerting.tables import deliveries, kept_at
from holdfast.config import Config, load_config
from holdfast.config.alerts import RULES
from holdfast.core.messages import PAPER, OrderAnomaly
from holdfast.core.milestones import EngineStarted
from holdfast.core.types import ClientOrderId
from holdfast.journal import Journal
from holdfast.telemetry.crash_points import WatchPoint
from tests.databases import KINDS, fresh_database
from tests.process.program import started, until
from tests.unit.alerting.receiver import Receiver
from tests.unit.alerting.test_watcher import facts
from tests.unit.journal.trader import Trader

pytestmark = [pytest.mark.process, pytest.mark.proves("W2")]

TOLD = ["anomaly", "engine_restarted"]
"""A critical alert and a warning, both of records: everything else is off, as no engine runs here."""
CONFIG = """
[journal]
url = {journal}
[observer]
url = {observer}
every_s = 0.05
[feed]
kind = "synthetic"
[[accounts]]
name = "main"
[alerts]
rules = [{rules}]
[[alerts.targets]]
name = "desk"
url = {target}
"""
FIRST, SECOND, AGAIN = "anomaly main", "engine restarted main", "perhaps again: "


@contextmanager
def place(kind: str, folder: Path, receiver: Receiver) -> Iterator[str]:
    """A configuration with a journal that isn't there yet; its URL."""
    with fresh_database(kind, folder) as url:
        off = ", ".join(f'{{ rule = "{name}", on = false }}' for name in RULES if name not in TOLD)
        keeps = url if kind != "sqlite" else f"sqlite:///{folder / 'observer.db'}"
        texts = {"journal": url, "observer": keeps, "target": receiver.url}
        quoted = {name: json.dumps(text) for name, text in texts.items()}
        (folder / "holdfast.toml").write_text(CONFIG.format(rules=off, **quoted))
        yield url


def write_trouble(url: str) -> None:
    """An engine that was started twice, and an order of which the broker says what can't be."""
    with closing(Journal.open(url)) as journal:
        trader = Trader(journal.take("main", PAPER, "pid 1 on elsewhere"))
        starts = [EngineStarted(number, "0.1", "pid 1 on elsewhere") for number in (1, 2)]
        batch = facts(
            trader, *starts, OrderAnomaly(ClientOrderId("o-1"), "none", "filled", "no such order in the books")
        )
        journal.append(batch)
        journal.wait_durable("main", batch.envelopes[-1].sequence, 60)


def under_way(config: Config) -> int:
    """How many messages have not come to an end."""
    with closing(kept_at(config.observer.url)) as keeping, keeping.reading() as kept:
        states = [row.state for row in kept.execute(sa.select(deliveries))]
    return sum(state in (book.WAITING, book.TRYING, book.LEAVING) for state in states)


def titles_after(folder: Path, url: str, receiver: Receiver, at: str) -> list[str]:
    """Observe, be killed at a point, and observe again until all has been told: what arrived."""
    with started(folder, "observe", HOLDFAST_CRASH_AT=at) as observer:
        until(lambda: "observing main" in (folder / "output.txt").read_text(), "the observer")
        write_trouble(url)
        assert observer.wait() == -signal.SIGKILL
    config = load_config(folder / "holdfast.toml")
    with started(folder, "observe") as observer:
        until(lambda: {title.removeprefix(AGAIN) for title in receiver.titles} == {FIRST, SECOND}, "all of it")
        until(lambda: not under_way(config), "nothing to be under way")
        observer.send_signal(signal.SIGTERM)
        assert observer.wait() == 0
    return receiver.titles


CASES = [
    (f"{WatchPoint.KEEPING}:1", [FIRST, SECOND]),
    (f"{WatchPoint.ANSWERED}:1", [FIRST, AGAIN + FIRST, SECOND]),
]
"""Where it is killed, and what arrives: before anything is kept, and before an answer is noted."""
MORE = [
    (f"{WatchPoint.TELLING}:1", [FIRST, SECOND]),
    (f"{WatchPoint.TOLD}:1", [FIRST, SECOND]),
    (f"{WatchPoint.CLAIMED}:1", [FIRST, SECOND]),
    (f"{WatchPoint.CLAIMED}:2", [FIRST, SECOND]),
    (f"{WatchPoint.LEAVING}:1", [AGAIN + FIRST, SECOND]),
    (f"{WatchPoint.LEAVING}:2", [FIRST, AGAIN + SECOND]),
    (f"{WatchPoint.ANSWERED}:2", [FIRST, SECOND, AGAIN + SECOND]),
]


def test_every_point_is_here() -> None:
    """None that the observer passes is left out."""
    assert {at.partition(":")[0] for at, _ in CASES + MORE} == set(WatchPoint)


@pytest.mark.parametrize(("at", "arrives"), CASES)
def test_nothing_is_untold_and_what_may_come_twice_says_so(tmp_path: Path, at: str, arrives: list[str]) -> None:
    """Each alert arrives; twice only where the answer came and wasn't noted, and then it says that it may be there already."""
    with Receiver() as receiver, place("sqlite", tmp_path, receiver) as url:
        assert sorted(titles_after(tmp_path, url, receiver, at)) == sorted(arrives)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("at", "arrives"), CASES + MORE)
def test_it_is_so_at_each_point_on_each_database(tmp_path: Path, kind: str, at: str, arrives: list[str]) -> None:
    """The same, wherever the alerts and the journal are kept."""
    with Receiver() as receiver, place(kind, tmp_path, receiver) as url:
        assert sorted(titles_after(tmp_path, url, receiver, at)) == sorted(arrives)
