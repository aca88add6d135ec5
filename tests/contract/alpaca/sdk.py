"""Alpaca's official SDK, unmodified, and bots that use it against a running local Alpaca."""

import asyncio
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from itertools import count
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from holdfast.core.messages import Quote, Trade
from tests.local_alpaca import PATIENCE_S, LocalAlpaca

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a part of websockets that is to go some day
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.data.live import CryptoDataStream, StockDataStream
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream

__all__ = [
    "Bot",
    "CryptoDataStream",
    "CryptoHistoricalDataClient",
    "Handler",
    "Listening",
    "StockDataStream",
    "StockHistoricalDataClient",
    "TradingClient",
    "TradingStream",
]

_numbers = count(1)

Handler = Callable[[Any], Coroutine[Any, Any, None]]


class Bot:
    """An account of its own, with the SDK's clients for it: ``raw`` gives what came over the wire, ``typed`` models."""

    def __init__(self, server: LocalAlpaca) -> None:
        self.server = server
        self.key = f"PKCONTRACT{next(_numbers)}"
        self.secret = "a-made-up-secret"
        self.typed: Any = TradingClient(self.key, self.secret, url_override=server.trading_url)
        self.raw: Any = TradingClient(self.key, self.secret, raw_data=True, url_override=server.trading_url)
        self.raw.get_account()

    def market(self, symbol: str, price: float) -> None:
        """A quote a cent around a price and a trade at it, now."""
        now_ns = self.server.call(lambda: self.server.world.clock.now_ns)
        self.server.take(
            Quote(symbol, now_ns, round(price - 0.01, 2), 500.0, round(price + 0.01, 2), 500.0),
            Trade(symbol, now_ns, price, 100.0),
        )

    def order_when(self, order_id: str, status: str) -> dict[str, Any]:
        """The order as soon as it has the status."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            order: dict[str, Any] = self.raw.get_order_by_id(order_id)
            if order["status"] == status:
                return order
            assert time.monotonic() < deadline_s, f"order is {order['status']}, not {status}"


class Listening:
    """One of the SDK's streams, running in a thread of its own for as long as the context is open; hands on what it hears."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._heard: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=stream.run, name="sdk-stream", daemon=True)

    async def hear(self, message: Any) -> None:
        """The handler to subscribe with."""
        self._heard.put(message)

    def start(self) -> None:
        """Connect; what is subscribed before comes with the connection."""
        self._thread.start()

    def next(self, wanted: Callable[[Any], bool] = lambda _: True, timeout_s: float = PATIENCE_S) -> Any:
        """The next message of the wanted kind; others are dropped."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                message = self._heard.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError("waited in vain for a message of the stream") from None
            if wanted(message):
                return message

    def __enter__(self) -> "Listening":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self.stream.stop()
            # It looks for its end every five seconds; closing the connection under it wakes it.
            asyncio.run_coroutine_threadsafe(self.stream.close(), self.stream._loop)
            self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the stream did not stop"
