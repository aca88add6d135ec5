"""The endpoints under /_sim/: faults, restarts, busts and corrections, the clock, the audit."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.local_alpaca import LocalAlpaca
from tests.unit.sim.alpaca.faults.client import Client


def eventually(condition: Callable[[], bool]) -> None:
    """Until it is so, or a deadline that only a hang reaches."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s


def filled(client: Client, client_order_id: str, **terms: Any) -> dict[str, Any]:
    """An order in BTC/USD that the market fills at once."""
    whole: dict[str, Any] = {"symbol": "BTC/USD", "type": "market", "time_in_force": "gtc", "limit_price": None}
    order_id = client.order(client_order_id, **(whole | terms)).json()["id"]

    def read() -> dict[str, Any]:
        order: dict[str, Any] = client.ask("GET", f"/v2/orders/{order_id}").json()
        return order

    eventually(lambda: read()["status"] == "filled")
    return read()


def cash(client: Client) -> Decimal:
    return Decimal(client.ask("GET", "/v2/account").json()["cash"])


def test_faults_are_listed_and_taken_off(client: Client) -> None:
    """What is on is shown with its counts, and can be taken off by name or number."""
    numbers = client.put_on({"name": "slow", "seconds": 0}, {"name": "reset_after", "after": 5})["armed"]
    fired = client.fired().get("slow", 0)
    client.order("a")
    slow, reset = client.ask("GET", "/_sim/faults").json()["faults"]
    assert (slow["id"], slow["chances"], slow["fired"], slow["spent"]) == (numbers[0], 1, 1, True)
    assert (reset["id"], reset["chances"], reset["fired"], reset["spent"]) == (numbers[1], 1, 0, False)
    assert client.fired()["slow"] == fired + 1
    assert client.ask("DELETE", "/_sim/faults?name=slow").json() == {"removed": 1}
    assert client.ask("DELETE", f"/_sim/faults?id={numbers[1]}").json() == {"removed": 1}
    assert client.ask("GET", "/_sim/faults").json()["faults"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/_sim/faults", {"name": "sloow"}, "there is no fault 'sloow'"),
        ("POST", "/_sim/faults", {"name": "slow", "secs": 1}, "it knows no 'secs'"),
        ("POST", "/_sim/faults", None, "the body must be JSON"),
        ("DELETE", "/_sim/faults?name=sloow", None, "there is no fault 'sloow'"),
        ("DELETE", "/_sim/faults?id=x", None, "id must be the number of a fault"),
        ("POST", "/_sim/faults", {"name": "bust", "key": "nobody"}, "no account has the key 'nobody'"),
        ("POST", "/_sim/clock", {"action": "run"}, "action must be one of"),
        ("POST", "/_sim/clock", {"action": "step", "events": 0}, "events must be a whole number above zero"),
        ("POST", "/_sim/clock", [], "action must be one of"),
        ("GET", "/_sim/audit?key=nobody", None, "no account has the key"),
    ],
)
def test_what_is_wrong_is_said(client: Client, method: str, path: str, body: Any, said: str) -> None:
    """A request that can't be used is answered with 400 and the reason."""
    response = client.ask(method, path, body)
    assert response.status_code == 400
    assert said in response.json()["message"]


def test_one_wrong_fault_spoils_the_list(client: Client) -> None:
    """Of a list with a fault written wrongly none is put on."""
    assert client.ask("POST", "/_sim/faults", [{"name": "slow"}, {"name": "sloow"}]).status_code == 400
    assert client.ask("GET", "/_sim/faults").json()["faults"] == []


def test_status(client: Client) -> None:
    """The status says how the market stands and who has which orders."""
    client.order("a")
    status = client.ask("GET", "/_sim/status").json()
    assert status["paused"] is True
    assert status["away"] is False
    assert {"key": client.key, "orders": 1, "open_orders": 1} in status["accounts"]


def test_the_clock_steps(client: Client) -> None:
    """A step of n events moves the market by exactly these."""
    before = client.ask("GET", "/_sim/status").json()
    client.ask("POST", "/_sim/clock", {"action": "step", "events": 7}).raise_for_status()
    eventually(lambda: client.ask("GET", "/_sim/status").json()["events"] >= before["events"] + 7)
    after = client.ask("POST", "/_sim/clock", {"action": "pause"}).json()
    assert after["events"] == before["events"] + 7
    assert after["market_time"] >= before["market_time"]


def test_the_audit_has_what_never_reached_the_account(client: Client) -> None:
    """Every order request is kept as it came, with both times, whether it was carried out or not."""
    client.order("good")
    client.order("bad", qty="-1")
    client.put_on({"name": "not_accepted_then_504"})
    client.order("lost")
    client.ask("DELETE", "/v2/orders")
    audit = client.ask("GET", f"/_sim/audit?key={client.key}").json()
    rows = audit["requests"]
    assert [(row["method"], row["client_order_id"], row["status"], row["told"]) for row in rows] == [
        ("POST", "good", 200, 200),
        ("POST", "bad", 422, 422),
        ("POST", "lost", None, 504),
        ("DELETE", None, 207, 207),
    ]
    assert rows[0]["body"]["limit_price"] == "1"
    assert rows[0]["answer"]["client_order_id"] == "good"
    assert rows[0]["market_ns"] < rows[0]["wall_ns"]
    assert [order["client_order_id"] for order in audit["orders"]] == ["good"]
    assert "secret" not in str(audit)


def test_a_restart_that_keeps_orders(client: Client) -> None:
    """Every connection is cut, new ones are reset for a while, and then all is as it was."""
    order_id = client.order("a").json()["id"]
    with requests.Session() as session:
        session.get(client.url + "/v1beta3/crypto/us/latest/trades?symbols=BTC/USD", timeout=20).raise_for_status()
        done = client.put_on({"name": "restart_keeping_orders", "seconds": 0.5})["done"]
        assert done == [{"name": "restart_keeping_orders", "connections_reset": 1}]
        with pytest.raises(requests.ConnectionError):
            client.ask("GET", "/v2/account")
        eventually(lambda: not client.ask("GET", "/_sim/status").json()["away"])
    assert client.ask("GET", f"/v2/orders/{order_id}").json()["status"] == "new"


def test_a_restart_that_loses_orders(client: Client) -> None:
    """Open orders are gone without a trace; what was filled, and the cash, stays."""
    kept = filled(client, "filled", qty="1")
    client.order("lost")
    before = cash(client)
    client.put_on({"name": "restart_losing_orders", "seconds": 0})
    assert not client.has("lost")
    assert client.ask("GET", f"/v2/orders/{kept['id']}").json() == kept
    assert client.ask("GET", "/v2/orders?status=all").json() == [kept]
    assert cash(client) == before


def test_a_bust_takes_a_fill_back(client: Client) -> None:
    """After a bust cash and position are what they were before the fill, and the activity is gone."""
    filled(client, "stays", qty="1")
    before = cash(client)
    filled(client, "goes", qty="2")
    client.put_on({"name": "bust", "key": client.key})
    assert cash(client) == before
    (position,) = client.ask("GET", "/v2/positions").json()
    assert position["qty"] == "1"
    (activity,) = client.ask("GET", "/v2/account/activities/FILL").json()
    assert activity["qty"] == "1"


def test_a_correction_changes_a_price(client: Client) -> None:
    """After a correction of a named order its average price and the cash are those of the corrected price."""
    filled(client, "first", qty="1")
    filled(client, "second", qty="1")
    before = cash(client)
    order = client.ask("GET", "/v2/orders:by_client_order_id?client_order_id=first").json()
    was = Decimal(order["filled_avg_price"])
    client.put_on({"name": "correction", "key": client.key, "client_order_id": "first", "price": str(was + 10)})
    assert cash(client) == before - 10
    order = client.ask("GET", "/v2/orders:by_client_order_id?client_order_id=first").json()
    assert Decimal(order["filled_avg_price"]) == was + 10


def test_nothing_to_bust(client: Client) -> None:
    """A bust without a fill is refused, and so is one of an order there is not."""
    response = client.ask("POST", "/_sim/faults", {"name": "bust", "key": client.key})
    assert (response.status_code, response.json()) == (400, {"message": "bust: there is no fill yet"})
    named = {"name": "bust", "key": client.key, "client_order_id": "x"}
    assert client.ask("POST", "/_sim/faults", named).status_code == 404


def test_which_account_has_to_be_said(client: Client, server: LocalAlpaca) -> None:
    """With several accounts a bust without a key is refused."""
    Client(server.trading_url).ask("GET", "/v2/account").raise_for_status()
    response = client.ask("POST", "/_sim/faults", {"name": "bust"})
    assert response.status_code == 400
    assert "say which one with key" in response.json()["message"]
