"""Every method of the SDK's CryptoHistoricalDataClient, which needs no keys: raw answers field by field, and as models."""

import datetime as dt
from typing import Any

import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data import requests as ask
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import CryptoHistoricalDataClient
from tests.contract.alpaca.shapes import holds
from tests.local_alpaca import LocalAlpaca

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # the official SDK's way with pandas

COIN = "BTC/USD"
SPAN: dict[str, Any] = {"symbol_or_symbols": COIN, "start": dt.datetime(2024, 7, 1, tzinfo=dt.UTC)}


@pytest.fixture
def raw(server: LocalAlpaca) -> Any:
    """The client that gives what came over the wire."""
    return CryptoHistoricalDataClient(raw_data=True, url_override=server.data_url)


@pytest.fixture
def typed(server: LocalAlpaca) -> Any:
    """The client that gives models."""
    return CryptoHistoricalDataClient(url_override=server.data_url)


@pytest.mark.parametrize("unit", TimeFrameUnit)
def test_get_crypto_bars(raw: Any, typed: Any, unit: TimeFrameUnit) -> None:
    """Bars of every unit; a coin's day starts at midnight UTC."""
    wanted = ask.CryptoBarsRequest(timeframe=TimeFrame(1, unit), **SPAN)
    answer = raw.get_crypto_bars(wanted)
    holds(answer, {COIN: [shapes.BAR]})
    assert len(typed.get_crypto_bars(wanted)[COIN]) == len(answer[COIN])
    if unit is TimeFrameUnit.Day:
        assert all(row["t"].endswith("T00:00:00Z") for row in answer[COIN])


def test_get_crypto_quotes_and_trades(raw: Any, typed: Any) -> None:
    """History of quotes and trades."""
    quotes, trades = ask.CryptoQuoteRequest(**SPAN, limit=20), ask.CryptoTradesRequest(**SPAN, limit=20, sort=Sort.DESC)
    holds(raw.get_crypto_quotes(quotes), {COIN: [shapes.COIN_QUOTE]})
    holds(raw.get_crypto_trades(trades), {COIN: [shapes.COIN_TRADE]})
    assert len(typed.get_crypto_quotes(quotes)[COIN]) == len(typed.get_crypto_trades(trades)[COIN]) == 20


def test_latest(raw: Any, typed: Any) -> None:
    """The latest trade, quote, bar and book."""
    holds(raw.get_crypto_latest_trade(ask.CryptoLatestTradeRequest(symbol_or_symbols=COIN)), {COIN: shapes.COIN_TRADE})
    holds(raw.get_crypto_latest_quote(ask.CryptoLatestQuoteRequest(symbol_or_symbols=COIN)), {COIN: shapes.COIN_QUOTE})
    holds(raw.get_crypto_latest_bar(ask.CryptoLatestBarRequest(symbol_or_symbols=COIN)), {COIN: shapes.BAR})
    book = ask.CryptoLatestOrderbookRequest(symbol_or_symbols=[COIN])
    holds(raw.get_crypto_latest_orderbook(book), {COIN: shapes.ORDERBOOK})
    assert typed.get_crypto_latest_orderbook(book)[COIN].asks[0].price > 0
    assert typed.get_crypto_latest_trade(ask.CryptoLatestTradeRequest(symbol_or_symbols=COIN))[COIN].price > 0
    assert typed.get_crypto_latest_quote(ask.CryptoLatestQuoteRequest(symbol_or_symbols=COIN))[COIN].bid_price > 0
    assert typed.get_crypto_latest_bar(ask.CryptoLatestBarRequest(symbol_or_symbols=COIN))[COIN].close > 0


def test_get_crypto_snapshot(raw: Any, typed: Any) -> None:
    """A snapshot has all five parts."""
    wanted = ask.CryptoSnapshotRequest(symbol_or_symbols=COIN)
    holds(raw.get_crypto_snapshot(wanted), {COIN: shapes.snapshot(shapes.COIN_TRADE, shapes.COIN_QUOTE)})
    assert typed.get_crypto_snapshot(wanted)[COIN].daily_bar.open > 0


def test_a_symbol_without_a_slash_is_refused(raw: Any) -> None:
    """Alpaca: a coin's symbol in market data has its slash, else 400."""
    with pytest.raises(APIError) as refused:
        raw.get_crypto_latest_trade(ask.CryptoLatestTradeRequest(symbol_or_symbols="BTCUSD"))
    assert refused.value.status_code == 400
