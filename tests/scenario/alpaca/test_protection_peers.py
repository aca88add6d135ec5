"""What users of other engines lost money by: peers' items 7 to 10, each against the local Alpaca with its faults on."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.records import (
    OnFailure,
    PositionClosing,
    ProtectionComplete,
    ProtectionFailed,
)
from holdfast.core.types import Price, StrategyId
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    becomes,
    bodies,
    buy,
    idle_configuration,
    idle_engine,
    price_moves,
    started_engine,
)
from tests.scenario.alpaca.engine import PATIENCE_S, SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_external import elsewhere
from tests.scenario.alpaca.test_faults import post

STRATEGY = StrategyId("all")
KEYS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
EXITS = ("stop", "limit", "stop_limit", "trailing_stop")


@pytest.fixture
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


def price(value: float) -> Price:
    return Price(Decimal(str(round(value, 2))))


def legs(running: Running) -> list[Order]:
    """The live exits of the position."""
    return running.state.legs(STRATEGY, "AVOR")


def at_broker(server: LocalAlpaca) -> list[dict[str, Any]]:
    """The exits that work there, legs of pairs included, as the server has them."""
    rows = Theirs(server).orders().values()
    return [row for row in rows if row["type"] in EXITS and row["status"] not in _OVER and row["side"] == "sell"]


_OVER = ("filled", "canceled", "expired", "rejected", "replaced")


def open_quantity(row: dict[str, Any]) -> Decimal:
    return Decimal(str(row["qty"])) - Decimal(str(row["filled_qty"]))


def stopped_for(server: LocalAlpaca) -> Decimal:
    """How much the stops at the server would sell."""
    return sum((open_quantity(row) for row in at_broker(server) if row["type"] == "stop"), Decimal(0))


def is_protected(running: Running, server: LocalAlpaca, quantity: int) -> Callable[[], bool]:
    """Whether the server has a stop for exactly so much, and the books say so too."""

    def check() -> bool:
        covers = running.state.covers.values()
        return stopped_for(server) == quantity and not any(cover.since_ns for cover in covers)

    return check


def protected_buy(running: Running, server: LocalAlpaca, quantity: int = 100, *, target: bool = True) -> Order:
    """A position with its exits at work at the server."""
    mark = running.state.marks["AVOR"]
    profit = price(mark * 1.1) if target else None
    entry = buy(running, quantity, stop_loss=price(mark * 0.9), take_profit=profit)
    becomes(running, entry, OrderState.SUBMITTED, OrderState.FILLED)
    server.play(4)
    becomes(running, entry, OrderState.FILLED)
    running.wait_for(is_protected(running, server, quantity), "its stop")
    return entry


# --- 7: a restart leaves a position with no stop ----------------------------------------------------------------------


def test_item_7_a_stop_that_died_while_the_engine_was_down_is_placed_before_anything_is_opened(
    server: LocalAlpaca, tmp_path: Path
) -> None:
    """Somebody cancels the stop while nobody is there: the new start has it again, and takes no risk before it has."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server, target=False)
        (stop,) = at_broker(server)
    requests.delete(f"{server.trading_url}/v2/orders/{stop['id']}", headers=KEYS, timeout=10).raise_for_status()
    until(lambda: not at_broker(server), "the cancel")
    with started_engine(idle_configuration(server, tmp_path)) as running:
        running.wait_for(is_protected(running, server, 100), "the stop to be back")
        running.wait_for(lambda: running.state.account_state.takes_risk, "risk to be taken again")
        order_of = [type(record.body).__name__ for _, record in running.records]
        complete = order_of.index(ProtectionComplete.__name__)
        takes_risk = next(
            number
            for number, (_, record) in enumerate(running.records)
            if getattr(record.body, "new", None) is not None and record.body.new.takes_risk  # type: ignore[union-attr]
        )
        assert complete < takes_risk
        agree_in_the_end(running, Theirs(server))


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something at the server while no engine runs."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        time.sleep(0.01)


def test_item_7_an_entry_that_filled_while_the_engine_was_down_is_protected_at_the_start(
    server: LocalAlpaca, tmp_path: Path
) -> None:
    """A resting entry with a stop fills while nobody is there: the position is protected before anything new."""
    with idle_engine(server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        entry = buy(running, 100, str(round(mark * 0.95, 2)), time_in_force="gtc", stop_loss=price(mark * 0.8))
        becomes(running, entry, OrderState.SUBMITTED)
    price_moves(server, mark * 0.94)
    with started_engine(idle_configuration(server, tmp_path)) as running:
        running.wait_for(is_protected(running, server, 100), "the stop")
        running.wait_for(lambda: running.state.account_state.takes_risk, "risk to be taken again")
        agree_in_the_end(running, Theirs(server))


def test_item_7_a_position_that_a_person_closed_while_the_engine_was_down_gets_no_stop(
    server: LocalAlpaca, tmp_path: Path
) -> None:
    """The exits are canceled and the shares sold in the app meanwhile: the new start places nothing for what is gone."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server)
    for row in at_broker(server):
        requests.delete(f"{server.trading_url}/v2/orders/{row['id']}", headers=KEYS, timeout=10)
    until(lambda: not at_broker(server), "the cancels")
    elsewhere(server, 100, side="sell")
    server.play(4)
    assert Theirs(server).positions() == {}
    with started_engine(idle_configuration(server, tmp_path)) as running:
        running.wait_for(lambda: running.state.account_state.takes_risk, "risk to be taken again")
        agree_in_the_end(running, Theirs(server))
        assert at_broker(server) == []
        assert running.state.portfolio.strategy_quantity(EXTERNAL, "AVOR") == -100


# --- 8: a partial fill breaks the bracket -----------------------------------------------------------------------------


def test_item_8_every_part_that_fills_is_protected_as_it_fills(server: LocalAlpaca, tmp_path: Path) -> None:
    """An entry that fills in many parts: after each the stops at the server are for exactly what is held."""
    with idle_engine(server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        post(server, [{"name": "partial_fills", "fraction": 0.4, "times": 4, "symbol": "AVOR"}])
        entry = buy(running, 100, stop_loss=price(mark * 0.8), take_profit=price(mark * 1.2))
        becomes(running, entry, OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED)
        held = 0
        for _ in range(12):
            server.play(2)
            position = int(Theirs(server).positions().get("AVOR", 0))
            if position != held:
                held = position
                running.wait_for(is_protected(running, server, held), f"stops for {held}")
        becomes(running, entry, OrderState.FILLED)
        assert held == 100
        assert len(bodies(running, ProtectionComplete)) >= 3
        agree_in_the_end(running, Theirs(server))


def test_item_8_a_stop_that_is_refused_while_the_rest_of_its_entry_works_goes_first(
    server: LocalAlpaca, tmp_path: Path
) -> None:
    """Alpaca takes no plain stop beside a working buy (a wash trade): the rest is canceled, and what filled is protected.

    When the stop fires, what it closes is exactly the part.
    """
    with idle_engine(server, tmp_path) as running:
        mark = running.state.marks["AVOR"]
        limit = round(mark * 0.99, 2)
        entry = buy(running, 100, str(limit), time_in_force="gtc", stop_loss=price(mark * 0.95))
        becomes(running, entry, OrderState.SUBMITTED)
        post(server, [{"name": "partial_fills", "fraction": 0.3, "client_order_id": entry.terms.client_order_id}])
        price_moves(server, mark * 0.985)
        becomes(running, entry, OrderState.CANCELED)
        assert entry.filled_quantity == 30
        running.wait_for(is_protected(running, server, 30), "the stop of the part")
        price_moves(server, mark * 0.94)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the stop to fire")
        agree_in_the_end(running, Theirs(server))
        assert (Theirs(server).positions(), at_broker(server)) == ({}, [])


# --- 9: legs missing or invisible -------------------------------------------------------------------------------------


def test_item_9_a_stop_that_was_silently_not_created_is_noticed_and_had(server: LocalAlpaca, tmp_path: Path) -> None:
    """The pair is accepted without its stop: that is found out, the half pair canceled, and a whole one placed."""
    with idle_engine(server, tmp_path) as running:
        post(server, [{"name": "leg_missing"}])
        protected_buy(running, server)
        assert len(at_broker(server)) == 2
        agree_in_the_end(running, Theirs(server))


def test_item_9_stops_that_are_never_created_end_in_the_policy(server: LocalAlpaca, tmp_path: Path) -> None:
    """A broker that never makes the stop: an alarm, and the position is closed, whole, with nothing left at work."""
    with idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}) as running:
        post(server, [{"name": "leg_missing", "times": None}])
        mark = running.state.marks["AVOR"]
        entry = buy(running, 100, stop_loss=price(mark * 0.9), take_profit=price(mark * 1.1))
        server.play(4)
        becomes(running, entry, OrderState.FILLED)
        running.wait_for(lambda: bodies(running, PositionClosing), "the policy")
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the close")
        (failed,) = bodies(running, ProtectionFailed)
        assert failed.action is OnFailure.FLATTEN
        metrics = running.engine.metrics["one"]
        assert metrics.registry.get_sample_value("holdfast_protection_alarms_total", {"alarm": "failed"}) == 1
        agree_in_the_end(running, Theirs(server))
        assert (at_broker(server), Theirs(server).positions()) == ([], {})


def test_item_9_a_held_stop_that_lists_do_not_show_is_not_placed_twice(server: LocalAlpaca, tmp_path: Path) -> None:
    """The stop of a pair is held, in no plain list, and there all the same: no second one is placed, and the books are compared."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server)
        shown = requests.get(f"{server.trading_url}/v2/orders", headers=KEYS, timeout=10).json()
        assert [row["type"] for row in shown] == ["limit"]
        cycles = running.engine.loop.groups[0]._live_accounts[0].reconciler  # type: ignore[attr-defined]
        seen = cycles.cycles
        running.wait_for(lambda: cycles.cycles > seen + 3, "three comparisons")
        running.wait_for(lambda: cycles._is_judged, "cash and positions to be compared: the stop is in no doubt")
        assert len(at_broker(server)) == 2
        assert stopped_for(server) == 100


def test_item_9_exits_that_the_broker_loses_are_placed_anew(server: LocalAlpaca, tmp_path: Path) -> None:
    """Accepted exits are gone without a trace after a restart of the broker: they are proven absent, and placed again."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server)
        post(server, [{"name": "restart_losing_orders", "seconds": 0.3}])
        running.wait_for(lambda: len(bodies(running, ProtectionComplete)) > 1, "its protection to be complete again")
        running.wait_for(is_protected(running, server, 100), "the stop")


# --- 10: a human trades in the app; the engine fights back ------------------------------------------------------------


def test_item_10_shares_that_a_person_sold_are_not_protected_again(server: LocalAlpaca, tmp_path: Path) -> None:
    """A person cancels the exits in the app and sells: what the account no longer holds gets no stop, and none opens a short."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server)
        _sell_in_the_app(server, 100)
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 0, "the sale to be booked")
        agree_in_the_end(running, Theirs(server))
        assert (at_broker(server), legs(running)) == ([], [])
        price_moves(server, running.state.marks["AVOR"] * 0.5)
        agree_in_the_end(running, Theirs(server))
        assert Theirs(server).positions() == {}


def test_item_10_what_is_left_after_a_person_sold_a_part_is_protected(server: LocalAlpaca, tmp_path: Path) -> None:
    """Of a hundred a person sells forty: the stop is for the sixty that the account holds."""
    with idle_engine(server, tmp_path) as running:
        protected_buy(running, server)
        _sell_in_the_app(server, 40)
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 60, "the sale to be booked")
        running.wait_for(is_protected(running, server, 60), "a stop for the rest")
        agree_in_the_end(running, Theirs(server))
        assert running.state.portfolio.strategy_quantity(STRATEGY, "AVOR") == 100


def _sell_in_the_app(server: LocalAlpaca, quantity: int) -> None:
    """Cancel the exits and sell before the engine can place others: as fast as a program on the same account."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        for row in at_broker(server):
            requests.delete(f"{server.trading_url}/v2/orders/{row['id']}", headers=KEYS, timeout=10)
        try:
            elsewhere(server, quantity, side="sell")
        except requests.HTTPError:
            assert time.monotonic() < deadline_s, "the app could not sell"
        else:
            return
