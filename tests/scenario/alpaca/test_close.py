"""Closing a position whose shares its own protection holds."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from holdfast.core.messages import Action, PlaceOrder, Signal
from holdfast.core.types import MANUAL, NO_QUANTITY, Price, Quantity
from holdfast.journal.commands import file_command
from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end, engine_on


def ask(running: Running, signal: Signal) -> None:
    file_command(running.config.journal.url, "one", PlaceOrder(signal), "cli:test", None, time.time_ns())


def test_a_protected_position_closes_at_the_first_try(tmp_path: Path) -> None:
    """Alpaca holds the shares for the exits: the close waits for their cancels, one of which gets lost, and is not refused."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0, start="2024-07-10T15:00:00Z") as server,
        engine_on(server, tmp_path, params={"idle_in": 10}) as running,
    ):
        server.play(8)
        running.wait_for(lambda: running.state.price("AVOR"), "a price")
        price = running.state.price("AVOR") or Price(Decimal(0))
        loss, profit = Price(price * Decimal("0.9")), Price(price * Decimal("1.1"))
        ten = Quantity(Decimal(10))
        ask(running, Signal(MANUAL, "AVOR", Action.BUY, quantity=ten, stop_loss=loss, take_profit=profit))
        running.wait_for(lambda: len(running.state.legs(MANUAL, "AVOR")) == 2, "the exits")
        running.wait_for(lambda: all(leg.broker_order_id for leg in running.state.legs(MANUAL, "AVOR")), "their ids")
        lost: dict[str, Any] = {"name": "reset_before", "times": 1, "method": "DELETE", "path": "/v2/orders/"}
        requests.post(f"{server.trading_url}/_sim/faults", json=[lost], timeout=10).raise_for_status()
        ask(running, Signal(MANUAL, "AVOR", Action.CLOSE, quantity=NO_QUANTITY))
        running.wait_for(lambda: not running.state.portfolio.quantity("AVOR"), "the position to be closed")
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
        assert [row["status"] for row in theirs.orders().values()].count("rejected") == 0
        assert sorted(order.state.value for order in running.state.orders.finished.values()) == [
            "CANCELED", "CANCELED", "FILLED", "FILLED",
        ]  # fmt: skip
