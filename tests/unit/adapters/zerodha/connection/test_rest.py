"""Requests to the local Kite: each fault of the transport as what it is, the token in no line of a log."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from holdfast.adapters.zerodha.connection.failures import Meaning, TokenDead, meaning_of
from holdfast.adapters.zerodha.connection.instruments import Instruments
from holdfast.adapters.zerodha.connection.rest import Breakers, Call, KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens
from holdfast.brokers.breaker import Breaker
from holdfast.brokers.http.failures import LeftAlone, RequestFailed, Throttled
from holdfast.brokers.http.limiter import Urgency
from holdfast.brokers.sessions import NoSessions
from holdfast.sim.kite.faults.catalogue import FAULTS
from holdfast.telemetry.logs import LogFormat, set_up_logs
from holdfast.telemetry.secret import Secret
from tests.local_kite import LocalKite, local_kite
from tests.unit.adapters.zerodha.connection.at_local_kite import rest_at, settings_at, token_at

ORDER = {
    "exchange": "NSE",
    "tradingsymbol": "AVANTI",
    "transaction_type": "BUY",
    "quantity": 1,
    "product": "MIS",
    "order_type": "LIMIT",
    "price": 240,
    "validity": "DAY",
}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKite]:
    """A market that stands at its open."""
    with local_kite() as running:
        running.play(20)
        yield running


def place(rest: KiteRest, **more: Any) -> Any:
    """An order there."""
    return rest.request(
        "POST", "order.place", parts={"variety": "regular"}, params={**ORDER, **more}, urgency=Urgency.ORDER
    )


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        ("storm_429", Meaning.WAIT),
        ("html_502", Meaning.UNKNOWN),
        ("accepted_then_502", Meaning.UNKNOWN),
        ("reset_before", Meaning.UNKNOWN),
        ("reset_after", Meaning.UNKNOWN),
        ("error_without_type", Meaning.UNKNOWN),
        ("unparsable_200", Meaning.UNKNOWN),
        ("error_400_then_placed", Meaning.UNKNOWN),
        ("token_dead", Meaning.NO_ACCESS),
    ],
)
def test_each_fault_is_what_it_says_and_no_more(server: LocalKite, fault: str, meaning: Meaning) -> None:
    """What may have been placed is unknown, whatever the SDK makes of it."""
    rest = rest_at(server.url, token_at(server))
    more = {"seconds": 0.01} if fault in ("storm_429", "error_400_then_placed") else {}
    if fault == "token_dead":
        server.call(server.world.accounts.all()[0].tokens.kill)
    else:
        server.call(lambda: server.world.faults.arm(FAULTS.parse({"name": fault, **more})))
    try:
        with pytest.raises(RequestFailed) as raised:
            place(rest, tag=fault[:20])
    finally:
        server.call(server.world.faults.disarm)
        rest.close()
    assert meaning_of(raised.value) is meaning


def test_a_dead_token_is_sent_once(server: LocalKite) -> None:
    """What comes after the first no is kept back here, and says what to do."""
    calls: list[Call] = []
    settings = settings_at(server.url, token=Secret("deadtoken1"))
    rest = KiteRest(settings, Tokens(settings, NoSessions()), calls.append)
    for _ in range(2):
        with pytest.raises(RequestFailed) as raised:
            rest.request("GET", "orders")
        assert meaning_of(raised.value) is Meaning.NO_ACCESS
    assert isinstance(raised.value, TokenDead)
    assert "holdfast login zerodha" in str(raised.value)
    assert [(call.path, call.status) for call in calls] == [("/orders", 403)]


def test_the_last_check_keeps_an_order_back(server: LocalKite) -> None:
    """What it raises is what comes; nothing has left."""
    rest = rest_at(server.url, token_at(server))

    def no() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        rest.request("POST", "order.place", parts={"variety": "regular"}, params={**ORDER, "tag": "k"}, last_check=no)
    assert not any(row["tag"] == "k" for row in rest.request("GET", "orders"))


def test_questions_are_left_alone_and_orders_go(server: LocalKite) -> None:
    """While the breaker is open; and the day's orders have an end, which cancels don't have."""
    breaker = Breaker(1, lambda _closed, _why: None)
    settings = settings_at("http://127.0.0.1:9", token=Secret("sometoken"))
    rest = KiteRest(settings, Tokens(settings, NoSessions()), breakers=Breakers(breaker))
    with pytest.raises(RequestFailed):
        rest.request("GET", "orders")
    with pytest.raises(LeftAlone):
        rest.request("GET", "orders")
    few = settings_at(server.url, token=token_at(server))
    few_rest = KiteRest(type(few)(**{**_fields(few), "orders_per_day": 1}), Tokens(few, NoSessions()))
    order = place(few_rest, tag="the first")
    with pytest.raises(Throttled, match="the 1 orders that Zerodha takes in a day are used up"):
        place(few_rest, tag="the second")
    parts = {"variety": "regular", "order_id": order["order_id"]}
    assert few_rest.request("DELETE", "order.cancel", parts=parts, urgency=Urgency.CANCEL) == order


def _fields(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def test_no_secret_is_in_a_log_at_debug(server: LocalKite) -> None:
    """Of answers and of errors, with every library at its most talkative."""
    written = StringIO()
    set_up_logs(LogFormat.JSON, logging.DEBUG, written)
    try:
        for name in ("urllib3", "kiteconnect", "requests"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        token = token_at(server)
        rest = rest_at(server.url, token)
        rest.request("GET", "orders")
        with pytest.raises(RequestFailed):
            place(rest, order_type="MARKET")
        with pytest.raises(RequestFailed):
            rest.request("DELETE", "api.token.invalidate", params={"api_key": "kitekey", "access_token": "wrong-one-1"})
    finally:
        set_up_logs(LogFormat.CONSOLE, logging.WARNING)
    text = written.getvalue()
    assert '"path": "/orders"' in text or '"path":"/orders"' in text
    assert "market protection" in text
    for secret in (token.reveal(), "kitesecret", "wrong-one-1"):
        assert secret not in text


def test_the_dump_is_asked_for_once_a_day(server: LocalKite) -> None:
    """As records with exact ticks; what isn't there is told with what is nearest."""
    now = [server.world.clock.now_ns]
    calls: list[Call] = []
    settings = settings_at(server.url, token=token_at(server))
    instruments = Instruments(KiteRest(settings, Tokens(settings, NoSessions()), calls.append), lambda: now[0])
    today = instruments.today()
    assert instruments.today() is today
    found = today.need(["AVANTI", "BHARAVI"])["AVANTI"]
    assert (found.exchange, str(found.tick), found.lot) == ("NSE", "0.05", 1)
    assert today.of_token(found.token) is found
    now[0] += 86_400 * 1_000_000_000
    assert instruments.today() is not today
    assert len(calls) == 2
