"""Executions that the books have, beside a list of the broker's."""

from decimal import Decimal

from holdfast.brokers.port import BrokerFill
from holdfast.core.codec import external_order_id
from holdfast.core.messages import FillBusted, OrderFilled, OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import MINUTE_NS, ClientOrderId, Price, Quantity, Side, StrategyId
from holdfast.runtime.live.executions import Executions

KEY = ClientOrderId("h1")
TEN = Quantity(Decimal(10))
HAPPENED_NS, BOOKED_NS = 10 * MINUTE_NS, 60 * MINUTE_NS
FILL = BrokerFill(KEY, "b1", "b1:10", "IBM", Side.BUY, TEN, Price(Decimal(5)), HAPPENED_NS)


def order_of(key: ClientOrderId) -> Order:
    """An order that was sent, of which nothing is booked."""
    terms = OrderTerms(key, StrategyId("s"), "IBM", Side.BUY, TEN)
    return Order(terms, OrderState.RELEASED, TEN, BOOKED_NS, BOOKED_NS)


def test_what_was_booked_late_is_not_taken_for_undone() -> None:
    """An execution that happened while nobody was there belongs to its own time, once the broker has shown it."""
    order = order_of(KEY)
    executions = Executions()
    (report,) = executions.missing(order, [FILL])
    assert isinstance(report, OrderFilled)
    executions.see(report, BOOKED_NS)
    assert executions.gone([], BOOKED_NS - MINUTE_NS, BOOKED_NS + MINUTE_NS) == {KEY}
    assert executions.missing(order, [FILL]) == []
    assert executions.gone([], BOOKED_NS - MINUTE_NS, BOOKED_NS + MINUTE_NS) == set()
    assert executions.gone([], HAPPENED_NS - MINUTE_NS, HAPPENED_NS + MINUTE_NS) == {KEY}
    assert executions.gone([FILL], HAPPENED_NS - MINUTE_NS, HAPPENED_NS + MINUTE_NS) == set()


def test_what_is_booked_as_somebody_elses_goes_over_to_the_order_that_is_ours() -> None:
    """It is undone there and booked here, once; the order that was adopted doesn't get it back."""
    external = external_order_id(FILL.broker_order_id)
    ours, executions = order_of(KEY), Executions()
    (report,) = executions.missing(order_of(external), [FILL])
    executions.see(report, HAPPENED_NS)
    undone, booked = executions.missing(ours, [FILL])
    assert isinstance(undone, FillBusted)
    assert isinstance(booked, OrderFilled)
    assert (undone.client_order_id, undone.execution_id) == (external, FILL.execution_id)
    assert (booked.client_order_id, booked.quantity, booked.price) == (KEY, TEN, FILL.price)
    assert booked.execution_id != FILL.execution_id
    executions.see(undone)
    executions.see(booked, HAPPENED_NS)
    assert executions.has(FILL)
    assert executions.missing(ours, [FILL]) == []
    assert executions.missing(order_of(external), [FILL]) == []
