"""The rules about this machine and its files, each by its own means: the real disk, a table, a clock, damage."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from holdfast.alerting.watcher import AlertWatcher
from holdfast.config import Config
from holdfast.config.alerts import RULES
from holdfast.config.sections import FeedConfig
from holdfast.core.milestones import EngineStopped
from holdfast.core.types import DAY_NS
from holdfast.journal.keeping import Keeping
from holdfast.observer.follower import Follower
from tests.process.test_alerts import PROCESSES
from tests.scenario.alpaca.test_alerts import rules_met
from tests.unit.alerting.test_watcher import Engine, facts, started

pytestmark = pytest.mark.proves("W1")


@contextmanager
def observed(config: Config, keeping: Keeping) -> Iterator[Engine]:
    with closing(Follower(config, [AlertWatcher(config, sends=False)])) as follower:
        follower.look(1)
        with closing(Engine(config, keeping, follower)) as engine:
            yield engine


def told(engine: Engine) -> list[tuple[str, str]]:
    """What was told, and whether it lasts; how the process of this test is seen is not what this is about."""
    found = [alert for alert in engine.look(70) if alert.rule not in ("engine_silent", "lease_lost")]
    return [(alert.rule, alert.state) for alert in found]


def lasts(engine: Engine, *expected: tuple[str, str]) -> None:
    """Look for long enough that whatever waits has waited, and for what was told twice."""
    for _ in range(4):
        found = told(engine)
    assert found == list(expected)


@pytest.mark.parametrize(
    "settings", [{"rules": [{"rule": "disk", "limit": 100.0}, {"rule": "calendar", "limit": 100_000.0}]}]
)
def test_a_full_disk_and_a_table_that_ends(config: Config, keeping: Keeping) -> None:
    """By the real disk and the real calendar, with bounds that they are beyond."""
    with observed(config, keeping) as engine:
        engine.write(started())
        lasts(engine, ("disk", "open"), ("calendar", "open"))


def test_a_clock_that_differs(config: Config, keeping: Keeping) -> None:
    """A broker whose time is a day ahead of this machine's; over with the next record that isn't."""
    live = FeedConfig(kind="alpaca", symbols=["SPY"])
    with observed(msgspec.structs.replace(config, feeds=[live]), keeping) as engine:
        ahead = facts(engine.trader, started())
        tomorrow_ns = time.time_ns() + DAY_NS
        engine.append(replace(ahead, envelopes=[replace(each, time_ns=tomorrow_ns) for each in ahead.envelopes]))
        lasts(engine, ("clock_drift", "open"))
        engine.write(EngineStopped("a test"))
        lasts(engine, ("clock_drift", "resolved"))


def test_a_record_that_was_changed_and_a_journal_that_is_gone(config: Config, keeping: Keeping) -> None:
    """What was read before the damage stays told; each is over when it is mended."""
    path = Path(config.journal.url.removeprefix("sqlite:///"))
    with observed(config, keeping) as engine:
        engine.write(started())
        lasts(engine)
        engine.write(EngineStopped("a test"))
        with closing(sqlite3.connect(path)) as connection, connection:
            (right,) = connection.execute("SELECT hash FROM records WHERE sequence = 2").fetchone()
            connection.execute("UPDATE records SET hash = ? WHERE sequence = 2", ("0" * 64,))
        lasts(engine, ("journal_damaged", "open"))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE records SET hash = ? WHERE sequence = 2", (right,))
        lasts(engine, ("journal_damaged", "resolved"))
        aside = path.rename(path.with_name("aside.db"))
        lasts(engine, ("journal_damaged", "resolved"), ("journal_unread", "open"))
        aside.rename(path)
        lasts(engine, ("journal_damaged", "resolved"), ("journal_unread", "resolved"))


def test_every_rule_that_ships_is_met() -> None:
    """By a test that makes its trouble: here, at the local Alpaca, or with real processes."""
    anchors = {"anchor"}  # tests/unit/observer/test_anchors.py
    machine = {"disk", "calendar", "clock_drift", "journal_damaged", "journal_unread"}
    assert machine | anchors | PROCESSES | rules_met() == set(RULES)
