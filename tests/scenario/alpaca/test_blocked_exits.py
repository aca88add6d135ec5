"""Somebody else's bid rests beside a protected position, at the local Alpaca: it refuses every plain reduce-only order."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.core.messages import Action, CancelReleased, OrderRejected, PlaceOrder, Signal, WishWaits
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.records import ExitBlocked
from holdfast.core.types import Price, Quantity, StrategyId
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import FAR_BELOW, ask, becomes, bodies, buy, idle_engine
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_external import KEYS, adopted, elsewhere

BRACKET: dict[str, Any] = {"stop_loss": Price(Decimal("1.00")), "take_profit": Price(Decimal("9000.00"))}


@contextmanager
def guarded(folder: Path) -> Iterator[tuple[LocalAlpaca, Running, dict[str, Any]]]:
    """Ten shares with a stop and a target, and somebody else's bid."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, folder) as running:
        becomes(running, buy(running, 10, **BRACKET), OrderState.FILLED)
        running.wait_for(lambda: len(_exits(running)) == 2, "the exits to work")
        bid = elsewhere(server, limit=FAR_BELOW)
        adopted(running, bid)
        yield server, running, bid


def _exits(running: Running) -> list[OrderState]:
    key = (StrategyId("all"), "AVOR")
    return [leg.state for leg in running.state.legs(*key) if leg.state is OrderState.SUBMITTED]


def close(running: Running) -> None:
    """Sell what is held, at the market."""
    before = len(bodies(running, WishWaits))
    ask(running, PlaceOrder(Signal(StrategyId("all"), "AVOR", Action.SELL, quantity=Quantity(Decimal(10)))))
    running.wait_for(lambda: len(bodies(running, WishWaits)) > before, "the intent to wait")


@pytest.mark.proves("S6")
def test_exits_stand_until_the_bid_is_gone_and_then_it_is_closed(tmp_path: Path) -> None:
    """No exit is canceled for a sale that would be refused; the bid is named; the sale goes out when it is canceled."""
    with guarded(tmp_path) as (server, running, bid):
        close(running)
        assert bid["id"] in bodies(running, ExitBlocked)[0].reason
        server.play(6)
        assert bodies(running, CancelReleased) == []
        assert len(_exits(running)) == 2
        requests.delete(f"{server.trading_url}/v2/orders/{bid['id']}", headers=KEYS, timeout=10).raise_for_status()
        running.wait_for(lambda: Theirs(server).positions() == {}, "the position to be closed")
        assert bodies(running, OrderRejected) == []
        agree_in_the_end(running, Theirs(server))
