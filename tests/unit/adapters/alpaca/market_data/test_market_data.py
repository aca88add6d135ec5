"""Market data on request: tables of bars, latest prices, last closes; None when they can't be had."""

import datetime as dt
import json
import socket
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.market_data.market_data import TIMEFRAMES, AlpacaMarketData
from holdfast.core.types import DAY_NS, MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.telemetry.metrics import ApiMetrics
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.unit.adapters.alpaca.connection.wire import (
    Seen,
    WireServer,
    answers,
    by_path,
    raw,
    reset,
    settings_of,
    wire_server,
)

START = pd.Timestamp("2024-01-02T14:30:00Z")
NOON = {"timestamp": "2024-01-03T12:00:00.123456789-05:00", "is_open": True}


class Rig:
    """Market data from a server whose answers can be changed."""

    def __init__(self, server: WireServer, answers_by_path: dict[str, Any]) -> None:
        self.server = server
        self.answers = answers_by_path
        self.metrics = ApiMetrics()
        settings = settings_of(server.url, read_timeout_s=2)
        self.rest = AlpacaRest(settings, self.metrics.observe)
        self.data = AlpacaMarketData(self.rest, settings, self.metrics)


@pytest.fixture
def rig() -> Iterator[Rig]:
    answers_by_path: dict[str, Any] = {}
    with wire_server(by_path(answers_by_path)) as server:
        rig = Rig(server, answers_by_path)
        yield rig
        rig.rest.close()


def bar(minute: int, close: float = 10.5) -> dict[str, Any]:
    begins = (START + pd.Timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"t": begins, "o": 10, "h": 11.5, "l": 9.25, "c": close, "v": 100 + minute, "n": 1, "vw": 10.1}


def paged(bars: list[dict[str, Any]], size: int, symbol: str = "IBM") -> Any:
    """Serve ``bars`` in pages of ``size``, by the rules that Alpaca documents, newest first if asked so."""

    def act(connection: socket.socket, seen: Seen) -> None:
        ordered = bars if seen.query["sort"] == "asc" else bars[::-1]
        first = int(seen.query.get("page_token", "0"))
        page = ordered[first : first + size]
        token = str(first + size) if first + size < len(ordered) else None
        body = {"bars": {symbol: page} if page else {}, "next_page_token": token}
        connection.sendall(raw("200 OK", json.dumps(body).encode()))

    return act


# --- history ----------------------------------------------------------------------------------------------------------


def test_history_is_a_table_by_utc_time(rig: Rig) -> None:
    """Five columns of floats by the bar's start; what was asked for is as Alpaca documents."""
    rig.server.act = paged([bar(0), bar(1, 10.75)], 10)
    table = rig.data.history("IBM", "1Min", START, START + pd.Timedelta(hours=1))
    assert table is not None
    assert list(table.columns) == ["open", "high", "low", "close", "volume"]
    assert (table.dtypes == "float64").all()
    assert str(table.index.dtype) == "datetime64[ns, UTC]"
    assert list(table.index) == [START, START + pd.Timedelta(minutes=1)]
    assert table.iloc[1].tolist() == [10.0, 11.5, 9.25, 10.75, 101.0]
    assert rig.server.seen[0].path == "/v2/stocks/bars"
    assert rig.server.seen[0].query == {
        "symbols": "IBM", "timeframe": "1Min", "start": "2024-01-02T14:30:00Z", "end": "2024-01-02T15:30:00Z",
        "limit": "10000", "sort": "asc", "feed": "iex", "adjustment": "split",
    }  # fmt: skip


def test_crypto_history_comes_from_its_own_place(rig: Rig) -> None:
    """No feed and no adjustment there; the symbol keeps its slash, however it was written."""
    rig.server.act = paged([bar(0)], 10, "BTC/USD")
    table = rig.data.history("BTCUSD", "1Hour", START.value, START.value + DAY_NS)
    assert table is not None
    assert len(table) == 1
    seen = rig.server.seen[0]
    assert seen.path == "/v1beta3/crypto/us/bars"
    assert seen.query["symbols"] == "BTC/USD"
    assert not {"feed", "adjustment"} & set(seen.query)


def test_all_pages_are_read(rig: Rig) -> None:
    """Twenty-five bars in pages of ten are twenty-five rows, in order, each once."""
    rig.server.act = paged([bar(minute) for minute in range(25)], 10)
    table = rig.data.history("IBM", "1Min", START)
    assert table is not None
    assert table["volume"].tolist() == [100.0 + minute for minute in range(25)]
    assert [seen.query.get("page_token") for seen in rig.server.seen] == [None, "10", "20"]


def test_a_limit_gives_the_last_bars(rig: Rig) -> None:
    """The newest ones, oldest first, with no more pages than that takes."""
    rig.server.act = paged([bar(minute) for minute in range(25)], 10)
    table = rig.data.history("IBM", "1Min", START, limit=12)
    assert table is not None
    assert table["volume"].tolist() == [100.0 + minute for minute in range(13, 25)]
    assert len(rig.server.seen) == 2
    assert rig.server.seen[0].query["limit"] == "13"


def test_a_bar_that_begins_at_the_end_is_not_in_it(rig: Rig) -> None:
    """Alpaca's end is inclusive, ours is not: that bar is about what comes after."""
    rig.server.act = paged([bar(0), bar(1), bar(2)], 10)
    end_ns = START.value + 2 * MINUTE_NS
    for limit, wanted in ((None, [100.0, 101.0]), (2, [100.0, 101.0]), (1, [101.0])):
        table = rig.data.history("IBM", "1Min", START, end_ns, limit)
        assert table is not None
        assert table["volume"].tolist() == wanted


def test_a_server_that_repeats_its_pages_is_left(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The same token again would go on for ever: None and a warning."""
    rig.server.act = answers("200 OK", {"bars": {"IBM": [bar(0)]}, "next_page_token": "again"})
    assert rig.data.history("IBM", "1Min", START) is None
    assert len(rig.server.seen) == 2
    assert "the same page again" in caplog.text


def test_no_bars_are_an_empty_table(rig: Rig) -> None:
    """None would say that they can't be had."""
    rig.server.act = answers("200 OK", {"bars": {}, "next_page_token": None})
    table = rig.data.history("IBM", "1Day", START)
    assert table is not None
    assert table.empty
    assert list(table.columns) == ["open", "high", "low", "close", "volume"]
    assert str(table.index.dtype) == "datetime64[ns, UTC]"


def test_history_is_kept_and_handed_out_as_a_copy(rig: Rig) -> None:
    """The second time costs no request, and what one caller does to its table no other sees."""
    rig.server.act = paged([bar(0)], 10)
    first = rig.data.history("IBM", "1Min", START)
    assert first is not None
    first["close"] = 0.0
    second = rig.data.history("IBM", "1Min", START)
    assert second is not None
    assert second["close"].tolist() == [10.5]
    assert len(rig.server.seen) == 1
    assert rig.metrics.summary()["hit_rate"] == 0.5


@pytest.mark.parametrize("act", [
    reset, answers("403 Forbidden", {"message": "subscription does not permit"}), answers("200 OK", []), answers("200 OK", {"bars": []}), answers("200 OK", {}),
    answers("200 OK", {"bars": {"IBM": [{"t": "2024-01-02T14:30:00Z"}]}}), answers("200 OK", {"bars": {"IBM": [{**bar(0), "t": "today"}]}}),
    answers("200 OK", {"bars": {"IBM": [bar(0, float("nan"))]}}), answers("200 OK", {"bars": {"IBM": [{**bar(0), "v": "1"}]}}),
])  # fmt: skip
def test_history_that_cannot_be_had_is_none(rig: Rig, act: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No answer, a refusal, and an answer that is no bars: None and a warning that names the symbol."""
    rig.server.act = act
    assert rig.data.history("IBM", "1Min", START) is None
    assert "market data of IBM" in caplog.text


def test_what_cannot_be_asked_is_refused() -> None:
    """A timeframe there is not, a limit of none, a time without a zone."""
    data = AlpacaMarketData(
        AlpacaRest(settings_of("http://127.0.0.1:1")), settings_of("http://127.0.0.1:1"), ApiMetrics()
    )
    with pytest.raises(InvalidValue, match="timeframe must be one of 1Min, 5Min"):
        data.history("IBM", "2Min", START)
    with pytest.raises(InvalidValue, match="limit must be at least 1"):
        data.history("IBM", "1Min", START, limit=0)
    with pytest.raises(InvalidValue, match="has no zone"):
        data.history("IBM", "1Min", dt.datetime(2024, 1, 2))  # noqa: DTZ001  that is the point
    assert TIMEFRAMES == ("1Min", "5Min", "15Min", "1Hour", "1Day")


# --- the latest -------------------------------------------------------------------------------------------------------


def test_the_price_is_the_latest_trade(rig: Rig) -> None:
    """Stocks and crypto each from their own place; asked again at once it costs no request."""
    rig.answers["/v2/stocks/trades/latest"] = {"trades": {"IBM": {"p": 161.25, "s": 10, "t": "2024-01-02T14:30:00Z"}}}
    rig.answers["/v1beta3/crypto/us/latest/trades"] = {"trades": {"BTC/USD": {"p": 64000, "s": 0.1}}}
    assert [rig.data.price("IBM"), rig.data.price("IBM")] == [161.25, 161.25]
    assert rig.data.price("BTC/USD") == rig.data.price("BTCUSD") == 64000.0
    assert [seen.query for seen in rig.server.seen] == [{"symbols": "IBM", "feed": "iex"}, {"symbols": "BTC/USD"}]


def test_without_a_trade_it_is_the_middle_of_the_quote(rig: Rig) -> None:
    """No trade is as good as one without a price."""
    rig.answers["/v2/stocks/trades/latest"] = {"trades": {"A": {"p": 0}}}
    rig.answers["/v2/stocks/quotes/latest"] = {"quotes": {"A": {"bp": 10.0, "ap": 10.5}, "B": {"bp": 20, "ap": 21}}}
    assert rig.data.price("A") == 10.25
    assert rig.data.price("B") == 20.5


@pytest.mark.parametrize("quote", [{"bp": 0, "ap": 10.5}, {"bp": 10.5, "ap": 0}, {}, None, {"bp": "10", "ap": 11}])
def test_without_a_whole_quote_there_is_no_price(rig: Rig, quote: object, caplog: pytest.LogCaptureFixture) -> None:
    """Alpaca writes 0 for a side that nobody quotes: half of the other side is no price."""
    rig.answers["/v2/stocks/trades/latest"] = {"trades": {}}
    rig.answers["/v2/stocks/quotes/latest"] = {"quotes": {"IBM": quote}}
    assert rig.data.price("IBM") is None
    assert "neither a trade nor a quote" in caplog.text


def test_a_price_that_cannot_be_had_is_none(rig: Rig) -> None:
    """When Alpaca is away there is none."""
    rig.server.act = reset
    assert rig.data.price("IBM") is None


# --- the last close ---------------------------------------------------------------------------------------------------


def daily(date: str, close: float) -> dict[str, Any]:
    return {"t": f"{date}T05:00:00Z", "o": 1, "h": 1, "l": 1, "c": close, "v": 1, "n": 1, "vw": 1}


@pytest.mark.parametrize(
    ("last", "before", "wanted"),
    [
        (daily("2024-01-03", 13.0), daily("2024-01-02", 12.0), 12.0),  # today's bar is forming
        (daily("2024-01-02", 12.0), daily("2023-12-29", 11.0), 12.0),  # nothing has traded today
        (daily("2024-01-03", 13.0), None, None),
        (None, daily("2024-01-02", 12.0), 12.0),
        (None, None, None),
    ],
)
def test_the_last_close_is_of_the_trading_day_before_today(
    rig: Rig, last: Any, before: Any, wanted: float | None
) -> None:
    """Before the day's first trade Alpaca's daily bar is yesterday's, and its "previous" one a day older."""
    rig.answers["/v2/clock"] = NOON
    rig.answers["/v2/stocks/snapshots"] = {"IBM": {"dailyBar": last, "prevDailyBar": before}}
    assert rig.data.previous_close("IBM") == wanted


def test_crypto_days_are_utc(rig: Rig) -> None:
    """At 20:00 in New York it is tomorrow there: the day that just ended is the last one."""
    rig.answers["/v2/clock"] = {"timestamp": "2024-01-03T20:00:00-05:00"}
    ended, older = {**daily("2024-01-03", 3.0), "t": "2024-01-03T00:00:00Z"}, {**daily("2024-01-02", 2.0)}
    rig.answers["/v1beta3/crypto/us/snapshots"] = {"snapshots": {"BTC/USD": {"dailyBar": ended, "prevDailyBar": older}}}
    assert rig.data.previous_close("BTC/USD") == 3.0


@pytest.mark.parametrize("path", ["/v2/clock", "/v2/stocks/snapshots"])
def test_a_last_close_that_cannot_be_had_is_none(rig: Rig, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither without the snapshot nor without knowing what day it is."""
    rig.answers["/v2/clock"] = NOON
    rig.answers["/v2/stocks/snapshots"] = {"IBM": {"dailyBar": daily("2024-01-02", 12.0)}}
    del rig.answers[path]
    assert rig.data.previous_close("IBM") is None
    assert "market data of IBM" in caplog.text


# --- at the local Alpaca ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alpaca() -> Iterator[LocalAlpaca]:
    with local_alpaca() as server:
        server.play(2000)
        yield server


@pytest.fixture
def local(alpaca: LocalAlpaca) -> Iterator[AlpacaMarketData]:
    settings, metrics = settings_of(alpaca.trading_url, key=KEY, secret=SECRET), ApiMetrics()
    rest = AlpacaRest(settings, metrics.observe)
    yield AlpacaMarketData(rest, settings, metrics)
    rest.close()


@pytest.mark.parametrize("symbol", ["AVOR", "BTC/USD"])
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_history_of_the_local_alpaca(alpaca: LocalAlpaca, local: AlpacaMarketData, symbol: str, timeframe: str) -> None:
    """Stocks and crypto in every timeframe: bars in order, sound, none from the future."""
    now_ns = alpaca.world.clock.now_ns
    table = local.history(symbol, timeframe, now_ns - 10 * DAY_NS)
    assert table is not None
    assert len(table) > 1
    assert table.index.is_monotonic_increasing
    assert table.index.is_unique
    assert (table["high"] >= table[["open", "close", "low"]].max(axis=1)).all()
    assert (table["volume"] >= 0).all()
    assert table.index[-1].value <= now_ns
    newest = local.history(symbol, timeframe, now_ns - 10 * DAY_NS, limit=2)
    assert newest is not None
    pd.testing.assert_frame_equal(newest, table.tail(2))


@pytest.mark.parametrize("symbol", ["AVOR", "BTC/USD"])
def test_price_and_last_close_of_the_local_alpaca(alpaca: LocalAlpaca, local: AlpacaMarketData, symbol: str) -> None:
    """They are what the market itself says."""
    assert local.price(symbol) == alpaca.world.market.price(symbol)
    assert local.previous_close(symbol) == alpaca.world.market.previous_close(symbol)


def test_an_unknown_symbol_has_no_data(local: AlpacaMarketData) -> None:
    """None, not zero."""
    assert local.price("NOSUCH") is None
    assert local.previous_close("NOSUCH") is None
