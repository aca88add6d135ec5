"""Paper on live data: the live account, unchanged, with the exchange in memory behind its port, stopped and killed and started again."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from holdfast.brokers.port import BrokerAccount
from holdfast.config import Config
from holdfast.core.messages import Envelope, OrderFilled, OrderNotSent
from holdfast.core.orders.order import OrderState
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.live.loop import LiveLoop
from holdfast.telemetry.crash_points import CrashPoint
from tests.budget import by_tier, in_a_campaign
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import IDLE, becomes, buy, price_moves
from tests.scenario.alpaca.engine import PATIENCE_S, SYMBOLS
from tests.scenario.alpaca.paper import (
    DEPOSIT,
    PaperRunning,
    paper_configuration,
    paper_engine,
    start_process,
)


def account_of(running: PaperRunning) -> BrokerAccount:
    """What the paper broker itself holds."""
    return asyncio.run(running.engine.broker.account())


def agree(running: PaperRunning) -> None:
    """Wait until the books are the paper broker's and nothing is missing or without an answer."""

    def same() -> bool:
        there = account_of(running)
        held = {row.symbol: row.quantity for row in there.positions}
        state = running.state
        ours = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
        working = {order.client_order_id for order in asyncio.run(running.engine.broker.open_orders())}
        return (ours, state.portfolio.cash, set(state.orders.live)) == (
            held,
            there.cash,
            working,
        ) and not state.impairments

    running.wait_for(same, "the books to be the broker's")


def has_price(running: PaperRunning) -> None:
    """Wait until the feed is there and a price is known."""
    (loop,) = running.engine.loop.groups
    assert isinstance(loop, LiveLoop)
    running.wait_for(lambda: loop._has_had_market and running.state.account_state.takes_risk, "the market data to come")
    running.wait_for(lambda: "AVOR" in running.state.marks, "a price")


def idle(server: LocalAlpaca, folder: Path) -> Config:
    """A strategy that asks for nothing: what happens, a test asks for."""
    return paper_configuration(server, folder, params=IDLE)


def records(config: Config) -> list[Envelope]:
    with Reader.open(config.journal.url) as reader:
        return list(reader.records("one"))


@pytest.mark.proves("I3", "I6")
def test_a_session_ends_with_the_brokers_own_books_and_goes_on_from_them(tmp_path: Path) -> None:
    """Two hours of orders of every kind on live data; after a restart, cash, positions and open orders are what they were."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        config = paper_configuration(server, tmp_path)
        with paper_engine(config) as running:
            server.call(server.world.clock.resume)
            running.wait_for(lambda: running.engine.loop.events > 240, "two hours of bars")
            server.call(server.world.clock.pause)
            agree(running)
        agree(running)  # with what was on its way still when the market stood
        before, open_before = account_of(running), set(running.state.orders.live)
        assert sum(isinstance(record.body, OrderFilled) for record in records(config)) > 10
        with paper_engine(config) as again:
            agree(again)
            assert account_of(again) == before
            assert set(again.state.orders.live) == open_before


def test_an_order_that_rests_survives_a_restart_and_fills_afterwards(tmp_path: Path) -> None:
    """At its limit, once, and paid for once."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        config = idle(server, tmp_path)
        with paper_engine(config) as running:
            has_price(running)
            limit = round(Decimal(str(running.state.marks["AVOR"])) * Decimal("0.9"), 2)
            order = buy(running, 5, limit=str(limit))
            becomes(running, order, OrderState.SUBMITTED)
        with paper_engine(config) as again:
            has_price(again)
            price_moves(server, float(limit) - 1)
            found = again.state.orders.find(order.terms.client_order_id)
            assert found is not None
            becomes(again, found, OrderState.FILLED)
            agree(again)
            assert DEPOSIT - 5 * limit <= account_of(again).cash < DEPOSIT


def test_what_the_market_did_while_the_engine_was_down_is_not_made_up_for_and_is_said(tmp_path: Path) -> None:
    """The price was below the limit in between: the order still works, fills when it is there again, and a line says why."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        config = idle(server, tmp_path)
        with paper_engine(config) as running:
            has_price(running)
            price = float(running.state.marks["AVOR"])
            order = buy(running, 5, limit=f"{price * 0.9:.2f}")
            becomes(running, order, OrderState.SUBMITTED)
        price_moves(server, price * 0.8)
        price_moves(server, price)
        with capture_logs() as lines, paper_engine(config) as again:
            agree(again)
            has_price(again)
            found = again.state.orders.find(order.terms.client_order_id)
            assert found is not None
            assert found.state is OrderState.SUBMITTED
            price_moves(server, price * 0.8)
            becomes(again, found, OrderState.FILLED)
        (said,) = [line["event"] for line in lines if "saw nothing of the market" in line["event"]]
        assert "its 1 open order" in said


@pytest.mark.process
@pytest.mark.proves("K3", "K5", "K6")
@pytest.mark.parametrize("point", [*map(in_a_campaign, (CrashPoint.RELEASED, CrashPoint.ANSWERED)), CrashPoint.SENDING])
def test_an_order_in_flight_at_a_kill_never_arrived(tmp_path: Path, point: CrashPoint) -> None:
    """The exchange died with the process, with what it had not yet been recorded to have: it ends as not sent, and the books agree."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=600, is_paused=False) as server:
        with start_process(server, tmp_path, f"{point}:1") as process:
            assert process.wait(PATIENCE_S) == -9
        config = idle(server, tmp_path)
        with paper_engine(config) as running:
            agree(running)
        ends = [record.body for record in records(config) if isinstance(record.body, OrderNotSent)]
        assert any("the broker has no such order" in body.reason for body in ends)
        assert verify(config.journal.url).problems == []


@pytest.mark.process
@pytest.mark.proves("I9", "I12")
def test_kills_at_any_time_leave_books_that_the_broker_agrees_with(tmp_path: Path) -> None:
    """Killed after some more records each time, wherever that is; the account goes on from what is recorded."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=600, is_paused=False) as server:
        config = paper_configuration(server, tmp_path)
        for _ in range(by_tier(test=2, campaign=50)):
            with start_process(server, tmp_path, f"{CrashPoint.COMMITTED}:25") as process:
                assert process.wait(PATIENCE_S) == -9
            assert verify(config.journal.url).problems == []
        with paper_engine(config) as running:
            agree(running)
        assert any(isinstance(record.body, OrderFilled) for record in records(config))
