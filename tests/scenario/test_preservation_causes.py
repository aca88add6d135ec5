# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What each cause of PRESERVATION may lead to: the table in the docs, tried; and what must never sell a healthy account."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.core import lifecycle
from holdfast.core.engine.market import hear, show
from holdfast.core.messages import Bar, Health, Heartbeat
from holdfast.core.milestones import Impaired, MarketFresh, MarketStale, Restored
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.cover import Cover
from holdfast.core.protection.legs import Guard
from holdfast.core.protection.policy import Preservation, ProtectionPolicy
from holdfast.core.protection.records import PositionClosing, PositionKept
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import FIRST_BAR_NS, RULES, Acts, Cause
from holdfast.core.state import apply
from holdfast.core.types import HOUR_NS, MINUTE_NS, SECOND_NS, ClientOrderId, Price, StrategyId
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import OFFICE_HOURS, Account, Scripted, bar, minute, new_state
from tests.scenario.test_engine_protection import covered, enter
from tests.scenario.test_preservation import AFTER_NS, later, lose, trading

PAGE = Path(__file__).parents[2] / "docs" / "protection.md"


BARE = StrategyId("s1"), "ABC"


class Line(NamedTuple):
    """A row of the page's table."""

    cause: str
    acts: str
    closes: bool
    ends: str


def page() -> list[Line]:
    rows = re.findall(r"^\| `([a-z ]+)` \| [^|]+ \| ([^|]+) \| (yes|no) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    return [Line(cause, acts, closes == "yes", ends) for cause, acts, closes, ends in rows]


def test_the_page_says_what_the_table_says() -> None:
    """Every cause, once, with when it acts, whether it may close positions, and what ends it."""
    rules = {cause.value: (rule.acts.value, rule.closes, rule.ends) for cause, rule in RULES.items()}
    assert {line.cause: line[1:] for line in page()} == rules
    assert len(page()) == len(RULES) == len(Cause)


@pytest.mark.parametrize("policy", list(Preservation))
@pytest.mark.parametrize("line", page(), ids=lambda line: line.cause)
def test_every_cause_under_every_policy(line: Line, policy: Preservation) -> None:
    """Positions are closed exactly where the page says so, no sooner; entries that add risk go in any case."""
    account = trading(policy)
    account.state.listening_ns -= FIRST_BAR_NS
    if line.cause == Cause.PROTECTION:  # with everything protected it would be over at once
        account.state.guards[BARE] = Guard(ClientOrderId(""), Price(Decimal(90)), None)
        account.state.covers[BARE] = Cover(since_ns=account.state.now_ns)
    lose(account, line.cause)
    later(account, AFTER_NS - 1 if line.acts != Acts.AT_ONCE else 0)
    held = account.position("s0"), account.position("s1")
    assert held == (100, 10) or line.acts == Acts.AT_ONCE
    later(account, MINUTE_NS)
    left = {"hold": (100, 10), "close_unprotected": (100, 0), "close_all": (0, 0)}
    if line.cause == Cause.PROTECTION:  # over with the sale of what was bare, before the other's exits were gone
        left["close_all"] = (100, 0)
    assert (account.position("s0"), account.position("s1")) == (left[policy] if line.closes else (100, 10))
    assert account.order(4).state is OrderState.CANCELED  # the entry at 50 that rested


def test_a_cause_has_its_own_time() -> None:
    """Cash has differed for an hour, which closes nothing; then a stream is away for a second."""
    account = trading(Preservation.CLOSE_ALL)
    lose(account, "books")
    later(account, HOUR_NS)
    account.take_health(Health(account.state.now_ns, "order events", ok=False, reason="gone"))
    later(account, SECOND_NS)
    account.take_health(Health(account.state.now_ns, "order events", ok=True, reason="back"))
    later(account, HOUR_NS)
    assert (account.position("s0"), account.position("s1"), account.of(PositionClosing)) == (100, 10, [])
    assert account.state.account_state is AccountState.PRESERVATION


def test_what_is_over_before_anything_was_sold_sells_nothing() -> None:
    """The cancels of the exits are on their way when the stream is back: the position stays, and is protected again."""
    account = Account(Scripted({1: enter()}), venue=VenueSettings(latency_ns=20 * SECOND_NS))
    account.state.protection = ProtectionPolicy(preservation=Preservation.CLOSE_ALL, preservation_after_ns=AFTER_NS)
    account.closes(1, 100, 100, 100, 100)
    assert covered(account)
    lose(account, "order events")
    later(account, AFTER_NS)
    assert len(account.of(PositionClosing)) == 1
    account.take_health(Health(account.state.now_ns, "order events", ok=True, reason="back"))
    later(account, 1)
    assert [body.symbol for body in account.of(PositionKept)] == ["ABC"]
    account.closes(6, 100, 100, 100, 100)
    assert (account.position(), covered(account)) == (100, True)


def test_a_loss_that_closes_positions_is_not_taken_back() -> None:
    """What acts at once has decided: the new trading day ends the cause, and the close goes on."""
    account = Account(Scripted({1: enter()}), venue=VenueSettings(latency_ns=20 * SECOND_NS))
    account.state.protection = ProtectionPolicy(preservation=Preservation.CLOSE_ALL)
    account.closes(1, 100, 100, 100, 100)
    lose(account, "daily loss")
    later(account, 1)
    account.take_health(Health(account.state.now_ns, "daily loss", ok=True, reason="a new trading day"))
    account.closes(6, 100, 100, 100, 100)
    assert (account.position(), account.of(PositionKept)) == (0, [])


# --- a restart in market hours ----------------------------------------------------------------------------------------

STALE_AFTER_NS = 90 * SECOND_NS
BEFORE = 9 * 60 + 30
"""The minute of the last bar before the engine was stopped: half an hour after the open."""


class Restarted:
    """A live account with a position, whose engine was away; ``run`` lets seconds pass."""

    def __init__(
        self, away_min: int, *fetched: Bar, stale_after_ns: int = STALE_AFTER_NS, silent: bool = False, **policy: Any
    ) -> None:
        before = Account(Scripted({1: enter()}), calendar=OFFICE_HOURS, symbols=["ABC"], stale_after_ns=stale_after_ns)
        before.run(bar(BEFORE - 1, 100), bar(BEFORE, 100))
        if silent:
            before.run(Heartbeat(minute(BEFORE) + 10 * MINUTE_NS))
            assert "stale data" in before.state.impairments
        self.state = new_state(RiskLimits(), OFFICE_HOURS, stale_after_ns=stale_after_ns)
        for record in before.records:
            apply(self.state, record)
        self.state.protection = ProtectionPolicy(
            preservation=Preservation.CLOSE_ALL, preservation_after_ns=AFTER_NS, **policy
        )
        self.state.now_ns = max(self.state.now_ns, minute(BEFORE + away_min))
        hear(self.state, bar(BEFORE, 100))
        for event in fetched:
            show(self.state, (event,))
            hear(self.state, event)
        self.account = Account.__new__(Account)
        self.account.state, self.account.records, self.account.turns = self.state, [], []
        for turn in (lifecycle.start(self.state, 2, "test", "test"), lifecycle.recovered(self.state, REPORT)):
            self.account.records += turn.records

    def run(self, seconds: int) -> "Restarted":
        for _ in range(seconds):
            turn = self.account.step(Heartbeat(self.state.now_ns + SECOND_NS))
            self.account.records += turn.records if turn is not None else []
        return self

    @property
    def closings(self) -> list[Any]:
        return self.account.of(PositionClosing)


REPORT = lifecycle.nothing_recovered(new_state(RiskLimits()))


@pytest.mark.parametrize("away_min", [3, 5, 45, 24 * 60 + 2])
def test_a_restart_in_market_hours_keeps_what_it_holds(away_min: int) -> None:
    """Whether away for three minutes, for long, or since yesterday: until two minutes after the start nothing is closed."""
    restarted = Restarted(away_min).run(119)
    assert restarted.closings == []


def test_fetched_history_counts_as_heard() -> None:
    """Nothing is stale that the start has just fetched, and a symbol that was is fresh again."""
    restarted = Restarted(30, bar(BEFORE + 29, 100), silent=True)
    assert [body.symbol for body in restarted.account.of(MarketFresh)] == ["ABC"]
    assert restarted.state.account_state.takes_risk
    restarted.run(40)
    assert restarted.account.of(MarketStale, Impaired, PositionClosing) == []


def test_the_silence_of_an_earlier_run_is_no_reason_to_sell() -> None:
    """The engine was stopped while its market was silent, and the market is closed when it starts again."""
    restarted = Restarted(20 * 60, silent=True).run(300)
    assert [body.cause for body in restarted.account.of(Restored)] == ["stale data"]
    assert restarted.closings == []


def test_a_market_that_stays_silent_after_the_start_is_acted_on() -> None:
    """The patience ends: 120 s (two bars) of listening, then 15 s."""
    restarted = Restarted(30).run(120)
    assert restarted.account.of(Impaired) == []
    restarted.run(1)
    assert [body.cause for body in restarted.account.of(Impaired)] == ["stale data"]
    restarted.run(14)
    assert restarted.closings == []
    restarted.run(2)
    assert len(restarted.closings) == 1


def test_market_data_that_is_late_at_the_start_is_waited_for() -> None:
    """Subscribing takes half a minute, as when the old connection is still counted: nothing is closed for that."""
    restarted = Restarted(3, bar(BEFORE + 3, 100), stale_after_ns=5 * MINUTE_NS)
    turn = restarted.account.step(Health(restarted.state.now_ns, "market data", ok=False, reason="not subscribed yet"))
    assert turn is not None
    assert restarted.run(100).closings == []
    assert len(restarted.run(21).closings) == 1


def test_patience_is_longer_than_the_bars_are_apart() -> None:
    """Quarter-hour bars with ``stale_after_s`` of five minutes: the market is not silent between two of them."""
    account = Account(Scripted({}), calendar=OFFICE_HOURS, symbols=["ABC"], stale_after_ns=5 * MINUTE_NS)
    for number in range(BEFORE, BEFORE + 60, 15):
        account.run(Bar("ABC", minute(number), minute(number - 15), 100, 100, 100, 100, 1))
        for passed in range(1, 15):
            account.run(Heartbeat(minute(number + passed)))
    assert account.of(MarketStale, Impaired) == []


def test_an_unknown_cause_of_another_version_closes_nothing() -> None:
    """A journal written by a newer version may name one that this table doesn't have."""
    account = trading(Preservation.CLOSE_ALL)
    lose(account, "the moon")
    later(account, HOUR_NS)
    assert (account.position("s0"), account.position("s1")) == (100, 10)
