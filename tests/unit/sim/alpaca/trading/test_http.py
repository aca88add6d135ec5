"""The trading side over real sockets: doors, headers, bodies, and the stream of trade updates."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from holdfast.core.messages import Quote, Trade
from holdfast.core.types import SECOND_NS
from tests.local_alpaca import KEY, OTHER_KEY, SECRET, LocalAlpaca, local_alpaca

PATIENCE_S = 20
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
LOGIN = {"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates", "account_updates"]}}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca(symbols=("AVOR", "BTC/USD")) as box:
        yield box


@pytest.fixture
def box(server: LocalAlpaca) -> LocalAlpaca:
    """The server with a fresh price of 100 for both symbols, and the account of the usual key and secret."""
    ask(server, "GET", "/v2/account")
    now_ns = server.world.clock.now_ns + SECOND_NS
    for symbol in ("AVOR", "BTC/USD"):
        server.take(Trade(symbol, now_ns, 100.0, 10.0), Quote(symbol, now_ns, 99.99, 10.0, 100.01, 10.0))
    return server


def ask(box: LocalAlpaca, method: str, path: str, key: str = KEY, **arguments: Any) -> requests.Response:
    headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": SECRET}
    return requests.request(method, box.trading_url + path, headers=headers, timeout=PATIENCE_S, **arguments)


def buy(box: LocalAlpaca, key: str = KEY, **body: Any) -> requests.Response:
    whole = {"symbol": "AVOR", "side": "buy", "type": "market", "time_in_force": "day", "qty": "1"} | body
    return ask(box, "POST", "/v2/orders", key, json=whole)


def test_the_door(box: LocalAlpaca) -> None:
    """No keys: 401. A wrong secret: 403 without a code. Basic authentication opens the same account as the headers."""
    url = box.trading_url + "/v2/account"
    assert ask(box, "GET", "/v2/account").status_code == 200
    nobody = requests.get(url, timeout=PATIENCE_S)
    assert (nobody.status_code, nobody.json()["code"]) == (401, 40110000)
    wrong = requests.get(url, headers=HEADERS | {"APCA-API-SECRET-KEY": "no"}, timeout=PATIENCE_S)
    assert (wrong.status_code, wrong.json()) == (403, {"message": "forbidden."})
    basic = requests.get(url, auth=(KEY, SECRET), timeout=PATIENCE_S)
    assert basic.json()["id"] == ask(box, "GET", "/v2/account").json()["id"]


def test_every_answer_has_the_headers(box: LocalAlpaca) -> None:
    """Answers and refusals alike carry the rate limit and a request id of their own."""
    first, second = ask(box, "GET", "/v2/account", "PKHEADERS"), ask(box, "GET", "/v2/orders/nothing", "PKHEADERS")
    assert (first.status_code, second.status_code) == (200, 422)
    assert first.headers["X-RateLimit-Limit"] == "200"
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (first, second)]
    assert left[0] - left[1] == 1
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_the_rate_limit(box: LocalAlpaca) -> None:
    """The 201st request of a minute is refused, of that account only."""
    statuses = [ask(box, "GET", "/v2/account/configurations", "PKBUSY").status_code for _ in range(201)]
    assert statuses == [200] * 200 + [429]
    assert ask(box, "GET", "/v2/account/configurations", "PKCALM").status_code == 200


def test_bodies_that_are_no_orders(box: LocalAlpaca) -> None:
    """What is no JSON object is 400 with Alpaca's code; what is no number is too."""
    for text in ("{", "[]", "7", '{"qty": NaN}'):
        answer = ask(box, "POST", "/v2/orders", data=text)
        assert (answer.status_code, answer.json()["code"]) == (400, 40010000)


def test_an_order_is_answered_before_it_fills(box: LocalAlpaca) -> None:
    """The answer is the accepted order with amounts as texts; read again it has filled."""
    order = buy(box, qty=2.0).json()
    assert (order["status"], order["qty"], order["filled_qty"]) == ("accepted", "2", "0")
    assert (order["order_class"], order["legs"], order["filled_avg_price"]) == ("", None, None)
    again = ask(box, "GET", f"/v2/orders/{order['id']}").json()
    assert (again["status"], again["filled_avg_price"]) == ("filled", "100.01")
    named = ask(box, "GET", "/v2/orders:by_client_order_id", params={"client_order_id": order["client_order_id"]})
    assert named.json()["id"] == order["id"]


def test_a_bracket_is_answered_with_its_legs(box: LocalAlpaca) -> None:
    """The POST shows the legs; a read does when asked to nest them, in Python's spelling too."""
    body = {"order_class": "bracket", "take_profit": {"limit_price": 110.0}, "stop_loss": {"stop_price": 90.0}}
    order = buy(box, "PKBRACKET", **body).json()
    assert [leg["status"] for leg in order["legs"]] == ["held", "held"]
    path = f"/v2/orders/{order['id']}"
    assert ask(box, "GET", path, "PKBRACKET").json()["legs"] is None
    assert len(ask(box, "GET", path, "PKBRACKET", params={"nested": "True"}).json()["legs"]) == 2


def test_paging_by_time(box: LocalAlpaca) -> None:
    """At a market time that stands still orders, exits and fills can be paged by time, even cut to microseconds."""
    key = "PKPAGES"
    exits = {"order_class": "bracket", "take_profit": {"limit_price": 110.0}, "stop_loss": {"stop_price": 90.0}}
    for body in ({}, exits, {"type": "limit", "limit_price": "90"}, {}):
        buy(box, key, **body)

    def paged(path: str, time_name: str, **params: Any) -> list[str]:
        found: list[str] = []
        params |= {"direction": "asc"}
        while rows := ask(box, "GET", path, key, params=params).json():
            found += [row["id"] for row in rows]
            params["after"] = rows[-1][time_name].rstrip("Z")[:26] + "Z"
        return found

    paged_orders = paged("/v2/orders", "submitted_at", status="all", limit=2)
    paged_fills = paged("/v2/account/activities/FILL", "transaction_time", page_size=1)
    trading = box.world.accounts.find(key)
    assert trading is not None
    assert (len(paged_orders), len(paged_fills)) == (6, 3)
    assert paged_orders == [order.id for order in trading.orders.all()]
    assert paged_fills == [one.activity_id for one in trading.executions.all()]


def test_lists_of_orders(box: LocalAlpaca) -> None:
    """Newest first or oldest first, by status, symbol, side and class, between times and between orders, so many."""
    key = "PKLISTS"
    limits = [buy(box, key, type="limit", limit_price=price).json() for price in ("90", "91", "92")]
    ids = [order["id"] for order in limits]
    done = buy(box, key, symbol="BTC/USD", time_in_force="gtc").json()["id"]

    def listed(**params: Any) -> list[str]:
        return [order["id"] for order in ask(box, "GET", "/v2/orders", key, params=params).json()]

    assert listed() == ids[::-1]
    assert listed(direction="asc", limit=2) == ids[:2]
    assert listed(status="closed") == [done]
    assert listed(status="all", symbols="BTCUSD,X") == [done]
    assert listed(status="all", asset_class="us_equity", after_order_id=ids[0]) == ids[:0:-1]
    assert listed(before_order_id=ids[1]) == ids[:1]
    assert listed(side="sell") == []
    second = limits[1]["submitted_at"]
    assert (listed(after=second), listed(until=second)) == (ids[2:], ids[:1])
    assert len(listed(status="all", after="2024-01-01", until="2030-01-01T00:00:00+00:00")) == 4
    refused = ask(box, "GET", "/v2/orders", key, params={"limit": 501})
    assert (refused.status_code, refused.json()["code"]) == (422, 42210000)


def test_changing_and_canceling(box: LocalAlpaca) -> None:
    """PATCH answers a new order; DELETE of one is 204, of all 207 with an item for each."""
    key = "PKCHANGES"
    order = buy(box, key, type="limit", limit_price="90").json()
    path = f"/v2/orders/{order['id']}"
    new = ask(box, "PATCH", path, key, json={"limit_price": 91.5}).json()
    assert (new["replaces"], new["limit_price"]) == (order["id"], "91.5")
    assert ask(box, "GET", path, key).json()["replaced_by"] == new["id"]
    canceled = ask(box, "DELETE", f"/v2/orders/{new['id']}", key)
    assert (canceled.status_code, canceled.content) == (204, b"")
    buy(box, key, type="limit", limit_price="90")
    everything = ask(box, "DELETE", "/v2/orders", key)
    assert everything.status_code == 207
    assert [item["status"] for item in everything.json()] == [200]
    assert ask(box, "DELETE", f"/v2/orders/{'0' * 8}-0000-0000-0000-{'0' * 12}", key).status_code == 404


def test_positions_are_closed(box: LocalAlpaca) -> None:
    """One by part, with a raw or an escaped slash; all at once with what failed among the items."""
    key = "PKCLOSER"
    buy(box, key, qty="10")
    buy(box, key, symbol="BTC/USD", time_in_force="gtc", qty="2")
    for name in ("BTC/USD", "BTC%2FUSD", "BTCUSD"):
        assert ask(box, "GET", f"/v2/positions/{name}", key).json()["symbol"] == "BTCUSD"
    half = ask(box, "DELETE", "/v2/positions/AVOR", key, params={"percentage": "50"}).json()
    assert (half["status"], half["qty"], half["side"]) == ("pending_new", "5", "sell")
    buy(box, key, side="sell", type="limit", limit_price="120", qty="5")
    refused, closed = ask(box, "DELETE", "/v2/positions", key).json()
    assert (refused["symbol"], refused["status"], refused["body"]["code"]) == ("AVOR", 403, 40310000)
    assert (closed["symbol"], closed["status"], closed["body"]["symbol"]) == ("BTCUSD", 200, "BTC/USD")
    (last,) = ask(box, "DELETE", "/v2/positions", key, params={"cancel_orders": "True"}).json()
    assert last["status"] == 200
    assert ask(box, "GET", "/v2/positions", key).json() == []
    assert ask(box, "GET", "/v2/positions/AVOR", key).status_code == 404


def test_account_settings(box: LocalAlpaca) -> None:
    """PATCH takes nulls for what stays, refuses what it does not know, and answers all settings."""
    path, key = "/v2/account/configurations", "PKSETTINGS"
    changed = ask(box, "PATCH", path, key, json={"no_shorting": True, "pdt_check": None, "dtbp_check": None})
    assert (changed.status_code, changed.json()["no_shorting"]) == (200, True)
    assert ask(box, "PATCH", path, key, json={"max_margin_multiplier": "3"}).status_code == 422
    assert ask(box, "GET", "/v2/account", key).json()["shorting_enabled"] is False


def test_activities_and_history(box: LocalAlpaca) -> None:
    """Fills are listed by type or category, a time with nine digits is understood, and the history is numbers."""
    key = "PKHISTORY"
    buy(box, key)
    (row,) = ask(box, "GET", "/v2/account/activities/FILL", key).json()
    assert (row["qty"], row["cum_qty"], row["leaves_qty"], row["symbol"]) == ("1", "1", "0", "AVOR")
    every = ask(box, "GET", "/v2/account/activities", key, params={"category": "trade_activity"})
    assert every.json() == [row]
    for after, count in (("2024-07-10T13:30:00.123456789Z", 1), (row["transaction_time"], 0)):
        found = ask(box, "GET", "/v2/account/activities/FILL", key, params={"after": after})
        assert len(found.json()) == count
    assert ask(box, "GET", "/v2/account/activities/NOPE", key).status_code == 422
    history = ask(box, "GET", "/v2/account/portfolio/history", key, params={"period": "1D", "timeframe": "1Min"})
    assert history.json()["timeframe"] == "1Min"
    assert all(isinstance(value, (int, float)) for value in history.json()["equity"])


def test_watchlists(box: LocalAlpaca) -> None:
    """Made, read by id and by name, changed, and gone; a name is used once; a symbol can hold a slash."""
    key = "PKLISTER"
    made = ask(box, "POST", "/v2/watchlists", key, json={"name": "a b", "symbols": ["AVOR"]}).json()
    path = f"/v2/watchlists/{made['id']}"
    assert [asset["symbol"] for asset in made["assets"]] == ["AVOR"]
    assert ask(box, "POST", "/v2/watchlists", key, json={"name": "a b"}).status_code == 422
    assert len(ask(box, "POST", path, key, json={"symbol": "BTC/USD"}).json()["assets"]) == 2
    assert len(ask(box, "DELETE", path + "/BTC/USD", key).json()["assets"]) == 1
    named = ask(box, "PUT", "/v2/watchlists:by_name", key, params={"name": "a b"}, json={"name": "c"})
    assert named.json()["name"] == "c"
    assert "assets" not in ask(box, "GET", "/v2/watchlists", key).json()[0]
    assert ask(box, "DELETE", path, key).status_code == 204
    assert ask(box, "GET", path, key).status_code == 404


# --- the stream ------------------------------------------------------------------------------------------------------


def say(socket: ClientConnection, message: object) -> Any:
    """Send text, and take the binary answer apart."""
    socket.send(json.dumps(message))
    return hear(socket)


def hear(socket: ClientConnection) -> Any:
    frame = socket.recv(PATIENCE_S)
    assert isinstance(frame, bytes)
    return json.loads(frame)


def test_trade_updates(box: LocalAlpaca) -> None:
    """After login and listening each step of an order comes as a binary frame with the whole order in it."""
    with connect(box.stream_url) as socket:
        before = say(socket, LISTEN)
        assert before["data"] == {"status": "unauthorized", "action": "listen"}
        wrong = say(socket, {"action": "authenticate", "data": {"key_id": KEY, "secret_key": "no"}})
        assert wrong["data"]["status"] == "unauthorized"
        assert say(socket, LOGIN)["data"] == {"status": "authorized", "action": "authenticate"}
        assert say(socket, LISTEN) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        order = buy(box).json()
        frames = [hear(socket) for _ in range(3)]
        assert [frame["data"]["event"] for frame in frames] == ["pending_new", "new", "fill"]
        fill = frames[-1]["data"]
        assert (fill["price"], fill["qty"], fill["order"]["id"]) == ("100.01", "1", order["id"])
        activity = ask(box, "GET", "/v2/account/activities/FILL").json()[0]
        assert activity["id"].endswith("::" + fill["execution_id"])
        assert all(frame["data"]["timestamp"].endswith("Z") for frame in frames)
        assert say(socket, {"action": "listen", "data": {"streams": []}})["data"] == {"streams": []}


def test_an_account_has_one_stream(box: LocalAlpaca) -> None:
    """A second upgrade for an account is answered 429 until the first connection is closed."""
    with connect(box.stream_url) as socket:
        assert say(socket, LOGIN)["data"]["status"] == "authorized"
        with pytest.raises(InvalidStatus) as refused:
            connect(box.stream_url, additional_headers=HEADERS)
        assert refused.value.response.status_code == 429
        with connect(box.stream_url) as other:
            login = {"action": "auth", "key": OTHER_KEY, "secret": SECRET}
            assert say(other, login)["data"]["status"] == "authorized"
    box.wait_for(
        lambda: not any(trading.hub.is_taken for trading in box.world.accounts.all()), "the streams to be free"
    )
    with connect(box.stream_url + "/", additional_headers=HEADERS) as socket:
        assert say(socket, LOGIN)["data"]["status"] == "authorized"


def test_a_connection_that_changes_its_account(box: LocalAlpaca) -> None:
    """It gives up its place at the first account, hears nothing of it any more, and has to listen anew."""
    login = {"action": "auth", "key": OTHER_KEY, "secret": SECRET}
    with connect(box.stream_url) as socket:
        say(socket, LOGIN)
        say(socket, LISTEN)
        assert say(socket, login)["data"]["status"] == "authorized"
        buy(box, type="limit", limit_price="50")
        with connect(box.stream_url, additional_headers=HEADERS) as other:
            assert say(other, LOGIN)["data"]["status"] == "authorized"
        buy(box, OTHER_KEY, type="limit", limit_price="50")
        assert say(socket, LISTEN)["stream"] == "listening"
        order = buy(box, OTHER_KEY, type="limit", limit_price="51").json()
        assert hear(socket)["data"]["order"]["id"] == order["id"]


def test_what_nobody_foresaw(
    box: LocalAlpaca, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of the server itself is a 500 with a JSON body, and its log says where it was."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(box.world.accounts, "of_key", fail)
        answer = ask(box, "GET", "/v2/account")
    assert (answer.status_code, answer.json()) == (500, {"message": "internal server error"})
    assert "GET /v2/account" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text
    assert ask(box, "GET", "/v2/account").status_code == 200


def test_a_fill_can_overtake_its_answer() -> None:
    """With that fault the stream tells of the fill while the POST is still unanswered."""
    with local_alpaca(symbols=("AVOR",)) as box:
        now_ns = box.world.clock.now_ns + SECOND_NS
        box.take(Quote("AVOR", now_ns, 99.99, 10.0, 100.01, 10.0))
        fault = {"name": "fill_before_ack"}
        requests.post(box.trading_url + "/_sim/faults", json=fault, timeout=PATIENCE_S).raise_for_status()
        with connect(box.stream_url) as socket:
            say(socket, LOGIN)
            say(socket, LISTEN)
            answer = buy(box)
            assert answer.json()["status"] == "accepted"
            events = [hear(socket)["data"]["event"] for _ in range(3)]
            assert events == ["pending_new", "new", "fill"]


def test_keys_that_are_no_text(box: LocalAlpaca) -> None:
    """A byte above 127 in a key or secret, as it is pasted from a page with odd dashes: no keys, which is 401 and never 500."""
    for headers in (
        {"APCA-API-KEY-ID": b"PK\xe2\x80\x93", "APCA-API-SECRET-KEY": b"s"},
        {"APCA-API-KEY-ID": b"PK", "APCA-API-SECRET-KEY": b"\xff"},
    ):
        for path in ("/v2/account", "/v2/stocks/snapshots?symbols=AVOR"):
            answer = requests.get(box.trading_url + path, headers=headers, timeout=PATIENCE_S)
            assert (answer.status_code, answer.json()["message"]) == (401, "request is not authorized")
