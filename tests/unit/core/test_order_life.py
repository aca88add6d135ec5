"""The life of an order: every cell of the table, what is judged before it, and what the book adds up to."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.messages import (
    PAPER,
    CancelRefused,
    CancelReleased,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
)
from holdfast.core.orders import book as book_module
from holdfast.core.orders.book import OrderBook, event_of, judge
from holdfast.core.orders.life import LIFE, Kind, OrderEvent
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.types import ClientOrderId, Money, OrderRole, Price, Quantity, Side, StrategyId
from holdfast.errors import Fatal

KEY = ClientOrderId("h1")
S, E = OrderState, OrderEvent
CELLS = [(state, event) for state in OrderState for event in OrderEvent]
FILLS = (E.PARTLY_FILLED, E.FILLED)

ROADS: dict[OrderState, list[OrderEvent]] = {
    S.PREPARED: [],
    S.RELEASED: [E.RELEASED],
    S.SUBMITTED: [E.RELEASED, E.ACCEPTED],
    S.PARTIALLY_FILLED: [E.RELEASED, E.ACCEPTED, E.PARTLY_FILLED],
    S.UNKNOWN: [E.RELEASED, E.UNKNOWN],
    S.FILLED: [E.RELEASED, E.ACCEPTED, E.FILLED],
    S.CANCELED: [E.RELEASED, E.ACCEPTED, E.CANCELED],
    S.EXPIRED: [E.RELEASED, E.ACCEPTED, E.EXPIRED],
    S.REJECTED: [E.RELEASED, E.REJECTED],
    S.NOT_SENT: [E.NOT_SENT],
    S.FAILED: [E.FAILED],
}
"""How an order comes to be in a state."""


def terms(quantity: int = 100, side: Side = Side.BUY, key: ClientOrderId = KEY, **more: Any) -> OrderTerms:
    return OrderTerms(key, StrategyId("s"), "ABC", side, Quantity(Decimal(quantity)), **more)


def fill(quantity: object, execution_id: str, key: ClientOrderId = KEY, **changes: Any) -> OrderFilled:
    fields: dict[str, Any] = {
        "symbol": "ABC",
        "side": Side.BUY,
        "price": Price(Decimal(10)),
        "fee": Money(Decimal("0.5")),
    }
    return OrderFilled(key, execution_id, quantity=Quantity(Decimal(str(quantity))), **(fields | changes))


def body_of(event: OrderEvent, order: Order | None, number: int = 0) -> Any:
    """A message that is this event for the order as it stands."""
    left = 100 if order is None else order.quantity - order.filled_quantity
    bodies: dict[OrderEvent, Any] = {
        E.RELEASED: OrderReleased(KEY),
        E.ACCEPTED: OrderAccepted(KEY, "b1"),
        E.REJECTED: OrderRejected(KEY, "rejected"),
        E.UNKNOWN: OrderUnknown(KEY, "timed out"),
        E.PARTLY_FILLED: fill(max(left, 2) / 2, f"x{number}"),
        E.FILLED: fill(max(left, 1), f"x{number}"),
        E.REPLACED: OrderReplaced(KEY, Quantity(Decimal(200))),
        E.CANCEL_RELEASED: CancelReleased(KEY),
        E.CANCEL_REFUSED: CancelRefused(KEY, "too late"),
        E.CANCELED: OrderCanceled(KEY, "asked"),
        E.EXPIRED: OrderExpired(KEY, "day"),
        E.BUSTED: FillBusted(KEY, _first_execution(order), "ABC", Side.BUY, Quantity(Decimal(1)), Price(Decimal(10))),
        E.FAILED: OrderFailed(KEY, "no such symbol"),
        E.NOT_SENT: OrderNotSent(KEY, "stale"),
    }
    return bodies[event]


def _first_execution(order: Order | None) -> str:
    return order.execution_ids[0] if order is not None and order.execution_ids else "none"


class Writer:
    """Puts bodies into envelopes, counting."""

    def __init__(self) -> None:
        self.book = OrderBook()
        self.sequence = 0

    def apply(self, body: Any) -> Order:
        self.sequence += 1
        number = str(self.sequence)
        return self.book.apply(
            Envelope(number, self.sequence * 10, "main", PAPER, "test", "c", number, self.sequence, 1, 0, body)
        )


def order_in(state: OrderState) -> tuple[Writer, Order]:
    """A book with one order in that state."""
    writer = Writer()
    order = writer.apply(OrderPrepared(terms()))
    for number, event in enumerate(ROADS[state]):
        writer.apply(body_of(event, order, number))
    assert order.state is state
    return writer, order


def test_every_cell_is_there() -> None:
    """The table has every state, every state has every event, and nothing else."""
    assert set(LIFE) == set(OrderState)
    for row in LIFE.values():
        assert set(row) == set(OrderEvent)
    assert set(ROADS) == set(OrderState)


@pytest.mark.parametrize(("state", "event"), CELLS)
def test_a_cell_says_what_its_kind_needs(state: OrderState, event: OrderEvent) -> None:
    """A move and a late move lead somewhere, the others nowhere; all but the ordinary move give a reason."""
    cell = LIFE[state][event]
    assert (cell.to is not None) is (cell.kind in (Kind.MOVE, Kind.LATE))
    assert bool(cell.reason) is (cell.kind is not Kind.MOVE)


@pytest.mark.parametrize(("state", "event"), CELLS)
@pytest.mark.proves("I5", "S2")
def test_the_book_does_what_the_cell_says(state: OrderState, event: OrderEvent) -> None:
    """From every state, every event either moves the order to the cell's state or is refused and changes nothing."""
    writer, order = order_in(state)
    body = body_of(event, order, 99)
    if state is S.FILLED and event is E.PARTLY_FILLED:
        assert event_of(order, body) is E.FILLED  # whatever comes on top of a complete order is beyond it
        return
    assert event_of(order, body) is event
    if event is E.BUSTED and not order.execution_ids:
        assert judge(order, body).kind is Kind.ANOMALY  # there is nothing to undo, whatever the table would do
        return
    cell = judge(order, body)
    assert (cell.kind, cell.to) == (LIFE[state][event].kind, LIFE[state][event].to)
    before = repr(order)
    if cell.to is None:
        with pytest.raises(Fatal, match=f"can't happen to an order that is {state}"):
            writer.apply(body)
        assert repr(order) == before
    else:
        assert writer.apply(body) is order
        assert order.state is cell.to
        assert (order.updated_ns, order.last_record_id) == (writer.sequence * 10, str(writer.sequence))
    assert (KEY in writer.book.live) is order.is_live is (order.state not in TERMINAL)
    assert (KEY in writer.book.finished) is (order.state in TERMINAL)
    assert writer.book.find(KEY) is order


@pytest.mark.proves("I5")
@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_what_is_over_comes_back_by_late_evidence_only(state: OrderState) -> None:
    """No ordinary move leaves a terminal state."""
    assert not [event for event, cell in LIFE[state].items() if cell.kind is Kind.MOVE]


@pytest.mark.proves("S2")
@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("event", FILLS)
def test_an_execution_is_booked_from_every_state(state: OrderState, event: OrderEvent) -> None:
    """Whatever the status says, quantity, notional and fee of an execution count."""
    writer, order = order_in(state)
    assert LIFE[state][event].to is not None
    filled, fees, body = order.filled_quantity, order.fees, body_of(event, order, 99)
    writer.apply(body)
    assert order.filled_quantity == filled + body.quantity
    assert order.filled_notional == order.filled_quantity * 10
    assert order.fees == fees + body.fee
    assert body.execution_id in order.execution_ids


@pytest.mark.proves("I8")
def test_unknown_ends_by_evidence_alone() -> None:
    """An order without an answer counts as live, in full, until a definite answer comes."""
    writer, order = order_in(S.UNKNOWN)
    assert order.is_live
    assert order.remaining == 100
    assert writer.book.open_buys == {"ABC": 100}
    writer.apply(OrderAccepted(KEY, "b7"))
    assert order.state is S.SUBMITTED


@pytest.mark.proves("S1", "I4")
@pytest.mark.parametrize("state", [S.SUBMITTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED])
def test_an_execution_counts_once(state: OrderState) -> None:
    """The same execution id again is ignored, in any state."""
    writer, order = order_in(state)
    if not order.execution_ids:
        writer.apply(fill(1, "x2"))
    cell = judge(order, fill(7, order.execution_ids[0]))
    assert (cell.kind, cell.to) == (Kind.IGNORED, None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"symbol": "XYZ"}, "an execution in XYZ buy for an order in ABC buy"),
        ({"side": Side.SELL}, "an execution in ABC sell for an order in ABC buy"),
        ({"price": Price(Decimal(0))}, "an execution of 5 at 0 can't be"),
        ({"quantity": Quantity(Decimal(-5))}, "an execution of -5 at 10 can't be"),
        ({"quantity": Quantity(Decimal(0))}, "an execution of 0 at 10 can't be"),
    ],
)
def test_an_impossible_execution_is_not_booked(changes: dict[str, Any], why: str) -> None:
    """Another symbol, another side, nothing or less: an anomaly that changes nothing."""
    _, order = order_in(S.SUBMITTED)
    good: dict[str, Any] = {
        "quantity": Quantity(Decimal(5)),
        "symbol": "ABC",
        "side": Side.BUY,
        "price": Price(Decimal(10)),
    }
    cell = judge(order, OrderFilled(KEY, "x9", **(good | changes)))
    assert (cell.kind, cell.to, cell.reason) == (Kind.ANOMALY, None, why)


@pytest.mark.proves("S8")
@pytest.mark.parametrize(
    ("state", "quantity"), [(S.SUBMITTED, 101), (S.PARTIALLY_FILLED, 51), (S.RELEASED, 1000), (S.FILLED, 1)]
)
def test_an_overfill_is_booked_and_reported(state: OrderState, quantity: int) -> None:
    """An execution beyond the quantity is late evidence: it counts, and someone is told."""
    writer, order = order_in(state)
    body = fill(quantity, "x9")
    cell = judge(order, body)
    assert (cell.kind, cell.to, cell.reason) == (Kind.LATE, S.FILLED, "overfill")
    writer.apply(body)
    assert order.remaining == 0
    assert not writer.book.open_buys


def test_an_execution_in_place_of_one_that_was_undone_is_no_overfill() -> None:
    """A correction is a bust and another execution: within the quantity nothing is wrong with it, beyond it something is."""
    writer, order = order_in(S.FILLED)
    writer.apply(body_of(E.BUSTED, order))
    missing = int(order.quantity - order.filled_quantity)
    assert missing == 1
    assert judge(order, fill(missing, "corrected")).kind is Kind.MOVE
    assert judge(order, fill(missing + 1, "corrected")).reason == "overfill"


@pytest.mark.parametrize("quantity", [50, 49, 0, -1])
def test_a_replacement_leaves_something_open(quantity: int) -> None:
    """A new total of what has filled already, or less, is an anomaly: it would leave less than nothing open."""
    _, order = order_in(S.PARTIALLY_FILLED)
    assert judge(order, OrderReplaced(KEY, Quantity(Decimal(quantity)))).kind is Kind.ANOMALY
    assert judge(order, OrderReplaced(KEY, Quantity(Decimal(51)))).kind is Kind.MOVE


def test_a_cancel_is_remembered_until_it_is_refused() -> None:
    """``cancel_released_ns`` is set while a cancel may be at the broker."""
    writer, order = order_in(S.SUBMITTED)
    writer.apply(CancelReleased(KEY, "asked"))
    assert order.cancel_released_ns == writer.sequence * 10
    writer.apply(CancelRefused(KEY, "too late"))
    assert order.cancel_released_ns == 0


def test_a_resend_keeps_the_time_of_the_first_release() -> None:
    """An order is as old as its first release, whatever happened since."""
    writer, order = order_in(S.RELEASED)
    released_ns = order.released_ns
    writer.apply(OrderUnknown(KEY, "timed out"))
    writer.apply(OrderReleased(KEY, attempt=2))
    assert order.released_ns == released_ns


def test_protection_is_no_exposure() -> None:
    """Protective orders are live but count in none of the sums."""
    writer = Writer()
    writer.apply(OrderPrepared(terms(role=OrderRole.STOP_LOSS, side=Side.SELL)))
    book = writer.book
    assert len(book.live) == 1
    assert (book.regular_count, book.open_net, book.open_buys, book.open_sells) == (0, {}, {}, {})


def test_finished_orders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest finished orders stay in memory; live ones stay whatever their age."""
    monkeypatch.setattr(book_module, "FINISHED_KEPT", 3)
    writer = Writer()
    writer.apply(OrderPrepared(terms(key=ClientOrderId("old"))))
    for number in range(10):
        writer.apply(OrderPrepared(terms(key=ClientOrderId(f"h{number}"))))
        writer.apply(OrderNotSent(ClientOrderId(f"h{number}"), "stale"))
    assert list(writer.book.finished) == ["h7", "h8", "h9"]
    assert list(writer.book.live) == ["old"]
    assert writer.book.find(ClientOrderId("h1")) is None


def test_a_record_about_no_order_is_fatal() -> None:
    """A record about an order that was never prepared can't be applied."""
    with pytest.raises(Fatal, match="order h1, which is not in the book"):
        Writer().apply(OrderReleased(KEY))
