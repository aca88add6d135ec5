"""What explains an order, by how its broker lets orders be found; and what nothing explains."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import AtBroker, BrokerFill, BrokerOrder
from holdfast.core.codec import external_order_id
from holdfast.core.findings import OrderOverdue, Resolution, Resolve
from holdfast.core.messages import (
    Action,
    CommandDone,
    OrderAccepted,
    OrderAdopted,
    OrderAnomaly,
    OrderCanceled,
    OrderNotSent,
    OrderRejected,
    PlaceOrder,
    RiskRefused,
    Signal,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import MANUAL, ClientOrderId, Price, Quantity, Side
from holdfast.journal.reader import FillRow
from tests.unit.runtime.live.bench import START_NS, SYMBOL, Bench, bench

A, B, C = IdempotencyClass.UNIQUE_ID, IdempotencyClass.LABEL, IdempotencyClass.NOTHING


def shown(order: Order, broker_id: str = "b1", label: str | None = None, filled: int = 0) -> BrokerOrder:
    """The order as the broker would show it."""
    terms = order.terms
    return BrokerOrder(
        ClientOrderId(terms.client_order_id if label is None else label),
        broker_id,
        terms.symbol,
        terms.side,
        terms.quantity,
        Quantity(Decimal(filled)),
        AtBroker.WORKING,
        START_NS,
        START_NS,
    )


def execution(quantity: int, broker_id: str = "b1") -> BrokerFill:
    """An execution of an order that the broker has under its own id."""
    amount = Quantity(Decimal(quantity))
    price = Price(Decimal(90))
    return BrokerFill(
        ClientOrderId(""), broker_id, f"{broker_id}:{quantity}", SYMBOL, Side.BUY, amount, price, START_NS
    )


@pytest.mark.proves("A2", "I8")
@pytest.mark.parametrize("kind", [A, B])
def test_absence_is_proven_where_everything_agrees(tmp_path: Path, kind: IdempotencyClass) -> None:
    """By the unique id, or by orders, executions and position together, twice: not sent."""
    with bench(tmp_path, kind) as one:
        order = one.place_unanswered()
        one.run_until(lambda: order.state is OrderState.NOT_SENT)
        assert one.of(OrderOverdue) == []


@pytest.mark.proves("A2", "I8", "A10")
@pytest.mark.parametrize("trace", ["order", "execution", "position"])
def test_a_label_that_is_missing_proves_nothing_while_anything_like_it_is_there(tmp_path: Path, trace: str) -> None:
    """An order like it, an execution that could be its own, or a position that moved: it stays unknown, and becomes overdue."""
    with bench(tmp_path, B) as one:
        order = one.place_unanswered()
        if trace == "order":
            one.broker.orders["b1"] = shown(order, label="")
        elif trace == "execution":
            one.broker.fills = [execution(5)]
        else:
            one.broker.held[SYMBOL] = Decimal(5)
        one.run_until(lambda: bool(one.of(OrderOverdue)))
        assert order.state is OrderState.UNKNOWN
        assert one.of(OrderNotSent) == []


@pytest.mark.proves("A2", "I8", "K12")
def test_an_execution_from_before_the_snapshot_is_no_trace_of_it(tmp_path: Path) -> None:
    """An order without an answer may be older than the snapshot of the start: what the journal alone has of then is booked too."""
    with bench(tmp_path, B) as one:
        one.broker.fills = [execution(5)]
        one.executions.past = lambda: [row_of(execution(5))]
        one.place_unanswered()
        one.run_until(lambda: bool(one.of(OrderNotSent)))


def row_of(fill: BrokerFill) -> FillRow:
    """An execution as the journal has it."""
    price, quantity = fill.price, fill.quantity
    names = ("one", fill.execution_id, 1, "earlier", MANUAL, fill.symbol)
    return FillRow(*names, fill.side, quantity, price, Decimal(0), fill.time_ns)


@pytest.mark.proves("A10", "I8")
def test_without_any_id_only_a_person_ends_it(tmp_path: Path) -> None:
    """Its symbol takes no new risk, another one does; the person's word is a record, and lifts that."""
    with bench(tmp_path, C) as one:
        order = one.place_unanswered()
        key = order.terms.client_order_id
        one.run_until(lambda: bool(one.of(OrderOverdue)))
        assert list(one.reconciler.unresolved_ids) == []
        assert refusal(one, SYMBOL) == "quarantine"
        one.state.mark("BRYX", Price(Decimal(100)))
        assert refusal(one, "BRYX") == ""
        one.ask(Resolve(key, Resolution.NOT_SENT, "seen in their own list"))
        assert order.state is OrderState.NOT_SENT
        assert "cli:test: seen in their own list" in order.reason
        assert refusal(one, SYMBOL) == ""


@pytest.mark.proves("A3", "K3")
@pytest.mark.parametrize("kind", [A, B, C])
def test_an_order_that_is_found_is_adopted_in_every_class(tmp_path: Path, kind: IdempotencyClass) -> None:
    """Whatever the class: shown under its id or label it is ours, also after it was called overdue."""
    with bench(tmp_path, kind) as one:
        order = one.place_unanswered()
        if kind is C:
            one.run_until(lambda: bool(one.of(OrderOverdue)))
        one.broker.orders["b1"] = shown(order)
        one.run_until(lambda: order.state is OrderState.SUBMITTED)
        assert one.state.overdue == {}
        assert order.broker_order_id == "b1"


@pytest.mark.proves("A7", "I3")
@pytest.mark.parametrize(
    ("kind", "body"),
    [(A, OrderRejected), (B, OrderNotSent), (C, OrderRejected), (C, OrderNotSent), (C, OrderCanceled)],
)
def test_what_looks_like_an_order_that_is_over_is_taken_for_it_by_an_id_only(
    tmp_path: Path, kind: IdempotencyClass, body: type[OrderRejected | OrderNotSent | OrderCanceled]
) -> None:
    """Without ids the one that is there is the order that was sent after it: taking it would cancel that."""
    with bench(tmp_path, kind) as one:
        order = one.place_unanswered()
        key = order.terms.client_order_id
        one.deliver([body(key, "it was said so")])
        ended = order.state
        one.broker.orders["b1"] = shown(order)
        one.reconciler.mark_unresolved(key)
        one.run_until(lambda: bool(order.broker_order_id) or one.reconciler.unresolved.next_s() is None)
        assert order.broker_order_id == ("" if kind is C else "b1")
        assert (order.state is ended) or kind is not C


@pytest.mark.proves("B2")
def test_an_order_with_an_id_of_the_brokers_is_lost_by_that_id_in_every_class(tmp_path: Path) -> None:
    """Even where ours are none: an acknowledged order that is shown no longer is lost, and the account takes no risk."""
    with bench(tmp_path, C) as one:
        order = one.place_unanswered()
        one.broker.orders["b1"] = shown(order)
        one.run_until(lambda: order.state is OrderState.SUBMITTED)
        del one.broker.orders["b1"]
        one.run_until(lambda: "lost orders" in one.state.impairments)
        assert order.is_live


def test_only_an_unknown_order_can_be_resolved(tmp_path: Path) -> None:
    """One that the broker has is not ended by a word."""
    with bench(tmp_path, A) as one:
        order = one.place_unanswered()
        one.broker.orders["b1"] = shown(order)
        one.run_until(lambda: order.state is OrderState.SUBMITTED)
        one.ask(Resolve(order.terms.client_order_id, Resolution.CANCELED))
        assert order.state is OrderState.SUBMITTED
        (_, done) = one.of(CommandDone)
        assert isinstance(done, CommandDone)
        assert not done.accepted


def test_what_reached_the_broker_was_sent(tmp_path: Path) -> None:
    """That an order was not sent is no person's word where the broker has given it an id; that it is over is."""
    with bench(tmp_path, C) as one:
        order = one.place_unanswered()
        order.broker_order_id = "b1"
        one.ask(Resolve(order.terms.client_order_id, Resolution.NOT_SENT))
        done = one.of(CommandDone)[-1]
        assert isinstance(done, CommandDone)
        assert (done.accepted, "reached the broker" in done.text) == (False, True)
        one.ask(Resolve(order.terms.client_order_id, Resolution.CANCELED))
        assert order.state is OrderState.CANCELED


@pytest.mark.proves("S7", "S5")
def test_a_bust_that_no_stream_told_is_found_by_comparing(tmp_path: Path) -> None:
    """The execution is in the books and no longer at the broker: it is undone, and the position follows."""
    with bench(tmp_path, A) as one:
        order = one.place_unanswered()
        one.broker.orders["b1"] = shown(order, filled=5)
        one.broker.fills = [msgspec.structs.replace(execution(5), client_order_id=order.terms.client_order_id)]
        one.broker.held[SYMBOL] = Decimal(5)
        one.run_until(lambda: order.filled_quantity == 5)
        one.broker.orders["b1"] = shown(order)
        one.broker.fills, one.broker.held = [], {}
        one.run_until(lambda: order.filled_quantity == 0)
        assert one.state.portfolio.quantity(SYMBOL) == 0


@pytest.mark.proves("S6", "I3", "I14")
@pytest.mark.parametrize("filled", [0, 3])
def test_an_order_that_was_adopted_and_is_ours_is_booked_as_ours(tmp_path: Path, filled: int) -> None:
    """The broker says only later whose it is: what was booked of it goes over, and the books have it once."""
    with bench(tmp_path, A) as one:
        order = one.place_unanswered()
        key = order.terms.client_order_id
        one.deliver([OrderNotSent(key, "it was proven")])
        one.broker.orders["b1"] = shown(order, label="", filled=filled)
        one.broker.fills = [execution(filled)] if filled else []
        one.broker.held[SYMBOL] = Decimal(filled)
        one.run_until(lambda: bool(one.of(OrderAdopted)) and one.state.portfolio.quantity(SYMBOL) == filled)
        adopted = one.state.orders.find(external_order_id("b1"))
        assert adopted is not None
        one.broker.orders["b1"] = shown(order, filled=filled)
        one.reconciler.mark_unresolved(key)
        one.run_until(lambda: not adopted.is_live and order.filled_quantity == filled)
        one.run_until(lambda: one.reconciler.unresolved.next_s() is None)
        assert order.broker_order_id == "b1"
        assert adopted.filled_quantity == 0
        assert one.state.portfolio.strategy_quantity(order.terms.strategy, SYMBOL) == filled
        assert one.state.portfolio.quantity(SYMBOL) == filled


@pytest.mark.proves("B2", "I3")
def test_an_order_that_is_there_again_under_another_id_has_that_id_in_the_books(tmp_path: Path) -> None:
    """The broker lost it, and a copy that was late came in: the books name the one that is there, and say so."""
    with bench(tmp_path, A) as one:
        order = one.place_unanswered()
        one.broker.orders["b1"] = shown(order)
        one.run_until(lambda: order.broker_order_id == "b1")
        one.deliver([OrderAccepted(order.terms.client_order_id, "b1")])
        assert one.of(OrderAnomaly) == []
        one.deliver([OrderAccepted(order.terms.client_order_id, "b2")])
        assert (order.broker_order_id, order.state) == ("b2", OrderState.SUBMITTED)
        (told,) = one.of(OrderAnomaly)
        assert isinstance(told, OrderAnomaly)
        assert "another id" in told.reason
        one.deliver([OrderCanceled(order.terms.client_order_id, "asked for")])
        one.deliver([OrderAccepted(order.terms.client_order_id, "b3")])
        assert (order.broker_order_id, order.state) == ("b3", OrderState.CANCELED)


def refusal(one: Bench, symbol: str) -> str:
    """Which rule refuses new risk in a symbol; empty for none."""
    before = len(one.of(RiskRefused))
    quantity = Quantity(Decimal(1 + len(one.records)))
    one.ask(PlaceOrder(Signal(MANUAL, symbol, Action.BUY, quantity=quantity)))
    refused = one.of(RiskRefused)[before:]
    return refused[0].rule if refused and isinstance(refused[0], RiskRefused) else ""
