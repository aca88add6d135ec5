"""Faults that bite in the life of an order."""

import pytest

from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.trading.orders import Listing
from tests.unit.sim.alpaca.trading.kit import MORNING, Bench


def test_rejected_after_it_was_accepted() -> None:
    """The order was answered accepted, and ends rejected without a trade."""
    bench = Bench(MORNING, {"name": "reject_after_accept"})
    bench.price(100)
    order = bench.send()
    assert order.status == "accepted"
    bench.desk.settle()
    assert (order.status, bench.events()) == ("rejected", ["rejected"])
    assert order.failed_ns == bench.now_ns
    assert bench.desk.books.cash == 100_000


def test_a_cancel_loses_against_a_fill() -> None:
    """The cancel was taken, and what comes is the fill."""
    bench = Bench(MORNING, {"name": "cancel_races_fill"})
    bench.price(100)
    order = bench.place(type="limit", limit_price="90")
    bench.cancel(order)
    assert (order.status, order.filled_qty) == ("filled", order.qty)
    assert bench.events(order)[-2:] == ["pending_cancel", "fill"]


def test_an_order_nobody_finds() -> None:
    """For a while the order is in no answer, though it works; then it is found."""
    bench = Bench(MORNING, {"name": "invisible_order", "seconds": 0.05})
    bench.price(100)
    order = bench.place(client_order_id="mine")
    with pytest.raises(ApiError, match="order not found") as by_id:
        bench.desk.find(order.id)
    with pytest.raises(ApiError, match="order not found") as by_client_id:
        bench.desk.find_by_client_id("mine")
    assert by_id.value.status == by_client_id.value.status == 404
    assert bench.desk.is_hidden(order)
    while bench.desk.is_hidden(order):
        pass
    assert bench.desk.find(order.id).status == "filled"
    assert bench.desk.orders.list(Listing(status="all")) == [order]


def test_a_fault_of_one_symbol_leaves_the_others() -> None:
    """A fault that is narrowed to one symbol does not touch orders of another."""
    bench = Bench(MORNING, {"name": "reject_after_accept", "symbol": "BRYX"})
    bench.price(100)
    bench.price(100, "BRYX")
    assert bench.place().status == "filled"
    assert bench.place(symbol="BRYX").status == "rejected"
