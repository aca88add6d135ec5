"""Faults that bite in the life of an order."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.trading.order import Role
from holdfast.sim.alpaca.trading.orders import Listing
from tests.unit.sim.alpaca.trading.kit import MORNING, Bench

EXITS: dict[str, Any] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
BRACKET = EXITS | {"order_class": "bracket"}
OCO = EXITS | {"order_class": "oco", "side": "sell", "type": "limit"}


def test_rejected_after_it_was_accepted() -> None:
    """The order was answered accepted, and ends rejected without a trade."""
    bench = Bench(MORNING, {"name": "reject_after_accept"})
    bench.price(100)
    order = bench.send()
    assert order.status == "accepted"
    bench.trading.settle()
    assert (order.status, bench.events()) == ("rejected", ["rejected"])
    assert order.failed_ns == bench.now_ns
    assert bench.trading.books.cash == 100_000


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
        bench.trading.find(order.id)
    with pytest.raises(ApiError, match="order not found") as by_client_id:
        bench.trading.find_by_client_id("mine")
    assert by_id.value.status == by_client_id.value.status == 404
    assert bench.trading.is_hidden(order)
    while bench.trading.is_hidden(order):
        pass
    assert bench.trading.find(order.id).status == "filled"
    assert bench.trading.orders.list(Listing(status="all")) == [order]


def test_a_fault_of_one_symbol_leaves_the_others() -> None:
    """A fault that is narrowed to one symbol does not touch orders of another."""
    bench = Bench(MORNING, {"name": "reject_after_accept", "symbol": "BRYX"})
    bench.price(100)
    bench.price(100, "BRYX")
    assert bench.place().status == "filled"
    assert bench.place(symbol="BRYX").status == "rejected"


def test_a_pair_of_exits_without_its_stop() -> None:
    """The OCO is one take-profit alone: its stop-loss is in no list, and nothing ends the position as the price falls."""
    bench = Bench(MORNING, {"name": "leg_missing"})
    bench.price(100)
    bench.place()
    profit = bench.place(**OCO)
    assert (profit.status, bench.trading.orders.legs(profit)) == ("new", [])
    assert bench.trading.orders.list(Listing(status="open")) == [profit]
    bench.price(80)
    assert (profit.status, bench.trading.books.quantity("AVOR")) == ("new", Decimal(10))
    bench.price(111)
    assert (profit.status, bench.trading.books.quantity("AVOR")) == ("filled", Decimal(0))


def test_a_pair_of_exits_with_a_dead_stop() -> None:
    """The OCO's stop-loss is held as always and never trades; it still ends with its twin."""
    bench = Bench(MORNING, {"name": "leg_dead"})
    bench.price(100)
    bench.place()
    profit = bench.place(**OCO)
    (loss,) = bench.trading.orders.legs(profit)
    bench.price(80)
    assert (profit.status, loss.status, bench.events(loss)) == ("new", "held", [])
    bench.price(111)
    assert (profit.status, loss.status, bench.events(loss)) == ("filled", "canceled", [])


@pytest.mark.parametrize("terms", [OCO, BRACKET], ids=["oco", "bracket"])
@pytest.mark.parametrize("name", ["leg_missing", "leg_dead"])
def test_a_fault_of_legs_is_narrowed_by_the_order_that_was_sent(name: str, terms: dict[str, Any]) -> None:
    """A leg's own id is made by the server and known to nobody beforehand: the id that counts is its parent's."""
    bench = Bench(MORNING, {"name": name, "client_order_id": "bad"})
    bench.price(100)
    bench.place(qty="20")
    for client_order_id in ("good", "bad"):
        bench.place(**terms, client_order_id=client_order_id)
    bench.price(80)
    stops = [order for order in bench.trading.orders.all() if order.role is Role.STOP_LOSS]
    assert [stop.status for stop in stops] == (["filled"] if name == "leg_missing" else ["filled", "held"])


def test_an_oto_with_a_dead_stop() -> None:
    """Its one exit is new and told so, as always, and never fires; it can be canceled."""
    bench = Bench(MORNING, {"name": "leg_dead"})
    bench.price(100)
    entry = bench.place(order_class="oto", stop_loss={"stop_price": "90"})
    (stop,) = bench.trading.orders.legs(entry)
    bench.price(80)
    assert (stop.status, bench.events(stop)) == ("new", ["new"])
    bench.cancel(stop)
    assert stop.status == "canceled"


def test_an_oto_without_its_stop() -> None:
    """With that fault an OTO is an entry and nothing more."""
    bench = Bench(MORNING, {"name": "leg_missing"})
    bench.price(100)
    entry = bench.place(order_class="oto", stop_loss={"stop_price": "90"})
    assert (entry.status, bench.trading.orders.all()) == ("filled", [entry])
