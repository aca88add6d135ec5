"""Every method of the SDK's StockHistoricalDataClient: raw answers field by field, and as models."""

import datetime as dt
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data import requests as ask
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import StockHistoricalDataClient
from tests.contract.alpaca.shapes import holds
from tests.local_alpaca import KEY, SECRET, LocalAlpaca

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # the official SDK's way with pandas

NAMES = ["AVOR", "BRYX"]
OPEN = dt.datetime(2024, 7, 10, 13, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FRAMES = [
    TimeFrame(1, TimeFrameUnit.Minute),
    TimeFrame(5, TimeFrameUnit.Minute),
    TimeFrame(59, TimeFrameUnit.Minute),
    TimeFrame(1, TimeFrameUnit.Hour),
    TimeFrame(23, TimeFrameUnit.Hour),
    TimeFrame(1, TimeFrameUnit.Day),
    TimeFrame(1, TimeFrameUnit.Week),
    TimeFrame(3, TimeFrameUnit.Month),
]


@pytest.fixture(scope="module")
def server_half_way(server: LocalAlpaca) -> LocalAlpaca:
    """The market a few hundred events after the open."""
    server.play(300)
    return server


@pytest.fixture
def raw(server_half_way: LocalAlpaca) -> Any:
    """The client that gives what came over the wire."""
    return StockHistoricalDataClient(KEY, SECRET, raw_data=True, url_override=server_half_way.data_url)


@pytest.fixture
def typed(server_half_way: LocalAlpaca) -> Any:
    """The client that gives models."""
    return StockHistoricalDataClient(KEY, SECRET, url_override=server_half_way.data_url)


def bars(frame: Any = TimeFrame.Minute, **more: Any) -> ask.StockBarsRequest:
    whole: dict[str, Any] = {"symbol_or_symbols": NAMES, "start": OPEN - 3 * 24 * HOUR}
    return ask.StockBarsRequest(timeframe=frame, **(whole | more))


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_get_stock_bars(raw: Any, typed: Any, frame: TimeFrame) -> None:
    """Bars of every kind of frame have all eight keys, by symbol, in order of time, none from the future."""
    days = 14 if frame.unit_value is TimeFrameUnit.Minute else 120
    wanted = bars(frame, start=OPEN - days * 24 * HOUR)
    answer = raw.get_stock_bars(wanted)
    holds(answer, {name: [shapes.BAR] for name in NAMES})
    for rows in answer.values():
        stamps = [row["t"] for row in rows]
        assert stamps == sorted(set(stamps))
        assert all(row["l"] <= min(row["o"], row["c"]) <= max(row["o"], row["c"]) <= row["h"] for row in rows)
    models = typed.get_stock_bars(wanted)
    assert [len(models[name]) for name in NAMES] == [len(answer[name]) for name in NAMES]
    assert len(models.df) == sum(map(len, answer.values()))


def test_bars_as_asked(raw: Any) -> None:
    """Limit, order, adjustment, feed, currency and the date of symbols are taken; limit counts all symbols together."""
    more: dict[str, Any] = {"adjustment": Adjustment.ALL, "feed": DataFeed.SIP, "asof": "2024-07-10", "currency": "USD"}
    few = raw.get_stock_bars(bars(limit=7, sort="desc", **more))
    assert sum(map(len, few.values())) == 7
    stamps = [row["t"] for row in few["AVOR"]]
    assert stamps == sorted(stamps, reverse=True)
    one = raw.get_stock_bars(bars(symbol_or_symbols="AVOR", start=OPEN - HOUR * 24, end=OPEN - HOUR * 23))
    assert list(one) in (["AVOR"], [])


def test_paging(raw: Any) -> None:
    """Pages put together are what one page holds, whatever the page size, and each has no more than asked for."""
    whole = raw.get(
        "/stocks/bars", {"symbols": "AVOR,BRYX", "timeframe": "1Min", "start": "2024-07-09", "limit": 10000}
    )
    assert whole["next_page_token"] is None
    rows: list[tuple[str, str]] = []
    token = None
    while True:
        page = {"symbols": "AVOR,BRYX", "timeframe": "1Min", "start": "2024-07-09", "limit": 137, "page_token": token}
        answer = raw.get("/stocks/bars", {name: value for name, value in page.items() if value})
        found = [(symbol, bar["t"]) for symbol, bars in answer["bars"].items() for bar in bars]
        assert 0 < len(found) <= 137
        rows += found
        token = answer["next_page_token"]
        if token is None:
            break
    assert rows == [(symbol, bar["t"]) for symbol, bars in whole["bars"].items() for bar in bars]


def test_get_stock_quotes_and_trades(raw: Any, typed: Any) -> None:
    """History of quotes and trades, field by field and as models."""
    span: dict[str, Any] = {"symbol_or_symbols": NAMES, "start": OPEN - 24 * HOUR, "limit": 50}
    quotes = raw.get_stock_quotes(ask.StockQuotesRequest(**span))
    trades = raw.get_stock_trades(ask.StockTradesRequest(**span))
    holds(quotes, {"AVOR?": [shapes.STOCK_QUOTE], "BRYX?": [shapes.STOCK_QUOTE]})
    holds(trades, {"AVOR?": [shapes.STOCK_TRADE], "BRYX?": [shapes.STOCK_TRADE]})
    assert sum(map(len, quotes.values())) == sum(map(len, trades.values())) == 50
    assert len(typed.get_stock_quotes(ask.StockQuotesRequest(**span)).df) == 50
    assert len(typed.get_stock_trades(ask.StockTradesRequest(**span)).df) == 50


def test_latest(raw: Any, typed: Any) -> None:
    """The latest trade, quote and bar, one symbol or several, on each feed."""
    for feed in (None, DataFeed.IEX, DataFeed.SIP):
        trade = ask.StockLatestTradeRequest(symbol_or_symbols=NAMES, feed=feed)
        quote = ask.StockLatestQuoteRequest(symbol_or_symbols=NAMES, feed=feed)
        bar = ask.StockLatestBarRequest(symbol_or_symbols=NAMES, feed=feed)
        holds(raw.get_stock_latest_trade(trade), dict.fromkeys(NAMES, shapes.STOCK_TRADE))
        holds(raw.get_stock_latest_quote(quote), dict.fromkeys(NAMES, shapes.STOCK_QUOTE))
        holds(raw.get_stock_latest_bar(bar), dict.fromkeys(NAMES, shapes.BAR))
    one = typed.get_stock_latest_trade(ask.StockLatestTradeRequest(symbol_or_symbols="AVOR"))["AVOR"]
    assert one.price > 0
    quote_now = typed.get_stock_latest_quote(ask.StockLatestQuoteRequest(symbol_or_symbols="AVOR"))["AVOR"]
    assert 0 < quote_now.bid_price < quote_now.ask_price
    assert typed.get_stock_latest_bar(ask.StockLatestBarRequest(symbol_or_symbols="AVOR"))["AVOR"].vwap > 0


def test_get_stock_snapshot(raw: Any, typed: Any) -> None:
    """Snapshots have symbols at the top and all five parts."""
    wanted = ask.StockSnapshotRequest(symbol_or_symbols=NAMES)
    holds(raw.get_stock_snapshot(wanted), dict.fromkeys(NAMES, shapes.snapshot(shapes.STOCK_TRADE, shapes.STOCK_QUOTE)))
    assert typed.get_stock_snapshot(wanted)["BRYX"].previous_daily_bar.close > 0


def test_nothing_there(raw: Any, typed: Any) -> None:
    """Where there is no data the answer is empty, not an error: no such symbol, and a time before the data."""
    nobody: dict[str, Any] = {"symbol_or_symbols": "NOSUCH", "start": OPEN - HOUR}
    assert typed.get_stock_bars(ask.StockBarsRequest(timeframe=TimeFrame.Day, **nobody)).data == {}
    assert raw.get_stock_quotes(ask.StockQuotesRequest(**nobody)) == {}
    assert raw.get_stock_trades(ask.StockTradesRequest(**nobody)) == {}
    assert raw.get_stock_latest_trade(ask.StockLatestTradeRequest(symbol_or_symbols="NOSUCH")) == {}
    long_ago = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
    assert raw.get_stock_bars(bars(TimeFrame.Day, start=long_ago, end=long_ago + 24 * HOUR)) == {}


@pytest.mark.parametrize(
    "change", [{"limit": 10_001}, {"limit": 0}, {"timeframe": "7Fortnight"}, {"symbols": ""}, {"sort": "up"}]
)
def test_what_is_wrong_is_refused(raw: Any, change: dict[str, Any]) -> None:
    """A parameter that can't be used is refused with 400 and a message."""
    wanted = {"symbols": "AVOR", "timeframe": "1Min", "start": "2024-07-09"} | change
    with pytest.raises(APIError) as refused:
        raw.get("/stocks/bars", wanted)
    assert refused.value.status_code == 400
    assert refused.value.message


def test_keys_are_needed(server_half_way: LocalAlpaca) -> None:
    """Market data of stocks needs keys, in headers or as basic authorization."""
    basic: Any = StockHistoricalDataClient(KEY, SECRET, use_basic_auth=True, url_override=server_half_way.data_url)
    assert basic.get_stock_latest_bar(ask.StockLatestBarRequest(symbol_or_symbols="AVOR"))["AVOR"].close > 0
    nobody: Any = StockHistoricalDataClient(oauth_token="made-up", url_override=server_half_way.data_url)
    with pytest.raises(APIError) as refused:
        nobody.get_stock_latest_bar(ask.StockLatestBarRequest(symbol_or_symbols="AVOR"))
    assert refused.value.status_code in (401, 403)
