"""The real engine on the local Kite: started and stopped in a thread of its own, and compared with what the server has."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from holdfast.adapters.zerodha.connection.environment import load_zerodha
from holdfast.adapters.zerodha.connection.session import Session, keep_session
from holdfast.adapters.zerodha.connection.symbols import canonical_symbol
from holdfast.config import Config, parse_config
from holdfast.config.secrets import KeptSessions
from holdfast.core.orders.order import Order
from holdfast.core.state import EngineState
from holdfast.core.types import HOUR_NS
from holdfast.runtime.live.reconcile import UNANSWERED
from holdfast.telemetry.secret import Secret
from tests.local_kite import LOGIN, SYMBOLS, LocalKite
from tests.scenario.alpaca.engine import PATIENCE_S, Running

OURS = [canonical_symbol(symbol) for symbol in SYMBOLS]
ENDINGS = ("COMPLETE", "CANCELLED", "REJECTED")
SETTLE_S = 4.0
"""How long an order may take to be shown in these tests: longer than any fault keeps one back."""


def configuration(server: LocalKite, folder: Path, **changes: Mapping[str, Any]) -> Config:
    """One account at the server with a strategy that does everything; sections of the file are overridden by name.

    ``params`` is the strategy's, ``account`` and ``strategy`` more of theirs.
    """
    params, more = changes.pop("params", {}), changes.pop("account", {})
    own = changes.pop("strategy", {})
    folder.mkdir(exist_ok=True)
    sections: dict[str, Any] = {
        "feed": {"kind": "zerodha", "symbols": OURS, "warm_up_minutes": 0},
        "instruments": {
            symbol: {"tick": "0.05", "lot": 1, "product": product}
            for symbol, product in zip(OURS, ("MIS", "CNC"), strict=True)
        },
        "zerodha": {
            "api_key": LOGIN.api_key,
            "api_url": server.url,
            "login_url": server.url,
            "socket_url": server.socket_url,
            "connect_timeout_s": 1.0,
            "read_timeout_s": 1.0,
            "settle_s": SETTLE_S,
            **dict.fromkeys(
                ("orders_per_second", "quotes_per_second", "candles_per_second", "requests_per_second"), 90_000
            ),
            "orders_per_minute": 900_000,
            "orders_per_day": 900_000,
        },
        "secrets": {"file": str(folder / "secrets"), "key_file": str(folder / "key")},
        "live": {"check_every_s": 0.5, "reconcile_every_s": 0.5},
    }
    for name, section in changes.items():
        sections[name] = {**sections.get(name, {}), **section}
    strategy = {
        "id": "all",
        "class": "holdfast.torture.processes.strategy:Busy",
        "account": "one",
        "symbols": OURS,
    }
    account = {
        "name": "one",
        "broker": "zerodha",
        "calendar": "XBOM",
        "risk": {"leverage": 3, "max_orders_per_minute": 1000},
        **more,
    }
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        **sections,
        "accounts": [account],
        "strategies": [{**strategy, "params": {"seed": 1, **params}, **own}],
    }
    return parse_config(data, "test", folder)


def access_token(server: LocalKite) -> str:
    """A token of today, as a login would give it."""
    answer = requests.post(f"{server.url}/_sim/token", timeout=10)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


@contextmanager
def engine_on(server: LocalKite, folder: Path, **changes: Mapping[str, Any]) -> Iterator[Running]:
    """An engine that trades, stopped in order afterwards."""
    running = Running(configuration(server, folder, **changes))
    log_in(server, running.config)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def log_in(server: LocalKite, config: Config) -> None:
    """Keep a token of today, as `holdfast login` would; a test that runs as India's day begins at six goes on with it."""
    kept = KeptSessions(config.secrets)
    if not kept.store.exists():
        kept.store.make()
    settings = load_zerodha({}, None, config.section("zerodha"))
    keep_session(
        kept, "", Session(Secret(access_token(server)), settings.key_digest, LOGIN.user_id, time.time_ns() + HOUR_NS)
    )


class Theirs:
    """The server's account as it knows it itself: its exact books and its list of orders."""

    def __init__(self, server: LocalKite) -> None:
        self._server = server
        self._url = server.url

    def books(self) -> dict[str, Any]:
        """Cash, charges and positions."""
        found: dict[str, Any] = self._get("/_sim/books")
        return found

    def cash(self) -> Decimal:
        """What there is once the charges of the day are paid."""
        books = self.books()
        return Decimal(books["cash"]) - Decimal(books["charges_due"])

    def positions(self) -> dict[str, int]:
        """What is held of each symbol, whatever the product."""
        books = self.books()
        found = {canonical_symbol(name): quantity for name, quantity in books["holdings"].items()}
        for name, quantity in books["positions"].items():
            symbol = canonical_symbol(name.rpartition(" ")[0])
            found[symbol] = found.get(symbol, 0) + quantity
        return {symbol: quantity for symbol, quantity in found.items() if quantity}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Every order of the day, and every leg of a trigger in place of what it has placed, by the server's id."""
        placed = {row["order_id"]: row for row in self._get("/_sim/audit")["orders"]}
        account = self._server.world.accounts.all()[0]
        legs: dict[str, dict[str, Any]] = {}
        for trigger in self._server.call(account.triggers.all):
            for place, order in enumerate(trigger["orders"]):
                result = (order["result"] or {}).get("order_result", {})
                ended = "REJECTED" if result else "CANCELLED"
                status = "OPEN" if trigger["status"] == "active" else ended
                row = {"status": status, "filled_quantity": 0, "tag": None}
                legs[f"gtt:{trigger['id']}:{place}"] = placed.pop(result.get("order_id"), row)
        return placed | legs

    def requests(self) -> list[dict[str, Any]]:
        """What the server was asked about orders, as it wrote it down itself."""
        rows: list[dict[str, Any]] = self._get("/_sim/audit")["requests"]
        return rows

    def _get(self, path: str) -> Any:
        answer = requests.get(self._url + path, timeout=10)
        answer.raise_for_status()
        return answer.json()


def differences(state: EngineState, theirs: Theirs) -> list[str]:
    """Where the books and the server's are not the same: cash to the paisa, positions, and what became of each order."""
    found: list[str] = []
    held = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
    if held != theirs.positions():
        found.append(f"positions {held} in the books, {theirs.positions()} there")
    if state.portfolio.cash != theirs.cash():
        found.append(f"cash {state.portfolio.cash} in the books, {theirs.cash()} there")
    there = theirs.orders()
    ours = {order.broker_order_id: order for order in _orders(state) if order.broker_order_id}
    found += [f"{key} ({row['tag']}) is there and not in the books" for key, row in there.items() if key not in ours]
    for key, order in ours.items():
        row = there.get(key)
        if row is None:
            found.append(f"{order.terms.client_order_id} is {key} in the books, which is not there")
            continue
        if (order.is_live, order.filled_quantity) != (row["status"] not in ENDINGS, row["filled_quantity"]):
            found.append(
                f"{order.terms.client_order_id} is {order.state} with {order.filled_quantity}, "
                f"there {row['status']} with {row['filled_quantity']}"
            )
    return found


def _orders(state: EngineState) -> list[Order]:
    return [*state.orders.live.values(), *state.orders.finished.values()]


def agree_in_the_end(running: Running, theirs: Theirs) -> None:
    """Wait until the books and the server's are the same and nothing is unresolved or missing."""
    found: list[str] = []

    def same() -> bool:
        state = running.state
        if state.impairments or any(order.state in UNANSWERED for order in state.orders.live.values()):
            return False
        found[:] = differences(state, theirs)
        return not found

    try:
        running.wait_for(same, "the books to agree with the server", PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None


def check_no_twins(theirs: Theirs) -> None:
    """No intent has two orders: the server was sent each tag once, unless it had not looked at the one before."""
    tags = [row["tag"] for row in theirs.orders().values() if row["tag"]]
    assert len(tags) == len(set(tags))
