"""The real engine on the local Alpaca: started and stopped in a thread of its own, and compared with what the server has."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import requests
from alpaca.trading.client import TradingClient

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.brokers.sender import OrderSender
from holdfast.config import Config, parse_config
from holdfast.core.messages import Effect, Envelope, RiskApproved, RiskRefused, SubmitOrder
from holdfast.core.milestones import AccountStateChanged
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.journal.verify import verify
from holdfast.runtime.compose import Engine, open_engine
from holdfast.runtime.live.reconcile import UNANSWERED
from tests.local_alpaca import KEY, SECRET, LocalAlpaca

SYMBOLS = ["AVOR", "BRYX"]
PATIENCE_S = 60.0
"""How long anything may take: a bound that only a hang reaches."""
AGREE_WITHIN_S = 60.0
"""How long after the last event the books may need; an order that the server has lost takes the longest, some fifteen seconds."""
ENDINGS = ("filled", "canceled", "expired", "rejected", "replaced")


def configuration(server: LocalAlpaca, folder: Path, **changes: Mapping[str, Any]) -> Config:
    """One account at the server with a strategy that does everything; sections of the file are overridden by name.

    ``params`` is the strategy's.
    """
    params = changes.pop("params", {})
    folder.mkdir(exist_ok=True)
    sections: dict[str, Any] = {
        "feed": {"kind": "alpaca", "symbols": SYMBOLS, "warm_up_minutes": 30},
        "alpaca": {
            "api_key": KEY,
            "api_secret": SECRET,
            "trading_url": server.trading_url,
            "data_url": server.data_url,
            "data_stream_url": server.data_stream_url,
            "requests_per_minute": 900_000,
            "data_requests_per_minute": 900_000,
            "connect_timeout_s": 1.0,
            "read_timeout_s": 1.0,
            "settle_s": 1.0,
        },
        "live": {"check_every_s": 0.5, "reconcile_every_s": 0.5},
    }
    for name, section in changes.items():
        sections[name] = {**sections.get(name, {}), **section}
    strategy = {"id": "all", "class": "holdfast.torture.processes.strategy:Busy", "account": "one", "symbols": SYMBOLS}
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        **sections,
        "accounts": [{"name": "one", "broker": "alpaca", "risk": {"leverage": 3, "max_orders_per_minute": 1000}}],
        "strategies": [strategy | {"params": {"seed": 1, **params}}],
    }
    return parse_config(data, "test", folder)


class Left(NamedTuple):
    """An order that passed the last check before its first byte: when that began and when it was through, by the wall clock."""

    client_order_id: str
    began_ns: int
    ended_ns: int


class Running:
    """An engine at work, everything it recorded, with the wall clock's time of each, and what it let go."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.records: list[tuple[int, Envelope]] = []
        self.left: list[Left] = []
        self.engine: Engine
        self.reason = ""
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def state(self) -> EngineState:
        """The account's."""
        return self.engine.accounts[0].state

    def start(self) -> None:
        self.begin()
        self.wait_for(lambda: self.state.account_state.takes_risk, "the market data to come")

    def begin(self) -> None:
        """Come through the start, whatever the account may do then."""
        self._thread.start()
        self.wait_for(lambda: hasattr(self, "engine") and self.engine.loop.recovered.is_set(), "the engine to be ready")

    def _watch(self, turn: Turn) -> None:
        now_ns = time.time_ns()
        self.records += [(now_ns, record) for record in turn.records]

    def _run(self) -> None:
        try:
            with open_engine(self.config, self._watch) as engine:
                self.engine = engine
                self._note_what_leaves()
                self.reason = asyncio.run(engine.loop.run())
        except BaseException as error:  # noqa: BLE001  whatever it was, the test's own thread raises it
            self.error = error

    def _note_what_leaves(self) -> None:
        for account in self.engine.accounts:
            sender = getattr(getattr(account.broker, "_broker", None), "sender", None)
            if isinstance(sender, OrderSender):
                sender._check = partial(self._checked, sender._check)  # type: ignore[method-assign]

    def _checked(self, check: Callable[[Sequence[Effect]], None], effects: Sequence[Effect]) -> None:
        began_ns = time.time_ns()
        check(effects)
        ended_ns = time.time_ns()
        self.left += [
            Left(each.terms.client_order_id, began_ns, ended_ns) for each in effects if isinstance(each, SubmitOrder)
        ]

    def wait_for(self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
        """Until something is so; what the engine raised is raised here."""
        deadline_s = time.monotonic() + patience_s
        while not condition():
            if self.error is not None:
                raise self.error
            assert time.monotonic() < deadline_s, f"waited in vain for {what}; {self.portrait()}"
            time.sleep(0.005)

    def portrait(self) -> str:
        """The account in a few words, for a failure."""
        if not hasattr(self, "engine"):
            return "no engine"
        state = self.state
        live = [f"{key} {order.state}" for key, order in state.orders.live.items()]
        refused = [record.body for _, record in self.records if isinstance(record.body, RiskRefused)][-1:]
        return f"{state.account_state}, missing {state.impairments}, live {live}, refused {refused}"

    def stop(self) -> None:
        """End in order, and see that the journal proves itself."""
        if hasattr(self, "engine"):
            self.engine.loop.stop("the test is over")
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the engine did not stop"
        if self.error is not None:
            raise self.error
        found = verify(self.config.journal.url)
        assert found.problems == []


@contextmanager
def engine_on(server: LocalAlpaca, folder: Path, **changes: Mapping[str, Any]) -> Iterator[Running]:
    """An engine that trades, stopped in order afterwards."""
    running = Running(configuration(server, folder, **changes))
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Theirs:
    """The server's account as anyone can ask for it, with no part of the engine in between."""

    def __init__(self, server: LocalAlpaca) -> None:
        self._client = TradingClient(KEY, SECRET, raw_data=True, url_override=server.trading_url)

    def cash(self) -> Decimal:
        return Decimal(str(self._get("/account")["cash"]))

    def positions(self) -> dict[str, Decimal]:
        rows = {canonical_symbol(row["symbol"]): row for row in self._get("/positions")}
        return {symbol: _signed(row) for symbol, row in rows.items()}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Every order ever, by the server's id."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, Any] = {"status": "all", "limit": 500, "direction": "asc", "nested": "false"}
        while True:
            page = self._get("/orders", query)
            new = {row["id"]: row for row in page if row["id"] not in found}
            found |= new
            if not new:
                return found
            query["after"] = page[-1]["submitted_at"]

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self._client.get(path, query)


def _signed(row: dict[str, Any]) -> Decimal:
    quantity = abs(Decimal(str(row["qty"])))
    return -quantity if row["side"] == "short" else quantity


def differences(state: EngineState, theirs: Theirs) -> list[str]:
    """Where the books and the server's account are not the same: cash, positions, and what became of each order."""
    found: list[str] = []
    held = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
    if held != theirs.positions():
        found.append(f"positions {held} in the books, {theirs.positions()} there")
    if state.portfolio.cash != theirs.cash():
        found.append(f"cash {state.portfolio.cash} in the books, {theirs.cash()} there")
    there = theirs.orders()
    ours = {order.broker_order_id: order for order in _orders(state) if order.broker_order_id}
    found += [
        f"{row['client_order_id']} is there and not in the books" for key, row in there.items() if key not in ours
    ]
    for key, order in ours.items():
        row = there.get(key)
        if row is None and order.state is OrderState.CANCELED and not order.filled_quantity:
            continue  # lost there, and asked for until its absence was proven: its cancel is done
        if row is None:
            found.append(f"{order.terms.client_order_id} is {order.state} in the books and not there")
        elif (order.is_live, order.filled_quantity) != (row["status"] not in ENDINGS, Decimal(str(row["filled_qty"]))):
            found.append(
                f"{order.terms.client_order_id} is {order.state} with {order.filled_quantity}, "
                f"there {row['status']} with {row['filled_qty']}"
            )
    return found


def _orders(state: EngineState) -> list[Order]:
    return [*state.orders.live.values(), *state.orders.finished.values()]


def agree_in_the_end(running: Running, theirs: Theirs) -> None:
    """Wait until the books and the server's account are the same and nothing is unresolved or missing."""
    found: list[str] = []

    def same() -> bool:
        found[:] = differences(running.state, theirs)
        unanswered = [order for order in running.state.orders.live.values() if order.state in UNANSWERED]
        return not found and not unanswered and not running.state.impairments

    try:
        running.wait_for(same, "the books to agree with the server", AGREE_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None


def check_no_twins(server: LocalAlpaca, theirs: Theirs) -> None:
    """No intent has two orders: each id was taken once, and no two orders at the server carry the same."""
    ids = [row["client_order_id"] for row in theirs.orders().values()]
    assert len(ids) == len(set(ids))


def check_blind_times(running: Running) -> None:
    """Nothing that raises risk passed the last check before its first byte while the engine knew that it was blind."""
    risky = {
        record.body.terms.client_order_id
        for _, record in running.records
        if isinstance(record.body, RiskApproved) and record.body.raises_risk
    }
    blind = blind_times(running)
    risky_left = [left for left in running.left if left.client_order_id in risky]
    assert risky_left, "nothing was sent"
    for left in risky_left:
        for began_ns, ended_ns in blind:
            assert not began_ns < left.began_ns <= left.ended_ns < ended_ns, f"{left.client_order_id} was sent blind"


def requests_at(server: LocalAlpaca) -> list[dict[str, Any]]:
    """What the server was asked about orders, as it wrote it down itself."""
    answer = requests.get(f"{server.trading_url}/_sim/audit", {"key": KEY}, timeout=10)
    rows: list[dict[str, Any]] = answer.json()["requests"]
    return rows


def blind_times(running: Running) -> list[tuple[int, int]]:
    """When the engine surely knew that it was blind, by the wall clock: from when it was noted to the last turn before it saw."""
    times: list[tuple[int, int]] = []
    began_ns = at_ns = before_ns = 0
    for wall_ns, record in list(running.records):
        if wall_ns != at_ns:
            before_ns, at_ns = at_ns, wall_ns
        if not isinstance(record.body, AccountStateChanged):
            continue
        if record.body.new.takes_risk and began_ns:
            times.append((began_ns, before_ns))
            began_ns = 0
        elif record.body.new is AccountState.PRESERVATION:
            began_ns = began_ns or wall_ns
    return [*times, (began_ns, time.time_ns())] if began_ns else times
