"""History over HTTP, through the official clients: bar for bar what is in the data, and nothing of the future."""

import base64
import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from alpaca.common.enums import SupportedCurrencies
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoSnapshotRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.local_alpaca import KEY, SECRET, local_alpaca
from tests.unit.sim.alpaca.market.conftest import Bot, beginning, read

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # the official SDK's way with pandas

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
LATER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
EVENING_NS = 1_381_276_800 * 10**9
"""When the trades of 2013-10-08 are over: 20:00 in New York."""
PRICES = ["open", "high", "low", "close", "volume"]


def frame_of(answer: Any, symbol: str) -> pd.DataFrame:
    """What a client got of a symbol, by time."""
    frame: pd.DataFrame = answer.df.loc[symbol].reset_index()
    return frame


def token_of(text: str) -> str:
    """A page token that the server never made."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def stamps(column: pd.Series) -> list[int]:
    """Times as nanoseconds."""
    found: list[int] = pd.DatetimeIndex(column).as_unit("ns").asi8.tolist()
    return found


def test_minute_bars_come_back_bar_for_bar(shared_data: Path) -> None:
    """After the replay a client has every minute bar of the file, with its time, prices and volume."""
    path = shared_data / "us_minute_trades.parquet"
    with local_alpaca(data=[path]) as server:
        bot = Bot(server)
        server.finish()
        wanted = StockBarsRequest(
            symbol_or_symbols=["SPY", "IBM", "AIG", "BAC"], timeframe=TimeFrame.Minute, start=LONG_AGO, end=LATER
        )
        answer = bot.stocks.get_stock_bars(wanted)
        bot.close()
    for symbol in ("SPY", "IBM", "AIG", "BAC"):
        got, there = frame_of(answer, symbol), read(path, symbol)
        assert stamps(got.timestamp) == stamps(there.ts)
        assert np.array_equal(got[PRICES].to_numpy(), there[PRICES].to_numpy())


def test_crypto_bars_come_back_bar_for_bar(shared_data: Path) -> None:
    """A file's BTCUSD is served as BTC/USD, with fractional volumes, to a client without keys."""
    path = shared_data / "crypto_minute.parquet"
    with local_alpaca(data=[path]) as server:
        bot = Bot(server)
        server.finish()
        wanted = CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Minute, start=LONG_AGO, end=LATER)
        got = frame_of(bot.crypto.get_crypto_bars(wanted), "BTC/USD")
        bot.close()
    there = read(path, "BTCUSD")
    assert stamps(got.timestamp) == stamps(there.ts)
    assert np.array_equal(got[PRICES].to_numpy(), there[PRICES].to_numpy())


def test_a_day_of_trades_comes_back_trade_for_trade(shared_data: Path, tmp_path: Path) -> None:
    """The trades of a day come through the client's own paging, in order, none twice; in a campaign all 451,545."""
    path = beginning(shared_data / "us_tick_trades_spy.parquet", 45_000, tmp_path)
    with local_alpaca(data=[path]) as server:
        server.call(lambda: server.world.clock.jump(EVENING_NS))
        client: Any = StockHistoricalDataClient(KEY, SECRET, raw_data=True, url_override=server.data_url)
        rows = client.get_stock_trades(StockTradesRequest(symbol_or_symbols="SPY", start=LONG_AGO, end=LATER))["SPY"]
        client._session.close()
    there = read(path, "SPY")
    assert [row["i"] for row in rows] == list(range(1, len(there) + 1))
    assert [row["p"] for row in rows] == there.price.tolist()
    assert [row["s"] for row in rows] == there["size"].tolist()
    assert pd.DatetimeIndex([row["t"] for row in rows]).as_unit("ns").asi8.tolist() == stamps(there.ts)


def test_a_quote_of_one_side_keeps_the_other(shared_data: Path) -> None:
    """Quotes in the file give one side each; served quotes have both, the other as it was last quoted."""
    path = shared_data / "us_tick_quotes_ibm.parquet"
    there = read(path, "IBM").head(3000)
    with local_alpaca(data=[path]) as server:
        bot = Bot(server)
        server.call(lambda: server.world.clock.jump(stamps(there.ts)[-1]))
        wanted = StockQuotesRequest(symbol_or_symbols="IBM", start=LONG_AGO, limit=3000)
        got = frame_of(bot.stocks.get_stock_quotes(wanted), "IBM")
        bot.close()
    bids = there.bid.where(there.bid > 0).ffill().fillna(0)
    asks = there.ask.where(there.ask > 0).ffill().fillna(0)
    assert got.bid_price.tolist() == bids.tolist()
    assert got.ask_price.tolist() == asks.tolist()


def test_daily_bars_of_minutes_are_those_of_the_daily_file(shared_data: Path) -> None:
    """Days made of minute bars have the open, low and high of regular hours that the daily data have, and are dated alike."""
    minutes, days = shared_data / "us_minute_trades.parquet", read(shared_data / "us_daily.parquet", "SPY")
    with local_alpaca(data=[minutes]) as server:
        bot = Bot(server)
        server.finish()
        wanted = StockBarsRequest(symbol_or_symbols="SPY", timeframe=TimeFrame.Day, start=LONG_AGO, end=LATER)
        got = frame_of(bot.stocks.get_stock_bars(wanted), "SPY")
        bot.close()
    there = days[days.ts.isin(got.timestamp)]
    assert len(got) == len(there) == 5
    for name in ("open", "high", "low"):
        assert np.allclose(got[name], there[name], atol=0.02)


def test_nothing_of_the_future_is_shown(bars_csv: Path) -> None:
    """At each moment every question about history, latest and snapshots answers with what has ended by then, no more."""
    with local_alpaca(data=[bars_csv]) as server:
        bot = Bot(server)
        seen = []
        for second in (59, 60, 119, 120):
            at_ns = int(dt.datetime(2024, 1, 3, 14, 30, tzinfo=dt.UTC).timestamp() + second) * 10**9
            server.call(partial(server.world.clock.jump, at_ns))
            bars = bot.get("/v2/stocks/bars", symbols="ACME", timeframe="1Min", start="2024-01-03", end="2030-01-01")
            trades = bot.get("/v2/stocks/trades", symbols="ACME", start="2024-01-03", end="2030-01-01").json()
            latest = bot.get("/v2/stocks/ACME/bars/latest")
            day = bot.get("/v2/stocks/bars", symbols="ACME", timeframe="1Day", start="2024-01-03").json()["bars"]
            volume = day["ACME"][0]["v"] if day else 0
            count = len(bars.json()["bars"].get("ACME", []))
            seen.append((count, len(trades["trades"].get("ACME", [])), latest.status_code, volume))
        bot.close()
    assert [one[1] for one in seen] == [0, 1, 1, 2]
    assert [one[0] for one in seen] == [0, 1, 1, 2]
    assert [one[3] for one in seen] == [0, 100, 100, 201]
    assert [one[2] for one in seen] == [404, 200, 200, 200]


def test_pages_cover_all_symbols_together(bars_csv: Path) -> None:
    """Every limit gives the same rows, page after page, over all symbols; no page has more, the last has no token."""
    with local_alpaca(data=[bars_csv]) as server:
        bot = Bot(server)
        server.finish()
        for sort in ("asc", "desc"):
            query = {
                "symbols": "ZINC,ACME",
                "timeframe": "1Min",
                "start": "2024-01-03",
                "end": "2024-01-04",
                "sort": sort,
            }
            whole = _all_pages(bot, query | {"limit": 10_000})
            for limit in range(1, 7):
                assert _all_pages(bot, query | {"limit": limit}) == whole
            times = [t for symbol, t in whole if symbol == "ACME"]
            assert times == sorted(times, reverse=sort == "desc")
            assert [symbol for symbol, _ in whole] == ["ACME"] * 3 + ["ZINC"] * 3
        bot.close()


def _all_pages(bot: Bot, query: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    token = None
    for _ in range(20):
        page = bot.get("/v2/stocks/bars", **query, **({"page_token": token} if token else {})).json()
        rows = [(symbol, row["t"]) for symbol, some in page["bars"].items() for row in some]
        assert len(rows) <= query["limit"]
        found += rows
        token = page["next_page_token"]
        if token is None:
            return found
    raise AssertionError("pages without an end")


def test_pages_part_trades_of_one_moment(tmp_path: Path) -> None:
    """Trades of equal times are on both sides of a page's end, each once, either way round."""
    rows = [f"ACME,2024-01-03T14:30:0{place // 4}Z,{10 + place},1" for place in range(11)]
    path = tmp_path / "trades.csv"
    path.write_text("\n".join(["symbol,ts,price,size", *rows]))
    with local_alpaca(data=[path]) as server:
        bot = Bot(server)
        server.finish()
        for sort, prices in (("asc", [*range(10, 21)]), ("desc", [*range(20, 9, -1)])):
            for limit in (1, 2, 3, 5, 11):
                found: list[float] = []
                query = {"start": "2024-01-03", "end": "2024-01-04", "sort": sort, "limit": limit}
                page = bot.get("/v2/stocks/ACME/trades", **query).json()
                while page["next_page_token"]:
                    found += [row["p"] for row in page["trades"]]
                    page = bot.get("/v2/stocks/ACME/trades", **query, page_token=page["next_page_token"]).json()
                assert found + [row["p"] for row in page["trades"]] == prices
        bot.close()


@pytest.mark.parametrize(
    "text",
    ["1Min", "1min", "5T", "59MIN", "1Hour", "4H", "1h", "23hour", "1Day", "1D", "1day", "1week", "1Month", "12M"],
)
def test_every_timeframe_holds_the_same_shares(made_up: Bot, text: str) -> None:
    """Whatever the bars' length: first open, last close, highest high, lowest low and all of the volume agree."""
    query = {"symbols": "AVOR", "start": "2024-07-01T13:30:00Z", "end": "2024-07-09T20:00:00Z", "limit": 10_000}
    minutes = made_up.get("/v2/stocks/bars", timeframe="1Min", **query).json()["bars"]["AVOR"]
    is_months = text.endswith("M") or "Month" in text
    query["start"] = "2024-01-01" if is_months else "2024-06-30"  # a bucket may begin before its first bar
    bars = made_up.get("/v2/stocks/bars", timeframe=text, **query).json()["bars"]["AVOR"]
    assert all({"t", "o", "h", "l", "c", "v", "n", "vw"} == bar.keys() for bar in bars)
    assert bars == sorted(bars, key=lambda bar: bar["t"])
    if not is_months:
        inside = [bar for bar in bars if bar["t"] >= "2024-07-01"]
        assert inside[0]["o"] == minutes[0]["o"]
        assert max(bar["h"] for bar in inside) == max(bar["h"] for bar in minutes)
        assert min(bar["l"] for bar in inside) == min(bar["l"] for bar in minutes)
        assert sum(bar["v"] for bar in inside) == sum(bar["v"] for bar in minutes)


def test_days_weeks_and_months_begin_at_new_yorks_midnight(made_up: Bot) -> None:
    """Bars of a day or longer are dated with midnight in New York: of the day, the Monday, the first of the month."""
    query = {"symbols": "AVOR", "start": "2024-05-01", "limit": 10_000}
    for frame, first in (
        ("1Day", "2024-05-01T04:00:00Z"),
        ("1Week", "2024-05-06T04:00:00Z"),
        ("1Month", "2024-05-01T04:00:00Z"),
    ):
        bars = made_up.get("/v2/stocks/bars", timeframe=frame, **query).json()["bars"]["AVOR"]
        assert bars[0]["t"] == first


def test_crypto_days_begin_at_midnight_in_utc(made_up: Bot) -> None:
    """A coin's day is UTC's, and the one that is on is shown as far as it has come."""
    wanted = CryptoBarsRequest(
        symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Day, start=dt.datetime(2024, 7, 8, tzinfo=dt.UTC)
    )
    got = frame_of(made_up.crypto.get_crypto_bars(wanted), "BTC/USD")
    assert [str(t) for t in got.timestamp] == [f"2024-07-{day:02d} 00:00:00+00:00" for day in (8, 9, 10)]


def test_the_latest_of_everything(made_up: Bot) -> None:
    """Latest trade, quote and bar are the last of the history, and the snapshot has all of them."""
    snapshot = made_up.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AVOR"))["AVOR"]
    trade = made_up.stocks.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="AVOR"))["AVOR"]
    quote = made_up.stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AVOR"))["AVOR"]
    bar = made_up.stocks.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AVOR"))["AVOR"]
    assert (snapshot.latest_trade, snapshot.latest_quote, snapshot.minute_bar) == (trade, quote, bar)
    assert trade.price == bar.close
    assert snapshot.daily_bar.close == trade.price
    assert snapshot.previous_daily_bar.timestamp < snapshot.daily_bar.timestamp
    assert made_up.server.world.market.price("AVOR") == trade.price


def test_a_crypto_snapshot_is_wrapped(made_up: Bot) -> None:
    """Coins' snapshots come in ``snapshots``, shares' at the top level, as the official client expects."""
    answer = made_up.crypto.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols="BTC/USD"))
    assert answer["BTC/USD"].latest_trade.price > 0
    assert list(made_up.get("/v2/stocks/snapshots", symbols="AVOR,NOPE").json()) == ["AVOR"]


def test_what_changes_nothing_is_accepted(made_up: Bot) -> None:
    """Feed, adjustment, asof and currency are taken as Alpaca takes them; there is one market here."""
    wanted = StockBarsRequest(
        symbol_or_symbols="AVOR",
        timeframe=TimeFrame(5, TimeFrameUnit.Minute),
        start=dt.datetime(2024, 7, 9, 14, tzinfo=dt.UTC),
        limit=7,
        feed=DataFeed.IEX,
        adjustment=Adjustment.ALL,
        asof="2024-07-09",
        currency=SupportedCurrencies.USD,
    )
    assert len(made_up.stocks.get_stock_bars(wanted)["AVOR"]) == 7


def test_without_a_start_the_current_day_is_meant(bars_csv: Path) -> None:
    """Alpaca's defaults: from the beginning of the day to now."""
    with local_alpaca(data=[bars_csv]) as server:
        bot = Bot(server)
        server.finish()
        today = bot.get("/v2/stocks/ACME/bars", timeframe="1Min").json()
        server.call(lambda: server.world.clock.jump(server.world.clock.now_ns + 24 * 3600 * 10**9))
        tomorrow = bot.get("/v2/stocks/ACME/bars", timeframe="1Min").json()
        bot.close()
    assert len(today["bars"]) == 3
    assert tomorrow["bars"] == []


def test_symbols_without_data_are_left_out(made_up: Bot) -> None:
    """Asked for with others an unknown symbol is missing; alone it is 404 where one thing is asked for."""
    assert made_up.get("/v2/stocks/trades/latest", symbols="NOPE").json() == {"trades": {}}
    assert made_up.get("/v2/stocks/bars", symbols="NOPE", timeframe="1Day").json() == {
        "bars": {},
        "next_page_token": None,
    }
    assert made_up.get("/v2/stocks/NOPE/trades/latest").status_code == 404
    assert made_up.get("/v2/stocks/NOPE/snapshot").status_code == 404


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/v2/stocks/bars", {"symbols": "AVOR"}, "timeframe"),
        ("/v2/stocks/bars", {"timeframe": "1Min"}, "symbols"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "60Min"}, "60Min"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "5Month"}, "5Month"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "limit": "10001"}, "10000"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "limit": "0"}, "limit"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "limit": "ten"}, "limit"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "start": "yesterday"}, "start"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "start": "2024-13-01"}, "start"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "end": "2024-01-01T25:00:00Z"}, "end"),
        (
            "/v2/stocks/bars",
            {"symbols": "AVOR", "timeframe": "1Min", "start": "2024-07-02", "end": "2024-07-01"},
            "end",
        ),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "sort": "up"}, "sort"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "page_token": "?"}, "page_token"),
        *(
            ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "page_token": token}, "page_token")
            for token in (token_of("AVOR|1"), token_of("AVOR|1|-5"), token_of(f"AVOR|{10**30}|1"))
        ),
        ("/v2/stocks/bars", {"symbols": "A" * 100, "timeframe": "1Min"}, "symbol"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "feed": "mine"}, "feed"),
        ("/v2/stocks/bars", {"symbols": "AVOR", "timeframe": "1Min", "adjustment": "mine"}, "adjustment"),
        ("/v2/stocks/bars", {"symbols": "BTC/USD", "timeframe": "1Min"}, "BTC/USD"),
        ("/v1beta3/crypto/us/bars", {"symbols": "BTCUSD", "timeframe": "1Min"}, "^[A-Z]+x?/[A-Z]+$"),
    ],
)
def test_a_wrong_parameter_is_named(made_up: Bot, path: str, query: dict[str, str], named: str) -> None:
    """Each is answered with 400 and a message that names what is wrong."""
    answer = made_up.get(path, **query)
    assert answer.status_code == 400
    assert named in answer.json()["message"]


def test_times_are_read_as_clients_write_them(made_up: Bot) -> None:
    """Offsets, nanoseconds, a missing zone and plain dates mean one moment each."""
    query = {"symbols": "AVOR", "timeframe": "1Min", "end": "2024-07-09T14:00:00Z"}
    starts = (
        "2024-07-09T13:59:00Z",
        "2024-07-09T09:59:00-04:00",
        "2024-07-09T13:58:00.000000001Z",
        "2024-07-09T13:59:00",
    )
    answers = [made_up.get("/v2/stocks/bars", start=start, **query).json()["bars"]["AVOR"] for start in starts]
    assert all(answer == answers[0] for answer in answers)
    assert [bar["t"] for bar in answers[0]] == ["2024-07-09T13:59:00Z", "2024-07-09T14:00:00Z"]


def test_market_data_of_shares_needs_keys(made_up: Bot) -> None:
    """Without keys shares' data are refused and coins' are not."""
    server = made_up.server.data_url
    assert requests.get(f"{server}/v2/stocks/AVOR/trades/latest", timeout=30).status_code == 401
    assert requests.get(f"{server}/v1beta3/crypto/us/latest/trades?symbols=BTC/USD", timeout=30).status_code == 200


def test_codes_are_explained(made_up: Bot) -> None:
    """Exchanges and conditions that trades and quotes carry are in the tables of meta data."""
    trade = made_up.get("/v2/stocks/AVOR/trades/latest").json()["trade"]
    assert trade["x"] in made_up.get("/v2/stocks/meta/exchanges").json()
    assert set(trade["c"]) <= set(made_up.get("/v2/stocks/meta/conditions/trade").json())
    assert made_up.get("/v2/stocks/meta/conditions/other").status_code == 400
