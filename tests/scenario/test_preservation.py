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
from tests.scenario.account import OFFICE_HOURS, Account, Scripted, bar, new_state
from tests.scenario.test_engine_protection import covered, enter, legs

AFTER_NS = 15 * SECOND_NS


def trading(preservation: Preservation = Preservation.HOLD) -> Account:
    """A protected position and one that never asked for a stop, a resting entry, and a resting reduce-only order."""
    script: dict[int, Any] = {
        1: enter(),
        2: lambda context, _: (
            context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
            context.sell("ABC", 40, limit_price=118, time_in_force="gtc"),
        ),
    }
    bare = Scripted({1: lambda context, _: context.buy("ABC", 10)})
    account = Account(Scripted(script), bare)
    account.state.protection = ProtectionPolicy(preservation=preservation, preservation_after_ns=AFTER_NS)
    return account.closes(1, 100, 100)


def lose(account: Account, cause: str = "market data") -> None:
    account.take_health(Health(account.state.now_ns, cause, ok=False, reason="gone"))
    assert account.state.account_state is AccountState.PRESERVATION


def find(account: Account) -> None:
    account.take_health(Health(account.state.now_ns, "market data", ok=True, reason="back"))


def later(account: Account, time_ns: int) -> Account:
    return account.run(Heartbeat(account.state.now_ns + time_ns))


def limits_at_work(account: Account) -> set[Decimal | None]:
    return {order.terms.limit_price for order in account.state.orders.live.values()}


def test_a_connection_that_comes_back_at_once_costs_nothing() -> None:
    """Within the stated time nothing is canceled, whatever the policy."""
    account = trading(Preservation.CLOSE_ALL)
    before = limits_at_work(account)
    lose(account)
    later(account, AFTER_NS - 1)
    find(account)
    later(account, 10 * AFTER_NS)
    assert limits_at_work(account) == before
    assert (account.position("s0"), account.position("s1")) == (100, 10)


def test_one_that_stays_away_cancels_entries_and_leaves_the_rest() -> None:
    """The resting entry goes; the reduce-only order, the stop and the target stay, and nothing is closed."""
    account = trading()
    lose(account)
    later(account, AFTER_NS)
    assert limits_at_work(account) == {118, None, 120}
    assert (account.position("s0"), account.position("s1"), account.of(PositionClosing)) == (100, 10, [])


@pytest.mark.parametrize(
    ("policy", "left"), [(Preservation.CLOSE_UNPROTECTED, (100, 0)), (Preservation.CLOSE_ALL, (0, 0))]
)
def test_what_the_policy_calls_risky_is_closed(policy: Preservation, left: tuple[int, int]) -> None:
    """A position without a stop, or every position, is closed once the time is up; what is left keeps its exits."""
    account = trading(policy)
    lose(account)
    later(account, AFTER_NS)
    assert (account.position("s0"), account.position("s1")) == left
    assert account.state.account_state is AccountState.PRESERVATION
    assert sum(quantity for _, quantity in legs(account)) == (120 if left[0] else 0)


def test_a_loss_limit_acts_at_once() -> None:
    """The day's loss is no connection that may be back: entries go with the next look at the clock."""
    script: dict[int, Any] = {
        1: lambda context, _: context.buy("ABC", 100),
        2: lambda context, _: context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
        3: lambda context, _: context.sell("ABC", 1),
    }
    account = Account(Scripted(script), limits=RiskLimits(daily_loss_pct=Decimal(2))).closes(1, 100, 100, 75)
    assert account.state.account_state is AccountState.PRESERVATION
    later(account, 1)
    resting = account.order(2)
    assert (resting.state, account.position()) == (OrderState.CANCELED, 99)


@pytest.mark.parametrize("limit", [{"daily_loss_pct": Decimal(2)}, {"max_drawdown_pct": Decimal(2)}])
def test_a_loss_is_noticed_within_a_minute_with_no_order_and_no_fill(limit: dict[str, Decimal]) -> None:
    """A position that sinks while nobody trades: the account doesn't wait for the hour to be valued."""
    script: dict[int, Any] = {
        1: lambda context, _: context.buy("ABC", 100),
        2: lambda context, _: context.buy("ABC", 5, limit_price=50, time_in_force="gtc"),
    }
    account = Account(Scripted(script), limits=RiskLimits(**limit)).closes(1, 100, 100, 100, 75)  # type: ignore[arg-type]
    assert account.state.account_state.takes_risk
    later(account, MINUTE_NS)
    assert account.state.account_state is AccountState.PRESERVATION
    later(account, 1)
    assert (account.order(2).state, account.position()) == (OrderState.CANCELED, 100)


def test_it_is_not_left_before_its_cause_is_gone() -> None:
    """Closing everything doesn't end it, and the cause's end does."""
    account = trading(Preservation.CLOSE_ALL)
    lose(account)
    later(account, 20 * AFTER_NS)
    assert account.state.account_state is AccountState.PRESERVATION
    find(account)
    assert account.state.account_state.takes_risk


def test_protection_goes_on_in_preservation() -> None:
    """A stop that the broker takes away is placed again."""
    account = trading()
    lose(account)
    later(account, AFTER_NS)
    reduce_only = next(order for order in account.state.orders.live.values() if order.terms.limit_price == 118)
    account.take(_canceled(account, reduce_only.terms.client_order_id))
    assert covered(account)


def _canceled(account: Account, key: Any) -> Any:
    account.exchange.remove(key)
    return Report(account.state.now_ns, OrderCanceled(key, "by the broker"))


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
    account = trading(policy)
    answers = [record.body for record in account.ask(Preserve("maintenance")) if isinstance(record.body, CommandDone)]
    assert [(done.accepted, text in done.text) for done in answers] == [(True, True)]
    assert account.state.account_state is AccountState.PRESERVATION
    assert (account.position("s0"), account.position("s1")) == left
    assert 50 not in limits_at_work(account)
    assert sum(quantity for _, quantity in legs(account)) == (120 if left[0] else 0)


def test_by_hand_it_stays_until_a_person_resumes() -> None:
    """Not a connection that is back, nor a new trading day, nor time ends it: an entry is refused until ``resume``."""
    account = trading()
    account.ask(Preserve())
    lose(account)
    find(account)
    later(account, 40 * 60 * 60 * SECOND_NS)
    account.place(Action.BUY, 1)
    assert [refused.rule for refused in account.of(RiskRefused)] == ["account_state"]
    account.ask(Resume())
    assert account.state.account_state.takes_risk
    account.place(Action.BUY, 1)
    assert account.position(MANUAL) == 1


def test_by_hand_it_is_in_the_records() -> None:
    """Another process that applies them is in PRESERVATION for the same reason, and so is one that has a snapshot."""
    account = trading()
    account.ask(Preserve("maintenance"))
    again, restored = new_state(RiskLimits()), new_state(RiskLimits())
    for record in account.records:
        apply(again, record)
    snapshot.restore(restored, snapshot.take(again))
    for state in (again, restored):
        assert state.account_state is AccountState.PRESERVATION
        assert state.impairments == {"by hand": "maintenance"}


def test_a_halt_bars_more_and_stays() -> None:
    """What is halted can't be put into PRESERVATION, which would say less; what is preserved can be halted."""
    account = trading()
    account.ask(Halt())
    answers = [record.body for record in account.ask(Preserve(), "c2") if isinstance(record.body, CommandDone)]
    assert [done.accepted for done in answers] == [False]
    assert (account.state.account_state, account.state.impairments) == (AccountState.HALTED, {})
    account.ask(Resume(), "c3")
    account.ask(Preserve(), "c4")
    account.ask(Halt(), "c5")
    assert account.state.account_state is AccountState.HALTED


def test_a_market_that_is_silent_altogether() -> None:
    """One symbol's silence bars entries in that; when nothing is heard of any the account is in PRESERVATION, until something is."""
    account = Account(calendar=OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    nine = 9 * 60
    account.run(bar(nine + 1, 10.0), *[bar(nine + number, 20.0, symbol="XYZ") for number in range(1, 10)])
    assert (set(account.state.stale), account.state.account_state) == ({"ABC"}, AccountState.IDLE)
    later(account, 6 * MINUTE_NS)
    assert account.state.account_state is AccountState.PRESERVATION
    assert list(account.state.impairments) == ["stale data"]
    account.run(bar(nine + 17, 10.0))
    assert (account.state.account_state, account.state.impairments) == (AccountState.IDLE, {})
