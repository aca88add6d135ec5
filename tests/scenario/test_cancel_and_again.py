"""Orders that are canceled and asked for again in one callback, and orders that are equal on purpose or by mistake."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import snapshot
from holdfast.core.exposure import worst_case
from holdfast.core.messages import (
    Action,
    Bar,
    CancelOrders,
    CancelRefused,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    Report,
    RiskRefused,
)
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context
from holdfast.core.types import Money, OrderType, Quantity, Side
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, Scripted, bar, new_state, price

D = Decimal
Ask = Callable[[Context], object]


def afresh(ask: Ask) -> Callable[[Context, Bar], object]:
    """Cancel whatever is live, then ask."""

    def act(context: Context, _: Bar) -> None:
        for order in context.orders():
            context.cancel(order.client_order_id)
        ask(context)

    return act


def ask(**terms: Any) -> Callable[[Context, Bar], object]:
    """Buy ten."""
    return lambda context, _: context.buy("ABC", 10, **terms)


def rest(context: Context) -> None:
    """A buy limit that rests until somebody ends it."""
    context.buy("ABC", 10, limit_price=99, time_in_force="gtc")


def refusals(account: Account) -> list[tuple[str, str]]:
    """The rules that refused, and the figures they saw."""
    return [(body.rule, body.figure) for body in account.of(RiskRefused)]


def tell(account: Account, body: Any) -> None:
    """Let the broker say something."""
    account.take(Report(account.state.now_ns, body))


# --- canceled and asked for again ---------------------------------------------------------------------------------------


def test_the_same_order_again_beside_its_cancel_is_there() -> None:
    """Each bar cancels the limit and asks for the same again: the last of them is at work, and fills when the price is met."""
    account = Account(Scripted(dict.fromkeys((1, 2, 3), afresh(rest)))).closes(1, 100, 100, 100)
    assert refusals(account) == []
    assert [order.terms.client_order_id for order in account.state.orders.live.values()] == [account.state.ids.order(3)]
    account.run(bar(4, 98))
    assert account.position() == 10


def test_a_person_may_cancel_and_order_the_same() -> None:
    """What a person cancels is no twin of what the person orders next."""
    account = Account(exchange=Silent(), symbols=["ABC"]).closes(1, 100)
    limit: dict[str, Any] = {"limit_price": price(99), "order_type": OrderType.LIMIT}
    account.place(Action.BUY, 10, **limit)
    account.ask(CancelOrders(client_order_id=account.state.ids.order(1)))
    account.place(Action.BUY, 10, **limit)
    assert (len(account.state.orders.live), refusals(account)) == (2, [])


def test_both_count_until_the_broker_has_confirmed_the_cancel() -> None:
    """A canceled order may fill still, so limits see both; once its end is confirmed it is free again."""
    script = {1: afresh(rest), 2: afresh(rest), 3: afresh(rest), 4: afresh(rest)}
    limits = RiskLimits(max_position_value=Money(D(2_000)))
    account = Account(Scripted(script), exchange=Silent(), limits=limits).closes(1, 100, 100)
    assert worst_case(account.state, "ABC") == (D(20), D(0))
    account.closes(3, 100)
    assert refusals(account) == [("position_value", "3000.00")]
    for number in (1, 2):
        tell(account, OrderAccepted(account.state.ids.order(number), f"b{number}"))
        tell(account, OrderCanceled(account.state.ids.order(number)))
    account.closes(4, 100)
    assert len(account.of(OrderPrepared)) == 3


def test_an_order_whose_cancel_was_refused_is_a_twin_again() -> None:
    """The broker would not cancel: both work, both count, and a third is a repeat of either, whichever ends first."""
    script = {1: afresh(rest), 2: afresh(rest), 3: lambda context, _: rest(context)}
    account = Account(Scripted(script), exchange=Silent()).closes(1, 100, 100)
    first, second = account.state.ids.order(1), account.state.ids.order(2)
    for key in (first, second):
        tell(account, OrderAccepted(key, f"b{key}"))
    tell(account, CancelRefused(first, "pending"))
    assert worst_case(account.state, "ABC") == (D(20), D(0))
    tell(account, OrderFilled(second, "x1", "ABC", Side.BUY, Quantity(D(10)), price(99)))
    copy = new_state(RiskLimits())
    snapshot.restore(copy, snapshot.take(account.state))
    assert copy.intents == account.state.intents
    account.closes(10, 100)
    assert refusals(account) == [("duplicate_intent", first)]


@pytest.mark.parametrize(
    "intent", [Context.target, lambda context, symbol, _: context.target(symbol, direction=Side.BUY)]
)
def test_a_target_does_not_wait_for_what_was_canceled(intent: Callable[..., None]) -> None:
    """An entry that is canceled no longer counts as coming: the target in the same callback makes an order of its own."""
    script = {1: lambda context, _: rest(context), 2: afresh(lambda context: intent(context, "ABC", 10))}
    account = Account(Scripted(script)).closes(1, 100, 100)
    assert account.position() > 0
    assert account.state.orders.live == {}


def test_a_position_is_closed_though_its_own_exit_was_just_canceled() -> None:
    """A resting exit that is canceled does not stand for the close that is asked for beside it."""
    script = {
        1: ask(),
        2: lambda context, _: context.sell("ABC", 10, limit_price=104, time_in_force="gtc"),
        3: afresh(lambda context: context.close("ABC")),
    }
    account = Account(Scripted(script)).closes(1, 100, 100, 100)
    assert account.position() == 0
    assert account.state.orders.live == {}


def test_a_target_that_is_on_its_way_asks_for_nothing() -> None:
    """Only what was canceled is asked for again: what is open, and not canceled, still counts."""
    account = Account(
        Scripted({1: afresh(lambda c: c.target("ABC", 10)), 2: lambda c, _: c.target("ABC", 10)}), exchange=Silent()
    )
    account.closes(1, 100, 100)
    assert len(account.of(OrderPrepared)) == 1
    tell(account, OrderAccepted(account.state.ids.order(1), "b1"))
    account.ask(CancelOrders(client_order_id=account.state.ids.order(1)))
    tell(account, CancelRefused(account.state.ids.order(1), "pending"))
    account.closes(3, 100)
    assert account.state.host.projected((account.order(1).terms.strategy, "ABC")) == 10


def test_protection_counts_a_canceled_exit_as_one_that_may_fill() -> None:
    """While the cancel of an exit of its own is on its way, the position is not protected as well: both could close it."""
    script = {
        1: ask(stop_loss=90),
        2: lambda context, _: context.sell("ABC", 10, limit_price=104, time_in_force="gtc"),
        3: afresh(lambda _: None),
    }
    account = Account(Scripted(script), exchange=Silent()).closes(1, 100)
    tell(account, OrderAccepted(account.state.ids.order(1), "b1"))
    tell(account, OrderFilled(account.state.ids.order(1), "x1", "ABC", Side.BUY, Quantity(D(10)), price(100)))
    account.closes(2, 100, 100)
    exits = [order for order in account.state.orders.live.values() if order.terms.side is Side.SELL]
    assert [order.terms.limit_price for order in exits if not order.cancel_released_ns] == []


# --- equal on purpose -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [{}, {"limit_price": 99, "time_in_force": "gtc"}])
def test_without_a_window_equal_orders_are_meant(terms: dict[str, Any]) -> None:
    """Two equal orders in one callback are two, and so is a third beside two that rest."""

    def twice(context: Context, bar: Bar) -> None:
        ask(**terms)(context, bar)
        ask(**terms)(context, bar)

    limits = RiskLimits(duplicate_window_s=0.0)
    account = Account(Scripted({1: twice, 2: ask(**terms)}), limits=limits).closes(1, 100, 100, 98)
    assert refusals(account) == []
    assert account.position() == 30


def test_orders_for_other_times_are_no_repeats() -> None:
    """The same quantity for the open and for the close are two orders."""

    def both(context: Context, _: Bar) -> None:
        context.buy("ABC", 10, time_in_force="opg")
        context.buy("ABC", 10, time_in_force="cls")

    account = Account(Scripted({1: both})).closes(1, 100)
    assert (len(account.of(OrderPrepared)), refusals(account)) == (2, [])


# --- repeats ----------------------------------------------------------------------------------------------------------------


def at_once(context: Context, _: object) -> None:
    """A limit that is taken at once or not at all."""
    context.buy("ABC", 10, limit_price=99, time_in_force="ioc")


def test_what_came_to_nothing_may_be_tried_again_at_once() -> None:
    """An order that ended without a fill has left nothing that a second could double, however short ago it was."""
    account = Account(Scripted({1: at_once, 2: at_once}), exchange=Silent()).closes(1, 100)
    tell(account, OrderCanceled(account.state.ids.order(1), "ioc"))
    account.run(bar(1, 100))
    assert (len(account.of(OrderPrepared)), refusals(account)) == (2, [])


@pytest.mark.parametrize("end", ["filled", "partly", "rejected"])
def test_what_was_filled_or_refused_is_a_repeat_within_the_window(end: str) -> None:
    """The same order again within the window is a mistake when the first has bought, and when the broker has just refused it."""
    account = Account(Scripted({1: at_once, 2: at_once}), exchange=Silent()).closes(1, 100)
    key = account.state.ids.order(1)
    if end == "rejected":
        tell(account, OrderRejected(key, "no"))
    else:
        quantity = Quantity(D(10 if end == "filled" else 4))
        tell(account, OrderFilled(key, "x1", "ABC", Side.BUY, quantity, price(99)))
        if end == "partly":
            tell(account, OrderCanceled(key, "ioc"))
    account.run(bar(1, 100))
    assert refusals(account) == [("duplicate_intent", key)]
