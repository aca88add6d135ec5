"""What only a real broker brings: executions undone, positions that were there before, sight that is lost and comes back."""

from decimal import Decimal

import pytest

from holdfast.core.broker_rules import BrokerRules
from holdfast.core.exposure import worst_case
from holdfast.core.messages import (
    Action,
    CancelOrders,
    FillBusted,
    Health,
    OrderAnomaly,
    OrderEventIgnored,
    OrderFilled,
    PositionAdopted,
    Report,
    Resume,
    RiskRefused,
)
from holdfast.core.milestones import Impaired, Restored
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.session.account import AccountState
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, NO_MONEY, OrderType, Price, Quantity, Side
from tests.scenario.account import DEPOSIT, Account, bar

D = Decimal
ONE_WAY = BrokerRules(orders_cross_zero=False)


def bought() -> tuple[Account, OrderFilled]:
    """An account that has just bought 100 at 10."""
    account = Account().run(bar(1, 10.0))
    account.place(Action.BUY, 100)
    (fill,) = account.of(OrderFilled)
    return account, fill


def bust_of(fill: OrderFilled) -> FillBusted:
    return FillBusted(
        fill.client_order_id,
        fill.execution_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        fill.fee,
        "erroneous",
    )


@pytest.mark.proves("S7")
def test_a_bust_takes_an_execution_out_of_the_books() -> None:
    """Position, cash and the order's filled quantity are what they were before it, and someone is told."""
    account, fill = bought()
    account.take(Report(account.state.now_ns, bust_of(fill)))
    assert account.position(MANUAL) == 0
    assert account.state.portfolio.cash == DEPOSIT
    assert account.order(1).filled_quantity == 0
    assert [note.event for note in account.of(OrderAnomaly)] == ["busted"]


def test_a_bust_counts_once() -> None:
    """Told twice, it is booked once."""
    account, fill = bought()
    for _ in range(2):
        account.take(Report(account.state.now_ns, bust_of(fill)))
    assert account.position(MANUAL) == 0
    assert [note.reason for note in account.of(OrderEventIgnored)][-1] == "this bust is already booked"


def test_a_bust_of_what_was_never_booked_changes_nothing() -> None:
    """An execution the books don't have can't be taken out of them."""
    account, fill = bought()
    other = FillBusted(fill.client_order_id, "other", fill.symbol, fill.side, fill.quantity, fill.price)
    account.take(Report(account.state.now_ns, other))
    assert account.position(MANUAL) == 100
    assert account.of(FillBusted) == []


@pytest.mark.proves("S7")
def test_a_correction_is_a_bust_and_a_new_fill() -> None:
    """After it the books have the corrected price, to the last digit."""
    account, fill = bought()
    account.take(Report(account.state.now_ns, bust_of(fill)))
    again = OrderFilled(
        fill.client_order_id, "corrected", fill.symbol, Side.BUY, Quantity(D(100)), Price(D("10.01")), NO_MONEY
    )
    account.take(Report(account.state.now_ns, again))
    assert account.position(MANUAL) == 100
    assert account.state.portfolio.cash == DEPOSIT - D("1001.00")


def test_an_adopted_position_is_external_and_counts() -> None:
    """What the account held before is in its books under a ledger of its own."""
    account = Account()
    turn = Turn(account.state)
    turn.record(PositionAdopted("ABC", Quantity(D(-30)), Price(D(20))))
    assert account.position(EXTERNAL) == -30
    assert account.state.portfolio.quantity("ABC") == -30
    assert account.state.portfolio.cash == DEPOSIT + 600


def test_while_something_is_missing_no_risk_is_taken() -> None:
    """An impairment preserves the account: entries are refused, a reduce-only order passes; with the last one over it trades again."""
    account, _ = bought()
    now_ns = account.state.now_ns
    for cause in ("trade updates", "market data"):
        account.take_health(Health(now_ns, cause, ok=False, reason="connection lost"))
    assert not account.state.account_state.takes_risk
    account.place(Action.BUY, 1)
    assert [refused.rule for refused in account.of(RiskRefused)] == ["account_state"]
    account.place(Action.SELL, 40)
    assert account.position(MANUAL) == 60
    account.take_health(Health(now_ns, "market data", ok=True, reason="data again"))
    assert not account.state.account_state.takes_risk
    account.take_health(Health(now_ns, "trade updates", ok=True, reason="caught up"))
    assert account.state.account_state is AccountState.IDLE


def test_health_told_twice_is_recorded_once() -> None:
    """Only a change is an event."""
    account = Account()
    for ok in (True, False, False, True, True):
        account.take_health(Health(account.state.now_ns, "broker", ok=ok, reason="why"))
    assert (len(account.of(Impaired)), len(account.of(Restored))) == (1, 1)


def test_a_person_can_overrule_an_impairment() -> None:
    """Resume clears every cause; whoever still sees one tells it again."""
    account = Account()
    account.take_health(Health(account.state.now_ns, "broker", ok=False, reason="errors"))
    account.ask(Resume())
    assert account.state.account_state is AccountState.IDLE
    assert account.state.impairments == {}


def test_a_turn_around_is_two_orders_where_one_is_not_taken() -> None:
    """The first brings the position to zero and the second, once that has filled, beyond it; both count as exposure at once."""
    account = Account(rules=ONE_WAY).run(bar(1, 10.0))
    account.place(Action.BUY, 100)
    account.place(Action.SELL, 250, limit_price=Price(D(11)), order_type=OrderType.LIMIT)
    assert [order.terms.quantity for order in account.state.orders.live.values()] == [100]
    assert worst_case(account.state, "ABC") == (D(100), D(-150))
    account.run(bar(2, 11.0))
    assert account.position(MANUAL) == -150
    assert [fill.quantity for fill in account.of(OrderFilled)] == [100, 100, 150]
    assert account.state.orders.open_sells == {}


def test_what_should_follow_does_not_after_a_cancel() -> None:
    """An order that ends without filling whole is followed by nothing."""
    account = Account(rules=ONE_WAY).run(bar(1, 10.0))
    account.place(Action.BUY, 100)
    account.place(Action.SELL, 250, limit_price=Price(D(11)), order_type=OrderType.LIMIT)
    account.ask(CancelOrders())
    account.run(bar(2, 12.0))
    assert account.position(MANUAL) == 100
    assert account.state.orders.open_sells == {}
    assert account.state.orders.open_net == {}


def test_turning_round_twice_as_much_as_is_held_is_no_repeat() -> None:
    """Closing 100 and opening 100 are equal orders; the second is not taken for a duplicate of the first."""
    account = Account(rules=ONE_WAY).run(bar(1, 10.0))
    account.place(Action.BUY, 100)
    account.place(Action.SELL, 200)
    assert account.position(MANUAL) == -100
