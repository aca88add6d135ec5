"""A start that can't go well: one clear line, and nothing was sent."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from holdfast.config import Config
from holdfast.core.messages import PositionAdopted
from holdfast.core.milestones import AccountBound
from holdfast.core.orders.order import OrderState
from holdfast.errors import HoldfastError
from holdfast.runtime.compose import open_engine
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    becomes,
    bodies,
    buy,
    idle_configuration,
    idle_engine,
    path_is,
    price_moves,
    started_engine,
    wire_to,
)
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end, requests_at
from tests.scenario.alpaca.test_faults import post

AWAY = "http://127.0.0.1:9"
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


@pytest.fixture
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start gives up sooner than it does for people."""
    monkeypatch.setattr("holdfast.runtime.live.live_account.START_TRIES_S", (0.05, 0.05))
    monkeypatch.setattr("holdfast.runtime.live.live_account.STREAM_WITHIN_S", 2.0)


def fails(config: Config) -> HoldfastError:
    """What a start that must not come to an end says; it is one line."""
    with pytest.raises(HoldfastError) as raised, open_engine(config) as engine:
        asyncio.run(asyncio.wait_for(engine.loop.run(), 30))
    text = str(raised.value)
    assert "\n" not in text
    assert SECRET not in text
    return raised.value


def nothing_was_sent(server: LocalAlpaca) -> bool:
    answer = requests.get(f"{server.trading_url}/_sim/audit", {"key": KEY}, timeout=10).json()
    return all(row["method"] == "GET" for row in answer.get("requests", ()))


def test_nobody_there(server: LocalAlpaca, tmp_path: Path) -> None:
    """The server is down: it is asked some times, then the text says that no connection could be made."""
    error = fails(idle_configuration(server, tmp_path, alpaca={"trading_url": AWAY}))
    assert "no connection to Alpaca could be made" in str(error)


def test_keys_that_are_refused(server: LocalAlpaca, tmp_path: Path) -> None:
    """401 is not asked again: the text names the keys and where to look, and the exit status is its own."""
    post(server, [{"name": "unauthorized", "times": 50, "path": "/v2/"}])
    error = fails(idle_configuration(server, tmp_path))
    assert "check the keys" in str(error)
    assert error.exit_status == 3
    assert nothing_was_sent(server)


def test_keys_of_another_account(server: LocalAlpaca, tmp_path: Path) -> None:
    """An account is bound at its first start: other keys are refused, with both ids and what to do."""
    with idle_engine(server, tmp_path) as running:
        bound = running.state.broker_account_id
    error = fails(idle_configuration(server, tmp_path, alpaca={"api_key": "PKANOTHERACCOUNT"}))
    assert f"bound to the broker's account {bound}" in str(error)
    assert "another account name and journal" in str(error)
    assert error.exit_status == 3
    assert nothing_was_sent(server)


@pytest.mark.proves("D7")
@pytest.mark.parametrize("what", ["none", "old"])
def test_a_journal_that_is_not_the_latest(server: LocalAlpaca, tmp_path: Path, what: str) -> None:
    """The broker knows orders of this account's name that the journal doesn't, lost or restored from a backup: refused."""
    journal, backup = tmp_path / "journal.db", tmp_path / "backup.db"
    with idle_engine(server, tmp_path) as running:
        becomes(running, buy(running, limit=FAR_BELOW), OrderState.SUBMITTED)
    if what == "old":
        backup.write_bytes(journal.read_bytes())
        with idle_engine(server, tmp_path) as running:
            becomes(running, buy(running, limit="1.01"), OrderState.SUBMITTED)
    for file in tmp_path.glob("journal.db*"):
        if file.is_file():
            file.unlink()
    if what == "old":
        journal.write_bytes(backup.read_bytes())
    sent = len(requests_at(server))
    error = fails(idle_configuration(server, tmp_path))
    assert "it is not the latest journal of this account" in str(error)
    assert error.exit_status == 3
    assert len(requests_at(server)) == sent


def test_a_stream_that_never_opens(server: LocalAlpaca, tmp_path: Path) -> None:
    """Refused with 429 for longer than a start waits: the text says which stream, and why."""
    post(server, [{"name": "stream_refused_429", "times": 50}])
    error = fails(idle_configuration(server, tmp_path))
    assert "stream of order events can't be opened" in str(error)
    assert "429" in str(error)
    assert nothing_was_sent(server)


@pytest.mark.parametrize("fault", ["stream_refused_406", "stream_refused_429"])
def test_a_stream_that_opens_later(
    server: LocalAlpaca, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at first, as after a crash: the start waits for it."""
    monkeypatch.setattr("holdfast.runtime.live.live_account.STREAM_WITHIN_S", 20.0)
    post(server, [{"name": fault, "times": 2}])
    with idle_engine(server, tmp_path) as running:
        becomes(running, buy(running, limit=FAR_BELOW), OrderState.SUBMITTED)


def test_answers_that_make_no_sense(server: LocalAlpaca, tmp_path: Path) -> None:
    """A server that answers something else altogether: the text says what was asked and that it was not understood."""
    post(server, [{"name": "unparsable_200", "times": 50, "path": "/v2/"}])
    error = fails(idle_configuration(server, tmp_path))
    assert "/clock" in str(error)
    assert nothing_was_sent(server)


def test_no_history(server: LocalAlpaca, tmp_path: Path) -> None:
    """The market data's history can't be had: said so, before anything else happens."""
    error = fails(idle_configuration(server, tmp_path, alpaca={"data_url": AWAY}))
    assert "bars" in str(error)
    assert nothing_was_sent(server)


def test_an_account_that_holds_something(server: LocalAlpaca, tmp_path: Path) -> None:
    """Positions long and short and the cash are taken to the last digit, once, and stay so after a second start."""
    for symbol, side, quantity in (("AVOR", "buy", "7"), ("BRYX", "sell", "3")):
        body = {"symbol": symbol, "side": side, "qty": quantity, "type": "market", "time_in_force": "day"}
        requests.post(f"{server.trading_url}/v2/orders", json=body, headers=HEADERS, timeout=10).raise_for_status()
    server.play(8)
    theirs = Theirs(server)
    for start in range(2):
        with idle_engine(server, tmp_path) as running:
            held = {symbol: line.quantity for symbol, line in running.state.portfolio.open_lines()}
            assert held == theirs.positions() != {}
            assert running.state.portfolio.cash == theirs.cash()
            assert len(bodies(running, PositionAdopted)) == (0 if start else 2)
            assert len(bodies(running, AccountBound)) == (0 if start else 1)
            assert not running.state.impairments


def test_a_stop_during_the_start(server: LocalAlpaca, tmp_path: Path) -> None:
    """While executions can't be asked for nothing is explained, and the start goes on; asked to stop, it does so at once and in order."""
    with wire_to(server) as wire:
        config = idle_configuration(server, tmp_path, alpaca={"trading_url": wire.url})
        with idle_engine(server, tmp_path, alpaca={"trading_url": wire.url}) as running:
            becomes(running, buy(running, limit=FAR_BELOW), OrderState.SUBMITTED)
        wire.cut = path_is("GET", "/v2/account/activities")
        before = len(wire.seen)
        again = Running(config)
        thread = threading.Thread(target=again._run)
        thread.start()
        again.wait_for(lambda: sum(map(wire.cut, wire.seen[before:])) > 2, "questions without an answer")
        assert not again.engine.loop.recovered.is_set()
        again.engine.loop.stop("enough")
        thread.join(10)
        assert not thread.is_alive()
        assert again.error is None
        assert again.reason == "enough"
        wire.cut = lambda _: False
        with started_engine(config) as running:
            agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("K7", "I14")
def test_a_start_long_after_the_fills_it_finds(tmp_path: Path, server: LocalAlpaca) -> None:
    """An order filled while nobody was there, long before the start: booked late, it is not taken for undone, again and again."""
    with idle_engine(server, tmp_path, alpaca={"settle_s": 0.05}) as running:
        price = running.state.marks["AVOR"]
        order = buy(running, limit=str(round(price * 0.99, 2)))
        becomes(running, order, OrderState.SUBMITTED)
        config = running.config
    price_moves(server, price * 0.98)
    server.play(400)  # long enough for it to be in no list of late executions
    with started_engine(config) as running:
        found = running.state.orders.find(order.terms.client_order_id)
        assert found is not None
        assert found.state is OrderState.FILLED
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
