"""Executions that the books have, beside a list of the broker's."""

from decimal import Decimal

from holdfast.brokers.port import BrokerFill
from holdfast.core.messages import OrderFilled, OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import MINUTE_NS, ClientOrderId, Price, Quantity, Side, StrategyId
from holdfast.runtime.live.executions import Executions

KEY = ClientOrderId("h1")
TEN = Quantity(Decimal(10))
HAPPENED_NS, BOOKED_NS = 10 * MINUTE_NS, 60 * MINUTE_NS
FILL = BrokerFill(KEY, "b1", "b1:10", "IBM", Side.BUY, TEN, Price(Decimal(5)), HAPPENED_NS)


def test_what_was_booked_late_is_not_taken_for_undone() -> None:
    """An execution that happened while nobody was there belongs to its own time, once the broker has shown it."""
    order = Order(
        OrderTerms(KEY, StrategyId("s"), "IBM", Side.BUY, TEN), OrderState.RELEASED, TEN, BOOKED_NS, BOOKED_NS
    )
    executions = Executions()
    (report,) = executions.missing(order, [FILL])
    assert isinstance(report, OrderFilled)
    executions.see(report, BOOKED_NS)
    assert executions.gone([], BOOKED_NS - MINUTE_NS, BOOKED_NS + MINUTE_NS) == {KEY}
    assert executions.missing(order, [FILL]) == []
    assert executions.gone([], BOOKED_NS - MINUTE_NS, BOOKED_NS + MINUTE_NS) == set()
    assert executions.gone([], HAPPENED_NS - MINUTE_NS, HAPPENED_NS + MINUTE_NS) == {KEY}
    assert executions.gone([FILL], HAPPENED_NS - MINUTE_NS, HAPPENED_NS + MINUTE_NS) == set()
