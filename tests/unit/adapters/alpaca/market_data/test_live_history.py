"""REST's history for the live feed: pages, spans, and how far back a warm-up goes."""

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from holdfast.adapters.alpaca.connection.rest import AlpacaRest, UnreadableAnswer
from holdfast.adapters.alpaca.connection.settings import StockFeed
from holdfast.adapters.alpaca.market_data import history as history_module
from holdfast.adapters.alpaca.market_data.history import Fetched, History
from holdfast.adapters.alpaca.market_data.wire import Kind
from holdfast.core.messages import MarketEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, iso_time
from holdfast.feeds.warm_up import warm_up_from_ns
from tests.unit.adapters.alpaca.connection.wire import Seen, WireServer, answers, raw, settings_of, wire_server

NOON_NS = 1_704_304_800 * SECOND_NS
Rows = Mapping[str, list[dict[str, Any]]]


def paged(kind: str, pages: list[Rows], *, repeats: bool = False) -> Any:
    """Serve pages one after the other; with ``repeats`` the last one names itself as the next."""

    def act(connection: socket.socket, seen: Seen) -> None:
        number = int(seen.query.get("page_token", "0"))
        is_last = number == len(pages) - 1
        token = (str(number) if repeats else None) if is_last else str(number + 1)
        body = {kind: pages[number], "next_page_token": token}
        connection.sendall(raw("200 OK", json.dumps(body).encode()))

    return act


def row(number: int) -> dict[str, Any]:
    return {"t": iso_time(NOON_NS + number), "i": number, "p": 1.5, "s": 1, "x": "V"}


@pytest.fixture
def server() -> Iterator[WireServer]:
    with wire_server(answers("500 Internal Server Error", {})) as server:
        yield server


@pytest.fixture
def rest(server: WireServer) -> Iterator[AlpacaRest]:
    rest = AlpacaRest(settings_of(server.url))
    yield rest
    rest.close()


@pytest.fixture
def stocks(rest: AlpacaRest) -> History:
    return History(rest, StockFeed.IEX)


@pytest.fixture
def crypto(rest: AlpacaRest) -> History:
    return History(rest, None)


def fetch(history: History, kind: Kind, since_ns: Mapping[str, int], until_ns: int) -> Fetched:
    return history.fetch(kind, since_ns, until_ns, lambda: True)


def times(fetched: Fetched) -> list[tuple[str, int]]:
    events: list[MarketEvent] = [event for event, _ in fetched.items]
    return [(event.symbol, event.time_ns - NOON_NS) for event in events]


def test_all_pages_in_one_order(server: WireServer, stocks: History) -> None:
    """Pages come symbol after symbol; events are in order of time over all of them."""
    server.act = paged("trades", [{"IBM": [row(1), row(4)]}, {"IBM": [row(6)], "SPY": [row(2)]}, {"SPY": [row(5)]}])
    fetched = fetch(stocks, Kind.TRADES, {"IBM": NOON_NS, "SPY": NOON_NS}, NOON_NS + 9)
    assert times(fetched) == [("IBM", 1), ("SPY", 2), ("IBM", 4), ("SPY", 5), ("IBM", 6)]
    assert not fetched.is_cut
    first, *_ = server.seen
    assert first.path == "/v2/stocks/trades"
    assert first.query == {
        "symbols": "IBM,SPY",
        "limit": "10000",
        "sort": "asc",
        "start": iso_time(NOON_NS),
        "end": iso_time(NOON_NS + 9),
        "feed": "iex",
    }


def test_each_symbol_from_its_own_time(server: WireServer, stocks: History) -> None:
    """What a symbol had before its own time is left out, as is what is no row and what comes after the end."""
    server.act = paged("trades", [{"IBM": [row(1), row(3), {}, row(9)], "SPY": [row(1), row(3)], "AIG": [row(3)]}])
    fetched = fetch(stocks, Kind.TRADES, {"IBM": NOON_NS + 3, "SPY": NOON_NS}, NOON_NS + 5)
    assert times(fetched) == [("SPY", 1), ("IBM", 3), ("SPY", 3)]
    assert fetched.bad == 1


def test_bars_by_their_end(server: WireServer, crypto: History) -> None:
    """Bars are asked for by their start and taken by their end, so that one still forming stays out."""
    starts = [NOON_NS - 2 * MINUTE_NS, NOON_NS - MINUTE_NS, NOON_NS]
    bars = [{"t": iso_time(start), "o": 1, "h": 1, "l": 1, "c": 1, "v": 1} for start in starts]
    server.act = paged("bars", [{"BTC/USD": bars}])
    fetched = fetch(crypto, Kind.BARS, {"BTC/USD": NOON_NS}, NOON_NS + 30 * SECOND_NS)
    assert times(fetched) == [("BTC/USD", 0)]
    query = server.seen[0].query
    assert server.seen[0].path == "/v1beta3/crypto/us/bars"
    assert query["start"] == iso_time(NOON_NS - MINUTE_NS)
    assert query["timeframe"] == "1Min"
    assert "feed" not in query


def test_page_that_names_itself(server: WireServer, stocks: History) -> None:
    """A server that gives the same page for ever is not followed."""
    server.act = paged("trades", [{"IBM": [row(1)]}], repeats=True)
    with pytest.raises(UnreadableAnswer, match="the same page again"):
        fetch(stocks, Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9)


def test_more_than_is_fetched(server: WireServer, stocks: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most pages fetching stops and says so; with exactly so many it doesn't."""
    server.act = paged("trades", [{"IBM": [row(number)]} for number in range(3)])
    monkeypatch.setattr(history_module, "MOST_PAGES", 2)
    fetched = fetch(stocks, Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9)
    assert (len(fetched.items), fetched.is_cut) == (2, True)
    monkeypatch.setattr(history_module, "MOST_PAGES", 3)
    fetched = fetch(stocks, Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9)
    assert (len(fetched.items), fetched.is_cut) == (3, False)


def test_nobody_waits_any_more(server: WireServer, stocks: History) -> None:
    """When the answer is not wanted any more no further page is asked for."""
    server.act = paged("trades", [{"IBM": [row(number)]} for number in range(3)])
    stocks.fetch(Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9, lambda: len(server.seen) < 1)
    assert len(server.seen) == 1


def test_many_symbols_in_several_requests(server: WireServer, stocks: History) -> None:
    """Symbols are asked for a hundred at a time, so that no URL gets too long."""
    server.act = paged("trades", [{}])
    fetch(stocks, Kind.TRADES, {f"S{number}": NOON_NS for number in range(201)}, NOON_NS + 9)
    assert [len(seen.query["symbols"].split(",")) for seen in server.seen] == [100, 100, 1]


@pytest.mark.parametrize("body", [[], {"trades": 5}, {"trades": ["text"]}, "text"])
def test_answer_that_is_none(server: WireServer, stocks: History, body: object) -> None:
    """An answer of another shape is an error, not an empty history."""
    server.act = answers("200 OK", body)
    with pytest.raises(UnreadableAnswer, match="has no trades"):
        fetch(stocks, Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9)


@pytest.mark.parametrize("body", [{}, {"trades": None}, {"trades": {}, "next_page_token": None}])
def test_empty_history(server: WireServer, stocks: History, body: object) -> None:
    """No rows are no error."""
    server.act = answers("200 OK", body)
    assert fetch(stocks, Kind.TRADES, {"IBM": NOON_NS}, NOON_NS + 9) == Fetched()


@pytest.mark.parametrize("body", [{}, {"timestamp": "soon"}, [], {"timestamp": 5}])
def test_clock_without_a_time(server: WireServer, stocks: History, body: object) -> None:
    """A clock that says no time is an error."""
    server.act = answers("200 OK", body)
    with pytest.raises(UnreadableAnswer, match="has no time"):
        stocks.now_ns()


def test_warm_up_within_the_day(calendar: TradingCalendar) -> None:
    """In the middle of a session the minutes are those just before."""
    day = calendar.days[10]
    until_ns = day.open_ns + HOUR_NS
    assert warm_up_from_ns(calendar, until_ns, 45) == until_ns - 45 * MINUTE_NS


def test_warm_up_over_a_half_day(calendar: TradingCalendar) -> None:
    """Minutes are counted through nights and a session that closed early."""
    half, after = calendar.days[2], calendar.days[3]
    assert half.close_ns - half.open_ns == 210 * MINUTE_NS
    until_ns = after.open_ns + 10 * MINUTE_NS
    assert warm_up_from_ns(calendar, until_ns, 10 + 210 + 5) == calendar.days[1].close_ns - 5 * MINUTE_NS


def test_warm_up_outside_hours(calendar: TradingCalendar) -> None:
    """In the evening or before the open the last minutes are those before the last close."""
    day, next_day = calendar.days[10], calendar.days[11]
    assert warm_up_from_ns(calendar, day.close_ns + HOUR_NS, 5) == day.close_ns - 5 * MINUTE_NS
    assert warm_up_from_ns(calendar, next_day.open_ns - HOUR_NS, 5) == day.close_ns - 5 * MINUTE_NS


def test_warm_up_longer_than_the_calendar(calendar: TradingCalendar) -> None:
    """More minutes than the calendar has begin with its first open."""
    assert warm_up_from_ns(calendar, calendar.days[1].open_ns, 365 * DAY_NS // MINUTE_NS) == calendar.days[0].open_ns
