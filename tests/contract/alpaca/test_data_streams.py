"""Every method of the SDK's StockDataStream and CryptoDataStream: market data as it is streamed, field by field."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.models import Bar, Orderbook, Quote, Trade

from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import Bot, CryptoDataStream, Listening, StockDataStream
from tests.contract.alpaca.shapes import holds
from tests.local_alpaca import LocalAlpaca
from tests.local_server import PATIENCE_S

COIN = "BTC/USD"
NAMES = ("AVOR", "BRYX")


def stock_stream(bot: Bot, **more: Any) -> Any:
    settings: dict[str, Any] = {"raw_data": True, "url_override": bot.server.stocks_stream_url}
    return StockDataStream(bot.key, bot.secret, **(settings | more))


def crypto_stream(bot: Bot, **more: Any) -> Any:
    settings: dict[str, Any] = {"raw_data": True, "url_override": bot.server.crypto_stream_url}
    return CryptoDataStream(bot.key, bot.secret, **(settings | more))


def subscribed(server: LocalAlpaca, channel: str, symbol: str, *, so: bool = True) -> None:
    """Wait until somebody is told of this, or nobody is."""

    def is_so() -> bool:
        return any(client.subscriptions.wants(channel, symbol) for client in server.world.hub.clients) is so

    server.wait_for(is_so, f"{channel} of {symbol} to be {'subscribed' if so else 'unsubscribed'}")


@contextmanager
def listening(stream: Any, *subscribe: Callable[[Listening], None]) -> Iterator[Listening]:
    with Listening(stream) as heard:
        for each in subscribe:
            each(heard)
        heard.start()
        yield heard


def test_stock_trades_and_quotes(bot: Bot) -> None:
    """Trades and quotes come with every field and a packed time, exact to the nanosecond, for the symbols asked for."""
    with listening(stock_stream(bot)) as heard:
        heard.stream.subscribe_trades(heard.hear, *NAMES)
        heard.stream.subscribe_quotes(heard.hear, "AVOR")
        subscribed(bot.server, "trades", "BRYX")
        subscribed(bot.server, "quotes", "AVOR")
        bot.market("BRYX", 51.0)
        bot.market("AVOR", 101.0)
        trade, quote, other = heard.next(), heard.next(), heard.next()
        holds(trade, shapes.streamed("t", shapes.STOCK_TRADE))
        holds(quote, shapes.streamed("q", shapes.STOCK_QUOTE))
        assert (trade["S"], trade["p"], other["S"], other["p"]) == ("BRYX", 51.0, "AVOR", 101.0)
        assert (quote["bp"], quote["ap"]) == (100.99, 101.01)
        assert other["t"].to_unix_nano() == bot.server.call(lambda: bot.server.world.clock.now_ns)


def test_stock_models(bot: Bot) -> None:
    """Every message is a model to a bot that wants one."""
    with listening(stock_stream(bot, raw_data=False)) as heard:
        heard.stream.subscribe_trades(heard.hear, "*")
        heard.stream.subscribe_quotes(heard.hear, "*")
        heard.stream.subscribe_bars(heard.hear, "*")
        heard.stream.subscribe_daily_bars(heard.hear, "*")
        subscribed(bot.server, "dailyBars", "AVOR")
        bot.market("AVOR", 102.0)
        assert isinstance(heard.next(lambda one: isinstance(one, Trade)), Trade)
        bot.market("AVOR", 102.0)
        assert isinstance(heard.next(lambda one: isinstance(one, Quote)), Quote)
        bot.server.play(300)
        minute = heard.next(lambda one: isinstance(one, Bar))
        assert (minute.timestamp.second, minute.timestamp.microsecond) == (0, 0)
        assert minute.vwap is not None


def test_stock_bars(bot: Bot) -> None:
    """Minute bars come after their minute, and the day so far with each; fields as in history."""
    with listening(stock_stream(bot)) as heard:
        heard.stream.subscribe_bars(heard.hear, "AVOR")
        heard.stream.subscribe_daily_bars(heard.hear, "AVOR")
        subscribed(bot.server, "dailyBars", "AVOR")
        bot.server.play(400)
        minute = heard.next(lambda one: one["T"] == "b")
        day = heard.next(lambda one: one["T"] == "d")
        holds(minute, shapes.streamed("b", shapes.BAR))
        holds(day, shapes.streamed("d", shapes.BAR))
        assert minute["t"].to_unix_nano() % 60_000_000_000 == 0
        assert day["t"].to_datetime().hour == 4


def test_stock_subscriptions_come_and_go(bot: Bot) -> None:
    """Every channel can be subscribed and left while the stream runs; what was left is not told any more."""
    with listening(stock_stream(bot)) as heard:
        stream = heard.stream
        stream.subscribe_trades(heard.hear, *NAMES)
        subscribed(bot.server, "trades", "AVOR")
        for subscribe, leave, channel in (
            (stream.subscribe_quotes, stream.unsubscribe_quotes, "quotes"),
            (stream.subscribe_bars, stream.unsubscribe_bars, "bars"),
            (stream.subscribe_updated_bars, stream.unsubscribe_updated_bars, "updatedBars"),
            (stream.subscribe_daily_bars, stream.unsubscribe_daily_bars, "dailyBars"),
            (stream.subscribe_trading_statuses, stream.unsubscribe_trading_statuses, "statuses"),
        ):
            subscribe(heard.hear, "AVOR")
            subscribed(bot.server, channel, "AVOR")
            leave("AVOR")
            subscribed(bot.server, channel, "AVOR", so=False)
        stream.unsubscribe_trades("BRYX")
        subscribed(bot.server, "trades", "BRYX", so=False)
        bot.market("BRYX", 52.0)
        bot.market("AVOR", 103.0)
        assert heard.next()["S"] == "AVOR"


def test_corrections_are_registered(bot: Bot) -> None:
    """Handlers for canceled and corrected trades, which come with the trades, can be registered."""
    with listening(stock_stream(bot)) as heard:
        heard.stream.register_trade_cancels(heard.hear)
        heard.stream.register_trade_corrections(heard.hear)
        heard.stream.subscribe_trades(heard.hear, "AVOR")
        subscribed(bot.server, "trades", "AVOR")
        bot.market("AVOR", 99.0)
        assert heard.next()["T"] == "t"


def test_many_symbols(bot: Bot) -> None:
    """A subscription of thousands of symbols, which the SDK sends in pieces, is taken on a feed without a limit."""
    with listening(stock_stream(bot)) as heard:
        heard.stream.subscribe_trades(heard.hear, *(f"X{number}" for number in range(9_000)), "AVOR")
        subscribed(bot.server, "trades", "AVOR")
        bot.market("AVOR", 98.0)
        assert heard.next()["p"] == 98.0


def test_the_basic_plan_has_a_limit(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """On iex more than 30 symbols of trades and quotes together are refused with 405, and nothing of it is subscribed."""
    caplog.set_level(logging.ERROR, logger="alpaca.data.live.websocket")
    stream = stock_stream(bot, url_override=bot.server.iex_stream_url, feed=DataFeed.IEX)
    with listening(stream) as heard:
        heard.stream.subscribe_bars(heard.hear, "AVOR")
        subscribed(bot.server, "bars", "AVOR")
        heard.stream.subscribe_trades(heard.hear, *(f"X{number}" for number in range(30)), "AVOR")
        wait_for_log(caplog, "405")
        subscribed(bot.server, "trades", "AVOR", so=False)


def test_one_connection_an_endpoint(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A second connection to the same endpoint is refused with 406; to another it is not."""
    caplog.set_level(logging.ERROR, logger="alpaca.data.live.websocket")
    with listening(stock_stream(bot)) as first:
        first.stream.subscribe_trades(first.hear, "AVOR")
        subscribed(bot.server, "trades", "AVOR")
        with listening(stock_stream(bot)) as second:
            second.stream.subscribe_trades(second.hear, "AVOR")
            wait_for_log(caplog, "connection limit exceeded")
        with listening(crypto_stream(bot)) as third:
            third.stream.subscribe_trades(third.hear, COIN)
            subscribed(bot.server, "trades", COIN)


def test_wrong_secret(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """Wrong keys are told as they authenticate."""
    caplog.set_level(logging.ERROR, logger="alpaca.data.live.websocket")
    stream = StockDataStream(bot.key, "wrong", url_override=bot.server.stocks_stream_url)
    with listening(stream) as heard:
        heard.stream.subscribe_trades(heard.hear, "AVOR")
        wait_for_log(caplog, "auth failed")
        heard.stop()


def test_coins(bot: Bot) -> None:
    """A coin's trades, quotes, books and bars, field by field."""
    with listening(crypto_stream(bot)) as heard:
        stream = heard.stream
        stream.subscribe_trades(heard.hear, COIN)
        stream.subscribe_quotes(heard.hear, COIN)
        stream.subscribe_orderbooks(heard.hear, COIN)
        stream.subscribe_bars(heard.hear, COIN)
        stream.subscribe_daily_bars(heard.hear, COIN)
        stream.subscribe_updated_bars(heard.hear, COIN)
        subscribed(bot.server, "updatedBars", COIN)
        bot.server.play(400)
        holds(heard.next(lambda one: one["T"] == "t"), shapes.streamed("t", shapes.COIN_TRADE))
        holds(heard.next(lambda one: one["T"] == "b"), shapes.streamed("b", shapes.BAR))
        holds(heard.next(lambda one: one["T"] == "d"), shapes.streamed("d", shapes.BAR))
        bot.market(COIN, 41_000.0)
        holds(heard.next(lambda one: one["T"] == "q"), shapes.streamed("q", shapes.COIN_QUOTE))
        holds(heard.next(lambda one: one["T"] == "o"), shapes.STREAMED_ORDERBOOK)


def test_coin_models(bot: Bot) -> None:
    """A coin's messages are models to a bot that wants them; every channel can be left."""
    with listening(crypto_stream(bot, raw_data=False)) as heard:
        stream = heard.stream
        stream.subscribe_orderbooks(heard.hear, COIN)
        subscribed(bot.server, "orderbooks", COIN)
        bot.market(COIN, 41_000.0)
        book = heard.next()
        assert isinstance(book, Orderbook)
        assert book.bids[0].price == 40_999.99
        for subscribe, leave, channel in (
            (stream.subscribe_trades, stream.unsubscribe_trades, "trades"),
            (stream.subscribe_quotes, stream.unsubscribe_quotes, "quotes"),
            (stream.subscribe_bars, stream.unsubscribe_bars, "bars"),
            (stream.subscribe_updated_bars, stream.unsubscribe_updated_bars, "updatedBars"),
            (stream.subscribe_daily_bars, stream.unsubscribe_daily_bars, "dailyBars"),
        ):
            subscribe(heard.hear, COIN)
            subscribed(bot.server, channel, COIN)
            leave(COIN)
            subscribed(bot.server, channel, COIN, so=False)
        stream.unsubscribe_orderbooks(COIN)
        subscribed(bot.server, "orderbooks", COIN, so=False)


def wait_for_log(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Until the SDK, which hands errors on to nobody, has logged this."""
    deadline_s = time.monotonic() + PATIENCE_S
    while text not in caplog.text:
        assert time.monotonic() < deadline_s, f"the SDK did not log {text!r}: {caplog.text}"
        time.sleep(0.01)
