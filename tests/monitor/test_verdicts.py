"""The monitor's verdicts beside an independent reading of the journal, over sessions drawn at random."""

from collections import Counter
from random import Random

import pytest

from holdfast.config.monitor import MonitorConfig
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, MINUTE_NS, SECOND_NS
from holdfast.monitor.expected import Expected
from holdfast.monitor.fold import AccountFold
from holdfast.monitor.verdicts import Judge, Pulse
from holdfast.torture.world.faults import options_of
from holdfast.torture.world.market import SYMBOLS
from holdfast.torture.world.run import live_through
from tests.budget import by_tier
from tests.monitor.drawing import Account, Look, sessions
from tests.monitor.reference import STAGES, Reading

PARTS = by_tier(test=1, campaign=25)
SESSIONS = by_tier(test=30, campaign=40)
"""In each part: 30 in all, and 1,000 in a campaign."""


def judged(account: Account) -> list[dict[str, str]]:
    """What the monitor says at each look, followed record by record as they come."""
    limits = account.expected.limits
    fold, said, taken = AccountFold(limits.window_s, limits.settle_s), [], 0
    for look in account.looks:
        fold.take_all(account.records[taken : look.records])
        taken = look.records
        verdicts = Judge(fold, account.expected, look.now_ns, look.pulse).verdicts()
        said.append({stage.value: verdict.level.value for stage, verdict in verdicts.items()})
        assert all(verdict.reason for verdict in verdicts.values())
        assert all(verdict.next_step for verdict in verdicts.values() if verdict.level in ("degraded", "critical"))
    return said


def read(account: Account, look: Look) -> dict[str, str]:
    """What the reading says."""
    return Reading(account.records[: look.records], account.expected, look.now_ns, look.pulse).levels()


@pytest.mark.parametrize("part", range(PARTS))
def test_the_verdicts_are_those_of_an_independent_reading(part: int) -> None:
    """Of every stage at every look: no false critical, none missed. Each level of each stage is met, so that none agrees for want of cases."""
    met: Counter[tuple[str, str]] = Counter()
    for seed, accounts in sessions(1 + part * SESSIONS, SESSIONS):
        for account in accounts:
            for look, said in zip(account.looks, judged(account), strict=True):
                right = read(account, look)
                assert said == right, f"session {seed}, {account.expected.account}, record {look.records}"
                met.update(right.items())
    assert {(stage, level) for stage in STAGES for level in ("healthy", "degraded", "critical", "idle")} == set(met)


def of_world(seed: int) -> Account:
    """An account that the real engine has traded among a broker, a stream and a disk that fail, and the looks of somebody who looks often."""
    world = live_through(seed, options_of(seed), Counter())
    records = [
        record for record in world.disk.records(world.disk.account) if record.type != "Bar"
    ]  # minutes are long here
    chance = Random(seed)
    day_ns = records[0].time_ns // DAY_NS * DAY_NS
    days = [TradingDay(str(n), day_ns + n * DAY_NS, day_ns + n * DAY_NS, day_ns + (n + 1) * DAY_NS) for n in range(3)]
    limits = MonitorConfig(
        grace_s=2.0, window_s=60, answer_late_s=2.0, answer_lost_s=8.0, outage_lost_s=5.0, settle_s=2.0
    )
    expected = Expected(
        world.disk.account, "alpaca", ("restless", "aiming"), SYMBOLS, TradingCalendar("X", days), True, SECOND_NS, 0, limits
    )  # fmt: skip
    looks = []
    for number in range(5, len(records), 7):
        until_ns = records[min(number, len(records) - 1)].time_ns
        now_ns = max(records[number - 1].time_ns, until_ns - chance.choice((0, 1, SECOND_NS)))
        looks.append(Look(number, now_ns, Pulse(chance.choice((True, True, None)))))
    looks.append(Look(len(records), records[-1].time_ns + 5 * MINUTE_NS, Pulse(True)))
    return Account(expected, records, looks)


@pytest.mark.parametrize("seed", range(1, 1 + by_tier(test=3, campaign=100)))
def test_the_verdicts_on_what_a_real_engine_records_are_the_same_too(seed: int) -> None:
    """Over the seeded world (docs/reliability.md): lives that end, orders that are UNKNOWN, streams that are down or late, a broker that is asked."""
    account = of_world(seed)
    for look, said in zip(account.looks, judged(account), strict=True):
        assert said == read(account, look), f"world {seed}, record {look.records}"
