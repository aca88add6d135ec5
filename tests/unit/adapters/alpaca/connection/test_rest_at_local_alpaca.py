"""The REST session at the local Alpaca, with its faults: what is said of an order is what became of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from holdfast.adapters.alpaca.connection.rest import (
    AlpacaRest,
    ErrorAnswer,
    NoAnswer,
    RequestFailed,
    UnreadableAnswer,
    Urgency,
)
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.unit.adapters.alpaca.connection.wire import settings_of


@pytest.fixture(scope="module")
def alpaca() -> Iterator[LocalAlpaca]:
    with local_alpaca() as server:
        yield server


@pytest.fixture
def rest(alpaca: LocalAlpaca) -> Iterator[AlpacaRest]:
    requests.delete(f"{alpaca.trading_url}/_sim/faults", timeout=5).raise_for_status()
    settings = settings_of(alpaca.trading_url, read_timeout_s=1, key=KEY, secret=SECRET)
    rest = AlpacaRest(settings)
    yield rest
    rest.close()


def break_next(alpaca: LocalAlpaca, name: str, **further: Any) -> None:
    fault = {"name": name, "times": 1, "method": "POST", "path": "/v2/orders", **further}
    requests.post(f"{alpaca.trading_url}/_sim/faults", json=fault, timeout=5).raise_for_status()


def order(client_order_id: str) -> dict[str, str]:
    return {
        "symbol": "AVOR", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1", "time_in_force": "day",
        "client_order_id": client_order_id,
    }  # fmt: skip


def is_there(rest: AlpacaRest, client_order_id: str) -> bool:
    try:
        rest.trading("GET", "/orders:by_client_order_id", {"client_order_id": client_order_id})
    except ErrorAnswer as error:
        if error.status != 404:
            raise
        return False
    return True


def test_an_order_is_placed_found_and_canceled(rest: AlpacaRest) -> None:
    """The whole way at a server that speaks as Alpaca does."""
    placed = rest.trading("POST", "/orders", order("whole-way"), Urgency.ORDER)
    assert placed["client_order_id"] == "whole-way"
    assert is_there(rest, "whole-way")
    assert rest.trading("DELETE", f"/orders/{placed['id']}", None, Urgency.CANCEL) is None


def test_a_used_id_is_a_refusal_with_its_code(rest: AlpacaRest) -> None:
    """Status, code and message come through."""
    rest.trading("POST", "/orders", order("twice"), Urgency.ORDER)
    with pytest.raises(ErrorAnswer) as caught:
        rest.trading("POST", "/orders", order("twice"), Urgency.ORDER)
    assert (caught.value.status, caught.value.code) == (422, 40010001)
    assert "client_order_id must be unique" in caught.value.message


@pytest.mark.parametrize(
    ("fault", "failure", "was_taken"),
    [
        ("accepted_then_timeout", NoAnswer, True),
        ("accepted_then_504", ErrorAnswer, True),
        ("not_accepted_then_504", ErrorAnswer, False),
        ("reset_before", NoAnswer, False),
        ("reset_after", NoAnswer, True),
        ("unparsable_200", UnreadableAnswer, True),
        ("maintenance_page", RequestFailed, False),
    ],
)
def test_a_lost_answer_is_never_called_unsent_nor_sent_again(
    alpaca: LocalAlpaca, rest: AlpacaRest, fault: str, failure: type[RequestFailed], was_taken: bool
) -> None:
    """Whether or not the order was taken: one request reached the server, and the error claims nothing it can't know."""
    break_next(alpaca, fault)
    with pytest.raises(failure) as caught:
        rest.trading("POST", "/orders", order(f"lost-{fault}"), Urgency.ORDER)
    assert type(caught.value) in (NoAnswer, ErrorAnswer, UnreadableAnswer)
    assert is_there(rest, f"lost-{fault}") is was_taken


def test_a_storm_of_429_is_waited_out(alpaca: LocalAlpaca, rest: AlpacaRest) -> None:
    """The first 429 holds everything back here; the next order leaves when the server wants requests again, and is taken."""
    break_next(alpaca, "storm_429", seconds=0.5)
    with pytest.raises(ErrorAnswer) as caught:
        rest.trading("POST", "/orders", order("storm"), Urgency.ORDER)
    assert caught.value.status == 429
    assert rest.trading("POST", "/orders", order("storm"), Urgency.ORDER)["client_order_id"] == "storm"
