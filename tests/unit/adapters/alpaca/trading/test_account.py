"""The account's money and positions as a service: exact, asked for once, never old, None when they can't be had."""

import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.trading.account import AlpacaAccount, Balances
from holdfast.core.types import Money
from holdfast.telemetry.metrics import ApiMetrics
from tests.local_alpaca import KEY, SECRET, local_alpaca
from tests.unit.adapters.alpaca.connection.wire import (
    Seen,
    WireServer,
    answers,
    by_path,
    reset,
    settings_of,
    wire_server,
)

MONEY = {"equity": "100012.34", "cash": "-0.1", "buying_power": "200024.6800000000000000001", "status": "ACTIVE"}
LONG: dict[str, Any] = {
    "symbol": "BTCUSD", "asset_class": "crypto", "qty": "0.123456789", "side": "long",
    "avg_entry_price": "64000.1", "market_value": "7900.11", "unrealized_pl": "-1.5",
}  # fmt: skip
SHORT: dict[str, Any] = {**LONG, "symbol": "IBM", "asset_class": "us_equity", "qty": "5", "side": "short"}


class Rig:
    """An account at a server whose answers can be changed."""

    def __init__(self, server: WireServer, answers_by_path: dict[str, object]) -> None:
        self.server = server
        self.answers = answers_by_path
        self.metrics = ApiMetrics()
        self.rest = AlpacaRest(settings_of(server.url, read_timeout_s=1), self.metrics.observe)

    def account(self, time_to_live_s: float = 60) -> AlpacaAccount:
        return AlpacaAccount(self.rest, self.metrics, time_to_live_s)


@pytest.fixture
def rig() -> Iterator[Rig]:
    answers_by_path: dict[str, object] = {"/v2/account": MONEY, "/v2/positions": [LONG, SHORT]}
    with wire_server(by_path(answers_by_path)) as server:
        rig = Rig(server, answers_by_path)
        yield rig
        rig.rest.close()


def test_money_is_exact_and_of_one_moment(rig: Rig) -> None:
    """Every digit that Alpaca writes is there, and all figures come from one answer."""
    account = rig.account()
    assert account.cash() == Decimal("-0.1")
    assert account.equity() == Decimal("100012.34")
    assert account.buying_power() == Decimal("200024.6800000000000000001")
    assert account.balances() == Balances(
        Money(Decimal("100012.34")), Money(Decimal("-0.1")), Money(Decimal("200024.6800000000000000001"))
    )
    assert len(rig.server.seen) == 1
    assert rig.metrics.summary()["saved"] == 3


def test_positions_have_our_names_and_their_sign(rig: Rig) -> None:
    """BTCUSD is BTC/USD, a short position is below zero, whether or not Alpaca writes the sign."""
    account = rig.account()
    positions = account.positions()
    assert positions is not None
    assert sorted(positions) == ["BTC/USD", "IBM"]
    bitcoin = account.position("BTC/USD")
    assert bitcoin is not None
    assert (bitcoin.quantity, bitcoin.average_price) == (Decimal("0.123456789"), Decimal("64000.1"))
    assert (bitcoin.market_value, bitcoin.unrealized_profit) == (Decimal("7900.11"), Decimal("-1.5"))
    assert account.position("BTCUSD") == bitcoin
    for quantity in ("5", "-5"):
        rig.answers["/v2/positions"] = [{**SHORT, "qty": quantity}]
        account.invalidate()
        short = account.position("IBM")
        assert short is not None
        assert short.quantity == -5
    assert {seen.path for seen in rig.server.seen} == {"/v2/positions"}


def test_flat_is_not_unknown(rig: Rig) -> None:
    """Without a position the quantity is 0; None says that it can't be had."""
    account = rig.account()
    flat = account.position("AAPL")
    assert flat is not None
    assert flat.quantity == 0
    rig.server.act = reset
    account.invalidate()
    assert account.position("AAPL") is None
    assert account.positions() is None


def test_ten_that_ask_at_once_make_one_request(rig: Rig) -> None:
    """Ten threads get the same answer from one call."""
    arrived, go_on = threading.Event(), threading.Event()
    answer = rig.server.act

    def slowly(connection: socket.socket, seen: Seen) -> None:
        arrived.set()
        assert go_on.wait(10)
        answer(connection, seen)

    rig.server.act = slowly
    account = AlpacaAccount(AlpacaRest(settings_of(rig.server.url)), rig.metrics)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(account.equity())) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert arrived.wait(10)
    deadline_s = time.monotonic() + 10
    while rig.metrics.summary()["saved"] != 9:
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.002)
    go_on.set()
    for thread in threads:
        thread.join(timeout=10)
    assert got == [Decimal("100012.34")] * 10
    assert len(rig.server.seen) == 1


def test_a_fill_makes_it_ask_again(rig: Rig) -> None:
    """After invalidate() both money and positions are asked for anew."""
    account = rig.account()
    account.equity()
    account.positions()
    rig.answers |= {"/v2/account": {**MONEY, "equity": "5"}, "/v2/positions": []}
    assert account.equity() == Decimal("100012.34")
    account.invalidate()
    assert account.equity() == 5
    assert account.positions() == {}


def test_nothing_old_is_shown_as_new(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """When its time is over and Alpaca is away the answer is None and a warning, not what was true before."""
    account = rig.account(time_to_live_s=0.05)
    assert account.equity() is not None
    rig.server.act = answers("503 Busy", {"message": "busy"})
    deadline_s = time.monotonic() + 5
    while account.equity() is not None:
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.01)
    assert "the account is not known at the moment: GET /account: Alpaca answered 503: busy" in caplog.text
    rig.server.act = by_path(rig.answers)
    while account.equity() is None:
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.01)


@pytest.mark.parametrize(
    "bad", [{}, [], None, "x", {**MONEY, "equity": None}, {**MONEY, "cash": "NaN"}, {**MONEY, "cash": "1,0"}]
)
def test_an_answer_that_is_no_account_is_none(rig: Rig, bad: object, caplog: pytest.LogCaptureFixture) -> None:
    """Missing or impossible figures are not guessed."""
    rig.answers["/v2/account"] = bad
    assert rig.account().equity() is None
    assert caplog.text


@pytest.mark.parametrize(
    "bad", [{}, [1], [{}], [{**LONG, "qty": None}], [{**LONG, "avg_entry_price": "abc"}], [{**LONG, "symbol": 5}]]
)
def test_an_answer_that_is_no_list_of_positions_is_none(
    rig: Rig, bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    """One bad row makes all unknown: a position left out would look flat."""
    rig.answers["/v2/positions"] = bad
    account = rig.account()
    assert account.positions() is None
    assert account.position("IBM") is None
    assert "not understood" in caplog.text


def test_callers_cannot_change_what_others_see(rig: Rig) -> None:
    """The positions that are handed out can't be written to."""
    positions: Any = rig.account().positions()
    with pytest.raises(TypeError):
        positions["IBM"] = None


# --- at the local Alpaca ------------------------------------------------------------------------------------------------


def test_the_account_of_the_local_alpaca_after_a_purchase() -> None:
    """Money and positions of a server that speaks as Alpaca does, before and after it has filled an order."""
    with local_alpaca() as alpaca:
        alpaca.play(50)
        metrics = ApiMetrics()
        rest = AlpacaRest(settings_of(alpaca.trading_url, key=KEY, secret=SECRET), metrics.observe)
        account = AlpacaAccount(rest, metrics, time_to_live_s=60)
        assert account.cash() == account.equity() == 100_000
        assert account.positions() == {}
        body = {"symbol": "BTC/USD", "qty": "1", "side": "buy", "type": "market", "time_in_force": "gtc"}
        placed = rest.trading("POST", "/orders", body)
        alpaca.play(200)
        assert rest.trading("GET", f"/orders/{placed['id']}")["status"] == "filled"
        assert account.positions() == {}  # within its time, and nobody has told it
        account.invalidate()
        bitcoin = account.position("BTC/USD")
        cash = account.cash()
        assert bitcoin is not None
        assert Decimal("0.99") < bitcoin.quantity <= 1  # Alpaca takes a fee out of what is bought
        assert bitcoin.average_price is not None
        assert cash == Decimal(100_000) - bitcoin.average_price
        rest.close()
