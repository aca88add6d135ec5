"""Executions that the exchange undoes or corrects long after, and positions that are gone: at the local Alpaca, with the real engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.messages import Action, FillBusted, Flatten, Flattened, PlaceOrder, RiskRefused, Signal
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import Price, Quantity, Side, StrategyId
from tests.budget import in_a_campaign
from tests.local_alpaca import KEY, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import ask, becomes, bodies, buy, idle_configuration, idle_engine, started_engine
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_faults import post
from tests.scenario.alpaca.test_ledgers import change

pytestmark = pytest.mark.proves("S7", "I6")
LATER = 90
"""Bars: three quarters of an hour, far more than executions are compared for as a rule, and than the warm-up."""
FEED = {"warm_up_minutes": 5}


@contextmanager
def market() -> Iterator[LocalAlpaca]:
    """A server without a bound on requests."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


def bought(running: Running, quantity: int, **more: Any) -> Order:
    """So many shares, held."""
    order = buy(running, quantity, **more)
    becomes(running, order, OrderState.FILLED)
    return order


@pytest.mark.parametrize("undone", [in_a_campaign(("bust",)), ("bust", "bust"), ("correction",)])
def test_what_was_undone_while_nobody_ran_is_found_however_old_it_is(tmp_path: Path, undone: tuple[str, ...]) -> None:
    """Fills of three quarters of an hour ago: a restarted engine finds that they are gone, or at another price."""
    with market() as server:
        with idle_engine(server, tmp_path, feed=FEED) as running:
            orders = [bought(running, 10), bought(running, 7)]
            server.play(LATER)
        for number, what in enumerate(undone):
            spec = {"name": what, "key": KEY, "client_order_id": orders[number].terms.client_order_id}
            post(server, [spec | ({"price": "11.11"} if what == "correction" else {})])
        with started_engine(idle_configuration(server, tmp_path, feed=FEED)) as running:
            agree_in_the_end(running, Theirs(server))
            assert len(bodies(running, FillBusted)) == len(undone)


def test_what_was_undone_in_silence_while_it_ran_is_found(tmp_path: Path) -> None:
    """The event is lost, and the fill is older than what is compared as a rule."""
    with market() as server, idle_engine(server, tmp_path, feed=FEED) as running:
        order = bought(running, 10)
        server.play(LATER)
        post(server, [{"name": "stream_drop", "times": 1}])
        post(server, [{"name": "bust", "key": KEY, "client_order_id": order.terms.client_order_id}])
        agree_in_the_end(running, Theirs(server))
        assert running.state.portfolio.quantity("AVOR") == 0


def without_a_trace(server: LocalAlpaca, sold: int) -> None:
    """The broker's position is smaller, and no execution says why."""
    change(server, lambda books: books.book("AVOR", Side.SELL, Decimal(sold), Decimal("1.00")))


@pytest.mark.parametrize("there", [0, 4])
def test_a_position_that_is_gone_is_not_sold_again(tmp_path: Path, there: int) -> None:
    """Neither by the strategy's close, nor by the stop, nor by a flatten: never is the account short."""
    with market() as server, idle_engine(server, tmp_path) as running:
        bought(running, 10, stop_loss=Price(Decimal("1.00")))
        running.wait_for(lambda: _stops(server) == [10], "the stop")
        without_a_trace(server, 10 - there)
        running.wait_for(lambda: running.state.gaps == {"AVOR": there - 10}, "the difference to be known")
        running.wait_for(lambda: _stops(server) == ([there] if there else []), "the stop to be cut")
        if not there:
            ask_to_close(running)
            running.wait_for(lambda: bodies(running, RiskRefused), "the close to be refused")
            assert bodies(running, RiskRefused)[-1].rule == "books"
        ask(running, Flatten())
        running.wait_for(lambda: bodies(running, Flattened), "the flatten to be over")
        running.wait_for(lambda: Theirs(server).positions() == {}, "the broker to hold nothing")
        assert bodies(running, Flattened)[-1].left == ("all:AVOR",)


def ask_to_close(running: Running) -> None:
    """Sell what the books say is held."""
    ask(running, PlaceOrder(Signal(StrategyId("all"), "AVOR", Action.SELL, quantity=Quantity(Decimal(10)))))


def test_a_flatten_buys_back_what_the_broker_is_short_of(tmp_path: Path) -> None:
    """Flat in the books, and short at the broker: that is the position there is."""
    with market() as server, idle_engine(server, tmp_path) as running:
        without_a_trace(server, 10)
        running.wait_for(lambda: running.state.gaps == {"AVOR": -10}, "the difference to be known")
        ask(running, Flatten())
        running.wait_for(lambda: bodies(running, Flattened), "the flatten to be over")
        running.wait_for(lambda: Theirs(server).positions() == {}, "the broker to hold nothing")


def _stops(server: LocalAlpaca) -> list[int]:
    rows = Theirs(server).orders().values()
    return [int(row["qty"]) for row in rows if row["type"] == "stop" and row["status"] in ("new", "accepted", "held")]
