"""Alpaca's official SDK, unmodified, and bots that use it against a running local Alpaca."""

import asyncio
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

import requests

from holdfast.core.messages import Quote, Trade
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from tests.local_alpaca import LocalAlpaca
from tests.local_server import PATIENCE_S

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
    "trade_updates",
    "wait_until_heard",
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

    def put_on(self, name: str, **told: Any) -> None:
        """A fault on, or done at once."""
        body = {"name": name, **told}
        response = requests.post(f"{self.server.trading_url}/_sim/faults", json=body, timeout=PATIENCE_S)
        assert response.status_code == 200, response.text

    @property
    def trading(self) -> TradingAccount:
        """The account in the server."""
        trading = self.server.call(lambda: self.server.world.accounts.find(self.key))
        assert trading is not None
        return trading

    def order_when(self, order_id: str, status: str) -> dict[str, Any]:
        """The order as soon as it has the status. Awaited in the server: asking again and again would meet the rate limit."""
        trading = self.trading
        self.server.wait_for(lambda: trading.orders.get(order_id).status == status, f"order {order_id} to be {status}")
        order: dict[str, Any] = self.raw.get_order_by_id(order_id)
        return order


class Listening:
    """One of the SDK's streams, running in a thread of its own for as long as the context is open; hands on what it hears."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._heard: SimpleQueue[Any] = SimpleQueue()
        self._is_stopped = False
        self._thread = threading.Thread(target=stream.run, name="sdk-stream", daemon=True)

    async def hear(self, message: Any) -> None:
        """The handler to subscribe with."""
        self._heard.put(message)

    def start(self) -> None:
        """Connect; what is subscribed before comes with the connection."""
        self._thread.start()

    def stop(self) -> None:
        """End the stream as bots do. The SDK looks for it every five seconds while nothing comes."""
        self._is_stopped = True
        self.stream.stop()

    async def _leave(self) -> None:
        """What stop does, and then the connection is closed under the SDK, which wakes it."""
        await self.stream.stop_ws()
        await self.stream.close()

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
        if self._thread.is_alive() and not self._is_stopped:
            asyncio.run_coroutine_threadsafe(self._leave(), self.stream._loop)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the stream did not stop"


@contextmanager
def trade_updates(bot: Bot, *, raw: bool = True) -> Iterator[Listening]:
    """The account's stream, once the server tells it what happens."""
    with Listening(TradingStream(bot.key, bot.secret, raw_data=raw, url_override=bot.server.stream_url)) as heard:
        heard.stream.subscribe_trade_updates(heard.hear)
        heard.start()
        wait_until_heard(bot)
        yield heard


def wait_until_heard(bot: Bot, so: bool = True) -> None:
    """Until the account's updates are told to somebody, or to nobody."""
    trading = bot.trading
    bot.server.wait_for(lambda: trading.hub.is_heard is so, f"the stream of {bot.key}")
