"""From a journal's records to alerts that are kept, by the follower that `holdfast observe` runs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal

import pytest

from holdfast.alerting import shown
from holdfast.alerting.shown import KeptAlert, Wanted
from holdfast.alerting.watcher import AlertWatcher
from holdfast.config import Config
from holdfast.core.findings import OrderLost
from holdfast.core.messages import PAPER, AnyBody, OrderRejected
from holdfast.core.milestones import EngineStarted, EngineStopped
from holdfast.core.protection.records import OnFailure, ProtectionFailed, ProtectionLate
from holdfast.core.types import SECOND_NS, ClientOrderId, Quantity, StrategyId
from holdfast.journal import Batch, Journal
from holdfast.journal.keeping import Keeping
from holdfast.observer.follower import Follower
from tests.unit.journal.trader import Trader

NOW = 1_800_000_000 * SECOND_NS
Alerts = Callable[[], list[tuple[str, str, str]]]


class Engine:
    """Writes records of one account, and lets the alerts of it be looked at."""

    def __init__(self, config: Config, keeping: Keeping, follower: Follower) -> None:
        self._journal = Journal.open(config.journal.url)
        self.trader = Trader(self._journal.take("main", PAPER, "pid 1 on elsewhere"))
        self._keeping, self._follower = keeping, follower
        self.now_ns = NOW

    def write(self, *bodies: AnyBody) -> None:
        self.append(facts(self.trader, *bodies))

    def append(self, *batches: Batch) -> None:
        for batch in batches:
            self._journal.append(batch)
        self._journal.wait_durable("main", batches[-1].envelopes[-1].sequence, 60)

    def look(self, seconds: float = 2.0) -> list[KeptAlert]:
        """The alerts after some time, the oldest first."""
        self.now_ns += int(seconds * SECOND_NS)
        while self._follower.look(self.now_ns):
            pass
        with self._keeping.reading() as kept:
            return shown.listed(kept, Wanted(100), self.now_ns)[::-1]

    def close(self) -> None:
        self._journal.close()


def facts(trader: Trader, *bodies: AnyBody) -> Batch:
    """Records that change no order."""
    envelopes = [trader.envelope(body) for body in bodies]
    return Batch("main", envelopes, orders=[], positions=(), account_state="IDLE", cash=trader.portfolio.cash)


def started(number: int = 1, process: str = "pid 1 on elsewhere") -> EngineStarted:
    return EngineStarted(number, "0.1", process)


def rules(found: list[KeptAlert]) -> list[str]:
    """Those of the accounts' records; how the process of this test is seen is not what they are about."""
    return [alert.rule for alert in found if alert.rule not in ("engine_silent", "lease_lost", "calendar", "disk")]


@pytest.fixture
def engine(config: Config, keeping: Keeping) -> Iterator[Engine]:
    with closing(Follower(config, [AlertWatcher(config, sends=False)])) as follower:
        follower.look(NOW)
        with closing(Engine(config, keeping, follower)) as made:
            yield made


def test_a_start_after_an_end_without_a_word_is_told_once(engine: Engine) -> None:
    """An end in order is none."""
    engine.write(started(), EngineStopped("SIGTERM"), started(2))
    assert rules(engine.look()) == []
    engine.write(started(3))
    for _ in range(3):
        found = engine.look()
    assert rules(found) == ["engine_restarted"]
    assert "pid 1 on elsewhere had ended without a word" in found[-1].text


def test_an_engine_that_was_replaced_while_it_runs_is_fenced(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is on this machine still."""
    import os
    import socket

    here = f"pid {os.getpid()} on {socket.gethostname()}"
    engine.write(started(1, here), started(2, "pid 2 on elsewhere"))
    assert rules(engine.look()) == ["engine_fenced"]


def test_what_records_tell_is_told_where_the_state_can_not_be_followed(engine: Engine) -> None:
    """Each trouble of a position is one alert, however often it is recorded; so is that these records lead nowhere; nothing of it is called over."""
    late = ProtectionLate(StrategyId("ema"), "IBM", Quantity(Decimal(10)), Quantity(Decimal(0)), 20 * SECOND_NS)
    failed = ProtectionFailed(StrategyId("ema"), "IBM", OnFailure.FLATTEN, "refused five times")
    engine.write(started(), late, late, failed)
    engine.look()
    engine.write(late)
    engine.look(70)
    found = engine.look(10)
    assert rules(found) == ["late_protection", "failed_protection", "journal_unread"]
    assert {alert.state for alert in found if alert.rule in rules(found)} == {"open"}


def test_too_many_rejections_are_one_alert(engine: Engine) -> None:
    """Both by their rate and as orders that ended without having worked; it is over when they are old."""
    names = []
    for _ in range(12):
        name, batch = engine.trader.prepare()
        engine.append(batch)
        names.append(name)
    engine.append(engine.trader.batch([OrderRejected(name, "no") for name in names]))
    assert sorted(rules(engine.look())) == ["failed_orders", "rejections"]
    assert sorted(rules(engine.look())) == ["failed_orders", "rejections"]
    engine.look(4_000)
    assert {alert.state for alert in engine.look(5) if alert.rule in ("failed_orders", "rejections")} == {"resolved"}


def test_a_lost_order_goes_on_while_it_is_live(engine: Engine) -> None:
    """Its end in the books is the alert's."""
    name, batch = engine.trader.prepare()
    engine.append(batch)
    engine.write(OrderLost(ClientOrderId(name), "the broker shows it no more"))
    engine.look()
    assert [alert.state for alert in engine.look(10) if alert.rule == "lost_order"] == ["open"]
    engine.append(engine.trader.batch([OrderRejected(name, "gone")]))
    engine.look()
    assert [alert.state for alert in engine.look(10) if alert.rule == "lost_order"] == ["resolved"]
