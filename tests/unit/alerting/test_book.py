"""Alerts as they are kept: one for a condition while it lasts, told once, escalated, acknowledged, silenced."""

from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.alerting import book, shown
from holdfast.alerting.book import Finding
from holdfast.alerting.shown import Wanted
from holdfast.alerting.tables import deliveries
from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.journal.keeping import Keeping
from tests.databases import KINDS

NOW = 1_000_000 * SECOND_NS
UNKNOWN = Finding("unknown_order", "main", "o-1", "o-1 may be at the broker")


def told(keeping: Keeping) -> list[tuple[str, str, str]]:
    """Target, kind and title of every message, in order."""
    with keeping.reading() as kept:
        return [(row.target, row.kind, row.title) for row in kept.execute(sa.select(deliveries).order_by("id"))]


def states(keeping: Keeping, now_ns: int = NOW) -> list[str]:
    with keeping.reading() as kept:
        return [alert.state for alert in shown.listed(kept, Wanted(100), now_ns)]


def find(keeping: Keeping, config: Config, finding: Finding = UNKNOWN, now_ns: int = NOW) -> None:
    with keeping.begin() as kept:
        book.open_alert(kept, config.alerts, finding, now_ns)
        book.tell(kept, config.alerts, now_ns)


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_is_one_alert_while_it_lasts(keeping: Keeping, config: Config) -> None:
    """Found again and again it is told once; its end is told once; found after that it is another one."""
    for _ in range(3):
        find(keeping, config)
    find(keeping, config, Finding("unknown_order", "main", "o-2", "another"))
    with keeping.begin() as kept:
        for _ in range(2):
            book.resolve(kept, config.alerts, UNKNOWN.key, NOW)
    find(keeping, config)
    kinds = [kind for _, kind, _ in told(keeping)]
    assert kinds == ["opened", "opened", "resolved", "opened"]
    assert states(keeping) == ["open", "open", "resolved"]
    assert told(keeping)[0] == ("desk", "opened", "unknown order main")


def test_what_has_happened_is_told_and_over(keeping: Keeping, config: Config) -> None:
    """A record's event doesn't last: each is told, and none has an end that is told."""
    for number in (1, 2):
        find(keeping, config, Finding("engine_restarted", "main", f"record {number}", "died", lasts=False))
    assert [kind for _, kind, _ in told(keeping)] == ["opened", "opened"]
    assert states(keeping) == ["resolved", "resolved"]


def test_a_silenced_rule_is_told_when_the_time_is_over(keeping: Keeping, config: Config) -> None:
    """If it still lasts then; what ended meanwhile is never told."""
    with keeping.begin() as kept:
        book.silence(kept, "unknown_order", "", NOW + 60 * SECOND_NS, "ada")
    find(keeping, config)
    find(keeping, config, Finding("unknown_order", "main", "o-2", "another"))
    assert (told(keeping), states(keeping)) == ([], ["silenced", "silenced"])
    with keeping.begin() as kept:
        book.resolve(kept, config.alerts, UNKNOWN.key, NOW)
        book.tell(kept, config.alerts, NOW)
        book.tell(kept, config.alerts, NOW + 61 * SECOND_NS)
    assert [kind for _, kind, _ in told(keeping)] == ["opened"]


@pytest.mark.parametrize(
    "settings",
    [{"targets": [{"name": "desk", "url": "json://a"}, {"name": "boss", "url": "json://b", "after_s": 300}]}],
)
def test_what_nobody_takes_on_goes_to_the_next(keeping: Keeping, config: Config) -> None:
    """Only what is critical, once, and not what was acknowledged in time."""
    find(keeping, config)
    find(keeping, config, Finding("external_order", "main", "x", "a warning"))
    find(keeping, config, Finding("lost_order", "main", "o-3", "lost"))
    with keeping.begin() as kept:
        assert book.acknowledge(kept, 1, "ada", NOW).state == "acknowledged"
        for seconds in (100, 301, 302):
            book.tell(kept, config.alerts, NOW + seconds * SECOND_NS)
    assert told(keeping)[3:] == [("boss", "escalated", "unacknowledged: lost order main")]


def test_an_alert_that_is_not_there_can_not_be_acknowledged(keeping: Keeping) -> None:
    """The error says where those are that there are."""
    with keeping.begin() as kept, pytest.raises(InvalidValue, match="no alert 7; `holdfast alerts list`"):
        book.acknowledge(kept, 7, "ada", NOW)


@pytest.mark.parametrize("settings", [{"rules": [{"rule": "unknown_order", "on": False}]}])
def test_a_rule_that_is_off_tells_nothing(keeping: Keeping, config: Config, settings: dict[str, Any]) -> None:
    """It isn't kept either."""
    find(keeping, config)
    assert (told(keeping), states(keeping)) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_long_over_is_let_go(keeping: Keeping, config: Config) -> None:
    """With its messages; what lasts stays, what is young, and what is still to be told; more than goes at once goes by and by."""
    day_ns = 86_400 * SECOND_NS
    old, young = NOW, NOW + 50 * day_ns
    find(keeping, config, now_ns=old)
    find(keeping, config, Finding("engine_restarted", "main", "record 1", "died", lasts=False), old)
    with keeping.begin() as kept:
        kept.execute(sa.update(deliveries).values(state=book.SENT, ended_ns=old))
        book.send(kept, ("desk", book.DAILY, "info"), ("a day", "x"), old)
        kept.execute(sa.update(deliveries).where(deliveries.c.alert.is_(None)).values(state=book.SENT, ended_ns=old))
    find(keeping, config, Finding("engine_restarted", "main", "record 2", "died", lasts=False), old)
    find(keeping, config, Finding("engine_restarted", "main", "record 3", "died", lasts=False), young)
    with keeping.begin() as kept:
        assert book.prune(kept, old) == 0
        assert book.prune(kept, young) == 1
        assert book.prune(kept, young) == 0
        left = [(alert.id, alert.state) for alert in shown.listed(kept, Wanted(100), young)]
    assert left == [(4, "resolved"), (3, "resolved"), (1, "open")]
    assert [kind for _, kind, _ in told(keeping)] == ["opened"] * 3
