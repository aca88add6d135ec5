"""Stops that move and positions that are held for a time, at the local Alpaca: the exits there are what the books say."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.core.exits import Exits
from holdfast.core.messages import Quote
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.records import PositionClosing, ProtectionFailed, StopMoved
from holdfast.core.types import SECOND_NS, Price
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    becomes,
    bodies,
    buy,
    idle_configuration,
    idle_engine,
    price_moves,
    started_engine,
)
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_protection_peers import at_broker, is_protected, legs, price

HOLD_NS = 120 * SECOND_NS


@pytest.fixture
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


def stop_there(server: LocalAlpaca) -> list[Decimal]:
    """Where the stops at the server stand."""
    return [Decimal(str(row["stop_price"])) for row in at_broker(server) if row["type"] == "stop"]


def market_goes(server: LocalAlpaca, to: float) -> None:
    """A minute in which the market went there, quotes and all."""
    now_ns, to = server.call(lambda: server.world.clock.now_ns), round(to, 2)
    server.take(Quote("AVOR", now_ns + 1, bid=to - 0.01, bid_size=1e6, ask=to + 0.01, ask_size=1e6))
    price_moves(server, to)


def bought(running: Running, server: LocalAlpaca, exits: Exits, profit: Price | None = None) -> None:
    entry = buy(running, 100, exits=exits, take_profit=profit)
    becomes(running, entry, OrderState.SUBMITTED, OrderState.FILLED)
    server.play(4)
    becomes(running, entry, OrderState.FILLED)
    if exits.trails:
        running.wait_for(is_protected(running, server, 100), "its stop")


@pytest.mark.parametrize("with_target", [False, True])
def test_a_trailing_stop_follows_and_survives_a_restart(server: LocalAlpaca, tmp_path: Path, with_target: bool) -> None:
    """The stop at the server is moved up with the market, is there after a new start, and goes on from there."""
    with idle_engine(server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        profit = price(mark * 1.5) if with_target else None
        bought(running, server, Exits(trail_amount=Price(Decimal(10))), profit)
        (first,) = stop_there(server)
        market_goes(server, mark + 20)
        running.wait_for(lambda: bodies(running, StopMoved), "the stop to move")
        running.wait_for(lambda: stop_there(server) not in ([], [first]), "the new stop")
        running.wait_for(is_protected(running, server, 100), "its confirmation")
        (second,) = stop_there(server)
        assert second - first >= 5
        agree_in_the_end(running, Theirs(server))
    with started_engine(idle_configuration(server, tmp_path)) as running:
        running.wait_for(lambda: running.state.account_state.takes_risk, "the market data")
        assert stop_there(server) == [second]
        market_goes(server, mark + 40)
        running.wait_for(lambda: bodies(running, StopMoved), "the stop to move on")
        running.wait_for(lambda: stop_there(server) not in ([], [second]), "the next stop")
        running.wait_for(is_protected(running, server, 100), "its confirmation")
        assert stop_there(server)[0] - second >= 5
        agree_in_the_end(running, Theirs(server))
        assert bodies(running, ProtectionFailed) == []


def test_time_is_up(server: LocalAlpaca, tmp_path: Path) -> None:
    """When its time is over the position is closed at the server, exits and all, by one order of exactly its size."""
    with idle_engine(server, tmp_path) as running:
        bought(running, server, Exits(hold_ns=HOLD_NS, trail_amount=Price(Decimal(50))))
        over_ns = server.call(lambda: server.world.clock.now_ns) + HOLD_NS
        while server.world.clock.now_ns <= over_ns:  # what the market lacks of it would be waited for
            server.play(8)
        running.wait_for(lambda: bodies(running, PositionClosing), "the time to be over")
        running.wait_for(lambda: not legs(running), "its exits to be canceled")
        running.wait_for(lambda: len(running.state.orders.live) == 1 or not running.state.guards, "the close")
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the close to fill")
        agree_in_the_end(running, Theirs(server))
        assert (Theirs(server).positions(), at_broker(server)) == ({}, [])


def test_a_stop_that_was_reached_before_it_stood(server: LocalAlpaca, tmp_path: Path) -> None:
    """The fall that fills the entry goes through the stop: Alpaca refuses that, and the position is sold."""
    with idle_engine(server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        entry = buy(running, 100, str(price(mark * 0.99)), stop_loss=price(mark * 0.98))
        becomes(running, entry, OrderState.SUBMITTED)
        market_goes(server, mark * 0.9)
        running.wait_for(lambda: bodies(running, PositionClosing), "the close")
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the close to fill")
        assert bodies(running, ProtectionFailed) == []
        agree_in_the_end(running, Theirs(server))
        assert (Theirs(server).positions(), at_broker(server)) == ({}, [])
