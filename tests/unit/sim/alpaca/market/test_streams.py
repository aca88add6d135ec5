"""The market data websockets, through the official streams and on the bare wire."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import requests
from alpaca.data.live import CryptoDataStream, StockDataStream
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from holdfast.core.messages import Bar, Quote, Trade
from tests.local_alpaca import KEY, OTHER_KEY, SECRET, LocalAlpaca, local_alpaca
from tests.local_server import PATIENCE_S
from tests.unit.sim.alpaca.market.conftest import beginning, read

AUTH = {"action": "auth", "key": KEY, "secret": SECRET}
CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]
OPEN_NS = 1_720_618_200 * 10**9
"""2024-07-10 09:30 in New York."""


class Heard:
    """What an official stream's handler was given."""

    def __init__(self, enough: int) -> None:
        self.items: list[Any] = []
        self._enough = enough
        self._is_done = threading.Event()

    async def on(self, item: Any) -> None:
        """The handler."""
        self.items.append(item)
        if len(self.items) == self._enough:
            self._is_done.set()

    def wait(self) -> list[Any]:
        """All of them, once there are enough."""
        assert self._is_done.wait(PATIENCE_S), f"only {len(self.items)} of {self._enough} came"
        return self.items


@contextmanager
def running(stream: Any) -> Iterator[None]:
    """An official stream in a thread of its own, as its users run it."""
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stream.stop()
        thread.join(PATIENCE_S)


@contextmanager
def wire(
    url: str, *, is_msgpack: bool = False, keys: bool = False, compression: str | None = "deflate"
) -> Iterator[ClientConnection]:
    """A plain websocket."""
    headers = {"Content-Type": "application/msgpack"} if is_msgpack else {}
    headers |= {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET} if keys else {}
    with connect(
        url, additional_headers=headers, open_timeout=PATIENCE_S, proxy=None, compression=compression
    ) as socket:
        assert hear(socket) == CONNECTED
        yield socket


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> Any:
    frame = socket.recv(PATIENCE_S)
    return msgpack.unpackb(frame) if isinstance(frame, bytes) else json.loads(frame)


@contextmanager
def subscribed(url: str, compression: str | None = "deflate", **channels: list[str]) -> Iterator[ClientConnection]:
    """A plain websocket that has subscribed."""
    with wire(url, compression=compression) as socket:
        socket.send(json.dumps(AUTH))
        assert hear(socket) == AUTHENTICATED
        say(socket, action="subscribe", **channels)
        assert hear(socket)[0]["T"] == "subscription"
        yield socket


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca() as server:
        yield server


def test_the_official_stock_stream_gets_every_trade_of_a_day(shared_data: Path, tmp_path: Path) -> None:
    """Flat out, the unmodified client is given all trades of the first hours, in order, and none is lost to its pace."""
    path = beginning(shared_data / "us_tick_trades_ibm.parquet", 25_000, tmp_path)
    there = read(path, "IBM")
    with local_alpaca(data=[path], is_paused=False) as server:
        heard = Heard(len(there))
        stream = StockDataStream(KEY, SECRET, url_override=server.stocks_stream_url)
        stream.subscribe_trades(heard.on, "IBM")
        with running(stream):
            trades = heard.wait()
    assert [trade.id for trade in trades] == list(range(1, len(there) + 1))
    assert [trade.price for trade in trades] == there.price.tolist()
    assert [trade.size for trade in trades] == there["size"].tolist()


def test_the_official_stock_stream_gets_bars_quotes_and_days(bars_csv: Path) -> None:
    """From bars alone a client has bars, the trade and the quote of each, and the day so far."""
    with local_alpaca(data=[bars_csv], is_paused=False) as server:
        bars, trades, quotes, days = Heard(6), Heard(6), Heard(3), Heard(3)
        stream = StockDataStream(KEY, SECRET, url_override=server.stocks_stream_url)
        stream.subscribe_bars(bars.on, "*")
        stream.subscribe_trades(trades.on, "*")
        stream.subscribe_quotes(quotes.on, "ACME")
        stream.subscribe_daily_bars(days.on, "ACME")
        stream.subscribe_updated_bars(Heard(1).on, "ACME")
        stream.subscribe_trading_statuses(Heard(1).on, "ACME")
        with running(stream):
            all_bars, all_trades, all_quotes, all_days = bars.wait(), trades.wait(), quotes.wait(), days.wait()
    assert [(bar.symbol, bar.open, bar.close) for bar in all_bars[:2]] == [("ACME", 10, 10.5), ("ZINC", 20, 20.5)]
    assert [(trade.price, trade.size) for trade in all_trades if trade.symbol == "ACME"] == [
        (10.5, 100),
        (11.5, 101),
        (12.5, 102),
    ]
    assert [(quote.bid_price, quote.ask_price) for quote in all_quotes] == [
        (10.49, 10.51),
        (11.49, 11.51),
        (12.49, 12.51),
    ]
    assert [(day.open, day.high, day.low, day.close, day.volume) for day in all_days] == [
        (10, 11, 9, 10.5, 100),
        (10, 12, 9, 11.5, 201),
        (10, 13, 9, 12.5, 303),
    ]


def test_the_official_crypto_stream_gets_bars_and_books(shared_data: Path) -> None:
    """A coin's bars come bar for bar, with the books made of its quotes."""
    path = shared_data / "crypto_minute.parquet"
    there = read(path, "BTCUSD").head(500)
    with local_alpaca(data=[path], is_paused=False) as server:
        bars, books = Heard(500), Heard(500)
        stream = CryptoDataStream(KEY, SECRET, url_override=server.crypto_stream_url)
        stream.subscribe_bars(bars.on, "BTC/USD")
        stream.subscribe_orderbooks(books.on, "BTC/USD")
        with running(stream):
            all_bars, all_books = bars.wait(), books.wait()
    assert [bar.close for bar in all_bars[:500]] == there.close.tolist()
    assert [bar.volume for bar in all_bars[:500]] == there.volume.tolist()
    assert all(book.bids[0].price < book.asks[0].price for book in all_books)


def test_times_on_the_wire_keep_their_nanoseconds(server: LocalAlpaca) -> None:
    """In MessagePack a time is ext type -1 with all nanoseconds, in JSON text that says the same."""
    trade = Trade("AVOR", OPEN_NS + 123_456_789, 290.5, 3.0)
    with wire(server.stocks_stream_url, is_msgpack=True) as binary, wire(server.iex_stream_url) as text:
        for socket in (binary, text):
            socket.send(json.dumps(AUTH))
            hear(socket)
            say(socket, action="subscribe", trades=["AVOR"])
            hear(socket)
        server.take(trade)
        packed, written = hear(binary), hear(text)
    assert packed[0]["t"].to_unix_nano() == trade.time_ns
    assert written[0]["t"] == "2024-07-10T13:30:00.123456789Z"
    assert {name: value for name, value in packed[0].items() if name != "t"} == {
        name: value for name, value in written[0].items() if name != "t"
    }


def test_each_kind_has_the_keys_that_alpaca_sends(server: LocalAlpaca) -> None:
    """Trades, quotes, bars and books of both asset classes have exactly the documented keys."""
    with (
        subscribed(server.stocks_stream_url, trades=["*"], quotes=["*"], bars=["*"]) as stocks,
        subscribed(server.crypto_stream_url, trades=["*"], quotes=["*"], orderbooks=["*"], bars=["*"]) as coins,
    ):
        for symbol in ("AVOR", "BTC/USD"):
            server.take(
                Trade(symbol, OPEN_NS, 30.5, 3.0),
                Quote(symbol, OPEN_NS, 30.4, 1.0, 30.6, 2.0),
                Bar(symbol, OPEN_NS + 60 * 10**9, OPEN_NS, 30.0, 31.0, 29.0, 30.5, 100.0),
            )
        shares, of_coins = _by_type(stocks, 3), _by_type(coins, 4)
    bar = {"T", "S", "o", "h", "l", "c", "v", "n", "vw", "t"}
    assert shares["t"] == {"T", "S", "i", "x", "p", "s", "c", "z", "t"}
    assert shares["q"] == {"T", "S", "bx", "bp", "bs", "ax", "ap", "as", "c", "z", "t"}
    assert shares["b"] == of_coins["b"] == bar
    assert of_coins["t"] == {"T", "S", "p", "s", "t", "i", "tks"}
    assert of_coins["q"] == {"T", "S", "bp", "bs", "ap", "as", "t"}
    assert of_coins["o"] == {"T", "S", "b", "a", "t", "r"}


def _by_type(socket: ClientConnection, count: int) -> dict[str, set[str]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += hear(socket)
    return {message["T"]: set(message) for message in found}


def test_subscriptions_add_up_and_are_told_in_full(server: LocalAlpaca) -> None:
    """Each answer is the full set, with what trades imply; unsubscribing takes away what it names."""
    with subscribed(server.stocks_stream_url, trades=["AVOR"]) as socket:
        say(socket, action="subscribe", quotes=["BRYX"], bars=["*"], statuses=["*"])
        first = hear(socket)[0]
        say(socket, action="unsubscribe", trades=["AVOR"], bars=["NOPE"])
        second = hear(socket)[0]
    empty = {"T": "subscription", "updatedBars": [], "dailyBars": [], "lulds": [], "quotes": ["BRYX"], "bars": ["*"]}
    assert first == empty | {"trades": ["AVOR"], "corrections": ["AVOR"], "cancelErrors": ["AVOR"], "statuses": ["*"]}
    assert second == empty | {"trades": [], "corrections": [], "cancelErrors": [], "statuses": ["*"]}


def test_only_what_was_asked_for_comes(server: LocalAlpaca) -> None:
    """Nothing of other symbols, other channels, or after unsubscribing; a star is all of one asset class."""
    with (
        subscribed(server.stocks_stream_url, trades=["AVOR"]) as one,
        subscribed(server.iex_stream_url, trades=["*"]) as all_shares,
    ):
        for symbol in ("BTC/USD", "BRYX", "AVOR"):
            server.take(Quote(symbol, OPEN_NS, 1.0, 1.0, 2.0, 1.0), Trade(symbol, OPEN_NS, 1.5, 1.0))
        assert [message["S"] for message in hear(one)] == ["AVOR"]
        assert [hear(all_shares)[0]["S"] for _ in range(2)] == ["BRYX", "AVOR"]
        say(one, action="unsubscribe", trades=["AVOR"])
        assert hear(one)[0]["trades"] == []
        server.take(Trade("AVOR", OPEN_NS, 1.5, 1.0))
        say(one, action="subscribe")
        assert hear(one)[0]["T"] == "subscription"


def test_a_fragmented_request_is_one_request(server: LocalAlpaca) -> None:
    """A subscription that comes in pieces, the last of them empty, as the official client sends it, is understood."""
    symbols = [f"SYM{number}" for number in range(10_000)]
    request = msgpack.packb({"bars": symbols, "action": "subscribe"})
    with wire(server.stocks_stream_url, is_msgpack=True, keys=True) as socket:
        assert hear(socket) == AUTHENTICATED
        socket.send([request[:32768], request[32768:], b""])
        assert hear(socket)[0]["bars"] == sorted(symbols)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", 400),
        ("[" * 100_000, 400),
        ('["subscribe"]', 400),
        ('{"action": "dance"}', 400),
        ('{"action": "subscribe", "trades": "AVOR"}', 400),
        ('{"action": "subscribe", "trades": [7]}', 400),
        ('{"action": "subscribe", "trades": ["btc/usd"]}', 400),
        ('{"action": "subscribe", "orderbooks": ["AVOR"]}', 410),
        (json.dumps(AUTH), 403),
    ],
)
def test_a_wrong_request_is_told_by_its_code(server: LocalAlpaca, message: str, code: int) -> None:
    """The documented code comes, nothing is changed, and the connection goes on."""
    with subscribed(server.stocks_stream_url, trades=["AVOR"]) as socket:
        socket.send(message)
        answer = hear(socket)
        assert (answer[0]["T"], answer[0]["code"]) == ("error", code)
        say(socket, action="subscribe")
        assert hear(socket)[0]["trades"] == ["AVOR"]


def test_nothing_is_answered_before_the_keys(server: LocalAlpaca) -> None:
    """Requests before authentication are told 401, and authentication still works afterwards."""
    with wire(server.stocks_stream_url) as socket:
        say(socket, action="subscribe", trades=["AVOR"])
        assert hear(socket)[0]["code"] == 401
        socket.send(json.dumps(AUTH))
        assert hear(socket) == AUTHENTICATED


def test_wrong_keys_end_the_connection(tmp_path: Path) -> None:
    """Where accounts are listed other keys are told 402, and the connection is closed."""
    path = tmp_path / "accounts.toml"
    path.write_text(f'[[accounts]]\nkey = "{KEY}"\nsecret = "{SECRET}"\n')
    with local_alpaca(accounts=path) as server, wire(server.stocks_stream_url) as socket:
        socket.send(json.dumps(AUTH | {"key": OTHER_KEY}))
        assert hear(socket)[0]["code"] == 402
        with pytest.raises(ConnectionClosed):
            hear(socket)


def test_who_says_nothing_is_told_so(server: LocalAlpaca, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys in time comes 404, and the connection is closed."""
    monkeypatch.setattr("holdfast.sim.alpaca.market.stream.AUTH_WITHIN_S", 0.05)
    with wire(server.stocks_stream_url) as socket:
        assert hear(socket)[0]["code"] == 404
        with pytest.raises(ConnectionClosed):
            hear(socket)


def test_a_second_connection_is_one_too_many(server: LocalAlpaca) -> None:
    """406 for the same account on the same endpoint, not for others; once the first is gone there is room again."""
    with subscribed(server.stocks_stream_url, trades=["AVOR"]):
        with wire(server.stocks_stream_url) as second:
            second.send(json.dumps(AUTH))
            assert hear(second)[0]["code"] == 406
        with wire(server.stocks_stream_url) as other_account:
            other_account.send(json.dumps(AUTH | {"key": OTHER_KEY}))
            assert hear(other_account) == AUTHENTICATED
        with subscribed(server.crypto_stream_url, trades=["BTC/USD"]):
            pass
    server.wait_for(lambda: not server.world.hub.connected, "the connections to be gone")
    with subscribed(server.stocks_stream_url, trades=["AVOR"]):
        pass


def test_the_basic_feed_has_a_symbol_limit(server: LocalAlpaca) -> None:
    """On iex 30 trades and quotes together are the most, bars don't count, and a refused request changes nothing."""
    names = [f"SYM{number}" for number in range(31)]
    with subscribed(server.iex_stream_url, trades=names[:15], quotes=names[:15]) as socket:
        say(socket, action="subscribe", trades=[names[30]], bars=names)
        assert hear(socket)[0]["code"] == 405
        say(socket, action="subscribe", bars=names)
        told = hear(socket)[0]
        assert (len(told["trades"]), len(told["quotes"]), len(told["bars"])) == (15, 15, 31)


def test_a_slow_client_is_given_up_when_the_market_is_paced(
    server: LocalAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever doesn't read is told 407 and closed, and the market has not waited."""
    monkeypatch.setattr("holdfast.sim.alpaca.market.hub.MOST_FRAMES", 16)
    with subscribed(server.stocks_stream_url, compression=None, trades=["AVOR"]) as socket:
        trades = [Trade("AVOR", OPEN_NS, 1.5, 1.0)] * 900
        (client,) = server.world.hub.clients
        frames = 0
        while not client._is_ended and frames < 400:
            server.take(*trades)
            frames += 1
        last = [json.loads(frame)[-1] for frame in socket][-1]
    assert last["code"] == 407


def test_flat_out_the_market_waits_for_a_slow_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads nothing for a while stops the market, and then gets every trade."""
    monkeypatch.setattr("holdfast.sim.alpaca.market.hub.MOST_FRAMES", 4)
    count = 100_000
    rows = (f"ACME,2024-01-03T14:30:{place * 60 // count:02d}Z,{place + 1},1" for place in range(count))
    path = tmp_path / "trades.csv"
    path.write_text("\n".join(["symbol,ts,price,size", *rows]))
    with (
        local_alpaca(data=[path], is_paused=False) as server,
        subscribed(server.stocks_stream_url, compression=None, trades=["ACME"]) as socket,
    ):
        seen = [-1, 0]
        while not seen[-1] or seen[-1] != seen[-2]:
            time.sleep(0.2)  # standing still is all that can be seen of a market that waits
            seen.append(server.world.events)
        assert 0 < seen[-1] < 2 * count  # with each trade comes a quote
        prices: list[float] = []
        while len(prices) < count:
            prices += [message["p"] for message in hear(socket)]
    assert prices == list(range(1, count + 1))


def test_frames_stay_below_what_clients_take(server: LocalAlpaca) -> None:
    """However much happens at once, no frame comes near a mebibyte, and nothing is missing."""
    with subscribed(server.stocks_stream_url, quotes=["AVOR"]) as socket:
        server.take(*[Quote("AVOR", OPEN_NS, 1.5, 1.0, 1.6, 1.0)] * 10_000)
        sizes, count = [], 0
        while count < 10_000:
            frame = socket.recv(PATIENCE_S)
            sizes.append(len(frame))
            count += len(json.loads(frame))
    assert max(sizes) < 1 << 19


def test_coins_are_also_where_the_older_sdk_looks(server: LocalAlpaca) -> None:
    """alpaca-trade-api connects to another path and finds the same stream."""
    with subscribed(f"{server.data_stream_url}/v1beta2/crypto", trades=["BTC/USD"]) as socket:
        server.take(Trade("BTC/USD", OPEN_NS, 1.5, 1.0))
        assert hear(socket)[0]["S"] == "BTC/USD"


def test_the_test_stream_always_trades(server: LocalAlpaca) -> None:
    """FAKEPACA trades on /v2/test whatever the market does."""
    with subscribed(f"{server.data_stream_url}/v2/test", trades=["FAKEPACA"], quotes=["FAKEPACA"]) as socket:
        assert {hear(socket)[0]["T"], hear(socket)[0]["T"]} == {"q", "t"}


def test_faults_bite_market_data_and_nothing_else(server: LocalAlpaca) -> None:
    """A duplicated frame comes twice, a dropped one never; answers to requests are left alone."""

    def post(**fault: Any) -> requests.Response:
        return requests.post(f"{server.trading_url}/_sim/faults", json=fault, timeout=PATIENCE_S)

    with subscribed(server.stocks_stream_url, trades=["AVOR"]) as socket:
        assert post(name="stream_duplicate", times=1, stream="data").ok
        server.take(Trade("AVOR", OPEN_NS, 1.5, 1.0))
        assert hear(socket) == hear(socket)
        assert post(name="stream_drop", times=1, stream="data").ok
        server.take(Trade("AVOR", OPEN_NS, 2.5, 1.0))
        say(socket, action="subscribe")
        assert hear(socket)[0]["T"] == "subscription"
    server.wait_for(lambda: not server.world.hub.connected, "the connection to be gone")
    assert post(name="stream_refused_406", times=1).ok
    with wire(server.stocks_stream_url) as socket:
        socket.send(json.dumps(AUTH))
        assert hear(socket)[0]["code"] == 406


def test_the_server_ends_streams_in_order() -> None:
    """When the server stops, clients are told by a proper close, not by a broken connection."""
    with ExitStack() as client:
        with local_alpaca() as server:
            socket = client.enter_context(wire(server.stocks_stream_url))
        with pytest.raises(ConnectionClosed) as closed:
            hear(socket)
    assert closed.value.rcvd is not None
