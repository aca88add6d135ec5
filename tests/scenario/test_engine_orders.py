# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""How an order lives: from the tick that caused it to what it made of the account."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.messages import (
    Action,
    Bar,
    CancelOrder,
    CancelReleased,
    CommandDone,
    Heartbeat,
    OrderAccepted,
    OrderAnomaly,
    OrderCanceled,
    OrderEventIgnored,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderUnknown,
    Quote,
    Report,
    RiskApproved,
    RiskRefused,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import AccountStateChanged, StrategyStopped
from holdfast.core.orders.order import OrderState
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.strategy.api import Context
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side
from holdfast.venue.exchange import Exchange
from holdfast.venue.models import PerShare
from holdfast.venue.settings import FillAt, VenueSettings
from tests.scenario.account import DAYS, Account, Scripted, bar, minute, price

D = Decimal
CHAIN = [
    "Bar", "Signal", "RiskApproved", "OrderPrepared", "OrderReleased", "AccountStateChanged",
    "OrderAccepted", "OrderFilled", "PositionChanged", "PnlSnapshot", "AccountStateChanged",
]  # fmt: skip


def buy(quantity: object, **terms: Any) -> Any:
    """A script's step that buys."""
    return lambda context, _: context.buy("ABC", quantity, **terms)


def test_one_order_is_one_chain_from_tick_to_profit() -> None:
    """Every record of an order names what caused it directly and the market event that began it all."""
    account = Account(Scripted({2: buy(10)}), venue=VenueSettings(commission=PerShare(D("0.01"))))
    account.closes(1, 100)
    before = len(account.records)
    account.closes(2, 101)
    chain = account.records[before:]
    assert [record.type for record in chain] == CHAIN
    tick, signal, approved, prepared, released, _, accepted, filled, changed, snapshot, _ = chain
    assert tick.body == bar(2, 101.0)
    links = [signal, approved, prepared, released, accepted, filled, changed, snapshot]
    causes = [tick, signal, approved, prepared, released, accepted, filled, filled]
    assert [record.causation_id for record in links] == [cause.id for cause in causes]
    assert {record.correlation_id for record in [tick, *links]} == {tick.id}
    assert [record.source for record in links] == [
        "strategy:s0", "risk", "engine", "engine", "broker:paper", "broker:paper", "portfolio", "portfolio",
    ]  # fmt: skip
    assert [record.sequence for record in account.records] == list(range(1, len(account.records) + 1))
    assert {(record.account, record.broker, record.epoch) for record in account.records} == {("main", "paper", 1)}
    assert len({record.id for record in account.records}) == len(account.records)
    body: Any = changed.body
    assert (body.quantity, body.cost, body.fees, body.account_quantity) == (10, 1010, D("0.10"), 10)
    value: Any = snapshot.body
    assert (value.equity, value.cash, value.unrealised, value.fees) == (D("99999.90"), D("98989.90"), 0, D("0.10"))


@pytest.mark.proves("I1", "K2")
def test_nothing_is_sent_before_it_is_prepared_and_released() -> None:
    """Every effect comes with, or after, the records that say the order exists and may be at the broker."""
    account = Account(Scripted({n: buy(n, stop_loss=90, take_profit=120) for n in range(1, 6)}))
    account.closes(1, 100, 101, 102, 103, 104, 89, 100)
    known: list[tuple[type, str]] = []
    sent = 0
    for turn in account.turns:
        for record in turn.records:
            body = record.body
            if isinstance(body, OrderPrepared):
                known.append((OrderPrepared, body.terms.client_order_id))
            elif isinstance(body, OrderReleased | CancelReleased):
                known.append((type(body), body.client_order_id))
        for effect in turn.effects:
            sent += 1
            if isinstance(effect, SubmitOrder):
                key = effect.terms.client_order_id
                assert known.index((OrderPrepared, key)) < known.index((OrderReleased, key))
                assert effect.released_ns == turn.records[0].time_ns
            else:
                assert (CancelReleased, effect.client_order_id) in known
    assert sent == 15  # five entries, and a stop and a target for each


def test_an_order_fills_in_parts() -> None:
    """Each execution is booked by itself, the strategy sees the position grow, and the order ends with the last."""
    seen: list[Decimal] = []
    strategy = Scripted({1: buy(100)}, on_fill=lambda context, _: seen.append(context.position("ABC").quantity))
    account = Account(strategy, venue=VenueSettings(volume_share=D("0.1")))
    states = []
    for number in range(1, 5):
        account.run(bar(number, 100.0, volume=400.0))
        states.append((account.order(1).state, account.order(1).filled_quantity))
        assert account.state.orders.open_buys.get("ABC", 0) == 100 - account.order(1).filled_quantity
    assert states == [
        (OrderState.PARTIALLY_FILLED, 40), (OrderState.PARTIALLY_FILLED, 80), (OrderState.FILLED, 100), (OrderState.FILLED, 100),
    ]  # fmt: skip
    assert seen == [40, 80, 100]
    assert [fill.quantity for fill in strategy.fills] == [40, 40, 20]
    assert [state.new for state in account.of(AccountStateChanged)][-2:] == [
        AccountState.PENDING_ORDER,
        AccountState.IDLE,
    ]


def test_a_rejection_ends_the_order_and_nothing_else() -> None:
    """The exchange's no is recorded with its reason, the open quantity is free again, the account is idle."""
    account = Account(Scripted({1: buy(10, trail_percent=50, time_in_force="opg")})).closes(1, 100)
    assert account.order(1).state is OrderState.REJECTED
    assert "opg takes market and limit orders" in account.of(OrderRejected)[0].reason
    assert (account.state.orders.open_buys, account.position(), account.state.account_state) == (
        {},
        0,
        AccountState.IDLE,
    )


def test_an_order_waits_for_the_next_open() -> None:
    """Where orders fill at the next open, nothing is filled on the bar that caused it, and the account is pending."""
    account = Account(Scripted({1: buy(10)}), venue=VenueSettings(fill=FillAt.NEXT_OPEN)).closes(1, 100)
    assert (account.order(1).state, account.state.account_state) == (OrderState.SUBMITTED, AccountState.PENDING_ORDER)
    account.run(bar(2, 105.0, opens=103.0))
    assert account.order(1).filled_notional == 1030


def test_asking_again_for_what_is_on_its_way_does_nothing() -> None:
    """A target repeated on every bar makes one order, however long that order takes."""
    target = {number: lambda context, _: context.target("ABC", 50) for number in range(1, 9)}
    account = Account(Scripted(target), venue=VenueSettings(volume_share=D("0.01"))).closes(1, *[100.0] * 8)
    assert len(account.of(OrderPrepared)) == 1
    assert account.position() == 50


def test_a_size_left_to_risk() -> None:
    """Without a quantity the order is a share of equity, scaled by confidence; a direction gives a signed one."""
    script = {
        1: lambda context, _: context.buy("ABC", confidence=0.5),
        2: lambda context, _: context.target("ABC", direction=Side.SELL),
        3: lambda context, _: context.target("ABC", direction=Side.SELL),
    }
    account = Account(Scripted(script)).closes(1, 100, 100, 100)
    assert [body.terms.quantity for body in account.of(OrderPrepared)] == [50, 150]
    assert account.position() == -100


def test_a_size_of_nothing_is_refused() -> None:
    """A price beyond the whole budget leaves less than a lot, which is a refusal and no order of zero."""
    account = Account(Scripted({1: lambda context, _: context.buy("ABC")})).closes(1, 20_000)
    assert [(body.rule, body.figure) for body in account.of(RiskRefused)] == [("size", "0")]


def test_prices_are_put_on_the_tick_before_risk_sees_them() -> None:
    """A limit is rounded so that it is never worse than asked."""
    account = Account(Scripted({1: buy(10, limit_price=99.999, stop_loss=89.999, take_profit=120.001)})).closes(1, 100)
    terms = account.of(RiskApproved)[0].terms
    assert (terms.limit_price, terms.stop_loss, terms.take_profit) == (price("99.99"), price("89.99"), price("120.01"))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_repeated_refusal_is_recorded_once() -> None:
    """What is asked and refused on every bar is recorded once, and again only after something was let through."""
    script: dict[int, Any] = {number: buy(10**6) for number in range(1, 20)}
    script[10] = buy(1)
    account = Account(Scripted(script)).closes(1, *[100.0] * 19)
    refusals = [record for record in account.records if isinstance(record.body, RiskRefused)]
    assert [record.time_ns for record in refusals] == [minute(1), minute(11)]
    assert [body.rule for body in account.of(RiskRefused)] == ["buying_power"] * 2
    assert len(account.of(Signal)) == 3
    assert len(account.of(OrderPrepared)) == 1


def test_the_same_order_twice_is_taken_for_a_mistake() -> None:
    """The same order within the window, or while its twin is live, is refused; afterwards it is a new intent."""

    def twice(context: Context, _: Bar) -> None:
        context.buy("ABC", 10)
        context.buy("ABC", 10)

    def resting(context: Context, _: Bar) -> None:
        context.buy("ABC", 5, limit_price=50, time_in_force="gtc")

    account = Account(Scripted({1: twice, 2: buy(10), 3: resting, 4: resting})).closes(1, 100, 100, 100, 100)
    refused = account.of(RiskRefused)
    assert [(body.rule, body.figure) for body in refused] == [
        ("duplicate_intent", account.state.ids.order(1)), ("duplicate_intent", account.state.ids.order(3)),
    ]  # fmt: skip
    assert account.position() == 20


def test_open_orders_count_for_every_limit() -> None:
    """Orders that rest are counted as filled, together with the position, when the next is judged."""
    script = {n: buy(10 + n, limit_price=95, time_in_force="gtc") for n in range(1, 10)}
    account = Account(Scripted(script), limits=RiskLimits(max_position_value=Money(D(5_000)))).closes(1, *[100.0] * 9)
    assert [body.terms.quantity for body in account.of(OrderPrepared)] == [11, 12, 13, 14]
    assert account.of(RiskRefused)[0].rule == "position_value"


def test_open_orders_of_other_symbols_count() -> None:
    """What rests in one symbol, where nothing is held yet, counts in the exposure that an order in another is judged by."""
    script = {1: lambda context, _: context.buy("XYZ", 70, limit_price=95), 2: buy(31), 3: buy(30)}
    account = Account(Scripted(script), limits=RiskLimits(max_gross_exposure=Money(D(10_000))))
    account.closes(1, 100, symbol="XYZ").closes(2, 100, 100)
    assert [(body.rule, body.figure) for body in account.of(RiskRefused)] == [("gross_exposure", "10100.00")]
    assert account.position() == 30


def test_too_many_orders_in_a_minute() -> None:
    """The order rate is counted over sixty seconds of market time, and recovers."""

    def many(context: Context, _: Bar) -> None:
        for number in range(1, 6):
            context.buy("ABC", number)

    account = Account(Scripted({1: many, 2: buy(9)}), limits=RiskLimits(max_orders_per_minute=3)).closes(1, 100, 100)
    assert [body.terms.quantity for body in account.of(OrderPrepared)] == [1, 2, 3, 9]
    assert {body.rule for body in account.of(RiskRefused)} == {"order_rate"}


# --- reports that surprise --------------------------------------------------------------------------------------------


def resting() -> Account:
    """An account with one limit order at work."""
    return Account(Scripted({1: buy(10, limit_price=90, time_in_force="gtc")})).closes(1, 100)


def report(account: Account, body: Any) -> list[Any]:
    """What is recorded for a report."""
    return account.take(Report(account.state.now_ns, body))


def execution(account: Account, quantity: int, execution_id: str = "x1", order: int = 1) -> OrderFilled:
    return OrderFilled(
        account.state.ids.order(order), execution_id, "ABC", Side.BUY, Quantity(D(quantity)), Price(D(90)), Money(D(0))
    )


def test_a_fill_reported_twice_is_booked_once() -> None:
    """The second report of an execution changes nothing and is recorded with its reason."""
    account = resting()
    assert [record.type for record in report(account, execution(account, 4))] == [
        "OrderFilled",
        "PositionChanged",
        "PnlSnapshot",
    ]
    (again,) = report(account, execution(account, 4))
    assert isinstance(again.body, OrderEventIgnored)
    assert again.body.reason == "this execution is already booked"
    assert (account.position(), account.state.portfolio.cash) == (4, 99_640)


def test_a_fill_beyond_the_quantity_is_booked_and_told() -> None:
    """Evidence wins: the position follows the execution, and an anomaly is recorded before it."""
    account = resting()
    assert [record.type for record in report(account, execution(account, 15))][:3] == [
        "OrderAnomaly",
        "OrderFilled",
        "PositionChanged",
    ]
    assert account.of(OrderAnomaly)[0].reason == "overfill"
    assert account.position() == 15


def test_a_fill_after_the_cancel_is_booked() -> None:
    """A fill that comes after the cancel was confirmed moves the position, and nothing comes back to life."""
    account = resting()
    report(account, OrderCanceled(account.state.ids.order(1), "by the broker"))
    report(account, execution(account, 4))
    assert (account.position(), account.order(1).state, account.state.orders.live) == (4, OrderState.CANCELED, {})
    assert account.of(OrderAnomaly)[0].reason == "filled before its cancel took hold"


def test_no_answer_is_no_end() -> None:
    """An order without an answer stays live and counts in full until an answer comes."""
    account = Account(Scripted({1: buy(10)}), exchange=Silent()).closes(1, 100)
    report(account, OrderUnknown(account.state.ids.order(1), "timed out"))
    account.closes(2, *[100.0] * 30)
    assert (account.order(1).state, account.state.orders.open_buys["ABC"]) == (OrderState.UNKNOWN, 10)
    assert account.state.account_state is AccountState.PENDING_ORDER
    report(account, OrderAccepted(account.state.ids.order(1), "b1"))
    assert account.order(1).state is OrderState.SUBMITTED


class Silent(Exchange):
    """An exchange that takes orders and never answers."""

    def __init__(self) -> None:
        super().__init__(VenueSettings(), DAYS)

    def submit(self, terms: Any, released_ns: int, now_ns: int) -> Any:
        return ()


@pytest.mark.parametrize(
    "body",
    [
        OrderRejected(ClientOrderId("nobody"), "x"),
        OrderFilled(ClientOrderId("nobody"), "x", "ABC", Side.BUY, Quantity(D(1)), Price(D(1))),
    ],
)
def test_a_report_about_no_order_of_ours_is_an_anomaly(body: Any) -> None:
    """What we did not order changes nothing of ours, and someone is told."""
    account = resting()
    (record,) = report(account, body)
    assert isinstance(record.body, OrderAnomaly)
    assert record.body.reason == "no such order in the books"
    assert account.state.portfolio.cash == 100_000


# --- strategies -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("X1")
def test_a_strategy_that_raises_is_stopped_and_its_entries_are_canceled() -> None:
    """It is recorded with the reason, its resting orders are canceled, its protection stays, the others trade on."""

    def fail(context: Context, _: Bar) -> None:
        raise RuntimeError("out of ideas")

    bad = Scripted({1: buy(10, stop_loss=80), 2: buy(5, limit_price=90, time_in_force="gtc"), 3: fail, 4: buy(99)})
    good = Scripted({4: lambda context, _: context.buy("ABC", 3)})
    account = Account(bad, good).closes(1, 100, 100, 100, 100)
    (stopped,) = account.of(StrategyStopped)
    assert (stopped.strategy, stopped.reason) == ("s0", "raised")
    assert "RuntimeError: out of ideas at test_engine_orders.py" in stopped.detail
    assert account.order(3).state is OrderState.CANCELED
    assert account.order(2).state is OrderState.SUBMITTED
    assert (account.position("s0"), account.position("s1")) == (10, 3)
    assert len(bad.bars) == 3


def test_a_strategy_that_raises_on_a_fill_is_stopped_there() -> None:
    """The fill itself stays booked, with all its records in one turn."""

    def fail(context: Context, _: OrderFilled) -> None:
        raise ValueError("no fills please")

    account = Account(Scripted({1: buy(10), 2: buy(10)}, on_fill=fail)).closes(1, 100, 100)
    assert (account.position(), len(account.of(StrategyStopped)), len(account.of(OrderPrepared))) == (10, 1, 1)


def test_what_a_fill_provokes_belongs_to_its_chain() -> None:
    """An order made in ``on_fill`` names the fill as its cause and keeps the chain's first event."""
    account = Account(
        Scripted({1: buy(10)}, on_fill=lambda context, fill: context.close("ABC") if fill.side is Side.BUY else None)
    )
    account.closes(1, 100)
    first, second = (record for record in account.records if isinstance(record.body, Signal))
    fill = next(record for record in account.records if isinstance(record.body, OrderFilled))
    assert (second.causation_id, second.correlation_id) == (fill.id, first.correlation_id)
    assert account.position() == 0


def test_a_strategy_cancels_its_own_orders_only() -> None:
    """A cancel asked for by a strategy reaches its own live order; another strategy's is none of its business."""
    seen: list[Any] = []

    def order(context: Context, _: Bar) -> None:
        seen.append(context.orders())
        context.cancel(ids[0])
        context.buy("ABC", 5, limit_price=91)

    def cancel(context: Context, _: Bar) -> None:
        seen.append(context.orders())
        context.cancel(seen[-1][0].client_order_id)

    theirs, mine = Scripted({1: buy(10, limit_price=90, time_in_force="gtc")}), Scripted({2: order, 3: cancel})
    ids = [Account().state.ids.order(1)]
    account = Account(theirs, mine).closes(1, 100, 100, 100)
    assert seen[0] == ()
    assert [(order.symbol, order.quantity, order.limit_price, order.state) for order in seen[1]] == [
        ("ABC", 5, 91, OrderState.SUBMITTED)
    ]
    assert (account.order(1).state, account.order(2).state) == (OrderState.SUBMITTED, OrderState.CANCELED)
    assert [type(effect) for turn in account.turns for effect in turn.effects].count(CancelOrder) == 1


def test_a_timer_between_events_makes_a_whole_chain() -> None:
    """An order that only the time caused is traced to its own signal: one chain, apart from any other's."""

    class Timed(Scripted):
        def on_start(self, context: Context) -> None:
            context.at(minute(5), "now")

        def on_timer(self, context: Context, timer: Any) -> None:
            context.buy("ABC", 1)
            context.buy("XYZ", 1)

    account = Account(Timed({})).run(Quote("ABC", minute(1), 99, 9, 100, 9), Quote("XYZ", minute(2), 49, 9, 50, 9))
    account.run(Heartbeat(minute(5)))
    assert not account.of(Signal)
    account.run(Heartbeat(minute(5) + 1))
    chains: dict[str, list[str]] = {}
    for record in account.records:
        if record.time_ns == minute(5) + 1 and record.type != "AccountStateChanged":
            chains.setdefault(record.correlation_id, []).append(record.type)
    whole = [
        "Signal", "RiskApproved", "OrderPrepared", "OrderReleased", "OrderAccepted", "OrderFilled", "PositionChanged", "PnlSnapshot",
    ]  # fmt: skip
    assert list(chains.values()) == [whole, whole]


def test_a_person_can_order_what_a_strategy_can() -> None:
    """A manual order passes the same rules and lives in its own ledger."""
    account = Account(limits=RiskLimits(max_position_value=Money(D(1_000)))).closes(1, 100)
    account.place(Action.BUY, 10)
    assert account.position("manual") == 10
    answer: Any = account.place(Action.BUY, 1)[-1].body
    assert (answer.accepted, account.position("manual")) == (False, 10)
    assert answer.text == "refused by position_value: ABC could reach 1,100.00; 1,000.00 is allowed"


def test_an_amount_of_money_buys_what_it_buys() -> None:
    """A notional order becomes a quantity in the smallest steps there are, and never costs more than was said."""
    account = Account(Scripted({1: lambda context, _: context.buy("ABC", notional=100)})).run(bar(1, 30.0))
    assert account.position() == Decimal("3.333333333")
    account.place(Action.SELL, None, notional=Money(Decimal(45)))
    assert account.position("manual") == Decimal("-1.5")


def test_an_amount_and_a_quantity_contradict_each_other() -> None:
    """A person who gives both is told so, and nothing is ordered."""
    account = Account().run(bar(1, 30.0))
    (*_, done) = account.place(Action.BUY, 1, notional=Money(Decimal(45)))
    assert isinstance(done.body, CommandDone)
    assert not done.body.accepted
    assert "takes the place of a quantity" in done.body.text
