# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""A position for which no entry asked for a stop is given one: by a person, or by the watchdog."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import lifecycle, snapshot
from holdfast.core.findings import Comparison
from holdfast.core.messages import Action, BrokerName, CommandDone, Flatten, OrderPrepared, Protect
from holdfast.core.milestones import RecoveryCompleted
from holdfast.core.orders.order import OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.records import StopAsked
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import apply
from holdfast.core.types import MANUAL, OrderRole, OrderType, Quantity, StrategyId, TimeInForce
from tests.scenario.account import Account, Scripted, new_state, price
from tests.scenario.test_engine_protection import STOP, TARGET, legs


def holding(quantity: int = 100) -> Account:
    """A person's position at 100 that asked for nothing."""
    account = Account().closes(1, 100)
    account.place(Action.BUY if quantity > 0 else Action.SELL, abs(quantity))
    return account


def protect(account: Account, stop: object, command_id: str = "p1", **fields: Any) -> CommandDone:
    command = Protect("ABC", price(str(stop)), **fields)
    (done,) = [record.body for record in account.ask(command, command_id) if isinstance(record.body, CommandDone)]
    return done


@pytest.mark.parametrize(("quantity", "stop", "side"), [(100, 95, "sell"), (-100, 105, "buy")])
def test_a_bare_position_gets_its_stop(quantity: int, stop: int, side: str) -> None:
    """A stop on the other side for all of it, good till canceled, through risk; the record says what the market was at."""
    account = holding(quantity)
    assert protect(account, stop).accepted
    (leg,) = account.state.orders.live.values()
    terms = leg.terms
    assert (terms.order_type, terms.role, terms.time_in_force) == (OrderType.STOP, OrderRole.STOP_LOSS, TimeInForce.GTC)
    assert (terms.side, terms.quantity, terms.stop_price, terms.strategy) == (side, 100, stop, MANUAL)
    assert account.of(StopAsked) == [StopAsked(MANUAL, "ABC", price(stop), price(100))]
    account.closes(2, stop)
    assert (account.position(MANUAL), leg.state) == (0, OrderState.FILLED)
    assert (account.state.guards, account.state.covers) == ({}, {})


def test_told_twice_there_is_one() -> None:
    """The second is refused, whatever its price, and nothing is sent for it."""
    account = holding()
    protect(account, 95)
    before = len(account.of(OrderPrepared))
    again = protect(account, 96, "p2")
    assert (again.accepted, "has its stop, at 95" in again.text) == (False, True)
    assert (len(account.of(OrderPrepared)), legs(account)) == (before, [(STOP, 100)])


def test_the_next_start_keeps_it() -> None:
    """Brought back from records, or from a snapshot, the engine finds the stop in place and makes no other; taken away, it makes one."""
    account = holding()
    protect(account, 95)
    again, restored = new_state(RiskLimits()), new_state(RiskLimits())
    for record in account.records:
        apply(again, record)
    snapshot.restore(restored, snapshot.take(again))
    for state in (again, restored):
        turn = lifecycle.start(state, 2, "test", "test")
        assert state.guards == account.state.guards
        state.broker = BrokerName("elsewhere")  # one that went on without us
        turn = lifecycle.recovered(state, RecoveryCompleted(0, 0, 1, 0, 0))
        assert [record.type for record in turn.records] == ["RecoveryCompleted", "AccountStateChanged"]


def test_it_joins_a_target() -> None:
    """An entry that asked for a target alone: target and stop are a linked pair from here on, for no more than is held."""
    account = Account(Scripted({1: lambda context, _: context.buy("ABC", 100, take_profit=120)})).closes(1, 100)
    assert legs(account) == [(TARGET, 100)]
    assert protect(account, 95).accepted
    assert sorted(legs(account)) == sorted([(STOP, 100), (TARGET, 100)])
    groups = {order.terms.oco_group for order in account.state.orders.live.values()}
    assert len(groups) == 1
    assert None not in groups


@pytest.mark.parametrize(
    ("stop", "fields", "text"),
    [
        (100, {}, "wrong side of the market, which is at 100"),
        (101, {}, "wrong side"),
        ("NaN", {}, "stop_loss must be a finite number"),
        (0, {}, "stop_loss must be above zero"),
        (95, {"price": price("-1")}, "price must be above zero"),
        (95, {"price": price(94)}, "which is at 94"),
        (95, {"strategy": StrategyId("s0")}, "s0 holds ABC"),
    ],
)
def test_what_would_close_at_once_or_is_nobodys_is_refused(stop: object, fields: dict[str, Any], text: str) -> None:
    """Nothing is recorded but the refusal."""
    account = holding()
    done = protect(account, stop, **fields)
    assert (done.accepted, text in done.text) == (False, True), done.text
    assert (account.of(StopAsked), legs(account)) == ([], [])


def test_where_two_hold_it_is_to_be_said_whose() -> None:
    """A strategy's and a person's in one symbol: without a name nothing is done, with one that position gets it."""
    account = Account(Scripted({1: lambda context, _: context.buy("ABC", 30)})).closes(1, 100)
    account.place(Action.BUY, 20)
    refused = protect(account, 95)
    assert (refused.accepted, "s0, manual" in refused.text) == (False, True)
    assert protect(account, 95, "p2", strategy=MANUAL).accepted
    assert legs(account) == [(STOP, 20)]


def test_not_while_it_is_being_closed() -> None:
    """A flatten closes everything; no stop is placed beside it."""
    account = Account(venue=None).closes(1, 100)
    account.place(Action.BUY, 100)
    account.state.flattening = True
    assert "the engine is closing ABC" in protect(account, 95).text
    account.state.flattening = False
    account.ask(Flatten(), "f")
    assert "nobody holds ABC" in protect(account, 95, "p2").text


def test_what_came_from_outside_is_protected_as_long_as_it_is_there() -> None:
    """A position that was taken over gets a stop; when the broker has it no longer the guard goes, and its stop is canceled."""
    account = Account().closes(1, 100)
    take_over(account, 5)
    assert protect(account, 95, price=price(101)).accepted
    assert (legs(account), account.of(StopAsked)[0].price) == ([(STOP, 5)], 101)
    take_over(account, 0)
    assert (account.position(EXTERNAL), account.state.guards, account.state.covers) == (0, {}, {})
    assert legs(account) == []


def take_over(account: Account, quantity: int) -> None:
    """Go by a broker that has so much, with a person's leave."""
    held = ((("ABC", Quantity(Decimal(quantity)), price(100))),) if quantity else ()
    account.take(Comparison(account.state.now_ns, account.state.portfolio.cash, held, accept=True, reason="a test"))
