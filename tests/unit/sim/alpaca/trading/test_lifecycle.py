"""How orders live at the local Alpaca, from the answer to the end."""

from decimal import Decimal

import pytest

from holdfast.core.types import HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.trading.parameters import parse_time
from tests.unit.sim.alpaca.trading.kit import EVENING, MORNING, OPEN, Bench

CLOSE = time_from("2024-07-10T20:00:00Z")


def test_a_market_order_is_accepted_then_new_then_filled() -> None:
    """The answer says accepted; the fill comes afterwards, at the ask, and the books follow it exactly."""
    bench = Bench()
    bench.price(100.10)
    order = bench.send(qty="3")
    assert (order.status, bench.heard) == ("accepted", [])
    bench.trading.settle()
    assert order.status == "filled"
    assert bench.events(order) == ["pending_new", "new", "fill"]
    fill = bench.heard[-1]
    assert (fill["price"], fill["qty"], fill["position_qty"]) == ("100.11", "3", "3")
    assert fill["order"]["filled_avg_price"] == "100.11"
    assert bench.trading.books.cash == Decimal("99699.67")


def test_a_coin_is_answered_pending_new() -> None:
    """Orders for coins are answered pending_new, and those in money fill for what the money buys, rounded down."""
    bench = Bench()
    bench.price(30_000, "BTC/USD")
    order = bench.send(symbol="BTCUSD", qty=None, notional="100", time_in_force="gtc")
    assert (order.status, order.symbol) == ("pending_new", "BTC/USD")
    bench.trading.settle()
    assert order.status == "filled"
    assert order.filled_qty == Decimal("0.003333332")
    assert bench.trading.books.cash == 100_000 - Decimal("0.003333332") * Decimal("30000.01")


def test_a_limit_order_waits_for_its_price() -> None:
    """A limit order rests until the quote reaches it, and then fills at its own limit."""
    bench = Bench()
    bench.price(100)
    order = bench.place(type="limit", limit_price="99.50")
    bench.price(99.80)
    assert order.status == "new"
    bench.price(99.40)
    assert (order.status, order.filled_cost) == ("filled", Decimal(995))


def test_orders_of_the_night_wait_for_the_session() -> None:
    """Sent while the market is closed an order stays accepted, whatever is traded, until the session's first event."""
    bench = Bench(EVENING)
    bench.price(100)
    order = bench.place()
    bench.price(101, after_s=60)
    assert (order.status, bench.events(order)) == ("accepted", ["accepted"])
    bench.go_to(OPEN)
    assert order.status == "accepted"
    bench.price(105)
    assert (order.status, order.filled_cost) == ("filled", Decimal(1050))
    assert order.expires_ns == CLOSE


def test_an_extended_order_trades_in_the_evening() -> None:
    """A limit order for extended hours fills after the close, and ends at eight in the evening."""
    bench = Bench(EVENING)
    bench.price(100)
    order = bench.place(type="limit", limit_price="99", extended_hours=True)
    assert (order.status, order.expires_ns) == ("new", EVENING + 2 * HOUR_NS)
    bench.price(98)
    assert order.status == "filled"


def test_a_day_order_ends_at_the_close() -> None:
    """What a day order has not filled by the close is expired; what trades at that very time still counts before."""
    bench = Bench(CLOSE - MINUTE_NS)
    bench.price(100)
    low, lower = (bench.place(type="limit", limit_price=price) for price in ("99", "98"))
    bench.bar(100, 100, 98.5, 98.6)
    assert (low.status, lower.status) == ("filled", "new")
    bench.go_to(CLOSE)
    assert (lower.status, lower.expired_ns) == ("expired", CLOSE)
    assert bench.events(lower)[-1] == "expired"


def test_good_till_canceled_lasts_ninety_days() -> None:
    """A gtc order is canceled ninety days after it was made, at a quarter past four in New York."""
    bench = Bench()
    bench.price(100)
    order = bench.place(type="limit", limit_price="1", time_in_force="gtc")
    end = time_from("2024-10-08T20:15:00Z")
    bench.go_to(end - SECOND_NS)
    assert (order.expires_ns, order.status) == (end, "new")
    bench.go_to(end)
    assert order.status == "canceled"


def test_a_closing_order_trades_at_the_last_price() -> None:
    """On ticks a cls order trades at the last price known by the close."""
    bench = Bench()
    bench.price(100)
    order = bench.place(time_in_force="cls")
    bench.price(101)
    assert order.status == "new"
    bench.go_to(CLOSE)
    assert (order.status, order.filled_cost) == ("filled", Decimal(1010))


def test_an_opening_order_trades_at_the_open() -> None:
    """An opg order waits for the session's first event and trades with it, or ends."""
    bench = Bench(OPEN - HOUR_NS)
    bench.price(100)
    taken, left = (bench.place(type="limit", limit_price=price, time_in_force="opg") for price in ("104", "101"))
    bench.price(99, after_s=60)
    assert [taken.status, left.status] == ["new", "new"]
    bench.go_to(OPEN)
    bench.trade(103)
    assert [taken.status, left.status] == ["filled", "expired"]


def test_ioc_and_fok_do_not_rest() -> None:
    """What can't fill at once is canceled."""
    bench = Bench()
    bench.price(100)
    for time_in_force in ("ioc", "fok"):
        order = bench.place(type="limit", limit_price="99", time_in_force=time_in_force)
        assert (order.status, bench.events(order)[-1]) == ("canceled", "canceled")


def test_a_stop_buy_keeps_a_limit() -> None:
    """A stop buy of a share never pays more than 2.5 per cent above its stop; a stop sell takes what there is."""
    bench = Bench()
    bench.price(100)
    bench.place(side="sell", type="stop", stop_price="90")
    seller = bench.trading.orders.all()[-1]
    bench.price(80)
    assert (seller.status, seller.filled_cost) == ("filled", Decimal(800))
    buyer = bench.place(type="stop", stop_price="100")
    bench.price(103)
    assert buyer.status == "new"
    bench.price(102)
    assert (buyer.status, buyer.limit_price) == ("filled", None)


def test_a_trailing_stop_follows_the_market() -> None:
    """Its high-water mark and stop move with the market, and show so when it is read."""
    bench = Bench()
    bench.price(100)
    bench.place()
    order = bench.place(side="sell", type="trailing_stop", trail_price="2")
    assert (order.hwm, order.stop_price) == (Decimal("99.99"), Decimal("97.99"))
    bench.price(110)
    shown = bench.trading.find(order.id)
    assert (shown.hwm, shown.stop_price) == (Decimal(110), Decimal(108))
    bench.price(107)
    assert order.status == "filled"


def test_cancel_and_its_refusals() -> None:
    """A cancel goes over pending_cancel; of a filled order it is refused by name."""
    bench = Bench()
    bench.price(100)
    order = bench.place(type="limit", limit_price="90")
    bench.cancel(order)
    assert bench.events(order)[-2:] == ["pending_cancel", "canceled"]
    filled = bench.place()
    with pytest.raises(ApiError, match='order is already in "filled" state') as caught:
        bench.trading.cancel(filled.id)
    assert (caught.value.status, caught.value.code) == (422, 42210000)
    with pytest.raises(ApiError) as unknown:
        bench.trading.cancel("0" * 36)
    assert (unknown.value.status, unknown.value.code) == (404, 40410000)


def test_cancel_all() -> None:
    """Every open order is canceled, those that wait for the market too."""
    bench = Bench(EVENING)
    bench.price(100)
    orders = [bench.place(type="limit", limit_price=price) for price in ("90", "91")]
    assert bench.trading.cancel_all() == orders
    bench.trading.settle()
    assert [order.status for order in orders] == ["canceled", "canceled"]


def test_replace_makes_a_new_order() -> None:
    """The old order is replaced and names the new one, which has its own id, links back and works at the new terms."""
    bench = Bench()
    bench.price(100)
    old = bench.place(type="limit", limit_price="90")
    new = bench.replace(old, limit_price="95", qty=4, client_order_id="second")
    assert (old.status, old.replaced_by) == ("replaced", new.id)
    assert (new.status, new.replaces, new.client_order_id) == ("new", old.id, "second")
    assert bench.events() == ["pending_new", "new", "replaced", "new"]
    bench.price(94)
    assert (new.status, new.filled_qty, old.filled_qty) == ("filled", Decimal(4), Decimal(0))


def test_what_can_not_be_replaced() -> None:
    """An order not at the exchange yet, one that has ended, and a fraction of a share."""
    bench = Bench(EVENING)
    bench.price(100)
    order = bench.place(type="limit", limit_price="90")
    with pytest.raises(ApiError, match="cannot replace order in accepted status") as early:
        bench.replace(order, limit_price="91")
    assert (early.value.status, early.value.code) == (422, 42210000)
    bench.cancel(order)
    with pytest.raises(ApiError, match="order is not open"):
        bench.replace(order, limit_price="91")
    morning = Bench()
    morning.price(100)
    with pytest.raises(ApiError, match="qty must be integer"):
        morning.replace(morning.place(type="limit", limit_price="90"), qty="1.5")


def test_a_replacement_waits_for_the_morning() -> None:
    """A gtc order replaced at night works again from the next session on."""
    bench = Bench()
    bench.price(100)
    old = bench.place(type="limit", limit_price="90", time_in_force="gtc")
    bench.go_to(CLOSE + HOUR_NS)
    new = bench.replace(old, limit_price="95")
    assert (old.status, new.status) == ("replaced", "accepted")
    bench.go_to(OPEN + 24 * HOUR_NS)
    bench.price(94)
    assert new.status == "filled"


def test_reservation_of_shares_when_a_sell_is_replaced() -> None:
    """A sell of all that is held can be replaced: its own shares don't stand in its way."""
    bench = Bench()
    bench.price(100)
    bench.place()
    old = bench.place(side="sell", type="limit", limit_price="120")
    new = bench.replace(old, limit_price="119")
    assert (new.status, new.qty) == ("new", Decimal(10))
    with pytest.raises(ApiError, match="insufficient qty available"):
        bench.replace(new, qty=11)


def test_the_clock_of_requests_never_goes_back() -> None:
    """Orders sent one after the other have times that never fall, and their order is that of their arrival."""
    bench = Bench(MORNING)
    bench.price(100)
    orders = [bench.place(type="limit", limit_price="90") for _ in range(3)]
    times = [order.created_ns for order in orders]
    assert times == sorted(times)
    assert [order.sequence for order in orders] == [1, 2, 3]


def test_every_order_and_fill_has_a_time_of_its_own() -> None:
    """Where market time stands still each is a microsecond after the one before, and nothing of an order is before it."""
    bench = Bench()
    bench.price(100)
    entry, profit, loss = bench.bracket()
    resting = bench.place(type="limit", limit_price="80")
    moved = bench.replace(resting, limit_price="81")
    last = bench.place()
    bench.cancel(moved)
    orders = [entry, profit, loss, resting, moved, last]
    assert [order.created_ns - bench.now_ns for order in orders] == [0, 1_000, 2_000, 3_000, 4_000, 5_000]
    first_fill, second_fill = bench.trading.executions.all()
    assert (first_fill.time_ns, second_fill.time_ns) == (entry.created_ns, last.created_ns)
    assert moved.canceled_ns == moved.cancel_requested_ns == moved.created_ns
    assert all(order.updated_ns >= order.created_ns for order in orders)
    told = [(parse_time(data["timestamp"]), parse_time(data["order"]["created_at"])) for data in bench.heard]
    assert all(told_ns >= created_ns for told_ns, created_ns in told)


def test_times_follow_the_clock_again() -> None:
    """As soon as market time has gone on, orders and fills have the market's own time."""
    bench = Bench()
    bench.price(100)
    first, second = bench.place(), bench.place()
    bench.price(101)
    third = bench.place()
    assert first.created_ns < second.created_ns < third.created_ns == third.filled_ns == bench.now_ns


def test_one_event_fills_several_orders_one_after_the_other() -> None:
    """Each fill of one event is a microsecond after the one before, and so is its update and the order's own time."""
    bench = Bench()
    bench.price(100)
    orders = [bench.place(type="limit", limit_price=price) for price in ("90", "91", "92")]
    bench.heard.clear()
    bench.trade(89)
    fills = bench.trading.executions.all()
    assert [fill.time_ns - bench.now_ns for fill in fills] == [0, 1_000, 2_000]
    assert [parse_time(data["timestamp"]) for data in bench.heard] == [fill.time_ns for fill in fills]
    assert sorted(order.filled_ns or 0 for order in orders) == [fill.time_ns for fill in fills]
