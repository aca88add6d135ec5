"""The SDK's traps: each answer that a wire can carry comes as what it is."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from holdfast.adapters.zerodha.connection.client import KiteClient, exact_json, written
from holdfast.adapters.zerodha.connection.failures import ErrorAnswer
from holdfast.brokers.http.failures import NeverSent, NoAnswer, RequestFailed, UnreadableAnswer
from holdfast.telemetry.secret import Secret
from tests.unit.adapters.alpaca.connection.wire import WireServer, answers, raw, reset, sends, wire_server
from tests.unit.adapters.zerodha.connection.at_local_kite import settings_at

JSON = "Content-Type: application/json"
OK = {"status": "success", "data": True}


@pytest.fixture(scope="module")
def server() -> Iterator[WireServer]:
    """A server that does on the wire what a test says."""
    with wire_server(reset) as running:
        yield running


def ask(server: WireServer) -> object:
    """A question, with a client of its own."""
    client = KiteClient(settings_at(server.url))
    try:
        return client.ask("GET", "orders", token=Secret("livetoken"))
    finally:
        client.close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "kind"),
    [
        ("400 Bad Request", b'{"status":"error","message":"m","error_type":"MarginException"}', [JSON], ErrorAnswer, "MarginException"),
        ("400 Bad Request", b'{"status":"error","message":"m","error_type":"Never seen"}', [JSON], ErrorAnswer, "Never seen"),
        ("400 Bad Request", b'{"status":"error","message":"m","error_type":7}', [JSON], ErrorAnswer, "7"),
        ("500 Oops", b'{"status":"error","message":"m"}', [JSON], ErrorAnswer, ""),
        ("500 Oops", b'{"status":"error","error_type":"GeneralException"}', [JSON], ErrorAnswer, "GeneralException"),
        ("500 Oops", b'{"data":[]}', [JSON], UnreadableAnswer, None),
        ("503 Oops", b"a,b", ["Content-Type: text/csv"], UnreadableAnswer, None),
        ("502 Bad Gateway", b"<html>Bad Gateway</html>", ["Content-Type: text/html"], UnreadableAnswer, None),
        ("504 Gateway Timeout", b"<html>Timeout</html>", ["Content-Type: text/html"], UnreadableAnswer, None),
        ("200 OK", b'{"status":"success"}', [JSON], UnreadableAnswer, None),
        ("200 OK", b'{"status":"success","data":[{', [JSON], UnreadableAnswer, None),
        ("200 OK", b'{"status":"success","data":NaN}', [JSON], UnreadableAnswer, None),
        ("200 OK", b"[" * 100_000, [JSON], UnreadableAnswer, None),
        ("200 OK", b"[]", [JSON], UnreadableAnswer, None),
        ("200 OK", b"", [JSON], UnreadableAnswer, None),
        ("200 OK", b'{"status":"success","data":[]}', [], UnreadableAnswer, None),
        ("302 Found", b"", ["Location: http://127.0.0.1:9/", JSON], UnreadableAnswer, None),
    ],
)  # fmt: skip
def test_what_an_answer_is(
    server: WireServer, status: str, body: bytes, headers: list[str], error: type[RequestFailed], kind: str | None
) -> None:
    """Kite's own errors keep type and status; all else is unreadable, with the status that it had, and never a success."""
    server.act = sends(raw(status, body, *headers))
    with pytest.raises(error) as raised:
        ask(server)
    assert type(raised.value) is error
    if isinstance(raised.value, ErrorAnswer):
        assert (raised.value.kind, raised.value.status) == (kind, int(status[:3]))
    elif status[:3] != "302":
        assert status[:3] in str(raised.value)


def test_no_answer_and_never_sent(server: WireServer) -> None:
    """A connection that breaks may have carried the request; one that was never made has not."""
    server.act = reset
    with pytest.raises(NoAnswer):
        ask(server)
    client = KiteClient(settings_at("http://127.0.0.1:9"))
    with pytest.raises(NeverSent):
        client.ask("GET", "orders")


def test_numbers_come_and_go_exactly(server: WireServer) -> None:
    """Each digit of an answer is there, in a form, in JSON and in the text of a trigger."""
    server.act = sends(raw("200 OK", b'{"status":"success","data":{"price":0.1000000000000000055,"n":3}}', JSON))
    assert ask(server) == {"price": Decimal("0.1000000000000000055"), "n": 3}
    assert written({"price": Decimal("1E+2"), "trigger_price": None, "quantity": 1}) == {"price": "100", "quantity": 1}
    assert exact_json({"price": Decimal("246.05")}) == '{"price":246.05}'
    client = KiteClient(settings_at(server.url))
    client.ask("POST", "order.place", {"variety": "regular"}, {"price": Decimal("246.10")})
    client.ask("POST", "order.margins", body=[{"price": Decimal("246.05")}])
    form, body = server.seen[-2:]
    assert (form.path, form.body) == ("/orders/regular", b"price=246.1")
    assert (body.headers["content-type"], body.body) == ("application/json", b'[{"price":246.05}]')


def test_what_the_broker_repeats_of_a_key_is_taken_out(server: WireServer) -> None:
    """Keys and token may stand in an error; its text has none of them."""
    said = {"status": "error", "message": "bad livetoken of kitekey", "error_type": "TokenException"}
    server.act = answers("403 Forbidden", said)
    with pytest.raises(ErrorAnswer) as raised:
        ask(server)
    assert "bad *** of ***" in str(raised.value)
    assert server.seen[-1].headers["authorization"] == "token kitekey:livetoken"
    server.act = sends(raw("502 Bad Gateway", b"<p>livetoken</p>", "Content-Type: text/html"))
    with pytest.raises(UnreadableAnswer) as unreadable:
        ask(server)
    assert "livetoken" not in str(unreadable.value)
