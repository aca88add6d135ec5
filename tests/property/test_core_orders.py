"""Properties of the order book: whatever happens in whatever order, its sums are what its orders add up to."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.messages import (
    PAPER,
    CancelRefused,
    CancelReleased,
    Envelope,
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
from holdfast.core.orders.book import OrderBook, judge
from holdfast.core.types import ClientOrderId, OrderRole, Price, Quantity, Side, StrategyId
from tests.budget import examples

PLAIN = (
    OrderRejected,
    OrderUnknown,
    CancelReleased,
    CancelRefused,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderNotSent,
)
EVENTS = ("prepare", "release", "accept", "fill", "replace", *PLAIN)

happenings = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, 5),
        st.integers(1, 40),
        st.booleans(),
        st.sampled_from(["A", "B"]),
        st.integers(0, 9),
    ),
    max_size=80,
)


def body(event: Any, key: ClientOrderId, amount: int, buys: bool, symbol: str, number: int) -> Any:
    """A message about an order, possible or not."""
    side = Side.BUY if buys else Side.SELL
    quantity = Quantity(Decimal(amount))
    if event == "prepare":
        role = OrderRole.STOP_LOSS if number == 0 else OrderRole.REGULAR
        return OrderPrepared(OrderTerms(key, StrategyId(f"s{number % 2}"), symbol, side, quantity, role=role))
    if event == "fill":
        return OrderFilled(key, f"x{number}", symbol, side, quantity, Price(Decimal(3)))
    if event == "replace":
        return OrderReplaced(key, quantity)
    if event == "accept":
        return OrderAccepted(key, "b")
    return OrderReleased(key) if event == "release" else event(key, "why")


def sums_of(book: OrderBook) -> tuple[Any, ...]:
    """The sums that the book keeps."""
    return book.regular_count, book.open_net, book.open_buys, book.open_sells, book.open_sides, set(book.canceling)


def recomputed(book: OrderBook) -> tuple[Any, ...]:
    """The book's sums from its orders alone."""
    net: defaultdict[Any, Decimal] = defaultdict(Decimal)
    buys: defaultdict[Any, Decimal] = defaultdict(Decimal)
    sells: defaultdict[Any, Decimal] = defaultdict(Decimal)
    open_sides: defaultdict[Any, Decimal] = defaultdict(Decimal)
    entries = [order for order in book.live.values() if order.terms.role is OrderRole.REGULAR]
    for order in entries:
        left, terms = order.quantity - order.filled_quantity, order.terms
        net[terms.strategy, terms.symbol] += left * terms.side.sign
        (buys if terms.side is Side.BUY else sells)[terms.symbol] += left
        open_sides[terms.strategy, terms.symbol, terms.side] += left
    sums = [{key: total for key, total in side.items() if total} for side in (net, buys, sells, open_sides)]
    canceling = {key for key, order in book.live.items() if order.cancel_released_ns}
    return (len(entries), *sums, canceling)


@settings(max_examples=examples())
@given(happenings)
@pytest.mark.proves("I7", "S4")
def test_the_sums_are_what_the_orders_add_up_to(story: list[Any]) -> None:
    """After any story that the table lets happen, counts and sums equal a recount; nothing open is ever below zero."""
    book, sequence = OrderBook(), 0
    for event, which, amount, buys, symbol, number in story:
        key = ClientOrderId(f"h{which}")
        order = book.find(key)
        message = body(event, key, amount, buys, symbol, number)
        if (order is None) is not (event == "prepare"):
            continue
        if order is not None:
            if event == "fill":
                message = body(event, key, amount, order.terms.side is Side.BUY, order.terms.symbol, number)
            if judge(order, message).to is None:
                continue
        sequence += 1
        book.apply(Envelope(str(sequence), sequence, "main", PAPER, "t", "c", "c", sequence, 1, 0, message))
        assert sums_of(book) == recomputed(book)
        assert all(total > 0 for total in [*book.open_buys.values(), *book.open_sells.values()])
        assert not set(book.live) & set(book.finished)
        assert all(order.is_live for order in book.live.values())
        assert not any(order.is_live for order in book.finished.values())
        assert all(order.remaining >= 0 for order in [*book.live.values(), *book.finished.values()])
