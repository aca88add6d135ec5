"""Which records tell a strategy of its orders."""

from decimal import Decimal
from typing import get_args

from holdfast.core.findings import OrderLost, OrderOverdue
from holdfast.core.messages import (
    PAPER,
    BrokerReport,
    Envelope,
    OrderAdopted,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    OrderTerms,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.strategy.updates import STATUS_OF, OrderStatus, update_of, with_later
from holdfast.core.types import ClientOrderId, Price, Quantity, Side, StrategyId

KEY = ClientOrderId("h1")
NOT_THEIRS = {OrderAdopted, OrderLost, OrderOverdue}
"""Reports that move no order of a strategy's: an order of somebody else, and two findings that other reports follow."""


def test_every_report_that_changes_an_order_is_told() -> None:
    """A report that is new has to have its status, or to be named here."""
    assert set(get_args(BrokerReport)) - NOT_THEIRS == {*STATUS_OF, OrderFilled}


def test_a_status_that_ends_an_order_says_so() -> None:
    """Those that may still lead to a fill are not final."""
    going_on = {"waiting", "accepted", "unresolved", "partially_filled", "busted", "replaced", "cancel_refused"}
    assert {status.value for status in OrderStatus if not status.is_final} == going_on


def record(sequence: int, body: object) -> Envelope:
    return Envelope("id", sequence, "main", PAPER, "", "", "", sequence, 1, 0, body)  # type: ignore[arg-type]


def fill(number: int, quantity: int) -> OrderFilled:
    return OrderFilled(KEY, f"x{number}", "ABC", Side.BUY, Quantity(Decimal(quantity)), Price(Decimal(9)))


def test_an_update_that_is_shown_late_has_what_was_filled_then() -> None:
    """The book has all fills already; each update is given as it was."""
    terms = OrderTerms(KEY, StrategyId("s"), "ABC", Side.BUY, Quantity(Decimal(10)), intent_id="s@1.1")
    records = [record(3, fill(1, 4)), record(4, fill(2, 6))]
    book = OrderBook()
    for one in [record(1, OrderPrepared(terms)), record(2, OrderReleased(KEY)), *records]:
        book.apply(one)
    told = [update_of(book, one, later) for one, later in with_later(records)]
    assert [f"{update.status} {update.filled_quantity}" for _, update in filter(None, told)] == [
        "partially_filled 4",
        "filled 10",
    ]
