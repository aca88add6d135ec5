"""How the market moves: pace, nights, the brake, and what an account meets."""

import datetime as dt
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.errors import DataError, InvalidValue
from holdfast.feeds.synthetic import SyntheticFeed
from holdfast.sim.alpaca.market import opening
from holdfast.sim.alpaca.market.place import marketplace
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.market.schedule import boundaries, happenings
from holdfast.sim.chassis.market.start import file_start_ns, synthetic_start_ns
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.market.timeframe import MINUTELY
from tests.local_alpaca import START, local_alpaca
from tests.local_server import PATIENCE_S

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = trading_calendar("XNYS")
PLACE = marketplace(CALENDAR)


def at(text: str) -> int:
    """A time in New York as UTC nanoseconds."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * SECOND_NS


def write(path: Path, header: str, rows: list[str]) -> Path:
    """A market data file."""
    path.write_text("\n".join([header, *rows]))
    return path


def store_of(*paths: Path) -> Store:
    """The history of files."""
    return opening.file_store(paths, PLACE)[0]


def two_days(folder: Path) -> Path:
    """The last and the first two minutes of two trading days."""
    starts = ("2024-01-03T20:58", "2024-01-03T20:59", "2024-01-04T14:30", "2024-01-04T14:31")
    rows = [f"ACME,{start}:00Z,{10 + place},11,9,{10 + place},100" for place, start in enumerate(starts)]
    return write(folder / "bars.csv", "symbol,ts,open,high,low,close,volume", rows)


def test_bars_are_met_and_their_trades_only_told(tmp_path: Path) -> None:
    """From bars alone: the trade inside of the bar is told, the bar and the quote after it are met; all in order."""
    found = list(happenings(store_of(two_days(tmp_path)), 0))
    assert [(type(one.event), one.is_met) for one in found[:3]] == [(Trade, False), (Bar, True), (Quote, True)]
    trade, bar, quote = (one.event for one in found[:3])
    assert isinstance(bar, Bar)
    assert bar.start_ns < trade.time_ns < bar.time_ns == quote.time_ns
    times = [one.event.time_ns for one in found]
    assert times == sorted(times)


def test_where_there_are_trades_bars_are_only_told(tmp_path: Path) -> None:
    """A day with both kinds of data: accounts meet its trades, and its bars, given or made, are told at their ends."""
    bars = two_days(tmp_path)
    rows = [f"ACME,2024-01-03T20:58:{second:02d}Z,{10 + second},5" for second in (1, 30, 59)]
    trades = write(tmp_path / "trades.csv", "symbol,ts,price,size", rows)
    found = list(happenings(store_of(bars, trades), 0))
    first_day = [one for one in found if one.event.time_ns < at("2024-01-04T00:00")]
    assert [one.event.price for one in first_day if isinstance(one.event, Trade) and one.is_met] == [11, 40, 69]
    assert [one.is_met for one in first_day if isinstance(one.event, Bar)] == [False, False]
    assert [one.is_met for one in found if isinstance(one.event, Bar)] == [False, False, True, True]


def test_trades_alone_make_bars_and_quotes(tmp_path: Path) -> None:
    """From trades alone: minute bars with mean price and count, and a quote around each trade."""
    rows = [f"ACME,2024-01-03T14:30:{second:02d}Z,{price},{size}" for second, price, size in ((0, 10, 1), (59, 12, 3))]
    store = store_of(write(tmp_path / "trades.csv", "symbol,ts,price,size", [*rows, "ACME,2024-01-03T14:31:00Z,11,1"]))
    bars = store.data["ACME"].played
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]) == (10, 12, 10, 12, 4)
    assert (bars.vwap[0], bars.count[0]) == (11.5, 2)
    assert store.bar_at("ACME", int(bars.start[0])) == (11.5, 2)
    assert store.data["ACME"].quotes.bid.tolist() == [9.99, 11.99, 10.99]


def test_the_finest_data_are_played_and_the_coarser_are_history(shared_data: Path) -> None:
    """With minutes and days the market starts with the minutes, and knows all the days before."""
    store = store_of(shared_data / "us_daily.parquet", shared_data / "us_minute_trades.parquet")
    start_ns = file_start_ns(store)
    assert start_ns == at("2013-10-07T04:00")
    assert store.previous_close("SPY", start_ns) == 168.89
    played = [one.event for one in happenings(store, start_ns) if one.event.symbol == "SPY"]
    assert all(event.time_ns < at("2013-10-12T00:00") for event in played)


def test_the_synthetic_market_is_the_one_of_every_synthetic_feed() -> None:
    """Bar for bar what `SyntheticFeed` makes of the same seed and symbols, and the next days come when they are needed."""
    symbols = ["AVOR", "BRYX"]
    store = opening.synthetic_store(3, symbols, PLACE, at("2024-07-10T09:30"))
    feed = SyntheticFeed(3, CALENDAR, symbols=symbols)
    wanted = [bar for bar in _until(feed, at("2024-07-12T16:00")) if bar.time_ns > at("2024-07-10T09:30")]
    found = []
    for one in happenings(store, at("2024-07-10T09:30")):
        if one.event.time_ns > at("2024-07-12T16:00"):
            break
        if isinstance(one.event, Bar):
            found.append(one.event)
    assert found == wanted
    assert len(found) == 3 * 390 * 2


def _until(feed: SyntheticFeed, end_ns: int) -> list[MarketEvent]:
    events = []
    for event in feed.events():
        if event.time_ns > end_ns:
            break
        events.append(event)
    return events


def test_a_made_up_market_is_the_same_whenever_it_is_looked_at() -> None:
    """Started a week later, the days that both know have the same bars."""
    early, late = (opening.synthetic_store(3, ["AVOR"], PLACE, at(f"2024-07-{day}T09:30")) for day in (10, 17))
    start_ns, end_ns = at("2024-07-01T00:00"), at("2024-07-10T00:00")
    frames = [store.bars("AVOR", MINUTELY, start_ns, end_ns, end_ns).close.tolist() for store in (early, late)]
    assert frames[0] == frames[1]
    assert len(frames[0]) > 1000


def test_a_market_that_was_begun_before_begins_anew() -> None:
    """The history is made once in a process; what plays one of its markets on, the others don't see, and none can write into it."""
    first, second = (opening.synthetic_store(3, ["AVOR", "BTC/USD"], PLACE, at("2024-07-10T09:30")) for _ in range(2))
    minutes = {symbol: len(data.played) for symbol, data in second.data.items()}
    assert first.grow()
    assert {symbol: len(data.played) for symbol, data in second.data.items()} == minutes
    assert second.grow()
    third = opening.synthetic_store(3, ["AVOR", "BTC/USD"], PLACE, at("2024-07-10T09:30"))
    for symbol, data in first.data.items():
        assert len(data.layers[MINUTE_NS]) > len(third.data[symbol].layers[MINUTE_NS])
        assert (data.trades.price == second.data[symbol].trades.price).all()
        with pytest.raises(ValueError, match="read-only"):
            third.data[symbol].played.close[0] = 0.0


def test_a_made_up_market_is_on_when_the_exchange_is() -> None:
    """During a session it starts now; before, after and at weekends with the last session's open. With a coin always now."""
    for wall, start in (
        ("2024-07-10T11:00", "2024-07-10T11:00"),
        ("2024-07-10T09:00", "2024-07-09T09:30"),
        ("2024-07-10T18:00", "2024-07-10T09:30"),
        ("2024-07-14T12:00", "2024-07-12T09:30"),
    ):
        assert synthetic_start_ns(PLACE, at(wall), ["AVOR", "BRYX"]) == at(start)
        for coins in (["BTC/USD"], ["AVOR", "ethusd"]):
            assert synthetic_start_ns(PLACE, at(wall), coins) == at(wall)


def test_a_market_of_coins_has_the_last_minutes_on_a_sunday() -> None:
    """Made on a Sunday evening there are minute bars of the five minutes before, of the coin and of no share."""
    now_ns = at("2024-07-14T19:00")
    store = opening.synthetic_store(1, ["AVOR", "BTC/USD"], PLACE, now_ns)
    for symbol, there in (("BTC/USD", 5), ("AVOR", 0)):
        assert len(store.bars(symbol, MINUTELY, now_ns - 5 * MINUTE_NS, now_ns - 1, now_ns)) == there


def test_sessions_begin_and_end_at_their_hours() -> None:
    """Extended hours and regular hours, an early close included."""
    found = [one.time_ns for one in boundaries(PLACE, at("2024-07-03T00:00"))][:4]
    assert found == [at(f"2024-07-03T{time}") for time in ("04:00", "09:30", "13:00", "17:00")]


def test_the_clock_keeps_its_pace_and_stays_before_the_next_event() -> None:
    """Between events market time goes by the speed; it never shows the time of an event that has not happened."""
    before_s = time.monotonic()
    clock = MarketClock(0, 1_000.0)
    clock.hold_before(HOUR_NS)
    while clock.now_ns < 50 * SECOND_NS:
        assert time.monotonic() - before_s < PATIENCE_S
    assert time.monotonic() - before_s >= 0.05
    clock.hold_before(51 * SECOND_NS)
    while clock.due_in_s(52 * SECOND_NS):
        assert time.monotonic() - before_s < PATIENCE_S
    assert clock.now_ns == 51 * SECOND_NS - 1
    clock.advance(51 * SECOND_NS)
    assert clock.now_ns >= 51 * SECOND_NS


def test_what_a_market_took_to_build_is_not_counted() -> None:
    """However long it was until it is served, its time is still where it starts: no event is skipped."""
    clock = MarketClock(0, 1e9)
    assert clock.now_ns > SECOND_NS
    clock.begin()
    clock.hold_before(SECOND_NS)
    assert clock.now_ns < SECOND_NS


def test_a_paced_market_takes_the_time_it_says() -> None:
    """At 600 times real time, ten minutes of market take a second, with all their events."""
    before_s = time.monotonic()
    with local_alpaca(speed=600.0, is_paused=False, symbols=["AVOR"]) as server:
        server.wait_for(
            lambda: server.world.events >= 10 * 13, "six quotes, six trades and a bar a minute, for ten minutes"
        )
        market_ns = server.world.clock.now_ns - opening.time_from(START)
        took_s = time.monotonic() - before_s
    assert 10 * MINUTE_NS <= market_ns <= 600 * took_s * SECOND_NS


def test_nights_are_left_out_and_sessions_still_end(tmp_path: Path) -> None:
    """After the close the clock goes to a minute before the next open; day orders have ended by then."""
    with local_alpaca(data=[two_days(tmp_path)], start="2024-01-03T20:58:00Z", speed=600.0, is_paused=False) as server:
        server.wait_for(
            lambda: server.world.is_over, "the second day"
        )  # nobody waits for the night: it takes 105 seconds
        assert server.world.events == 12
        assert server.world.clock.now_ns >= at("2024-01-04T09:32")


def test_accounts_are_told_of_every_session(tmp_path: Path) -> None:
    """A day order that nobody fills expires at the close, in a night that is left out."""
    with local_alpaca(data=[two_days(tmp_path)], start="2024-01-03T20:58:00Z", speed=None) as server:
        client: Any = TradingClient("key", "secret", url_override=server.trading_url)
        server.play(3)
        order = LimitOrderRequest(
            symbol="ACME", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=1
        )
        sent = client.submit_order(order)
        server.finish()
        ended = client.get_order_by_id(sent.id)
        client._session.close()
    assert ended.status.value == "expired"
    assert ended.expired_at == dt.datetime(2024, 1, 3, 21, tzinfo=dt.UTC)


def test_the_brake_holds_steps_and_lets_go(tmp_path: Path) -> None:
    """Paused nothing happens; a step is one event at once; finish plays all that is left."""
    with local_alpaca(data=[two_days(tmp_path)], speed=1.0) as server:
        assert server.world.status()["paused"]
        for events in (1, 2):
            before = server.world.events
            server.play(events)
            assert server.world.events == before + events
        server.finish()
        assert server.world.status()["over"]
        assert server.world.events == 12
        assert server.world.clock.now_ns == at("2024-01-04T09:32")


def test_flat_out_waits_for_the_first_subscriber(tmp_path: Path) -> None:
    """A market that goes flat out stands until somebody listens or resumes it, so that nobody misses its beginning."""
    with local_alpaca(data=[two_days(tmp_path)], is_paused=False) as server:
        assert (server.world.events, server.world.status()["started"]) == (0, False)
        server.call(server.world.clock.resume)
        server.wait_for(lambda: server.world.is_over, "the end")


def test_after_the_data_time_goes_on(tmp_path: Path) -> None:
    """The market stays as it was and the clock keeps its pace, over closes and opens."""
    with local_alpaca(data=[two_days(tmp_path)], speed=1e6, start="2024-01-04T14:31:30Z", is_paused=False) as server:
        server.wait_for(lambda: server.world.clock.now_ns > at("2024-01-05T16:00"), "the next day's close")
        assert server.world.market.price("ACME") == 13


def test_files_that_can_not_be_served_are_refused(tmp_path: Path) -> None:
    """Bars below a minute, bars given twice, times the calendar does not cover, and nothing at all: each says what it is."""
    header = "symbol,ts,open,high,low,close,volume"
    seconds = write(tmp_path / "s.csv", header, [f"ACME,2024-01-03T14:30:{s:02d}Z,1,1,1,1,1" for s in (1, 2, 3)])
    ancient = write(tmp_path / "a.csv", header, [f"ACME,1965-01-0{day}T00:00:00Z,1,1,1,1,1" for day in (2, 3, 4)])
    bars = two_days(tmp_path)
    (tmp_path / "empty").mkdir()
    for paths, named in (
        ([seconds], "below a minute"),
        ([ancient], "1970"),
        ([bars, bars], "only once"),
        ([tmp_path / "empty"], "no market data"),
        ([tmp_path / "nowhere.csv"], "nowhere.csv"),
    ):
        with pytest.raises(DataError, match=named):
            store_of(*paths)


def test_a_folder_serves_what_is_market_data(tmp_path: Path) -> None:
    """Other files in a folder are left out and named."""
    two_days(tmp_path)
    write(tmp_path / "notes.csv", "what,when", ["this,that"])
    (tmp_path / "read.me").write_text("not data")
    store, skipped = opening.file_store([tmp_path], PLACE)
    assert list(store.data) == ["ACME"]
    assert len(skipped) == 1
    assert "notes.csv" in skipped[0]


@pytest.mark.parametrize("text", ["", "tomorrow", "2024-02-30", "1720618200"])
def test_a_start_that_is_no_time_is_refused(text: str) -> None:
    """The error shows how a start is written."""
    with pytest.raises(InvalidValue, match="2024-01-02"):
        opening.time_from(text)


def test_no_symbols_are_no_market() -> None:
    """A made-up market of nothing is refused, and one before its history."""
    with pytest.raises(InvalidValue, match="symbols"):
        opening.synthetic_store(1, [" "], PLACE, at("2024-07-10T09:30"))
    with pytest.raises(InvalidValue, match="60 days"):
        opening.synthetic_store(1, ["AVOR"], PLACE, at("1970-01-10T09:30"))
