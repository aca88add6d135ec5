"""Orders through the SDK: what comes back, what the book says, what is refused before it and what after."""

import pytest
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException, OrderException

from holdfast.core.messages import Trade
from holdfast.core.types import MINUTE_NS
from tests.local_kite import LocalKite

ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "AVANTI",
    "transaction_type": "BUY",
    "quantity": 10,
    "product": "CNC",
    "order_type": "MARKET",
    "market_protection": -1,
}


def row_of(kite: KiteConnect, order_id: str) -> dict[str, object]:
    """The order as the book has it."""
    (row,) = [row for row in kite.orders() if row["order_id"] == order_id]
    return dict(row)


def last_price(server: LocalKite) -> float:
    """Of the symbol that is traded here."""
    price = server.world.market.price("NSE:AVANTI")
    assert price is not None
    return price


def test_a_protected_market_order_trades_and_looks_like_a_limit_order(server: LocalKite, kite: KiteConnect) -> None:
    """It comes back as LIMIT, with tags of the system beside its own, and its trade, position and history agree."""
    order_id = kite.place_order(**ORDER, tag="mine-1")
    row = row_of(kite, order_id)
    assert (row["status"], row["filled_quantity"], row["order_type"]) == ("COMPLETE", 10, "LIMIT")
    part = "2.00" if (price := last_price(server)) < 100 else "1.00" if price < 500 else "0.50"
    assert row["tags"] == ["mine-1", "mktp", f"mktp:{part}"]
    (trade,) = kite.order_trades(order_id)
    assert (trade["quantity"], trade["average_price"]) == (10, row["average_price"])
    states = [state["status"] for state in kite.order_history(order_id)]
    assert states == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN", "COMPLETE"]
    (position,) = [one for one in kite.positions()["net"] if one["product"] == "CNC"]
    assert position["quantity"] >= 10


def test_a_market_order_without_protection_is_refused_and_leaves_no_trace(kite: KiteConnect) -> None:
    """As since April 2026: 400 before the book."""
    before = len(kite.orders())
    with pytest.raises(InputException, match="without market protection"):
        kite.place_order(**ORDER | {"market_protection": 0})
    assert len(kite.orders()) == before


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"order_type": "LIMIT", "price": 100.03}, "multiple of tick size"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 200_000}, "maximum allowed quantity"),
        ({"tradingsymbol": "NOBODY"}, "does not exist"),
        ({"tag": "x" * 21}, "tag"),
        ({"product": "CO"}, "product"),
        ({"order_type": "SL", "price": 100, "trigger_price": 101}, "lower than the price"),
    ],
)
def test_what_is_wrong_in_itself_is_refused_before_the_book(
    kite: KiteConnect, change: dict[str, object], text: str
) -> None:
    """400 with what is wrong, and no row in the book."""
    before = len(kite.orders())
    with pytest.raises(InputException, match=text):
        kite.place_order(**ORDER | change)
    assert len(kite.orders()) == before


def test_success_means_received(server: LocalKite, kite: KiteConnect) -> None:
    """What the broker itself refuses has an order id, and is REJECTED in the book with the reason."""
    for change, text in (
        ({"quantity": 100_000}, "Insufficient funds"),
        ({"transaction_type": "SELL", "tradingsymbol": "BHARAVI"}, "Insufficient holdings"),
        ({"order_type": "LIMIT", "price": round(last_price(server) * 2)}, "circuit limits"),
    ):
        row = row_of(kite, kite.place_order(**ORDER | change))
        assert row["status"] == "REJECTED"
        assert text in str(row["status_message"])


def test_a_resting_order_is_changed_and_canceled(server: LocalKite, kite: KiteConnect) -> None:
    """A limit order far away rests, is modified, and then canceled: each answered with its id alone."""
    low = round(last_price(server) * 0.95)
    order_id = kite.place_order(**ORDER | {"order_type": "LIMIT", "price": low, "validity": "DAY"})
    assert row_of(kite, order_id)["status"] == "OPEN"
    assert kite.modify_order("regular", order_id, quantity=7, price=low + 1) == order_id
    row = row_of(kite, order_id)
    assert (row["status"], row["quantity"], row["price"]) == ("OPEN", 7, low + 1)
    assert kite.cancel_order("regular", order_id) == order_id
    row = row_of(kite, order_id)
    assert (row["status"], row["cancelled_quantity"], row["pending_quantity"]) == ("CANCELLED", 7, 0)
    with pytest.raises(OrderException):
        kite.cancel_order("regular", order_id)


def test_an_order_of_some_minutes_ends_with_them(server: LocalKite, kite: KiteConnect) -> None:
    """Validity TTL: it works until then and is canceled by the system; without minutes it is refused."""
    low = round(last_price(server) * 0.95 * 20) / 20
    limit = {key: value for key, value in ORDER.items() if key != "market_protection"} | {
        "order_type": "LIMIT",
        "price": low,
    }
    with pytest.raises(InputException, match="validity_ttl"):
        kite.place_order(**limit | {"validity": "TTL"})
    order_id = kite.place_order(**limit | {"validity": "TTL", "validity_ttl": 2})
    assert row_of(kite, order_id)["status"] == "OPEN"
    now_ns = server.call(lambda: server.world.clock.now_ns)
    price = last_price(server)
    server.take(Trade("NSE:AVANTI", now_ns + MINUTE_NS, price, 1.0))
    assert row_of(kite, order_id)["status"] == "OPEN"
    server.take(Trade("NSE:AVANTI", now_ns + 2 * MINUTE_NS, price, 1.0))
    row = row_of(kite, order_id)
    assert (row["status"], row["validity"], row["validity_ttl"]) == ("CANCELLED", "TTL", 2)


def test_a_stop_waits_for_its_trigger(server: LocalKite, kite: KiteConnect) -> None:
    """An SL-M order stands in TRIGGER PENDING, and rests with a limit around its trigger."""
    trigger = round(last_price(server) * 1.05)
    change = {"order_type": "SL-M", "trigger_price": trigger, "product": "MIS"}
    order_id = kite.place_order(**ORDER | change)
    row = row_of(kite, order_id)
    assert (row["status"], row["order_type"], row["trigger_price"]) == ("TRIGGER PENDING", "SL", trigger)
    assert float(str(row["price"])) > trigger
    kite.cancel_order("regular", order_id)


def test_an_order_above_the_freeze_quantity_is_sliced(kite: KiteConnect) -> None:
    """Autoslice gives a parent and children, each an order of its own."""
    asked = ORDER | {"quantity": 150_000, "order_type": "LIMIT", "price": 10}
    data = kite.place_autoslice_order(**{key: value for key, value in asked.items() if key != "market_protection"})
    assert len(data["children"]) == 1
    child = row_of(kite, data["children"][0]["order_id"])
    assert (child["quantity"], child["parent_order_id"]) == (50_000, data["order_id"])
    assert f"autoslice:{data['order_id']}" in list(child["tags"])  # type: ignore[call-overload]


def test_money_and_charges(kite: KiteConnect) -> None:
    """Margins come down by what delivery costs; a contract note splits the charges."""
    equity = kite.margins("equity")
    assert equity["net"] == equity["available"]["live_balance"]
    assert set(kite.margins()) == {"equity", "commodity"}
    item = {
        "exchange": "NSE",
        "tradingsymbol": "AVANTI",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "MARKET",
        "quantity": 100,
        "price": 0,
        "trigger_price": 0,
    }
    (margin,) = kite.order_margins([item])
    assert margin["total"] > 0
    assert kite.basket_order_margins([item])["orders"][0]["total"] == margin["total"]
    (note,) = kite.get_virtual_contract_note([item | {"order_id": "1", "average_price": 1000}])
    charges = note["charges"]
    # 100,000 rupees for the day: brokerage 20 (0.03 % is 30), exchange 2.97, SEBI 0.10, stamp 3.00, GST 18 % of 23.07
    assert (charges["brokerage"], charges["exchange_turnover_charge"], charges["sebi_turnover_charge"]) == (
        20,
        2.97,
        0.1,
    )
    assert (charges["stamp_duty"], charges["transaction_tax"], charges["gst"]["total"]) == (3, 0, 4.15)


def test_triggers_live_at_the_broker(server: LocalKite, kite: KiteConnect) -> None:
    """Single and two-leg triggers are placed, read, changed and deleted."""
    last = last_price(server)
    order = {
        "exchange": "NSE",
        "tradingsymbol": "AVANTI",
        "transaction_type": "SELL",
        "quantity": 1,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": round(last * 0.9),
    }
    low, high = round(last * 0.9), round(last * 1.1)
    two = kite.place_gtt("two-leg", "AVANTI", "NSE", [low, high], last, [order, order | {"price": high}])
    single = kite.place_gtt("single", "AVANTI", "NSE", [low], last, [order])
    assert {two["trigger_id"], single["trigger_id"]} <= {row["id"] for row in kite.get_gtts()}
    kite.modify_gtt(single["trigger_id"], "single", "AVANTI", "NSE", [low - 1], last, [order])
    row = kite.get_gtt(single["trigger_id"])
    assert (row["status"], row["condition"]["trigger_values"]) == ("active", [low - 1])
    kite.delete_gtt(two["trigger_id"])
    assert kite.get_gtt(two["trigger_id"])["status"] == "cancelled"


def test_what_is_held(kite: KiteConnect) -> None:
    """Holdings begin empty; a position for the day becomes one to keep."""
    assert kite.holdings() == []
    order_id = kite.place_order(**ORDER | {"product": "MIS", "tradingsymbol": "BHARAVI"})
    assert row_of(kite, order_id)["status"] == "COMPLETE"
    assert kite.convert_position("NSE", "BHARAVI", "BUY", "day", 10, "MIS", "CNC") is True
    rows = {row["product"]: row["quantity"] for row in kite.positions()["net"] if row["tradingsymbol"] == "BHARAVI"}
    assert rows == {"MIS": 0, "CNC": 10}
    assert kite.get_auction_instruments() == []
