"""For breaking the live engine on purpose: orders as a person gives them, and a wire in between that lies as told."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.brokers.sender import OrderSender
from holdfast.config import Config
from holdfast.core.messages import Action, Bar, CancelOrders, Command, PlaceOrder, Signal
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import MINUTE_NS, ClientOrderId, OrderType, Price, Quantity, StrategyId
from holdfast.errors import JournalError
from holdfast.journal.commands import file_command
from holdfast.runtime.live.contained import Contained
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.runtime.live.loop import LiveLoop
from tests.local_alpaca import LocalAlpaca
from tests.scenario.alpaca.engine import PATIENCE_S, Running, configuration
from tests.unit.adapters.alpaca.connection.wire import Seen, reset, wire_server

IDLE = {"idle_in": 10}
FAR_BELOW = "1.00"
LONG_S = 3_600.0
"""A time that only a hang reaches."""


class Wire:
    """Between the engine and the server. ``stale`` answers GETs as they were answered last; ``cut`` says what gets no answer.

    ``held`` requests wait until ``release`` is set; ``edit`` may change an answer. Streams pass through untouched.
    """

    def __init__(self, server: LocalAlpaca) -> None:
        self._address = ("127.0.0.1", server.port)
        self._last: dict[str, bytes] = {}
        self.url = ""
        self.stale = False
        self.seen: list[Seen] = []
        self.cut: Callable[[Seen], bool] = lambda _: False
        self.held: Callable[[Seen], bool] = lambda _: False
        self.release = threading.Event()

    def act(self, connection: socket.socket, seen: Seen) -> None:
        """Do as told with one request."""
        self.seen.append(seen)
        if seen.path.startswith("/stream"):
            self._stream(connection, seen)
            return
        if self.cut(seen):
            reset(connection, seen)
            return
        if self.held(seen):
            self.release.wait(PATIENCE_S)
        is_get = seen.method == "GET" and seen.path != "/v2/clock"
        if not (is_get and self.stale and seen.target in self._last):
            answer = self._ask(seen)
            if is_get and not self.stale:
                self._last[seen.target] = answer
        else:
            answer = self._last[seen.target]
        connection.sendall(answer)

    def _ask(self, seen: Seen) -> bytes:
        with socket.create_connection(self._address, PATIENCE_S) as there:
            there.sendall(_request(seen, {"connection": "close"}))
            answer = b""
            while piece := there.recv(65536):
                answer += piece
        return answer

    def _stream(self, connection: socket.socket, seen: Seen) -> None:
        connection.settimeout(None)
        with socket.create_connection(self._address) as there:
            there.sendall(_request(seen, {}))
            back = threading.Thread(target=_pump, args=(there, connection), daemon=True)
            back.start()
            _pump(connection, there)
            back.join(PATIENCE_S)


def _request(seen: Seen, changes: dict[str, str]) -> bytes:
    headers = {**seen.headers, **changes}
    lines = [f"{seen.method} {seen.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + seen.body


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(server: LocalAlpaca) -> Iterator[Wire]:
    """A wire to the server, at a URL of its own."""
    wire = Wire(server)
    with wire_server(wire.act) as between:
        wire.url = between.url
        try:
            yield wire
        finally:
            wire.release.set()


def idle_configuration(server: LocalAlpaca, folder: Path, **changes: Any) -> Config:
    """An account with a strategy that asks for nothing: what happens, a test asks for."""
    config = configuration(server, folder, **changes)
    (strategy,) = config.strategies
    idle = msgspec.structs.replace(strategy, params=IDLE)
    return msgspec.structs.replace(config, strategies=[idle])


@contextmanager
def started_engine(config: Config) -> Iterator[Running]:
    """An engine that came through its start, whatever it may do then."""
    running = Running(config)
    running.begin()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def idle_engine(server: LocalAlpaca, folder: Path, **changes: Any) -> Iterator[Running]:
    """An engine that trades only as a test asks, and has seen some bars."""
    running = Running(idle_configuration(server, folder, **changes))
    try:
        running.start()
        server.play(8)
        running.wait_for(lambda: "AVOR" in running.state.marks, "a price")
        yield running
    finally:
        running.stop()


def price_moves(server: LocalAlpaca, to: float, symbol: str = "AVOR") -> None:
    """A minute in which the market went there."""
    now_ns, to = server.call(lambda: server.world.clock.now_ns), round(to, 2)
    server.take(Bar(symbol, now_ns + MINUTE_NS, now_ns, open=to, high=to, low=to, close=to, volume=1_000_000.0))


def ask(running: Running, command: Command) -> None:
    """File a command as `holdfast` does; again when the engine's commit takes long, as a person would."""

    def filed() -> bool:
        try:
            file_command(running.config.journal.url, "one", command, "cli:test", None, time.time_ns())
        except JournalError as error:
            if "locked" not in str(error):
                raise
            return False
        return True

    running.wait_for(filed, "the command to be filed")


def buy(running: Running, quantity: int = 5, limit: str | None = None, symbol: str = "AVOR", **more: Any) -> Order:
    """Ask for an order, and wait until it is in the books."""
    return trade(running, Action.BUY, quantity, limit, symbol, **more)


def trade(running: Running, action: Action, quantity: int, limit: str | None, symbol: str, **more: Any) -> Order:
    """Ask for an order, and wait until it is in the books."""
    before = running.state.order_count
    ask_for(running, action, quantity, limit, symbol, **more)
    running.wait_for(lambda: running.state.order_count > before, "the order to be made")
    found = running.state.orders.find(running.state.ids.order(before + 1))
    assert found is not None
    return found


def ask_for(running: Running, action: Action, quantity: int, limit: str | None, symbol: str, **more: Any) -> None:
    """Ask for an order."""
    signal = Signal(
        StrategyId("all"),
        symbol,
        action,
        quantity=Quantity(Decimal(quantity)),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Price(Decimal(limit)),
        **more,
    )
    ask(running, PlaceOrder(signal))


def cancel(running: Running, order: Order) -> None:
    """Ask for a cancel."""
    ask(running, CancelOrders(client_order_id=order.terms.client_order_id))
    running.wait_for(lambda: order.cancel_released_ns or order.state.is_terminal, "the cancel to be made")


def becomes(running: Running, order: Order, *states: OrderState) -> None:
    """Wait until an order is in one of these states."""
    key: ClientOrderId = order.terms.client_order_id
    running.wait_for(lambda: order.state in states, f"{key} ({order.state}) to be one of {states}")


def bodies(running: Running, kind: type) -> list[Any]:
    """What was recorded of one kind."""
    return [record.body for _, record in list(running.records) if isinstance(record.body, kind)]


def path_is(method: str, start: str) -> Callable[[Seen], bool]:
    """Requests of a method whose path begins so."""
    return lambda seen: seen.method == method and urlsplit(seen.target).path.startswith(start)


def see_cycles(running: Running, number: int) -> None:
    """Wait until everything was compared so often."""
    reconciler = live_account_of(running).reconciler
    wanted = reconciler.cycles + number
    running.wait_for(lambda: reconciler.cycles >= wanted, "everything to be asked for")


def sender_of(running: Running) -> OrderSender:
    """What sends the account's orders."""
    contained = live_account_of(running).account.broker
    assert isinstance(contained, Contained)
    assert isinstance(contained._broker, AlpacaBroker)
    return contained._broker.sender


def live_account_of(running: Running) -> LiveAccount:
    """What keeps the account in step with its broker."""
    (loop,) = running.engine.loop.groups
    assert isinstance(loop, LiveLoop)
    (live_account,) = loop._live_accounts
    return live_account
