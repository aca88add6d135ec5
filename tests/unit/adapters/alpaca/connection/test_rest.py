"""One request a call, a bounded wait, and an error that says what is known: shown on the wire."""

import gzip
import json
import socket
import threading
from pathlib import Path

import pytest
import requests

from holdfast.adapters.alpaca.connection.failures import ErrorAnswer
from holdfast.adapters.alpaca.connection.rest import AlpacaRest, Breakers, Call
from holdfast.brokers.breaker import FIRST_BACK_OFF_S, Breaker
from holdfast.brokers.http.failures import LeftAlone, NeverSent, NoAnswer, RequestFailed, Throttled, UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from tests.unit.adapters.alpaca.connection.wire import (
    KEY,
    SECRET,
    Act,
    Seen,
    answers,
    raw,
    reset,
    sends,
    settings_of,
    wire_server,
)

ORDER = {"symbol": "IBM", "qty": "1", "client_order_id": "abc"}


def failure_of(act: Act, read_timeout_s: float = 60, answer_timeout_s: float = 60) -> tuple[RequestFailed, int]:
    """What posting an order to a server that does ``act`` raises, and how many requests arrived."""
    with wire_server(act) as server:
        rest = AlpacaRest(settings_of(server.url, 2, read_timeout_s, answer_timeout_s))
        with pytest.raises(RequestFailed) as caught:
            rest.trading("POST", "/orders", ORDER, Urgency.ORDER)
        rest.close()
        return caught.value, len(server.seen)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


def test_a_request_is_what_alpaca_documents() -> None:
    """Keys in their headers, version in the path, data as JSON body of a POST and as query of a GET."""
    with wire_server(answers("200 OK", {"id": "1"})) as server:
        rest = AlpacaRest(settings_of(server.url))
        assert rest.trading("POST", "/orders", ORDER) == {"id": "1"}
        rest.trading("GET", "/orders", {"status": "open"})
        rest.stocks("/stocks/bars", {"symbols": "IBM"})
        rest.crypto("/crypto/us/bars", {"symbols": "BTC/USD"})
        rest.close()
    post, get, stocks, crypto = server.seen
    assert post.headers["apca-api-key-id"] == KEY
    assert post.headers["apca-api-secret-key"] == SECRET
    assert (post.target, json.loads(post.body)) == ("/v2/orders", ORDER)
    assert (get.target, get.body) == ("/v2/orders?status=open", b"")
    assert stocks.target == "/v2/stocks/bars?symbols=IBM"
    assert crypto.target == "/v1beta3/crypto/us/bars?symbols=BTC%2FUSD"


def test_a_service_that_fails_is_left_alone_but_for_ways_out() -> None:
    """After the failures no question leaves; orders and cancels do; after the back-off one question tries, and its answer ends it."""
    now_s, told = [100.0], []
    breaker = Breaker(3, lambda is_closed, _: told.append(is_closed), lambda: now_s[0])
    with wire_server(answers("503 Service Unavailable", {})) as server:
        rest = AlpacaRest(settings_of(server.url), None, Breakers(breaker, None))
        for _ in range(3):
            with pytest.raises(ErrorAnswer):
                rest.trading("GET", "/clock")
        with pytest.raises(LeftAlone):
            rest.trading("GET", "/clock")
        with pytest.raises(ErrorAnswer):
            rest.trading("DELETE", "/orders/1", None, Urgency.CANCEL)
        with pytest.raises(ErrorAnswer):
            rest.trading("POST", "/orders", ORDER, Urgency.ORDER)
        with pytest.raises(ErrorAnswer):
            rest.stocks("/stocks/bars")  # another service
        assert [seen.method for seen in server.seen] == ["GET", "GET", "GET", "DELETE", "POST", "GET"]
        server.act = answers("200 OK", {})
        now_s[0] += FIRST_BACK_OFF_S
        rest.trading("GET", "/clock")
        rest.trading("GET", "/clock")
        rest.close()
    assert told == [False, True]


def test_an_answer_without_content_is_none() -> None:
    """A cancel's 204 comes back as None."""
    with wire_server(sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        rest = AlpacaRest(settings_of(server.url))
        assert rest.trading("DELETE", "/orders/1", None, Urgency.CANCEL) is None
        rest.close()


@pytest.mark.parametrize("framing", ["chunked", "gzip"])
def test_answers_are_read_however_they_are_packed(framing: str) -> None:
    """A body in chunks, or compressed, is the same answer."""
    body = json.dumps([{"number": number} for number in range(5000)]).encode()
    if framing == "gzip":
        data = raw("200 OK", gzip.compress(body), "Content-Encoding: gzip")
    else:
        pieces = [body[place : place + 1000] for place in range(0, len(body), 1000)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    with wire_server(sends(data)) as server:
        rest = AlpacaRest(settings_of(server.url))
        assert rest.trading("GET", "/assets") == json.loads(body)
        rest.close()


# --- one request, a bounded wait, what is known ------------------------------------------------------------------------


@pytest.mark.proves("A5")
@pytest.mark.parametrize("status", ["429 Too Many Requests", "504 Gateway Timeout", "500 Oops", "503 Busy"])
def test_an_order_is_sent_once_whatever_the_answer(status: str) -> None:
    """429 and 504, which the SDK by itself answers with three more orders, bring one request and its error."""
    error, requests = failure_of(answers(status, {"message": "no"}))
    assert isinstance(error, ErrorAnswer)
    assert (error.status, error.code, error.message) == (int(status[:3]), 0, "no")
    assert requests == 1


def test_a_reset_after_the_request_is_no_answer() -> None:
    """The order may have been taken: one request, and not called unsent."""
    error, requests = failure_of(reset)
    assert type(error) is NoAnswer
    assert requests == 1
    assert "may have been carried out" in str(error)


def test_a_connection_closed_without_a_word_is_no_answer() -> None:
    """So is one that the server ends in the middle of its answer."""
    for act in (sends(b""), sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")):
        error, requests = failure_of(act)
        assert type(error) is NoAnswer
        assert requests == 1


def test_a_server_that_hangs_is_left() -> None:
    """Silence ends the call after the read timeout."""
    over = threading.Event()

    def hang(connection: socket.socket, _: Seen) -> None:
        connection.recv(1)  # returns when the client has given up
        over.set()

    error, requests = failure_of(hang, read_timeout_s=0.3)
    assert type(error) is NoAnswer
    assert (requests, over.is_set()) == (1, True)


def test_a_body_that_drips_is_left() -> None:
    """A body that comes byte by byte, each within the read timeout, ends with the time for a whole answer."""

    def drip(connection: socket.socket, _: Seen) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while True:
            connection.sendall(b" ")  # raises when the client has gone
            threading.Event().wait(0.02)

    error, requests = failure_of(drip, read_timeout_s=1, answer_timeout_s=0.3)
    assert type(error) is NoAnswer
    assert requests == 1


def test_a_refused_connection_was_never_sent() -> None:
    """Nobody listens: not a byte left."""
    rest = AlpacaRest(settings_of(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(NeverSent, match=r"POST /orders: no connection"):
        rest.trading("POST", "/orders", ORDER)


def test_a_name_that_is_not_there_was_never_sent() -> None:
    """The host's name can't be found: not a byte left."""
    rest = AlpacaRest(settings_of("http://holdfast.invalid"))
    with pytest.raises(NeverSent):
        rest.trading("POST", "/orders", ORDER)


def test_a_lost_answer_is_not_called_unsent_while_dealing_with_one_that_was() -> None:
    """A call made in the handler of somebody's refused connection is judged by its own failure, not by that one."""
    with wire_server(reset) as server:
        rest = AlpacaRest(settings_of(server.url))
        try:
            requests.get(f"http://127.0.0.1:{free_port()}", timeout=5)
        except requests.ConnectionError:
            with pytest.raises(RequestFailed) as caught:
                rest.trading("POST", "/orders", ORDER)
        assert type(caught.value) is NoAnswer


@pytest.mark.parametrize("location", ["/elsewhere", "http://[broken", ""])
def test_a_redirect_is_no_success_and_is_not_followed(location: str) -> None:
    """Neither is its body taken for an answer, nor does the order go anywhere else."""
    error, requests = failure_of(sends(raw("302 Found", b'{"id": "1"}', f"Location: {location}")))
    assert type(error) is UnreadableAnswer
    assert "check the base URL" in str(error)
    assert requests == 1


@pytest.mark.parametrize(
    "body", [b"<html>maintenance</html>", b"", b'{"id": ', b"[" * 100_000, b"1" * 10_000, b"\xff\xfe"]
)
def test_a_success_that_is_no_json_is_unreadable(body: bytes) -> None:
    """A 200 with a page, nothing, half an object or what Python can't hold says nothing of what was done."""
    error, requests = failure_of(sends(raw("200 OK", body)))
    assert type(error) is UnreadableAnswer
    assert "what it did is unknown" in str(error)
    assert requests == 1
    assert len(str(error)) < 1000


def test_an_error_page_is_an_error_answer() -> None:
    """An HTML 502 from something in between has its status, no code, and a short text."""
    page = b"<html><head><title>502 Bad Gateway</title></head>\n" + b"<p>nginx</p>" * 10_000
    error, _ = failure_of(sends(raw("502 Bad Gateway", page, "Content-Type: text/html")))
    assert isinstance(error, ErrorAnswer)
    assert (error.status, error.code, error.body) == (502, 0, {})
    assert error.message.startswith("502 Bad Gateway nginx")
    assert len(str(error)) < 1000


def test_an_error_keeps_what_alpaca_said() -> None:
    """Status, code, message and the further fields are there to be decided by."""
    body = {"code": 40310000, "message": "insufficient buying power", "buying_power": "12.5"}
    error, _ = failure_of(answers("403 Forbidden", body))
    assert isinstance(error, ErrorAnswer)
    assert (error.status, error.code, error.message, error.body) == (403, 40310000, body["message"], body)
    assert str(error) == "POST /orders: Alpaca answered 403 (code 40310000): insufficient buying power"


# --- the rate limit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Retry-After: 40", "X-RateLimit-Reset: {reset}"])
def test_after_a_429_nothing_is_sent_until_the_server_wants_it(header: str) -> None:
    """The next order is held back for the time that the header names, here longer than an order waits."""
    date = "Date: Thu, 01 Jan 1998 00:00:00 GMT"  # the server's clock: the reset is 40 s from it
    line = header.format(reset=883612800 + 40)
    with wire_server(answers("429 Too Many Requests", {"message": "slow down"}, line, date)) as server:
        rest = AlpacaRest(settings_of(server.url))
        with pytest.raises(ErrorAnswer):
            rest.trading("GET", "/account")
        with pytest.raises(Throttled):
            rest.trading("POST", "/orders", ORDER, Urgency.ORDER)
        assert len(server.seen) == 1
        server.act = answers("200 OK", {})
        assert rest.stocks("/stocks/bars") == {}  # market data has an allowance of its own
        rest.close()


def test_what_an_answer_says_of_the_allowance_is_heeded() -> None:
    """With nothing left for reads, because others use the account too, an order goes and a read is held back."""
    headers = ("X-RateLimit-Limit: 200", "X-RateLimit-Remaining: 25", "X-RateLimit-Reset: 883612840")
    date = "Date: Thu, 01 Jan 1998 00:00:00 GMT"
    with wire_server(answers("200 OK", {}, *headers, date)) as server:
        rest = AlpacaRest(settings_of(server.url))
        rest.trading("GET", "/account")
        with pytest.raises(Throttled):
            rest.trading("GET", "/account")
        assert rest.trading("POST", "/orders", ORDER, Urgency.ORDER) == {}
        rest.close()
    assert [seen.method for seen in server.seen] == ["GET", "POST"]


def test_the_last_check_comes_after_the_waiting_and_can_keep_the_request_back() -> None:
    """What it raises reaches the caller, and nothing was sent."""

    class Stale(Exception):
        pass

    def refuse() -> None:
        raise Stale

    with wire_server(answers("200 OK", {})) as server:
        rest = AlpacaRest(settings_of(server.url))
        with pytest.raises(Stale):
            rest.trading("POST", "/orders", ORDER, Urgency.ORDER, refuse)
        assert server.seen == []


# --- proxies, secrets, metrics, threads ----------------------------------------------------------------------------------


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY gets the request, with the whole address in it."""
    with wire_server(answers("200 OK", {"by": "proxy"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        rest = AlpacaRest(settings_of("http://alpaca.invalid"))
        assert rest.trading("GET", "/account") == {"by": "proxy"}
        rest.close()
    assert [seen.target for seen in proxy.seen] == ["http://alpaca.invalid/v2/account"]


def test_a_dead_proxy_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that can't be reached has not passed anything on."""
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    rest = AlpacaRest(settings_of("http://alpaca.invalid"))
    with pytest.raises(NeverSent):
        rest.trading("POST", "/orders", ORDER)


def test_no_netrc_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A password that .netrc holds for the host stays at home."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hunter22222\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with wire_server(answers("200 OK", {})) as server:
        rest = AlpacaRest(settings_of(server.url))
        rest.trading("GET", "/account")
        rest.close()
    assert "authorization" not in server.seen[0].headers


def test_no_error_shows_a_secret() -> None:
    """Not even when the server says the keys back, in a page, as a message or in a success that is no JSON."""
    echo = f"your keys are {KEY} and {SECRET}"
    acts = [
        answers("401 Unauthorized", {"message": echo}),
        sends(raw("502 Bad Gateway", echo.encode())),
        sends(raw("200 OK", echo.encode())),
        sends(raw("302 Found", b"", f"Location: http://{KEY}:{SECRET}@elsewhere")),
        reset,
    ]
    for act in acts:
        error, _ = failure_of(act)
        for text in (str(error), repr(error), getattr(error, "message", "")):
            assert KEY not in text
            assert SECRET not in text


def test_settings_show_no_secret() -> None:
    """Printing the settings shows stars."""
    text = repr(settings_of("http://127.0.0.1:1"))
    assert KEY not in text
    assert SECRET not in text
    assert "***" in text


def test_each_request_is_observed() -> None:
    """Method, path, status (0 without an answer), time and what the minute has left are told, for failures too."""
    calls: list[Call] = []
    with wire_server(answers("200 OK", {}, "X-RateLimit-Remaining: 199")) as server:
        rest = AlpacaRest(settings_of(server.url), calls.append)
        rest.trading("GET", "/account")
        server.act = reset
        with pytest.raises(NoAnswer):
            rest.trading("DELETE", "/orders/1", None, Urgency.CANCEL)
        rest.close()
    assert [(call.method, call.path, call.status, call.remaining) for call in calls] == [
        ("GET", "/account", 200, 199),
        ("DELETE", "/orders/1", 0, None),
    ]
    assert all(call.seconds > 0 for call in calls)


def test_threads_do_not_mix_their_answers() -> None:
    """Eight threads at once each get the answer to what they asked."""

    def echo(connection: socket.socket, seen: Seen) -> None:
        connection.sendall(raw("200 OK", json.dumps(seen.query["n"]).encode()))

    wrong: list[object] = []
    with wire_server(echo) as server:
        rest = AlpacaRest(settings_of(server.url))

        def ask(thread: int) -> None:
            for number in range(10):
                wanted = f"{thread}-{number}"
                answer = rest.trading("GET", "/orders", {"n": wanted})
                if answer != wanted:
                    wrong.append((wanted, answer))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        rest.close()
    assert len(server.seen) == 80
    assert wrong == []
