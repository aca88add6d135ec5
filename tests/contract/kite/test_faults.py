"""Each fault, as the SDK meets it, and what is true at the server meanwhile."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import DataException, InputException, NetworkException, TokenException
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from holdfast.core.messages import Trade
from holdfast.sim.kite.faults.catalogue import CATALOGUE, FAULTS, FaultName
from holdfast.sim.kite.trading.order import Product
from tests.contract.kite.test_orders import ORDER, row_of
from tests.local_kite import LOGIN, LocalKite
from tests.local_server import PATIENCE_S

AVANTI = "NSE:AVANTI"
SHORT_S = 0.3


@pytest.fixture(autouse=True)
def clean(server: LocalKite) -> Iterator[None]:
    """Faults are off before and after each test."""
    server.call(server.world.faults.disarm)
    yield
    server.call(server.world.faults.disarm)


def put_on(server: LocalKite, **fault: Any) -> None:
    """A fault that waits for its chance."""
    server.call(lambda: server.world.faults.arm(FAULTS.parse(fault)))


def post(server: LocalKite, **fault: Any) -> dict[str, Any]:
    """A fault over HTTP, as a person puts it on."""
    answer = requests.post(f"{server.url}/_sim/faults", json=fault, timeout=PATIENCE_S)
    answer.raise_for_status()
    return dict(answer.json())


def tags(kite: KiteConnect) -> list[str]:
    """Of every order in the book."""
    return [row["tag"] for row in kite.orders()]


def test_every_fault_is_explained() -> None:
    """Each name has an entry, which says what is seen and what is true."""
    assert set(CATALOGUE) == set(FaultName)
    assert all(entry.seen and entry.true for entry in CATALOGUE.values())


@pytest.mark.parametrize(
    ("name", "error", "is_placed"),
    [
        ("storm_429", NetworkException, False),
        ("html_502", DataException, False),
        ("accepted_then_502", DataException, True),
        ("reset_before", requests.ConnectionError, False),
        ("reset_after", requests.ConnectionError, True),
        ("error_without_type", TypeError, True),
        ("unparsable_200", DataException, True),
        ("error_400_then_placed", InputException, True),
    ],
)
def test_what_an_error_says_of_the_order(
    server: LocalKite, kite: KiteConnect, name: str, error: type[Exception], is_placed: bool
) -> None:
    """The same kinds of errors stand for an order that works and for one that never was."""
    more = {"seconds": 0.01} if name in ("storm_429", "error_400_then_placed") else {}
    put_on(server, name=name, **more)
    with pytest.raises(error):
        kite.place_order(**ORDER, tag=f"t-{name[:17]}")
    if is_placed:
        account = server.world.accounts.all()[0]
        server.wait_for(lambda: any(o.terms.tag == f"t-{name[:17]}" for o in account.orders.values()), "the order")
    assert (f"t-{name[:17]}" in tags(kite)) is is_placed


def test_a_timeout_whose_order_comes_later(server: LocalKite) -> None:
    """The client gives up, the order is in no list, and then it is."""
    kite = server.login()
    kite.timeout = SHORT_S
    put_on(server, name="timeout_then_placed", seconds=4 * SHORT_S)
    with pytest.raises(requests.Timeout):
        kite.place_order(**ORDER, tag="late")
    account = server.world.accounts.all()[0]
    server.wait_for(lambda: any(order.terms.tag == "late" for order in account.orders.values()), "the late order")


def test_an_order_that_stands_in_its_first_state(server: LocalKite, kite: KiteConnect) -> None:
    """For as long as the fault says it is received, and then it trades."""
    put_on(server, name="stuck_pending", seconds=1)
    order_id = kite.place_order(**ORDER)
    assert row_of(kite, order_id)["status"] == "PUT ORDER REQ RECEIVED"
    order = server.world.accounts.all()[0].orders[order_id]
    server.wait_for(lambda: order.is_over, "its end")
    assert row_of(kite, order_id)["status"] == "COMPLETE"


def test_an_order_that_is_canceled_in_its_first_state_stays_so(server: LocalKite, kite: KiteConnect) -> None:
    """When its time there is over it is still canceled: it doesn't trade after all."""
    put_on(server, name="stuck_pending", seconds=1)
    order_id = kite.place_order(**ORDER)
    kite.cancel_order("regular", order_id)
    next_id = kite.place_order(**ORDER | {"quantity": 1})  # not held up: what is done later is done behind the other
    server.call(lambda: _let_all_go_on(server))
    assert row_of(kite, order_id)["status"] == "CANCELLED"
    assert row_of(kite, next_id)["status"] == "COMPLETE"


def _let_all_go_on(server: LocalKite) -> None:
    """As when the fault's seconds are over."""
    account = server.world.accounts.all()[0]
    account._stuck[:] = [(0.0, order) for _, order in account._stuck]
    account.settle()


def test_200_then_rejected(server: LocalKite, kite: KiteConnect) -> None:
    """An id is no promise."""
    put_on(server, name="reject_after_200")
    assert row_of(kite, kite.place_order(**ORDER))["status"] == "REJECTED"


def test_one_slice_of_several_fails(server: LocalKite, kite: KiteConnect) -> None:
    """200, and one of the children is an error."""
    put_on(server, name="partial_autoslice")
    asked = {key: value for key, value in ORDER.items() if key != "market_protection"}
    data = kite.place_autoslice_order(**asked | {"quantity": 250_000, "order_type": "LIMIT", "price": 10})
    assert ["error" in child for child in data["children"]] == [True, False]


def test_a_part_of_a_fill(server: LocalKite, kite: KiteConnect) -> None:
    """OPEN with a filled quantity, and the rest with the next event."""
    put_on(server, name="partial_fills", fraction=0.4)
    order_id = kite.place_order(**ORDER)
    row = row_of(kite, order_id)
    assert (row["status"], row["filled_quantity"]) == ("OPEN", 4)
    price = server.world.market.price(AVANTI)
    assert price is not None
    server.take(Trade(AVANTI, server.world.clock.now_ns + 1, price, 1.0))
    assert row_of(kite, order_id)["status"] == "COMPLETE"
    assert [trade["quantity"] for trade in kite.order_trades(order_id)] == [4, 6]


def test_a_cancel_that_comes_too_late(server: LocalKite, kite: KiteConnect) -> None:
    """The cancel is answered like any other, and the order is COMPLETE."""
    price = server.world.market.price(AVANTI)
    assert price is not None
    order_id = kite.place_order(**ORDER | {"order_type": "LIMIT", "price": round(price * 0.95)})
    put_on(server, name="cancel_races_fill")
    assert kite.cancel_order("regular", order_id) == order_id
    assert row_of(kite, order_id)["status"] == "COMPLETE"


def test_a_book_without_a_tag_or_of_a_while_ago(server: LocalKite, kite: KiteConnect) -> None:
    """The order is there without its tag; and then the book is old while orders go on."""
    put_on(server, name="tag_missing")
    order_id = kite.place_order(**ORDER, tag="mine")
    assert row_of(kite, order_id)["tag"] is None
    put_on(server, name="stale_order_book", seconds=60)
    before = len(kite.orders())
    kite.place_order(**ORDER)
    assert len(kite.orders()) == before
    server.call(server.world.faults.disarm)
    assert len(kite.orders()) == before + 1


def test_a_position_that_is_not_listed(server: LocalKite, kite: KiteConnect) -> None:
    """The row is missing once; the position is held."""
    kite.place_order(**ORDER)
    put_on(server, name="position_row_missing", symbol="AVANTI")
    names = [[row["tradingsymbol"] for row in kite.positions()["net"]] for _ in range(2)]
    assert "AVANTI" not in names[0]
    assert "AVANTI" in names[1]


def test_a_trigger_whose_order_is_rejected(server: LocalKite, kite: KiteConnect) -> None:
    """It is used up, and says failed; without the fault its order works."""
    price = server.world.market.price(AVANTI)
    assert price is not None
    low = round(price * 0.99)
    order = {
        "exchange": "NSE",
        "tradingsymbol": "AVANTI",
        "transaction_type": "BUY",
        "quantity": 1,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": low,
    }
    ids = [kite.place_gtt("single", "AVANTI", "NSE", [low], price, [order])["trigger_id"] for _ in range(2)]
    put_on(server, name="gtt_order_rejected")
    server.take(Trade(AVANTI, server.world.clock.now_ns + 1, low - 0.05, 1.0))
    results = [kite.get_gtt(each)["orders"][0]["result"]["order_result"]["status"] for each in ids]
    assert results == ["failed", "success"]
    server.take(Trade(AVANTI, server.world.clock.now_ns + 1, price, 1.0))


def test_a_hand_at_the_brokers_page(server: LocalKite, kite: KiteConnect) -> None:
    """An order that the client never sent; one symbol then has two rows."""
    kite.place_order(**ORDER)
    done = post(server, name="external_order", symbol="AVANTI", product="MIS", quantity=2)["done"]
    assert row_of(kite, done[0]["order_id"])["tag"] is None
    rows = [row for row in kite.positions()["net"] if row["tradingsymbol"] == "AVANTI"]
    assert {row["product"] for row in rows} >= {"CNC", "MIS"}
    account = server.world.accounts.all()[0]
    server.call(lambda: account.trade_by_hand(AVANTI, Product.MIS, -account.books.quantity(AVANTI, Product.MIS)))


def socket(server: LocalKite, kite: KiteConnect) -> ClientConnection:
    """The websocket itself, to see every byte."""
    return connect(f"{server.socket_url}/?api_key={LOGIN.api_key}&access_token={kite.access_token}")


def drain(open_one: ClientConnection) -> None:
    """Read to the end."""
    while True:
        open_one.recv(timeout=PATIENCE_S)


def test_websockets_are_refused(server: LocalKite, kite: KiteConnect) -> None:
    """403 although the token is good, and 429 although nobody else is there."""
    for name, status in (("stream_refused_403", 403), ("stream_refused_429", 429)):
        put_on(server, name=name)
        with pytest.raises(InvalidStatus) as raised:
            socket(server, kite)
        assert raised.value.response.status_code == status
    assert kite.profile()


def test_a_websocket_that_is_closed(server: LocalKite, kite: KiteConnect) -> None:
    """1001, for no reason."""
    put_on(server, name="stream_close_1001")
    with socket(server, kite) as open_one, pytest.raises(ConnectionClosed) as raised:
        drain(open_one)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1001


def by_hand(server: LocalKite, units: int) -> str:
    """An order from the broker's own page; its id."""
    account = server.world.accounts.all()[0]
    return server.call(lambda: account.trade_by_hand(AVANTI, Product.MIS, units)).order_id


@pytest.mark.parametrize("name", ["stream_mute", "stream_heartbeats_only", "stream_drop", "stream_duplicate"])
def test_what_comes_over_a_bad_line(server: LocalKite, kite: KiteConnect, name: str) -> None:
    """Silence, heartbeats alone, a frame less, a frame twice: orders are told by text frames."""
    lasts = name in ("stream_mute", "stream_heartbeats_only")
    with socket(server, kite) as open_one:
        put_on(server, name=name, stream="orders", **({"seconds": 60} if lasts else {}))
        ids = [by_hand(server, units) for units in (1, -1)]
        server.call(server.world.faults.disarm)
        ids.append(by_hand(server, 1))
        heard: list[str] = []
        while not heard or heard[-1] != ids[-1]:
            frame = open_one.recv(timeout=PATIENCE_S)
            if isinstance(frame, str):
                heard.append(json.loads(frame)["data"]["order_id"])
    by_hand(server, -1)
    expected = {
        "stream_mute": ids[2:],
        "stream_heartbeats_only": ids[2:],
        "stream_drop": ids[1:],
        "stream_duplicate": [ids[0], *ids],
    }
    assert heard == expected[name]


def test_a_session_that_dies(server: LocalKite) -> None:
    """From one moment to the next each request is 403, until somebody logs in."""
    kite = server.login()
    post(server, name="token_dead")
    with pytest.raises(TokenException):
        kite.positions()
    assert server.login().positions()


def test_the_audit_has_what_was_sent(server: LocalKite, kite: KiteConnect) -> None:
    """Each order request is kept as it came, with the tag, whatever the client was told."""
    put_on(server, name="accepted_then_502")
    with pytest.raises(DataException):
        kite.place_order(**ORDER, tag="audited")
    requests_ = requests.get(f"{server.url}/_sim/audit", timeout=PATIENCE_S).json()["requests"]
    (entry,) = [each for each in requests_ if each["tag"] == "audited"]
    assert (entry["status"], entry["told"], entry["fault"]) == (200, 502, "accepted_then_502")
    assert entry["body"]["tradingsymbol"] == "AVANTI"
