"""What a client of the HTTP side sees of each fault, and what is true at the server then."""

import time

import pytest
import requests

from tests.unit.sim.alpaca.faults.client import Client

LOST = (requests.ConnectionError, requests.Timeout)


def test_accepted_and_silent(client: Client) -> None:
    """No answer comes within the client's patience, and the order exists."""
    client.put_on({"name": "accepted_then_timeout", "seconds": 30})
    with pytest.raises(requests.ReadTimeout):
        client.order("a", timeout_s=0.3)
    assert client.has("a")
    (row,) = client.audit()
    assert (row["fault"], row["status"]) == ("accepted_then_timeout", 200)


def test_silence_ends_in_a_reset(client: Client) -> None:
    """A client with more patience than the fault sees the connection reset at its end."""
    client.put_on({"name": "accepted_then_timeout", "seconds": 0.2})
    began_s = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        client.order("a")
    assert time.monotonic() - began_s >= 0.2
    assert client.has("a")


@pytest.mark.parametrize(("name", "is_accepted"), [("accepted_then_504", True), ("not_accepted_then_504", False)])
def test_gateway_timeout(client: Client, name: str, is_accepted: bool) -> None:
    """Both look the same to the client; in one the order exists, in the other it doesn't."""
    client.put_on({"name": name})
    response = client.order("a")
    assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (504, "text/html")
    assert client.has("a") is is_accepted
    (row,) = client.audit()
    assert (row["told"], row["status"]) == (504, 200 if is_accepted else None)


@pytest.mark.parametrize(("name", "is_accepted"), [("reset_after", True), ("reset_before", False)])
def test_reset(client: Client, name: str, is_accepted: bool) -> None:
    """The connection is reset (an error, not an orderly end); in one case the order exists, in the other it doesn't."""
    client.put_on({"name": name})
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.order("a")
    assert client.has("a") is is_accepted
    (row,) = client.audit()
    assert (row["told"], row["status"]) == ("nothing", 200 if is_accepted else None)


def test_late_answer(client: Client) -> None:
    """The answer is right and late, and the order is there before the answer is."""
    client.put_on({"name": "slow", "seconds": 60})
    with pytest.raises(requests.ReadTimeout):
        client.order("a", timeout_s=0.3)
    assert client.has("a")
    client.put_on({"name": "slow", "seconds": 0.2, "method": "GET", "path": "/v2/account"})
    began_s = time.monotonic()
    assert client.ask("GET", "/v2/account").json()["cash"] == "100000"
    assert time.monotonic() - began_s >= 0.2


def test_garbage(client: Client) -> None:
    """Status 200 with a body that is no JSON; the order exists."""
    client.put_on({"name": "unparsable_200"})
    response = client.order("a")
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert client.has("a")


def test_storm(client: Client) -> None:
    """While it lasts all orders are refused with 429, in four shapes; reads pass; afterwards orders do too."""
    client.put_on({"name": "storm_429", "seconds": 0.6})
    until_s = time.monotonic() + 0.6
    answers = [client.order(f"s{number}") for number in range(4)]
    assert time.monotonic() < until_s, "the machine is too slow for this test"
    assert {answer.status_code for answer in answers} == {429}
    shapes = {("code" in answer.json(), "X-RateLimit-Reset" in answer.headers) for answer in answers}
    assert len(shapes) == 4
    assert client.ask("GET", "/v2/account").status_code == 200
    while client.ask("GET", "/_sim/faults").json()["faults"][0]["spent"] is False:
        assert time.monotonic() < until_s + 10
    assert client.order("a").status_code == 200
    assert not client.has("s0")


def test_unauthorized(client: Client) -> None:
    """401 without a code in its body; the same keys work at the next request."""
    client.put_on({"name": "unauthorized"})
    response = client.order("a")
    assert (response.status_code, response.json()) == (401, {"message": "unauthorized."})
    assert client.order("a").status_code == 200


def test_maintenance(client: Client) -> None:
    """A page in HTML with 503, for whatever it is narrowed to."""
    client.put_on({"name": "maintenance_page", "seconds": 60, "path": "/v2/"})
    for response in (client.order("a"), client.ask("GET", "/v2/account"), client.ask("DELETE", "/v2/orders")):
        assert response.status_code == 503
        assert response.text.startswith("<html>")
    assert client.ask("GET", "/_sim/status").status_code == 200
    client.ask("DELETE", "/_sim/faults?name=maintenance_page")
    assert not client.has("a")


def test_cancels_can_be_bitten(client: Client) -> None:
    """Narrowed to DELETE and a path, a fault bites the cancel of an order and nothing else."""
    order_id = client.order("a").json()["id"]
    client.put_on({"name": "reset_after", "method": "DELETE", "path": "/v2/orders/"})
    with pytest.raises(LOST):
        client.ask("DELETE", f"/v2/orders/{order_id}")
    assert client.ask("GET", f"/v2/orders/{order_id}").json()["status"] == "canceled"


def test_reads_can_be_bitten(client: Client) -> None:
    """Market data too can answer with garbage, which is none of the audit's business."""
    client.put_on({"name": "unparsable_200", "method": "GET", "path": "/v2/stocks/", "times": 1})
    path = "/v2/stocks/snapshots?symbols=AVOR"
    with pytest.raises(requests.JSONDecodeError):
        client.ask("GET", path).json()
    assert "AVOR" in client.ask("GET", path).json()
    assert not client.audit()
