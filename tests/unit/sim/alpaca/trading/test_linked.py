"""Orders that belong together: bracket, oco and oto."""

from decimal import Decimal

import pytest

from holdfast.core.types import HOUR_NS
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.alpaca.trading.orders import Listing
from tests.unit.sim.alpaca.trading.kit import OPEN, Bench

PARTS = {"name": "partial_fills", "fraction": 0.5}


def test_exits_are_held_until_the_entry_has_filled_whole() -> None:
    """A part of the entry's fill leaves its exits held; the last part sets both to work, and the stop-loss stays held."""
    bench = Bench()
    bench.price(100)
    bench.world.faults.arm(FAULTS.parse(PARTS))
    entry, profit, loss = bench.bracket()
    assert (entry.status, entry.filled_qty) == ("partially_filled", Decimal(5))
    assert [profit.status, loss.status] == ["held", "held"]
    bench.price(100)
    assert (entry.status, entry.filled_qty) == ("filled", Decimal(10))
    assert [profit.status, loss.status] == ["new", "held"]
    assert bench.events(entry) == ["pending_new", "new", "partial_fill", "fill"]
    assert (bench.events(profit), bench.events(loss)) == (["new"], [])
    bench.price(89)
    assert loss.status == "filled"


def test_an_entry_that_fills_at_once_sends_its_exits_once() -> None:
    """The whole story of a bracket at market: the entry's three updates, then one for the take-profit; of the stop nothing."""
    bench = Bench()
    bench.price(100)
    entry, profit, _ = bench.bracket()
    told = [(data["event"], data["order"]["id"]) for data in bench.heard]
    assert told[:3] == [(event, entry.id) for event in ("pending_new", "new", "fill")]
    assert told[3:] == [("new", profit.id)]


def test_one_exit_fills_and_the_other_is_canceled() -> None:
    """When the take-profit fills the stop-loss is canceled without a word on the stream, and the position is flat."""
    bench = Bench()
    bench.price(100)
    _, profit, loss = bench.bracket()
    bench.price(111)
    assert [profit.status, loss.status] == ["filled", "canceled"]
    assert not bench.trading.books.ledgers
    assert bench.events(loss) == []


def test_a_stop_that_fires_takes_its_twins_place() -> None:
    """The take-profit is seen as replaced, by the stop, before the stop's fill is told; the books are flat."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket()
    bench.price(89)
    assert (profit.status, profit.replaced_by, loss.status) == ("replaced", loss.id, "filled")
    told = [(data["event"], data["order"]["id"]) for data in bench.heard if data["order"]["id"] != entry.id]
    assert told == [("new", profit.id), ("replaced", profit.id), ("fill", loss.id)]
    assert not bench.trading.books.ledgers


def test_a_stop_limit_that_fires_and_does_not_trade_is_new() -> None:
    """Its limit was jumped over: it works in its take-profit's place, and is shown; later it trades at its limit."""
    bench = Bench()
    bench.price(100)
    _, profit, loss = bench.bracket(stop_loss={"stop_price": "90", "limit_price": "89.5"})
    bench.price(85)
    assert (profit.status, loss.status, bench.events(loss)) == ("replaced", "new", ["new"])
    assert bench.trading.orders.list(Listing(status="open")) == [loss]
    bench.price(89.6)
    assert (loss.status, bench.trading.books.quantity("AVOR")) == ("filled", Decimal(0))


def test_a_part_of_a_stop_leaves_the_rest_without_a_twin() -> None:
    """The stop fires and trades half: its take-profit is gone at once, the rest trades with the next event."""
    bench = Bench()
    bench.price(100)
    _, profit, loss = bench.bracket()
    bench.world.faults.arm(FAULTS.parse(PARTS))
    bench.trade(89)
    assert (profit.status, loss.status, loss.filled_qty) == ("replaced", "partially_filled", Decimal(5))
    bench.price(88)
    assert (loss.status, bench.trading.books.quantity("AVOR")) == ("filled", Decimal(0))


def test_a_shorts_stop_is_held_and_fires_too() -> None:
    """The mirror: a bracket around a short sale."""
    bench = Bench()
    bench.price(100)
    exits = {"take_profit": {"limit_price": "90"}, "stop_loss": {"stop_price": "105"}}
    _, profit, loss = bench.bracket(side="sell", **exits)
    assert [profit.status, loss.status] == ["new", "held"]
    bench.price(106)
    assert (profit.status, loss.status, bench.trading.books.quantity("AVOR")) == ("replaced", "filled", Decimal(0))


def test_a_bar_that_holds_both_exits_fills_the_stop() -> None:
    """Stop and target in one bar: the stop-loss fills, and only that."""
    bench = Bench()
    bench.price(100)
    _, profit, loss = bench.bracket()
    bench.price(100, after_s=60)
    bench.bar(100, 111, 89, 100)
    assert [profit.status, loss.status] == ["replaced", "filled"]
    assert not bench.trading.books.ledgers


def test_a_part_of_one_exit_shrinks_the_other() -> None:
    """When half of the take-profit fills the stop-loss is left for the other half."""
    bench = Bench()
    bench.price(100)
    _, profit, loss = bench.bracket()
    bench.world.faults.arm(FAULTS.parse(PARTS))
    bench.trade(111)
    bench.quote(99.99, 100.01)
    assert profit.filled_qty == 5
    assert (loss.qty, loss.status) == (Decimal(5), "held")
    bench.price(89)
    assert (profit.status, loss.status, loss.filled_qty) == ("replaced", "filled", Decimal(5))
    assert not bench.trading.books.ledgers


@pytest.mark.parametrize("which", [0, 1, 2])
def test_cancel_one_and_the_rest_goes_too(which: int) -> None:
    """Canceling the entry or either exit of a bracket that has not begun cancels all three."""
    bench = Bench()
    bench.price(100)
    orders = bench.bracket(type="limit", limit_price="95")
    bench.cancel(orders[which])
    assert [order.status for order in orders] == ["canceled"] * 3


def test_canceling_a_working_exit_cancels_its_twin() -> None:
    """After the entry's fill the exits go together, and the entry stays filled."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket()
    bench.cancel(loss)
    assert [entry.status, profit.status, loss.status] == ["filled", "canceled", "canceled"]


def test_a_bracket_that_never_begins_ends_with_its_day() -> None:
    """An entry that expires at the close takes its held exits along."""
    bench = Bench()
    bench.price(100)
    orders = bench.bracket(type="limit", limit_price="95")
    bench.go_to(OPEN + 6 * HOUR_NS + HOUR_NS // 2)
    assert [order.status for order in orders] == ["expired"] * 3


def test_an_oco_guards_a_position_once() -> None:
    """The pair holds the shares once; the take-profit is the parent, the stop-loss its leg; one fill ends both."""
    bench = Bench()
    bench.price(100)
    bench.place()
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90", "limit_price": "89"}}
    parent = bench.place(side="sell", type="limit", order_class="oco", **exits)
    (leg,) = bench.trading.orders.legs(parent)
    assert (parent.limit_price, parent.status, leg.type, leg.status) == (Decimal(110), "new", "stop_limit", "held")
    assert bench.trading.orders.list(Listing(status="open")) == [parent]
    assert bench.trading.funds.held("AVOR") == 10
    bench.price(90)
    assert (leg.status, parent.status, parent.replaced_by) == ("filled", "replaced", leg.id)


def test_a_pair_that_waits_for_the_open_is_armed_with_it() -> None:
    """Sent in the evening, the stop of an OCO doesn't fire at night, and does when the session has begun."""
    bench = Bench()
    bench.price(100)
    bench.place()
    bench.go_to(OPEN + 6 * HOUR_NS + HOUR_NS // 2)
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
    parent = bench.place(side="sell", type="limit", order_class="oco", time_in_force="gtc", **exits)
    (leg,) = bench.trading.orders.legs(parent)
    bench.price(80)
    assert [parent.status, leg.status] == ["accepted", "held"]
    bench.go_to(OPEN + 24 * HOUR_NS)
    bench.price(80)
    assert (leg.status, bench.trading.books.quantity("AVOR")) == ("filled", Decimal(0))


def test_an_oto_has_one_exit() -> None:
    """An oto's one exit is held until the entry has filled, and then new: it has no twin to wait for."""
    bench = Bench()
    bench.price(100)
    entry = bench.send(order_class="oto", stop_loss={"stop_price": "90"})
    (leg,) = bench.trading.orders.legs(entry)
    assert leg.status == "held"
    bench.trading.settle()
    assert (entry.status, leg.status) == ("filled", "new")
    bench.price(88)
    assert (entry.status, leg.status) == ("filled", "filled")


def test_a_leg_can_be_moved() -> None:
    """A working exit's price can be replaced, its quantity can't; the new leg belongs to the pair like the old one."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket()
    moved = bench.replace(loss, stop_price="95")
    assert bench.trading.orders.legs(entry) == [profit, moved]
    with pytest.raises(ApiError, match="only limit_price and stop_price of the legs"):
        bench.replace(moved, qty=5)
    bench.price(94)
    assert [loss.status, moved.status, profit.status] == ["replaced", "filled", "replaced"]


def test_a_moved_entry_keeps_its_exits() -> None:
    """When a resting entry is replaced its exits belong to the new order, and guard its quantity."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket(type="limit", limit_price="95")
    moved = bench.replace(entry, limit_price="96", qty=4)
    bench.price(95)
    assert [entry.status, moved.status, profit.status, loss.status] == ["replaced", "filled", "new", "held"]
    assert (profit.qty, loss.qty) == (Decimal(4), Decimal(4))
    bench.price(88)
    assert not bench.trading.books.ledgers


def test_legs_are_rows_of_their_own_unless_nested() -> None:
    """A list counts legs as orders, but of the open ones those that are held are left out; nested, they are at their parent."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket()
    orders = bench.trading.orders
    assert orders.list(Listing(status="all")) == [loss, profit, entry]
    assert orders.list(Listing(status="all", nested=True)) == [entry]
    assert orders.list(Listing(status="open")) == [profit]
    assert orders.list(Listing(status="open", nested=True)) == [entry]
    assert profit.client_order_id != loss.client_order_id != entry.client_order_id


def test_a_dead_stop_never_fires() -> None:
    """With that fault the stop-loss looks as always and never goes to work."""
    bench = Bench()
    bench.world.faults.arm(FAULTS.parse({"name": "leg_dead"}))
    bench.price(100)
    entry, profit, loss = bench.bracket()
    bench.price(80)
    assert [entry.status, profit.status, loss.status] == ["filled", "new", "held"]


def test_a_bracket_may_come_without_a_leg() -> None:
    """With that fault the stop-loss is never made; the take-profit works."""
    bench = Bench()
    bench.world.faults.arm(FAULTS.parse({"name": "leg_missing"}))
    bench.price(100)
    entry = bench.place(order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"})
    (profit,) = bench.trading.orders.legs(entry)
    bench.price(111)
    assert (profit.role, profit.status) == ("take_profit", "filled")
