"""Faults as a bot with the official SDK meets them: what it sees, and what is true then."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.trading import requests as ask
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce

from tests.contract.alpaca.sdk import Bot, Listening, StockDataStream, TradingStream, trade_updates, wait_until_heard
from tests.local_alpaca import LocalAlpaca
from tests.local_server import PATIENCE_S

BUY: dict[str, Any] = {"symbol": "AVOR", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}
EXITS: dict[str, Any] = {"take_profit": {"limit_price": 105.0}, "stop_loss": {"stop_price": 95.0}}


def market(name: str, qty: float = 2, **more: Any) -> ask.MarketOrderRequest:
    return ask.MarketOrderRequest(**BUY, qty=qty, client_order_id=name, **more)


def limit(name: str, price: float = 90.0, qty: float = 2) -> ask.LimitOrderRequest:
    return ask.LimitOrderRequest(**BUY, qty=qty, limit_price=price, client_order_id=name)


@pytest.fixture(autouse=True)
def faults_off(server: LocalAlpaca) -> Iterator[None]:
    """No fault of one test is left for the next."""
    yield
    requests.delete(f"{server.trading_url}/_sim/faults", timeout=20).raise_for_status()


@pytest.fixture
def client(bot: Bot) -> Bot:
    """A bot whose SDK does not wait between its attempts; how often it tries is left as it is."""
    bot.raw._retry_wait = 0
    return bot


def names(bot: Bot) -> list[str]:
    """The client order ids of all orders there are, oldest first."""
    rows = bot.raw.get_orders(ask.GetOrdersRequest(status=QueryOrderStatus.ALL, direction=Sort.ASC))
    return [row["client_order_id"] for row in rows]


# --- around requests -------------------------------------------------------------------------------------------------


def test_the_sdk_sends_again_after_504(client: Bot) -> None:
    """The SDK repeats a POST after 504; where the first was carried out the second is refused, and the order is there."""
    client.put_on("accepted_then_504")
    with pytest.raises(APIError) as refused:
        client.raw.submit_order(limit("a"))
    assert (refused.value.status_code, refused.value.message) == (422, "client_order_id must be unique")
    client.put_on("not_accepted_then_504")
    assert client.raw.submit_order(limit("b"))["client_order_id"] == "b"
    assert names(client) == ["a", "b"]


def test_the_sdk_gives_up_in_a_storm(client: Bot) -> None:
    """Four attempts meet 429; then the SDK raises, and for a body without a code asking for it is an error too."""
    client.put_on("storm_429", seconds=60)
    with pytest.raises(APIError) as refused:
        client.raw.submit_order(limit("a"))
    assert refused.value.status_code == 429
    with pytest.raises(KeyError):
        _ = refused.value.code
    assert names(client) == []
    audit = requests.get(f"{client.server.trading_url}/_sim/audit?key={client.key}", timeout=20).json()
    assert [row["told"] for row in audit["requests"]] == [429] * 4


def test_bodies_that_are_no_json(client: Bot) -> None:
    """A page in HTML and half a body break the SDK's parsing, not the server; the second order is there."""
    client.put_on("maintenance_page", seconds=0)
    with pytest.raises(APIError) as refused:
        client.raw.submit_order(limit("a"))
    assert refused.value.status_code == 503
    with pytest.raises(json.JSONDecodeError):
        _ = refused.value.message
    client.put_on("unparsable_200")
    with pytest.raises(requests.JSONDecodeError):
        client.raw.submit_order(limit("b"))
    assert names(client) == ["b"]


def test_reset_connections(client: Bot) -> None:
    """The SDK hands on a reset as it is; the order is there or not."""
    for fault, name in (("reset_before", "a"), ("reset_after", "b")):
        client.put_on(fault)
        with pytest.raises(requests.ConnectionError):
            client.raw.submit_order(limit(name))
    assert names(client) == ["b"]


def test_unauthorized(client: Bot) -> None:
    """401 without a code."""
    client.put_on("unauthorized", method="GET", path="/v2/account")
    with pytest.raises(APIError) as refused:
        client.raw.get_account()
    assert refused.value.status_code == 401
    with pytest.raises(KeyError):
        _ = refused.value.code
    assert client.raw.get_account()["cash"] == "100000"


# --- in the life of an order -----------------------------------------------------------------------------------------


def test_invisible_order(client: Bot) -> None:
    """For a while neither id finds the order and no list has it; its fill is told all the same."""
    client.put_on("invisible_order", seconds=1.5)
    with trade_updates(client) as heard:
        order = client.raw.submit_order(market("a"))
        heard.next(lambda one: one["data"]["event"] == "fill")
    for read, name in ((client.raw.get_order_by_id, order["id"]), (client.raw.get_order_by_client_id, "a")):
        with pytest.raises(APIError) as refused:
            read(name)
        assert refused.value.status_code == 404
    assert names(client) == []
    trading = client.trading
    client.server.wait_for(lambda: not trading.is_hidden(trading.orders.get(order["id"])), "the order to be seen")
    assert names(client) == ["a"]
    assert client.raw.get_order_by_id(order["id"])["status"] == "filled"


def test_duplicate_id_answer(client: Bot) -> None:
    """A first use of an id is answered as if it were the second, and the order works."""
    client.put_on("duplicate_id_answer")
    with pytest.raises(APIError) as refused:
        client.raw.submit_order(market("a"))
    assert (refused.value.status_code, refused.value.code) == (422, 40010001)
    order_id = client.raw.get_order_by_client_id("a")["id"]
    client.order_when(order_id, "filled")


def test_reject_after_accept(client: Bot) -> None:
    """An accepted order is rejected a moment later, and told so."""
    client.put_on("reject_after_accept")
    with trade_updates(client) as heard:
        order = client.raw.submit_order(market("a"))
        assert order["status"] in ("accepted", "pending_new")
        update = heard.next()["data"]
    assert (update["event"], update["order"]["status"]) == ("rejected", "rejected")
    assert client.raw.get_order_by_id(order["id"])["failed_at"] is not None
    assert client.raw.get_all_positions() == []


def test_fill_before_ack(client: Bot) -> None:
    """The fill is heard before the answer to the order arrives."""
    client.put_on("fill_before_ack")
    with trade_updates(client) as heard, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.raw.submit_order, market("a"))
        heard.next(lambda one: one["data"]["event"] == "fill")
        assert not answer.done()
        assert answer.result(20)["status"] in ("accepted", "pending_new", "new")


def test_partial_fills(client: Bot) -> None:
    """An order fills in parts, each an execution of its own, and the sums are right."""
    client.put_on("partial_fills", times=2, fraction=0.5)
    with trade_updates(client) as heard:
        order = client.raw.submit_order(market("a", qty=8))
        fills = []
        for _ in range(3):
            fills.append(heard.next(lambda one: "fill" in one["data"]["event"])["data"])
            client.market("AVOR", 100.0)
    assert [(one["event"], one["qty"], one["order"]["filled_qty"]) for one in fills] == [
        ("partial_fill", "4", "4"),
        ("partial_fill", "2", "6"),
        ("fill", "2", "8"),
    ]
    assert len({one["execution_id"] for one in fills}) == 3
    activities = client.raw.get("/account/activities/FILL", {"direction": "asc"})
    assert [(row["cum_qty"], row["leaves_qty"]) for row in activities] == [("4", "4"), ("6", "2"), ("8", "0")]
    assert client.raw.get_order_by_id(order["id"])["status"] == "filled"


def test_cancel_races_fill(client: Bot) -> None:
    """A cancel is taken, and what comes is the fill."""
    order = client.raw.submit_order(limit("a"))
    client.order_when(order["id"], "new")
    client.put_on("cancel_races_fill")
    client.raw.cancel_order_by_id(order["id"])
    client.order_when(order["id"], "filled")
    assert client.raw.get_open_position("AVOR")["qty"] == "2"


def test_leg_dead(client: Bot) -> None:
    """The entry has filled; the take-profit works and the stop-loss is held as always, and never fires."""
    client.put_on("leg_dead")
    order = client.raw.submit_order(market("a", order_class="bracket", **EXITS))
    legs = {leg["type"]: leg["id"] for leg in order["legs"]}
    client.order_when(legs["limit"], "new")
    assert client.raw.get_order_by_id(legs["stop"])["status"] == "held"
    client.market("AVOR", 90.0)
    assert client.raw.get_open_position("AVOR")["qty"] == "2"


def test_leg_missing(client: Bot) -> None:
    """A bracket comes back with one leg, the take-profit."""
    client.put_on("leg_missing")
    order = client.raw.submit_order(market("a", order_class="bracket", **EXITS))
    assert [leg["type"] for leg in order["legs"]] == ["limit"]
    nested = client.raw.get_order_by_id(order["id"], ask.GetOrderByIdRequest(nested=True))
    assert len(nested["legs"]) == 1


def test_account_id_changed(client: Bot) -> None:
    """The account is another one all of a sudden."""
    before = client.raw.get_account()["id"]
    client.put_on("account_id_changed")
    assert client.raw.get_account()["id"] != before


def test_bust_and_correction(client: Bot) -> None:
    """A fill is mended, then taken back; both are told, and books, order and activities follow."""
    with trade_updates(client) as heard:
        order = client.raw.submit_order(market("a"))
        fill = heard.next(lambda one: one["data"]["event"] == "fill")["data"]
        client.put_on("correction", price="99.5", client_order_id="a", key=client.key)
        mended = heard.next()["data"]
        assert (mended["event"], mended["price"], mended["order"]["filled_avg_price"]) == (
            "trade_correct",
            "99.5",
            "99.5",
        )
        assert client.raw.get_account()["cash"] == "99801"
        (activity,) = client.raw.get("/account/activities/FILL")
        assert (activity["price"], activity["cum_qty"]) == ("99.5", "2")
        client.put_on("bust", key=client.key)
        gone = heard.next()["data"]
        assert (gone["event"], gone["position_qty"]) == ("trade_bust", "0")
        assert gone["previous_execution_id"] == fill["execution_id"]
    assert client.raw.get_account()["cash"] == "100000"
    assert client.raw.get("/account/activities/FILL") == []
    assert client.raw.get_all_positions() == []
    shown = client.raw.get_order_by_id(order["id"])
    assert (shown["filled_qty"], shown["filled_avg_price"]) == ("0", None)


# --- on the streams --------------------------------------------------------------------------------------------------


def heard_events(client: Bot, fault: str, **told: Any) -> list[str]:
    """What is heard of an order that fills and one that is canceled after it, with a fault on."""
    with trade_updates(client) as heard:
        client.put_on(fault, stream="trade_updates", **told)
        client.order_when(client.raw.submit_order(market("a"))["id"], "filled")
        second = client.raw.submit_order(limit("b"))["id"]
        client.order_when(second, "new")
        client.raw.cancel_order_by_id(second)
        events: list[str] = []
        while not events or events[-1] != "canceled":
            events.append(heard.next()["data"]["event"])
        return events


USUAL = ["pending_new", "new", "fill", "pending_new", "new", "pending_cancel", "canceled"]


@pytest.mark.parametrize(
    ("fault", "told", "expected"),
    [
        ("stream_drop", {"after": 99}, USUAL),
        ("stream_drop", {"event": "fill"}, [*USUAL[:2], *USUAL[3:]]),
        ("stream_duplicate", {"event": "fill"}, [*USUAL[:3], "fill", *USUAL[3:]]),
        ("stream_reorder", {"event": "new"}, ["pending_new", "fill", "new", *USUAL[3:]]),
    ],
    ids=["none", "drop", "duplicate", "reorder"],
)
def test_frames_of_trade_updates(client: Bot, fault: str, told: dict[str, Any], expected: list[str]) -> None:
    """Trade updates go missing, come twice or in the wrong order, and nothing else changes."""
    assert heard_events(client, fault, **told) == expected


def test_mute_stream(client: Bot) -> None:
    """A mute stream stays connected and tells nothing; what happened meanwhile is never told."""
    with trade_updates(client) as heard:
        client.put_on("stream_mute", seconds=3_600)
        client.order_when(client.raw.submit_order(market("a"))["id"], "filled")
        requests.delete(f"{client.server.trading_url}/_sim/faults", timeout=PATIENCE_S).raise_for_status()
        client.raw.submit_order(limit("b"))
        assert heard.next()["data"]["order"]["client_order_id"] == "b"


def test_refused_upgrade(client: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """The trade updates refuse a connection with HTTP 429; the SDK tries again and is let in."""
    caplog.set_level(logging.WARNING, logger="alpaca.trading.stream")
    client.put_on("stream_refused_429")
    with trade_updates(client):
        assert "429" in caplog.text


def test_refused_data_stream(client: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A data stream refuses a connection with 406; the SDK tries again and is let in."""
    caplog.set_level(logging.ERROR, logger="alpaca.data.live.websocket")
    client.put_on("stream_refused_406")
    stream: Any = StockDataStream(client.key, client.secret, url_override=client.server.stocks_stream_url)
    with Listening(stream) as heard:
        stream.subscribe_trades(heard.hear, "AVOR")
        heard.start()
        hub = client.server.world.hub
        client.server.wait_for(lambda: any(one.subscriptions.wants("trades", "AVOR") for one in hub.clients), "AVOR")
        assert "connection limit exceeded" in caplog.text
        client.put_on("stream_drop", stream="data")
        client.market("AVOR", 100.0)
        client.market("AVOR", 101.0)
        assert heard.next().price == 101.0


def test_restart(client: Bot) -> None:
    """After a restart the SDK's stream comes back by itself; what happened while it was away it never hears."""
    order_id = client.raw.submit_order(limit("a"))["id"]
    client.order_when(order_id, "new")
    stream: Any = TradingStream(client.key, client.secret, raw_data=True, url_override=client.server.stream_url)
    with Listening(stream) as heard:
        stream.subscribe_trade_updates(heard.hear)
        heard.start()
        wait_until_heard(client)
        client.put_on("restart_keeping_orders", seconds=0.3)
        wait_until_heard(client, so=False)
        client.market("AVOR", 89.0)
        wait_until_heard(client)
        assert client.raw.get_order_by_id(order_id)["status"] == "filled"
        client.raw.submit_order(limit("b", price=80))
        assert heard.next()["data"]["order"]["client_order_id"] == "b"
