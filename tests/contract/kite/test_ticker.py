"""The SDK's websocket client, unmodified: ticks in every mode, order updates, and the door.

Its reactor is one of the process and starts once; it goes on between tests, in a thread that ends with the process.
"""

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kiteconnect import KiteConnect, KiteTicker
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from holdfast.core.messages import Quote, Trade
from holdfast.sim.kite.trading.order import Product
from tests.local_kite import LOGIN, LocalKite, local_kite
from tests.local_server import PATIENCE_S

AVANTI = "NSE:AVANTI"


class Heard:
    """What a ticker has told, in order, and the ticker itself."""

    def __init__(self, server: LocalKite, kite: KiteConnect) -> None:
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.ticker = KiteTicker(LOGIN.api_key, kite.access_token, root=server.socket_url)
        self.ticker.on_connect = lambda _socket, _response: self.told.put(("connect", None))
        self.ticker.on_ticks = lambda _socket, ticks: self.told.put(("ticks", ticks))
        self.ticker.on_order_update = lambda _socket, data: self.told.put(("order", data))
        self.ticker.on_error = lambda _socket, _code, reason: self.told.put(("error", reason))

    def next(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next of a kind that fits; what comes before it is passed over."""
        while True:
            what, value = self.told.get(timeout=PATIENCE_S)
            if what == kind and fits(value):
                return value


@contextmanager
def listening(server: LocalKite, kite: KiteConnect) -> Iterator[Heard]:
    """A ticker that is connected."""
    heard = Heard(server, kite)
    heard.ticker.connect(threaded=True)
    heard.next("connect")
    try:
        yield heard
    finally:
        heard.ticker.close()


def is_of(mode: str, ticks: list[dict[str, Any]]) -> bool:
    """Whether ticks are of a mode."""
    return bool(ticks[0]["mode"] == mode)


def test_ticks_in_every_mode(server: LocalKite, kite: KiteConnect) -> None:
    """What was asked for is sent at once, and again when the market moves; each mode has what it has at Kite."""
    token = kite.instruments()[0]["instrument_token"]
    with listening(server, kite) as heard:
        heard.ticker.subscribe([token])
        (tick,) = heard.next("ticks")
        assert (tick["mode"], tick["instrument_token"]) == ("quote", token)
        for mode in ("ltp", "full"):
            heard.ticker.set_mode(mode, [token])
            (tick,) = heard.next("ticks", partial(is_of, mode))
        price = round(tick["last_price"] * 1.01 / 0.05) * 0.05
        now_ns = server.world.clock.now_ns
        server.take(
            Trade(AVANTI, now_ns + 1, price, 100.0), Quote(AVANTI, now_ns + 2, price - 0.05, 10.0, price + 0.05, 20.0)
        )
        (tick,) = heard.next("ticks", lambda ticks: ticks[0]["last_price"] == pytest.approx(price))
        assert tick["last_traded_quantity"] == 100
        assert tick["ohlc"]["high"] >= tick["last_price"]
        (tick,) = [tick] if tick["depth"]["buy"][0]["quantity"] == 10 else heard.next("ticks")
        assert tick["depth"]["buy"][0]["price"] == pytest.approx(price - 0.05)
        assert tick["depth"]["sell"][0]["quantity"] == 20
        full = kite.quote([AVANTI])[AVANTI]
        assert (full["ohlc"]["high"], full["volume"]) == (
            pytest.approx(tick["ohlc"]["high"]),
            tick["volume_traded"],
        )


def test_orders_are_told_without_a_subscription(server: LocalKite, kite: KiteConnect) -> None:
    """A fill, from whatever channel, comes as text with the order in it."""
    with listening(server, kite) as heard:
        account = server.world.accounts.all()[0]
        order = server.call(lambda: account.trade_by_hand(AVANTI, Product.MIS, 3))
        told = heard.next("order")
        assert (told["order_id"], told["status"], told["filled_quantity"]) == (order.order_id, "COMPLETE", 3)
        assert told["checksum"] == ""


def test_a_dead_token_is_refused_at_the_door(server: LocalKite, kite: KiteConnect) -> None:
    """403 in place of the upgrade; the fourth websocket of an account is 429."""
    address = f"{server.socket_url}/?api_key={LOGIN.api_key}&access_token="
    with pytest.raises(InvalidStatus) as raised:
        connect(f"{address}wrong")
    assert raised.value.response.status_code == 403
    with ExitStack() as open_ones:
        for _ in range(3):
            open_ones.enter_context(connect(f"{address}{kite.access_token}"))
        with pytest.raises(InvalidStatus) as raised:
            connect(f"{address}{kite.access_token}")
        assert raised.value.response.status_code == 429


def test_a_heartbeat_comes_by_itself(server: LocalKite, kite: KiteConnect) -> None:
    """One byte, and nothing else while nothing happens; text that is no request is answered with an error."""
    with connect(f"{server.socket_url}/?api_key={LOGIN.api_key}&access_token={kite.access_token}") as socket:
        assert socket.recv(timeout=PATIENCE_S) == b"\x00"
        socket.send("what?")
        told = socket.recv(timeout=PATIENCE_S)
        while isinstance(told, bytes):
            told = socket.recv(timeout=PATIENCE_S)
        assert "invalid message" in told


def test_flat_out_the_market_begins_with_the_first_subscription(tmp_path: Path) -> None:
    """Nothing happens before, and then everything to the end of the data."""
    path = tmp_path / "bars.csv"
    rows = ("INFY,2024-07-10T03:45:00Z,100,102,99,101,400", "INFY,2024-07-10T03:46:00Z,101,103,100,102,400")
    path.write_text("\n".join(("symbol,ts,open,high,low,close,volume", *rows, "")))
    with local_kite(data=[path], start_ns=None, is_paused=False) as server:
        kite = server.login()
        assert server.world.events == 0
        with connect(f"{server.socket_url}/?api_key={LOGIN.api_key}&access_token={kite.access_token}") as socket:
            token = kite.instruments()[0]["instrument_token"]
            socket.send(f'{{"a": "subscribe", "v": [{token}]}}')
            server.wait_for(lambda: server.world.is_over, "the end of the data")
        assert kite.ohlc("NSE:INFY")["NSE:INFY"]["ohlc"] | {"close": 0} == {
            "open": 100,
            "high": 103,
            "low": 99,
            "close": 0,
        }
