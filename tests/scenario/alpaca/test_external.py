"""Another program, or a person, trades on the engine's account: what is theirs is in the books too, and counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.core.codec import external_order_id, is_external
from holdfast.core.exposure import worst_case
from holdfast.core.findings import EXTERNAL_EVENT
from holdfast.core.messages import (
    Action,
    CancelOrders,
    Flatten,
    Flattened,
    OrderAdopted,
    OrderAnomaly,
    OrderFilled,
    PlaceOrder,
    Resume,
    RiskRefused,
    Signal,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import Quantity, StrategyId
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    ask,
    becomes,
    bodies,
    buy,
    idle_configuration,
    idle_engine,
    price_moves,
    started_engine,
)
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_faults import disarm, post

KEYS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


def elsewhere(server: LocalAlpaca, quantity: int = 3, limit: str | None = None, side: str = "buy") -> dict[str, Any]:
    """Another program orders on the same account; the server's answer."""
    order = {"symbol": "AVOR", "side": side, "time_in_force": "day", "qty": str(quantity), "type": "market"}
    if limit is not None:
        order |= {"type": "limit", "limit_price": limit}
    answer = requests.post(f"{server.trading_url}/v2/orders", json=order, headers=KEYS, timeout=10)
    answer.raise_for_status()
    row: dict[str, Any] = answer.json()
    return row


def adopted(running: Running, row: dict[str, Any]) -> Order:
    """The order as the books have it, once they do."""
    key = external_order_id(row["id"])
    running.wait_for(lambda: running.state.orders.find(key) is not None, "the order to be adopted")
    order = running.state.orders.find(key)
    assert order is not None
    return order


@contextmanager
def market() -> Iterator[LocalAlpaca]:
    """A server without a bound on requests."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


@pytest.mark.proves("S6", "L7")
def test_an_order_from_elsewhere_is_adopted_at_once_and_its_fill_is_booked(tmp_path: Path) -> None:
    """It counts in exposure while it works, its execution is `external`'s, and it uses up no id of ours."""
    with market() as server, idle_engine(server, tmp_path, live={"reconcile_every_s": 600}) as running:
        order = adopted(running, elsewhere(server, limit=FAR_BELOW))
        becomes(running, order, OrderState.SUBMITTED)
        assert running.state.orders.open_buys["AVOR"] == 3
        assert running.state.order_count == 0
        assert [note.event for note in bodies(running, OrderAnomaly)] == [EXTERNAL_EVENT]
        price_moves(server, 0.9)
        becomes(running, order, OrderState.FILLED)
        assert running.state.portfolio.strategy_quantity(EXTERNAL, "AVOR") == 3
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S6")
def test_an_order_for_money_from_elsewhere_counts_as_what_it_may_buy_until_that_is_known(tmp_path: Path) -> None:
    """While it works nothing is bought that would be too much beside it; once it has filled, its quantity is what counts."""
    with market() as server, idle_engine(server, tmp_path) as running:
        order = {"symbol": "AVOR", "side": "buy", "time_in_force": "day", "type": "limit", "notional": "200000"}
        order |= {"limit_price": FAR_BELOW}
        answer = requests.post(f"{server.trading_url}/v2/orders", json=order, headers=KEYS, timeout=10)
        answer.raise_for_status()
        external = adopted(running, answer.json())
        assert (external.terms.quantity, external.terms.notional) == (Decimal(0), Decimal(200_000))
        price = running.state.price("AVOR")
        assert price is not None
        most, _ = worst_case(running.state, "AVOR")
        assert 200_000 <= most * price <= 203_000
        half = int(200_000 / price)
        ask(running, PlaceOrder(Signal(StrategyId("all"), "AVOR", Action.BUY, quantity=Quantity(Decimal(half)))))
        running.wait_for(lambda: bodies(running, RiskRefused), "the refusal")
        assert [refused.rule for refused in bodies(running, RiskRefused)] == ["buying_power"]
        price_moves(server, 0.9)
        becomes(running, external, OrderState.FILLED)
        assert worst_case(running.state, "AVOR")[0] == external.filled_quantity > 0
        assert not running.state.orders.by_notional
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S6", "S3")
def test_what_was_executed_elsewhere_is_found_though_no_stream_told(tmp_path: Path) -> None:
    """The stream is silent: the list of executions leads to the order, whose fill is booked once."""
    with market() as server, idle_engine(server, tmp_path) as running:
        post(server, [{"name": "stream_drop", "stream": "trade_updates", "times": 50}])
        row = elsewhere(server)
        server.play(2)
        becomes(running, adopted(running, row), OrderState.FILLED)
        disarm(server)
        agree_in_the_end(running, Theirs(server))
        assert len(bodies(running, OrderFilled)) == 1


@pytest.mark.proves("S6", "B1")
def test_orders_from_elsewhere_while_the_engine_was_away_are_adopted_before_it_trades(tmp_path: Path) -> None:
    """One works still, one was executed: both are in the books when the second run is ready, and a third run adds nothing."""
    with market() as server:
        with idle_engine(server, tmp_path):
            pass
        done = elsewhere(server)
        server.play(4)
        open_one = elsewhere(server, limit=FAR_BELOW)
        config = idle_configuration(server, tmp_path)
        with started_engine(config) as running:
            assert running.state.portfolio.strategy_quantity(EXTERNAL, "AVOR") == 3
            assert set(running.state.orders.live) == {external_order_id(open_one["id"])}
            assert adopted(running, done).state is OrderState.FILLED
            agree_in_the_end(running, Theirs(server))
        with started_engine(config) as running:
            assert bodies(running, OrderAdopted) == []
            agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S6")
def test_the_first_start_takes_open_orders_and_counts_what_had_been_executed_once(tmp_path: Path) -> None:
    """What an order had filled is in the holdings already; what it fills later is booked."""
    with market() as server:
        elsewhere(server)
        server.play(4)
        row = elsewhere(server, quantity=5, limit=FAR_BELOW)
        with started_engine(idle_configuration(server, tmp_path)) as running:
            order = adopted(running, row)
            assert order.state is OrderState.SUBMITTED
            assert running.state.portfolio.strategy_quantity(EXTERNAL, "AVOR") == 3
            assert bodies(running, OrderFilled) == []
            price_moves(server, 0.9)
            becomes(running, order, OrderState.FILLED)
            assert running.state.portfolio.quantity("AVOR") == 8
            assert running.state.portfolio.cash == Theirs(server).cash()


def test_cancel_all_and_flatten_take_in_what_is_not_ours(tmp_path: Path) -> None:
    """`cancel --all` ends it at the broker; a flatten closes what its executions made."""
    with market() as server, idle_engine(server, tmp_path) as running:
        first = adopted(running, elsewhere(server, limit=FAR_BELOW))
        ask(running, CancelOrders())
        becomes(running, first, OrderState.CANCELED)
        second = adopted(running, elsewhere(server))
        server.play(2)
        becomes(running, second, OrderState.FILLED)
        third = adopted(running, elsewhere(server, limit=FAR_BELOW))
        ask(running, Flatten())
        becomes(running, third, OrderState.CANCELED)
        running.wait_for(lambda: bool(running.state.orders.live), "the close to be made")
        server.play(3)
        running.wait_for(lambda: bodies(running, Flattened), "the flatten to be over")
        assert running.state.portfolio.quantity("AVOR") == 0
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S6")
def test_policy_cancel_ends_it_at_the_broker(tmp_path: Path) -> None:
    """An order from elsewhere lives no longer than it takes to be noticed."""
    with market() as server, idle_engine(server, tmp_path, supervisor={"foreign_orders": "cancel"}) as running:
        order = adopted(running, elsewhere(server, limit=FAR_BELOW))
        becomes(running, order, OrderState.CANCELED)
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S6", "L7")
def test_policy_quarantine_takes_no_risk_until_a_person_resumes(tmp_path: Path) -> None:
    """What raises risk is refused, though nothing else is wrong; the order itself is left alone."""
    with market() as server, idle_engine(server, tmp_path, supervisor={"foreign_orders": "quarantine"}) as running:
        order = adopted(running, elsewhere(server, limit=FAR_BELOW))
        running.wait_for(lambda: not running.state.account_state.takes_risk, "the quarantine")
        assert order.state is OrderState.SUBMITTED
        ask(running, Resume())
        running.wait_for(lambda: running.state.account_state.takes_risk, "the account to trade again")
        becomes(running, buy(running, limit=FAR_BELOW), OrderState.SUBMITTED)


def test_policy_adopt_says_nothing(tmp_path: Path) -> None:
    """It is in the books, and nobody is alarmed."""
    with market() as server, idle_engine(server, tmp_path, supervisor={"foreign_orders": "adopt"}) as running:
        adopted(running, elsewhere(server, limit=FAR_BELOW))
        assert bodies(running, OrderAnomaly) == []
        assert running.state.account_state.takes_risk


def test_ids_of_others_never_meet_ours() -> None:
    """An external id says so, is short enough for every table, and depends on the broker's id alone."""
    key = external_order_id("61e69015-8549-4bfd-b9c3-01e75843f47d")
    assert is_external(key)
    assert len(key) == 21
    assert key == external_order_id("61e69015-8549-4bfd-b9c3-01e75843f47d") != external_order_id("other")
