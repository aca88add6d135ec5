# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""PRESERVATION: entries that add risk are canceled, exits and protection stay, and what the policy calls risky is closed."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import snapshot
from holdfast.core.messages import (
    Action,
    CommandDone,
    Halt,
    Health,
    Heartbeat,
    OrderCanceled,
    Preserve,
    Report,
    Resume,
    RiskRefused,
)
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.policy import Preservation, ProtectionPolicy
from holdfast.core.protection.records import PositionClosing
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.state import apply
from holdfast.core.types import MANUAL, MINUTE_NS, SECOND_NS
from tests.scenario.desk import OFFICE_HOURS, Desk, Scripted, bar, new_state
from tests.scenario.test_engine_protection import covered, enter, legs

AFTER_NS = 15 * SECOND_NS


def trading(preservation: Preservation = Preservation.HOLD) -> Desk:
    """A protected position and one that never asked for a stop, a resting entry, and a resting reduce-only order."""
    script: dict[int, Any] = {
        1: enter(),
        2: lambda context, _: (
            context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
            context.sell("ABC", 40, limit_price=118, time_in_force="gtc"),
        ),
    }
    bare = Scripted({1: lambda context, _: context.buy("ABC", 10)})
    desk = Desk(Scripted(script), bare)
    desk.state.protection = ProtectionPolicy(preservation=preservation, preservation_after_ns=AFTER_NS)
    return desk.closes(1, 100, 100)


def lose(desk: Desk, cause: str = "market data") -> None:
    desk.take_health(Health(desk.state.now_ns, cause, ok=False, reason="gone"))
    assert desk.state.account_state is AccountState.PRESERVATION


def find(desk: Desk) -> None:
    desk.take_health(Health(desk.state.now_ns, "market data", ok=True, reason="back"))


def later(desk: Desk, time_ns: int) -> Desk:
    return desk.run(Heartbeat(desk.state.now_ns + time_ns))


def limits_at_work(desk: Desk) -> set[Decimal | None]:
    return {order.terms.limit_price for order in desk.state.orders.live.values()}


def test_a_connection_that_comes_back_at_once_costs_nothing() -> None:
    """Within the stated time nothing is canceled, whatever the policy."""
    desk = trading(Preservation.CLOSE_ALL)
    before = limits_at_work(desk)
    lose(desk)
    later(desk, AFTER_NS - 1)
    find(desk)
    later(desk, 10 * AFTER_NS)
    assert limits_at_work(desk) == before
    assert (desk.position("s0"), desk.position("s1")) == (100, 10)


def test_one_that_stays_away_cancels_entries_and_leaves_the_rest() -> None:
    """The resting entry goes; the reduce-only order, the stop and the target stay, and nothing is closed."""
    desk = trading()
    lose(desk)
    later(desk, AFTER_NS)
    assert limits_at_work(desk) == {118, None, 120}
    assert (desk.position("s0"), desk.position("s1"), desk.of(PositionClosing)) == (100, 10, [])


@pytest.mark.parametrize(
    ("policy", "left"), [(Preservation.CLOSE_UNPROTECTED, (100, 0)), (Preservation.CLOSE_ALL, (0, 0))]
)
def test_what_the_policy_calls_risky_is_closed(policy: Preservation, left: tuple[int, int]) -> None:
    """A position without a stop, or every position, is closed once the time is up; what is left keeps its exits."""
    desk = trading(policy)
    lose(desk)
    later(desk, AFTER_NS)
    assert (desk.position("s0"), desk.position("s1")) == left
    assert desk.state.account_state is AccountState.PRESERVATION
    assert sum(quantity for _, quantity in legs(desk)) == (120 if left[0] else 0)


def test_a_loss_limit_acts_at_once() -> None:
    """The day's loss is no connection that may be back: entries go with the next look at the clock."""
    script: dict[int, Any] = {
        1: lambda context, _: context.buy("ABC", 100),
        2: lambda context, _: context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
        3: lambda context, _: context.sell("ABC", 1),
    }
    desk = Desk(Scripted(script), limits=RiskLimits(daily_loss_pct=Decimal(2))).closes(1, 100, 100, 75)
    assert desk.state.account_state is AccountState.PRESERVATION
    later(desk, 1)
    resting = desk.order(2)
    assert (resting.state, desk.position()) == (OrderState.CANCELED, 99)


@pytest.mark.parametrize("limit", [{"daily_loss_pct": Decimal(2)}, {"max_drawdown_pct": Decimal(2)}])
def test_a_loss_is_noticed_within_a_minute_with_no_order_and_no_fill(limit: dict[str, Decimal]) -> None:
    """A position that sinks while nobody trades: the account doesn't wait for the hour to be valued."""
    script: dict[int, Any] = {
        1: lambda context, _: context.buy("ABC", 100),
        2: lambda context, _: context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
    }
    desk = Desk(Scripted(script), limits=RiskLimits(**limit)).closes(1, 100, 100, 100, 75)  # type: ignore[arg-type]
    assert desk.state.account_state.takes_risk
    later(desk, MINUTE_NS)
    assert desk.state.account_state is AccountState.PRESERVATION
    later(desk, 1)
    assert (desk.order(2).state, desk.position()) == (OrderState.CANCELED, 100)


def test_it_is_not_left_before_its_cause_is_gone() -> None:
    """Closing everything doesn't end it, and the cause's end does."""
    desk = trading(Preservation.CLOSE_ALL)
    lose(desk)
    later(desk, 20 * AFTER_NS)
    assert desk.state.account_state is AccountState.PRESERVATION
    find(desk)
    assert desk.state.account_state.takes_risk


def test_protection_goes_on_in_preservation() -> None:
    """A stop that the broker takes away is placed again."""
    desk = trading()
    lose(desk)
    later(desk, AFTER_NS)
    reduce_only = next(order for order in desk.state.orders.live.values() if order.terms.limit_price == 118)
    desk.take(_canceled(desk, reduce_only.terms.client_order_id))
    assert covered(desk)


def _canceled(desk: Desk, key: Any) -> Any:
    desk.exchange.remove(key)
    return Report(desk.state.now_ns, OrderCanceled(key, "by the broker"))


# --- who and what enters it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "left", "text"),
    [
        (Preservation.HOLD, (100, 10), "positions stay"),
        (Preservation.CLOSE_UNPROTECTED, (100, 0), "without a stop are closed"),
        (Preservation.CLOSE_ALL, (0, 0), "every position is closed"),
    ],
)
def test_by_hand_it_is_carried_out_at_once(policy: Preservation, left: tuple[int, int], text: str) -> None:
    """In the command's own moment the resting entry goes and the policy is carried out; protection of what stays is there."""
    desk = trading(policy)
    answers = [record.body for record in desk.ask(Preserve("maintenance")) if isinstance(record.body, CommandDone)]
    assert [(done.accepted, text in done.text) for done in answers] == [(True, True)]
    assert desk.state.account_state is AccountState.PRESERVATION
    assert (desk.position("s0"), desk.position("s1")) == left
    assert 50 not in limits_at_work(desk)
    assert sum(quantity for _, quantity in legs(desk)) == (120 if left[0] else 0)


def test_by_hand_it_stays_until_a_person_resumes() -> None:
    """Not a connection that is back, nor a new trading day, nor time ends it: an entry is refused until ``resume``."""
    desk = trading()
    desk.ask(Preserve())
    lose(desk)
    find(desk)
    later(desk, 40 * 60 * 60 * SECOND_NS)
    desk.place(Action.BUY, 1)
    assert [refused.rule for refused in desk.of(RiskRefused)] == ["account_state"]
    desk.ask(Resume())
    assert desk.state.account_state.takes_risk
    desk.place(Action.BUY, 1)
    assert desk.position(MANUAL) == 1


def test_by_hand_it_is_in_the_records() -> None:
    """Another process that applies them is in PRESERVATION for the same reason, and so is one that has a snapshot."""
    desk = trading()
    desk.ask(Preserve("maintenance"))
    again, restored = new_state(RiskLimits()), new_state(RiskLimits())
    for record in desk.records:
        apply(again, record)
    snapshot.restore(restored, snapshot.take(again))
    for state in (again, restored):
        assert state.account_state is AccountState.PRESERVATION
        assert state.impairments == {"by hand": "maintenance"}


def test_a_halt_bars_more_and_stays() -> None:
    """What is halted can't be put into PRESERVATION, which would say less; what is preserved can be halted."""
    desk = trading()
    desk.ask(Halt())
    answers = [record.body for record in desk.ask(Preserve(), "c2") if isinstance(record.body, CommandDone)]
    assert [done.accepted for done in answers] == [False]
    assert (desk.state.account_state, desk.state.impairments) == (AccountState.HALTED, {})
    desk.ask(Resume(), "c3")
    desk.ask(Preserve(), "c4")
    desk.ask(Halt(), "c5")
    assert desk.state.account_state is AccountState.HALTED


def test_a_market_that_is_silent_altogether() -> None:
    """One symbol's silence bars entries in that; when nothing is heard of any the account is in PRESERVATION, until something is."""
    desk = Desk(calendar=OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    nine = 9 * 60
    desk.run(bar(nine + 1, 10.0), *[bar(nine + number, 20.0, symbol="XYZ") for number in range(1, 10)])
    assert (set(desk.state.stale), desk.state.account_state) == ({"ABC"}, AccountState.IDLE)
    later(desk, 6 * MINUTE_NS)
    assert desk.state.account_state is AccountState.PRESERVATION
    assert list(desk.state.impairments) == ["stale data"]
    desk.run(bar(nine + 17, 10.0))
    assert (desk.state.account_state, desk.state.impairments) == (AccountState.IDLE, {})
