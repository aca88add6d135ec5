"""Open orders, as the monitor sees them."""

from decimal import Decimal

from holdfast.core.messages import (
    AnyBody,
    BrokerName,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
)
from holdfast.core.types import ClientOrderId, Price, Quantity, Side, StrategyId
from holdfast.monitor.orders import OpenOrders, Waits

KEY = ClientOrderId("o1")


def filled(quantity: int) -> OrderFilled:
    return OrderFilled(KEY, f"e{quantity}", "AVOR", Side.BUY, Quantity(Decimal(quantity)), Price(Decimal(1)))


def after(*bodies: AnyBody) -> OpenOrders:
    """The orders after an order of ten was prepared, and these, a nanosecond apart."""
    terms = OrderTerms(KEY, StrategyId("s"), "AVOR", Side.BUY, Quantity(Decimal(10)))
    orders = OpenOrders()
    for number, body in enumerate((OrderPrepared(terms), *bodies), 1):
        orders.take(Envelope(f"r{number}", number, "a", BrokerName("paper"), "x", "c", "c", number, 1, 0, body), 0)
    return orders


def test_an_order_waits_for_its_release_its_answer_its_proof_and_its_fill() -> None:
    """Since the record that it waits for that; a second UNKNOWN begins nothing anew, a second release does."""
    assert (after().open[KEY].waits, after().open[KEY].since_ns) == (Waits.RELEASE, 1)
    released = after(OrderReleased(KEY), OrderReleased(KEY, 2)).open[KEY]
    assert (released.waits, released.since_ns) == (Waits.ANSWER, 3)
    unknown = after(OrderReleased(KEY), OrderUnknown(KEY, "no answer"), OrderUnknown(KEY, "no answer")).open[KEY]
    assert (unknown.waits, unknown.since_ns) == (Waits.PROOF, 3)
    accepted = after(OrderReleased(KEY), OrderAccepted(KEY, "b1"), filled(4)).open[KEY]
    assert (accepted.waits, accepted.since_ns, accepted.filled) == (Waits.FILL, 3, Decimal(4))


def test_an_order_is_over_when_it_has_filled_what_it_is_for_by_then() -> None:
    """A replaced one for its new quantity; what is undone has not filled."""
    assert KEY not in after(OrderReleased(KEY), filled(10)).open
    assert KEY not in after(OrderReleased(KEY), OrderReplaced(KEY, Quantity(Decimal(6))), filled(6)).open
    busted = FillBusted(KEY, "e4", "AVOR", Side.BUY, Quantity(Decimal(4)), Price(Decimal(1)))
    assert KEY in after(OrderReleased(KEY), filled(4), busted, filled(6)).open
    assert KEY not in after(OrderReleased(KEY), filled(4), filled(6)).open
