# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What comes and goes without a trade: what it does to limits, stops and the journal's bytes."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import snapshot
from holdfast.core.adjustments import CASH, AccountAdjusted, ActivitiesKnown, AdjustmentKind, LedgerChange
from holdfast.core.codec import decode_body, encode_body
from holdfast.core.engine.operations import record_value
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import apply
from holdfast.core.turn import Turn
from holdfast.core.types import Money, Price, Quantity, StrategyId
from tests.scenario.account import Account, Scripted, new_state
from tests.scenario.test_engine_protection import enter

S0 = StrategyId("s0")


def change(strategy: StrategyId, quantity: object = 0, amount: object = 0) -> LedgerChange:
    return LedgerChange(strategy, Quantity(Decimal(str(quantity))), Money(Decimal(str(amount))))


def adjusted(account: Account, kind: AdjustmentKind, symbol: str, *changes: LedgerChange, **more: Any) -> Account:
    turn = Turn(account.state)
    turn.record(AccountAdjusted(kind, symbol, changes, **more))
    record_value(account.state, turn)
    account._work(turn.finish())
    return account


def holding(**limits: Any) -> Account:
    """A hundred shares bought at 100, with a stop at 90 and a target at 120."""
    account = Account(Scripted({1: enter()}), limits=RiskLimits(**limits)).closes(1, 100, 100)
    assert account.position() == 100
    return account


def test_a_split_moves_stop_target_and_price_with_it() -> None:
    """Four for one: 400 shares, worth what they were, stopped at 22.50 and not sold for being far below 90."""
    account = holding()
    before = account.state.equity
    adjusted(account, AdjustmentKind.SPLIT, "ABC", change(S0, 300), price=Price(Decimal(25)), new=4)
    guard = account.state.guards[S0, "ABC"]
    assert (guard.stop_loss, guard.take_profit) == (Decimal("22.5"), 30)
    assert account.position() == 400
    assert account.state.equity == before
    assert account.state.portfolio.realised == 0


def test_a_split_is_no_loss_of_the_day_and_no_new_peak() -> None:
    """Neither limit sees it, whichever way it goes."""
    for new, old, more, price in ((4, 1, 300, 25), (1, 10, -90, 1000)):
        account = holding(daily_loss_pct=Decimal(1), max_drawdown_pct=Decimal(1))
        peak = account.state.counters.peak_equity
        adjusted(account, AdjustmentKind.SPLIT, "ABC", change(S0, more), price=Price(Decimal(price)), new=new, old=old)
        assert account.state.counters.peak_equity == peak
        assert not account.state.impairments


@pytest.mark.parametrize("amount", [50_000, -50_000])
def test_a_transfer_is_neither_a_gain_nor_a_loss(amount: int) -> None:
    """Money that comes or goes moves the peak and the day's start with it."""
    account = holding(daily_loss_pct=Decimal(1), max_drawdown_pct=Decimal(1))
    peak, start = account.state.counters.peak_equity, account.state.day_start_equity
    adjusted(account, AdjustmentKind.TRANSFER, CASH, change(EXTERNAL, amount=amount))
    assert not account.state.impairments
    assert (account.state.counters.peak_equity, account.state.day_start_equity) == (peak + amount, start + amount)


@pytest.mark.parametrize("kind", [AdjustmentKind.FEE, AdjustmentKind.INTEREST, AdjustmentKind.DIVIDEND])
def test_what_the_broker_takes_is_a_loss_of_the_day(kind: AdjustmentKind) -> None:
    """A fee of 1,500 of 100,000 is more than the one percent that the day may lose; so is negative interest."""
    account = adjusted(holding(daily_loss_pct=Decimal(1)), kind, CASH, change(EXTERNAL, amount=-1500))
    assert "daily loss" in account.state.impairments


def test_adjustments_survive_bytes_snapshots_and_replay() -> None:
    """The records are read back as they were, and lead to the same state; what was known of activities with it."""
    account = holding()
    known = ActivitiesKnown((("a1", 5, Money(Decimal("-0.01")), Quantity(Decimal(0))),))
    turn = Turn(account.state)
    turn.record(known)
    account._work(turn.finish())
    adjusted(account, AdjustmentKind.FEE, CASH, change(EXTERNAL, amount="-0.02"), activity_id="a2", time_ns=7)
    adjusted(account, AdjustmentKind.FEE, CASH, change(EXTERNAL, amount="-0.03"), expected=True)
    assert [decode_body(encode_body(record.body)) for record in account.records] == [
        record.body for record in account.records
    ]
    again = new_state(RiskLimits())
    for record in account.records:
        apply(again, record)
    assert again.activities == account.state.activities
    assert sorted(again.activities.booked) == ["a1", "a2"]
    assert again.activities.expected == {CASH: Decimal("0.03")}
    restored = new_state(RiskLimits())
    snapshot.restore(restored, snapshot.take(again))
    assert restored.activities == again.activities
    assert restored.portfolio.fees == account.state.portfolio.fees
