"""A broker at the local Kite without an engine, and what it reported."""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
import requests

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens
from holdfast.adapters.zerodha.trading.broker import ZerodhaBroker
from holdfast.adapters.zerodha.trading.hints import OrderHints
from holdfast.brokers.port import StreamStatus
from holdfast.brokers.sessions import NoSessions
from holdfast.core.instruments import Product
from holdfast.core.messages import OrderTerms, Report, SubmitOrder
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side, StrategyId
from holdfast.telemetry.secret import Secret
from tests.local_kite import LocalKite
from tests.unit.adapters.zerodha.connection.at_local_kite import settings_at, token_at

SYMBOL = "AVANTI"
NUMBERS = count(1)
PATIENCE_S = 60.0
"""How long anything may take: a bound that only a hang reaches."""


class Ends:
    """A broker at the server, and what it reported."""

    def __init__(
        self, server: LocalKite, token: Secret | None = None, *, asks_only: bool = False, **changes: Any
    ) -> None:
        self.token = token or token_at(server)
        settings = msgspec.structs.replace(
            settings_at(server.url, server.socket_url, self.token),
            settle_s=1.0,
            orders_per_second=90_000,
            requests_per_second=90_000,
            quotes_per_second=90_000,
            **changes,
        )
        self.server = server
        self.rest = KiteRest(settings, Tokens(settings, NoSessions()))
        self.hints = OrderHints(self.rest)
        self.broker = ZerodhaBroker(self.rest, self.hints, asks_only=asks_only)
        self.reports: list[Report] = []
        self.unresolved: list[ClientOrderId] = []
        self.connected: list[bool] = []
        self.now_ns = server.call(lambda: server.world.clock.now_ns)
        self.broker.open(
            self.reports.append, lambda _: None, lambda key, _: self.unresolved.append(key), lambda: self.now_ns
        )

    def terms(self, quantity: int = 5, **changes: Any) -> OrderTerms:
        """A market order for the day, of a new id."""
        key = ClientOrderId(f"h0000010001{next(NUMBERS):07d}")
        terms = OrderTerms(key, StrategyId("s"), SYMBOL, Side.BUY, Quantity(Decimal(quantity)), product=Product.MIS)
        return msgspec.structs.replace(terms, **changes)

    def resting(self, **changes: Any) -> OrderTerms:
        """A limit order that doesn't trade: five percent below the market."""
        price = Decimal(str(self.server.call(lambda: self.server.world.market.price(f"NSE:{SYMBOL}"))))
        limit = Price((price * 95 / 100 / Decimal("0.05")).to_integral_value() * Decimal("0.05"))
        return self.terms(order_type=OrderType.LIMIT, limit_price=limit, **changes)

    def of(self, kind: type, terms: OrderTerms) -> list[Any]:
        """What was reported of an order, of one kind."""
        bodies = (report.body for report in self.reports)
        return [body for body in bodies if isinstance(body, kind) and body.client_order_id == terms.client_order_id]

    async def send(self, terms: OrderTerms) -> None:
        """Send an order and wait for its answer."""
        self.broker.submit(SubmitOrder(terms, 0, raises_risk=True))
        await self.broker.drain()

    async def tell(self, status: StreamStatus) -> None:
        """Be told whether the book can be read."""
        self.connected.append(status.connected)


async def until(condition: Callable[[], Any]) -> None:
    """Until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def run(ends: Ends, work: Callable[[], Coroutine[Any, Any, None]], *, watched: bool = True) -> None:
    """Do something with the broker, while it watches the book."""

    async def whole() -> None:
        watch = asyncio.create_task(ends.broker.run(ends.tell)) if watched else None
        if watched:
            await until(lambda: ends.connected)
        try:
            await work()
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    asyncio.run(whole())


def arm(server: LocalKite, **spec: Any) -> None:
    answer = requests.post(f"{server.url}/_sim/faults", json=[spec], timeout=10)
    assert answer.status_code == 200, answer.text
