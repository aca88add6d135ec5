"""What a strategy is told of its orders, under which id, in which order, and what it may do about it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.broker_rules import BrokerRules
from holdfast.core.messages import (
    Bar,
    CancelRefused,
    FillBusted,
    Flatten,
    OrderAccepted,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderUnknown,
    Report,
    RiskRefused,
    Signal,
)
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, OrderUpdate, Strategy
from holdfast.core.strategy.order_kinds import Exits, Limit
from holdfast.core.strategy.updates import OrderStatus
from holdfast.core.types import Money, OrderRole, Price, Quantity, Side
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import Account, Script, bar, minute

Answer = Callable[[Context, OrderUpdate], object]


class Listener(Strategy):
    """Does what the script has for its ``n``-th bar; keeps the ids it is given and all that it is told."""

    def __init__(self, script: dict[int, Script], answer: Answer | None = None) -> None:
        super().__init__(None)
        self.script = script
        self.answer = answer
        self.bars = 0
        self.given: list[Any] = []
        self.told: list[OrderUpdate] = []
        self.order: list[str] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.bars += 1
        if self.bars in self.script:
            self.given.append(self.script[self.bars](context, bar))

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self.order.append(f"fill {context.position(fill.symbol).quantity}")

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        self.order.append(f"{update.status} {context.position(update.symbol).quantity}")
        self.told.append(update)
        if self.answer is not None:
            self.given.append(self.answer(context, update))

    def statuses(self) -> list[str]:
        return [update.status.value for update in self.told]


def buys(quantity: object, **terms: Any) -> Script:
    return lambda context, seen: context.buy(seen.symbol, quantity, **terms)  # type: ignore[arg-type]


def test_an_order_is_accepted_and_filled_under_the_id_that_was_given() -> None:
    """The update says which order it is, how much of it has filled, and when."""
    listener = Listener({1: buys(10, tag="why")})
    Account(listener).closes(1, 100, 100)
    accepted, filled = listener.told
    assert listener.statuses() == ["accepted", "filled"]
    assert listener.given == [f"s0@{minute(1)}.1"] == [filled.intent_id]
    assert [accepted.filled_quantity, filled.filled_quantity, filled.quantity] == [0, 10, 10]
    assert filled.side is Side.BUY
    assert (filled.symbol, filled.tag, filled.role, filled.time_ns) == ("ABC", "why", OrderRole.REGULAR, minute(1))
    assert filled.client_order_id == accepted.client_order_id is not None


def test_a_fill_comes_to_on_fill_first_and_both_see_the_position() -> None:
    """`on_fill` has the price, `on_order` what the order is by then; positions show the fill in both."""
    listener = Listener({1: buys(10)})
    Account(listener).closes(1, 100)
    assert listener.order == ["accepted 0", "fill 10", "filled 10"]


def test_an_order_that_fills_in_parts_says_so() -> None:
    """Each part is told with what has filled in all."""
    listener = Listener({1: buys(10)})
    account = Account(listener, venue=VenueSettings(volume_share=Decimal("0.004")))
    account.run(*[bar(number, 100.0, volume=1000.0) for number in range(1, 6)])
    assert [f"{one.status} {one.filled_quantity}" for one in listener.told] == [
        "accepted 0",
        "partially_filled 4",
        "partially_filled 8",
        "filled 10",
    ]


def test_a_refusal_names_the_rule_and_the_reason() -> None:
    """Risk's no comes to the strategy, without an order."""
    listener = Listener({1: buys(10)})
    Account(listener, limits=RiskLimits(max_position_value=Money(Decimal(100)))).closes(1, 100)
    (refused,) = listener.told
    assert (refused.status, refused.rule, refused.intent_id) == ("refused", "position_value", listener.given[0])
    assert refused.client_order_id is None
    assert "100" in refused.reason


def test_every_refusal_is_told_also_the_same_once_more() -> None:
    """A strategy that listens hears of each; of one that doesn't a repeated refusal leaves no record."""
    script: dict[int, Script] = {number: buys(10) for number in (1, 2, 3)}
    limits = RiskLimits(max_position_value=Money(Decimal(100)))
    listener = Listener(script)
    Account(listener, limits=limits).closes(1, 100, 100, 100)
    assert listener.statuses() == ["refused"] * 3
    assert [update.intent_id for update in listener.told] == listener.given

    class Deaf(Strategy):
        def on_bar(self, context: Context, bar: Bar) -> None:
            context.buy(bar.symbol, 10)

    assert len(Account(Deaf(None), limits=limits).closes(1, 100, 100, 100).of(RiskRefused)) == 1


def test_what_is_asked_for_on_a_refusal_is_done_in_the_same_step() -> None:
    """The answer's cause is the refusal; it is committed with it, so no crash comes between."""
    limits = RiskLimits(max_position_value=Money(Decimal(500)))

    def less(context: Context, update: OrderUpdate) -> object:
        return context.buy(update.symbol, 5) if update.status is OrderStatus.REFUSED else None

    account = Account(Listener({1: buys(10)}, less), limits=limits).closes(1, 100)
    assert account.position() == 5
    (turn,) = [turn for turn in account.turns if any(isinstance(one.body, RiskRefused) for one in turn.records)]
    refusal = next(record for record in turn.records if isinstance(record.body, RiskRefused))
    second = [record for record in turn.records if isinstance(record.body, Signal)][1]
    assert second.causation_id == refusal.id


def test_a_strategy_that_answers_each_refusal_with_the_same_is_stopped_as_a_flood() -> None:
    """It ends, and the engine goes on."""
    limits = RiskLimits(max_position_value=Money(Decimal(100)))
    bad = Listener({1: buys(10)}, lambda context, update: context.buy(update.symbol, 10))
    good = Listener({2: buys(1, tag="small")})
    account = Account(bad, good, limits=limits).closes(1, 100, 100)
    assert len(bad.told) == 600
    assert not account.state.host.runners[next(iter(account.state.host.runners))].running
    assert good.statuses() == ["accepted", "filled"]


def test_one_that_raises_as_it_is_told_is_stopped_alone() -> None:
    """Its order stays what it is; the others go on."""

    def fails(_context: Context, _update: OrderUpdate) -> object:
        raise RuntimeError("no")

    bad, good = Listener({1: buys(1)}, fails), Listener({2: buys(1)})
    account = Account(bad, good).closes(1, 100, 100)
    assert account.state.stopped == {"s0"}
    assert [account.position("s0"), account.position("s1")] == [1, 1]


REPORTS: list[tuple[Any, str]] = [
    (lambda key: OrderAccepted(key, "b1"), "accepted"),
    (lambda key: OrderRejected(key, "no such account"), "rejected"),
    (lambda key: OrderUnknown(key, "timed out"), "unresolved"),
    (lambda key: OrderExpired(key, "end of day"), "expired"),
    (lambda key: OrderFailed(key, "could not be written"), "failed"),
    (lambda key: OrderNotSent(key, "stale"), "not_sent"),
    (lambda key: OrderReplaced(key, Quantity(Decimal(7))), "replaced"),
    (lambda key: CancelRefused(key, "too late"), "cancel_refused"),
]


class Silent:
    """An exchange that answers nothing."""

    def submit(self, *_: Any) -> list[Any]:
        return []

    cancel = on_market = submit

    def end_instant(self) -> None:
        """Nothing is decided here."""


@pytest.mark.parametrize(("report", "status"), REPORTS, ids=[status for _, status in REPORTS])
def test_what_the_broker_says_is_told_with_its_reason(report: Any, status: str) -> None:
    """Each report that the order's life knows comes to the strategy, with the broker's reason where it gives one."""
    listener = Listener({1: buys(10)})
    account = Account(listener, exchange=Silent()).closes(1, 100)
    body = report(account.order(1).terms.client_order_id)
    account.take(Report(minute(2), body))
    (update,) = listener.told
    assert (update.status, update.intent_id, update.time_ns) == (status, listener.given[0], minute(2))
    assert update.reason == getattr(body, "reason", "")


def test_an_execution_that_is_undone_is_told() -> None:
    """A bust takes back what was filled."""
    listener = Listener({1: buys(10)})
    account = Account(listener).closes(1, 100)
    (fill,) = account.of(OrderFilled)
    account.take(
        Report(
            minute(2),
            FillBusted(
                fill.client_order_id, fill.execution_id, "ABC", Side.BUY, fill.quantity, fill.price, reason="erroneous"
            ),
        )
    )
    update = listener.told[-1]
    assert update.status is OrderStatus.BUSTED
    assert not update.filled_quantity
    assert update.reason == "erroneous"


def test_a_cancel_by_the_intents_id_cancels_its_order() -> None:
    """The id that was given is enough; the update says that it is over."""
    listener = Listener(
        {
            1: lambda context, seen: context.buy("ABC", 10, order=Limit(50)),
            2: lambda context, _: context.cancel(context.orders()[0].intent_id),
        }
    )
    account = Account(listener).closes(1, 100, 100)
    assert listener.statuses() == ["accepted", "canceled"]
    assert not account.state.orders.live


def test_exits_are_told_under_the_id_of_their_entry() -> None:
    """Stop and target belong to what was bought; their role says which is which."""
    listener = Listener({1: buys(10, exits=Exits(stop_loss=90, take_profit=120))})
    Account(listener).closes(1, 100, 100, 85)
    exits = [update for update in listener.told if update.role is not OrderRole.REGULAR]
    assert {update.intent_id for update in exits} == {listener.given[0]}
    assert {(update.role, update.status) for update in exits} >= {
        (OrderRole.STOP_LOSS, OrderStatus.FILLED),
        (OrderRole.TAKE_PROFIT, OrderStatus.CANCELED),
    }


def test_a_wish_that_waits_says_so_and_can_be_canceled() -> None:
    """What waits for other orders has its id too."""
    sell: Script = lambda context, _: context.sell("ABC", 5)  # noqa: E731
    cancel: Script = lambda context, _: context.cancel(listener.given[2])  # noqa: E731
    listener = Listener({1: buys(10), 2: lambda context, _: context.buy("ABC", 1, order=Limit(50)), 3: sell, 4: cancel})
    account = Account(listener, exchange=Silent(), rules=BrokerRules(wash_trades=False))
    account.closes(1, 100)
    key = account.order(1).terms.client_order_id
    account.take(Report(minute(1), OrderFilled(key, "x1", "ABC", Side.BUY, Quantity(Decimal(10)), Price(Decimal(100)))))
    account.closes(2, 100, 100, 100)
    mine = [update for update in listener.told if update.intent_id == listener.given[2]]
    assert [(update.status, update.client_order_id) for update in mine] == [("waiting", None), ("canceled", None)]
    assert not account.state.waiting


def test_while_everything_is_being_closed_a_wish_is_refused_aloud() -> None:
    """One that doesn't listen is left without an answer, as before."""
    listener = Listener({1: buys(10), 2: buys(3)})
    account = Account(listener, exchange=Silent()).closes(1, 100)
    account.ask(Flatten("test"))
    account.closes(2, 100)
    (refused,) = listener.told
    assert (refused.status, refused.rule) == ("refused", "closing")


def test_ids_count_within_a_time_and_say_whose_they_are() -> None:
    """Two asks at one event differ; the next event begins anew; a target with nothing to do has one too."""
    three: Script = lambda context, _: [  # noqa: E731
        context.buy("ABC", 1),
        context.sell("XYZ", 1),
        context.close("ABC"),
    ]
    listener = Listener({1: three, 2: buys(1)})
    Account(listener).closes(1, 100, 100)
    assert listener.given[0] == [f"s0@{minute(1)}.{number}" for number in (1, 2, 3)]
    assert listener.given[1] == f"s0@{minute(2)}.1"


def test_orders_of_others_are_not_told() -> None:
    """A person's order and another strategy's are theirs."""
    listener, other = Listener({}), Listener({1: buys(1)})
    account = Account(listener, other).closes(1, 100)
    account.place("buy", 1)  # type: ignore[arg-type]
    assert listener.told == []
