"""An account that can't see: what goes out, what does not, and who lets it trade again."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.core.messages import Action, CommandDone, Flatten, Resume
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.session.account import AccountState
from holdfast.core.types import SECOND_NS, Price, StrategyId
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    LONG_S,
    Wire,
    ask,
    ask_for,
    becomes,
    bodies,
    buy,
    cancel,
    idle_configuration,
    idle_engine,
    live_account_of,
    path_is,
    price_moves,
    see_cycles,
    started_engine,
    trade,
    wire_to,
)
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end, requests_at
from tests.scenario.alpaca.test_faults import disarm, post

REQUESTS = "broker requests"
QUESTIONS = path_is("GET", "/v2/")


class Rig(NamedTuple):
    """A server, and the wire to it."""

    server: LocalAlpaca
    wire: Wire


@pytest.fixture
def rig() -> Iterator[Rig]:
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, wire_to(server) as wire:
        yield Rig(server, wire)


def go_blind(running: Running, wire: Wire) -> None:
    """Every question goes unanswered until the account is in preservation."""
    wire.cut = QUESTIONS
    running.wait_for(lambda: running.state.account_state is AccountState.PRESERVATION, "preservation")
    assert list(running.state.impairments) == [REQUESTS]


def price(value: float) -> Price:
    return Price(Decimal(str(round(value, 2))))


def posts(server: LocalAlpaca) -> int:
    return sum(row["method"] == "POST" for row in requests_at(server))


@pytest.mark.proves("I13")
def test_what_reduces_risk_goes_out_and_nothing_else(rig: Rig, tmp_path: Path) -> None:
    """Blind: an entry is refused before it leaves, a close and a cancel are carried out; seeing again, entries go too."""
    with idle_engine(rig.server, tmp_path, alpaca={"trading_url": rig.wire.url}) as running:
        held, working = buy(running), buy(running, limit=FAR_BELOW, symbol="BRYX")
        becomes(running, working, OrderState.SUBMITTED)
        rig.server.play(4)
        becomes(running, held, OrderState.FILLED)
        go_blind(running, rig.wire)
        sent = posts(rig.server)
        answers, orders = len(bodies(running, CommandDone)), running.state.order_count
        ask_for(running, Action.BUY, 3, None, "AVOR")
        running.wait_for(lambda: len(bodies(running, CommandDone)) > answers, "the refusal")
        assert not bodies(running, CommandDone)[-1].accepted
        assert (running.state.order_count, posts(rig.server)) == (orders, sent)
        closing = trade(running, Action.SELL, 5, None, "AVOR")
        becomes(running, closing, OrderState.SUBMITTED, OrderState.FILLED)
        cancel(running, working)
        becomes(running, working, OrderState.CANCELED)
        rig.server.play(4)
        becomes(running, closing, OrderState.FILLED)
        rig.wire.cut = lambda _: False
        running.wait_for(lambda: running.state.account_state.takes_risk, "risk to be taken again")
        becomes(running, buy(running, quantity=4, limit=FAR_BELOW), OrderState.SUBMITTED)


@pytest.mark.proves("I13")
def test_flatten_while_blind(rig: Rig, tmp_path: Path) -> None:
    """Everything is canceled and closed although no question is answered."""
    with idle_engine(rig.server, tmp_path, alpaca={"trading_url": rig.wire.url}) as running:
        held, working = buy(running), buy(running, limit=FAR_BELOW, symbol="BRYX")
        rig.server.play(4)
        becomes(running, held, OrderState.FILLED)
        becomes(running, working, OrderState.SUBMITTED)
        go_blind(running, rig.wire)
        ask(running, Flatten())
        running.wait_for(lambda: working.state is OrderState.CANCELED, "the cancel")
        rig.server.play(6)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the close")
        assert Theirs(rig.server).positions() == {}


@pytest.mark.proves("I13")
def test_an_order_that_waits_when_sight_is_lost_stays_here(rig: Rig, tmp_path: Path) -> None:
    """Approved and released while all was well, held back by 429: the last check before the first byte says no."""
    with idle_engine(rig.server, tmp_path, alpaca={"trading_url": rig.wire.url}) as running:
        post(rig.server, [{"name": "storm_429", "seconds": LONG_S}])
        order = buy(running, limit=FAR_BELOW)
        running.wait_for(lambda: posts(rig.server), "the order to be refused once")
        go_blind(running, rig.wire)
        becomes(running, order, OrderState.NOT_SENT)
        assert "PRESERVATION" in order.reason
        disarm(rig.server)
        rig.wire.cut = lambda _: False
        agree_in_the_end(running, Theirs(rig.server))
        assert Theirs(rig.server).orders() == {}


@pytest.mark.proves("I15", "B5")
def test_an_order_that_gets_stale_while_it_waits_stays_here(rig: Rig, tmp_path: Path) -> None:
    """Its time to live runs out while 429 holds it back."""
    with idle_engine(rig.server, tmp_path) as running:
        post(rig.server, [{"name": "storm_429", "seconds": LONG_S}])
        order = buy(running, limit=FAR_BELOW, time_to_live_ns=SECOND_NS)
        becomes(running, order, OrderState.NOT_SENT)
        assert "was to be sent by" in order.reason
        assert Theirs(rig.server).orders() == {}


def test_the_manual_policy_waits_for_a_person(rig: Rig, tmp_path: Path) -> None:
    """A start needs nobody; after a loss a resume does nothing while something is missing, and lets trade when all is there."""
    live = {"leave_preservation": "manual"}
    with idle_engine(rig.server, tmp_path, alpaca={"trading_url": rig.wire.url}, live=live) as running:
        go_blind(running, rig.wire)
        ask(running, Resume())
        running.wait_for(lambda: bodies(running, CommandDone), "the answer")
        running.wait_for(lambda: REQUESTS in running.state.impairments, "it to be missing still")
        assert running.state.account_state is AccountState.PRESERVATION
        rig.wire.cut = lambda _: False
        running.wait_for(lambda: not live_account_of(running).monitor.missing, "all to be there")
        see_cycles(running, 2)
        assert running.state.account_state is AccountState.PRESERVATION
        ask(running, Resume())
        running.wait_for(lambda: running.state.account_state.takes_risk, "risk to be taken again")
        becomes(running, buy(running, limit=FAR_BELOW), OrderState.SUBMITTED)


def test_a_protected_position_survives_a_restart_with_a_partly_filled_exit(rig: Rig, tmp_path: Path) -> None:
    """A take-profit that has filled in part, then a new start: both exits are known, cover what is left, and end together."""
    with idle_engine(rig.server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        entry = buy(running, 100, stop_loss=price(mark * 0.9), take_profit=price(mark * 1.1))
        becomes(running, entry, OrderState.FILLED)
        running.wait_for(lambda: len(legs(running)) == 2, "its exits")
        running.wait_for(lambda: all(leg.broker_order_id for leg in legs(running)), "their ids")
        post(rig.server, [{"name": "partial_fills", "fraction": 0.3}])
        price_moves(rig.server, mark * 1.1 + 0.02)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 70, "an exit to fill in part")
    for left in (70, 0):
        with started_engine(idle_configuration(rig.server, tmp_path)) as running:
            if not left:
                for more in (0.03, 0.04):
                    price_moves(rig.server, mark * 1.1 + more)
                running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the exits to end it")
            agree_in_the_end(running, Theirs(rig.server))
            assert [leg.remaining for leg in legs(running)] == ([70, 70] if left else [])


def legs(running: Running) -> list[Order]:
    """The live exits of the position."""
    return running.state.legs(StrategyId("all"), "AVOR")


def test_nothing_leaves_for_another_account(rig: Rig, tmp_path: Path) -> None:
    """The keys show another account all at once: no close goes there; when it is ours again all is well."""
    with idle_engine(rig.server, tmp_path, alpaca={"trading_url": rig.wire.url}) as running:
        held = buy(running)
        rig.server.play(4)
        becomes(running, held, OrderState.FILLED)
        sent = posts(rig.server)
        shows(rig.server, "another")
        running.wait_for(lambda: "account" in running.state.impairments, "the other account to be noticed")
        closing = trade(running, Action.SELL, 5, None, "AVOR")
        becomes(running, closing, OrderState.NOT_SENT)
        assert "another account" in closing.reason
        assert posts(rig.server) == sent
        shows(rig.server, "")
        running.wait_for(lambda: not running.state.impairments, "our own account")


def shows(server: LocalAlpaca, suffix: str) -> None:
    """The server says from now on that these keys are for the account whose id ends so."""

    def change() -> None:
        (trading,) = server.world.accounts.all()
        trading.account.id = trading.account.id.partition("+")[0] + (f"+{suffix}" if suffix else "")

    server.call(change)
