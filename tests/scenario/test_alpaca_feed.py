"""The live feed at the local Alpaca: every event of the data once and in order, whatever happens to the connection."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from msgspec.structs import replace

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode, StockFeed
from holdfast.adapters.alpaca.market_data.connection import Timing
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.adapters.alpaca.market_data.wire import Kind
from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, MarketEvent, Trade
from holdfast.core.types import MINUTE_NS
from holdfast.errors import ConfigError, DataError
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.chassis.market.schedule import happenings
from holdfast.telemetry.secret import Secret
from tests.local_alpaca import KEY, SECRET, SYMBOLS, LocalAlpaca, local_alpaca
from tests.unit.adapters.alpaca.market_data.live_kit import QUICK, ended, running, wire_to

EVERY_KIND = tuple(Kind)
Streams = dict[tuple[str, type], list[MarketEvent]]
_rests: list[AlpacaRest] = []


@pytest.fixture(autouse=True)
def closing_rests() -> Iterator[None]:
    """No connection of a test's feeds is left open."""
    yield
    while _rests:
        _rests.pop().close()


@pytest.fixture
def alpaca() -> Iterator[LocalAlpaca]:
    """A made-up market that stands at its open."""
    with local_alpaca() as server:
        yield server


def feed_of(
    server: LocalAlpaca,
    symbols: Sequence[str] = SYMBOLS,
    kinds: Sequence[Kind] = EVERY_KIND,
    timing: Timing = QUICK,
    stream_url: str | None = None,
    **other: Any,
) -> AlpacaFeed:
    settings = AlpacaSettings(
        mode=Mode.PAPER,
        api_key=Secret(KEY),
        api_secret=Secret(SECRET),
        trading_url=server.trading_url,
        data_url=server.data_url,
        data_stream_url=stream_url or server.data_stream_url,
        data_requests_per_minute=10_000,
    )
    settings = replace(settings, **other)
    _rests.append(AlpacaRest(settings))
    return AlpacaFeed(settings, _rests[-1], symbols, kinds, trading_calendar("XNYS"), 30, timing)


def events_after(
    server: LocalAlpaca, after_ns: int, symbols: Sequence[str], count: int | None = None
) -> list[MarketEvent]:
    """What the data say happens to these symbols, in the first ``count`` events of the market or in all."""
    schedule = happenings(server.world.history, after_ns)
    events = [event for event, _ in (schedule if count is None else (next(schedule) for _ in range(count)))]
    return [event for event in events if event.symbol in symbols]


def by_stream(events: Sequence[MarketEvent]) -> Streams:
    """Each symbol's events of each kind: between these there is no order on the wire."""
    streams: Streams = defaultdict(list)
    for event in events:
        streams[event.symbol, type(event)].append(event)
    return streams


def arm(server: LocalAlpaca, **fault: Any) -> None:
    server.call(lambda: server.world.faults.arm(FAULTS.parse(fault)))


def run(test: Awaitable[None]) -> None:
    async def main() -> None:
        await test

    asyncio.run(main())


def test_everything_as_it_happens(alpaca: LocalAlpaca) -> None:
    """Trades, quotes and bars of stocks and a crypto pair come over two sockets, each event once and in order."""
    expected = events_after(alpaca, alpaca.world.clock.now_ns, SYMBOLS, 600)

    async def test() -> None:
        feed = feed_of(alpaca)
        async with running(feed) as watch:
            await watch.until_connected()
            await asyncio.to_thread(alpaca.play, 600)
            await watch.until_events(len(expected))
        assert by_stream(watch.events) == by_stream(expected)
        assert len(by_stream(watch.events)) == 9
        assert (feed.counts.events, feed.counts.reconnects, feed.counts.bad, feed.counts.late) == (600, 0, 0, 0)

    run(test())


@pytest.mark.parametrize("is_down_while_it_goes_on", [False, True])
@pytest.mark.proves("S9")
def test_broken_connections_lose_nothing(alpaca: LocalAlpaca, is_down_while_it_goes_on: bool) -> None:
    """Connections that break off again and again, while the market goes on, cost no event and bring none twice."""
    rounds, each = 6, 80
    expected = events_after(alpaca, alpaca.world.clock.now_ns, SYMBOLS, rounds * each)

    async def test() -> None:
        async with wire_to(alpaca.port) as wire:
            feed = feed_of(alpaca, stream_url=wire.url)
            async with running(feed) as watch:
                for done in range(1, rounds + 1):
                    await watch.until_connected(done)
                    await asyncio.to_thread(alpaca.play, each // 2)
                    wire.is_down = is_down_while_it_goes_on
                    wire.cut()
                    await watch.until(lambda: not watch.statuses[-1].connected)
                    await asyncio.to_thread(alpaca.play, each // 2)
                    wire.is_down = False
                await watch.until_events(len(expected))
        assert by_stream(watch.events) == by_stream(expected)
        assert feed.counts.gaps_filled >= rounds - 1
        assert feed.counts.gap_events > 0
        assert (feed.counts.gaps_left, feed.counts.late, feed.counts.bad) == (0, 0, 0)

    run(test())


def test_real_trades_through_a_cut(tmp_path: Path, shared_data: Path) -> None:
    """Of IBM's real trades, many of one time, none is lost or doubled when the wire is cut in the middle of them at full speed."""
    rows = 20_000
    table = pyarrow.parquet.read_table(shared_data / "us_tick_trades_ibm.parquet").slice(12_000, rows)
    pyarrow.parquet.write_table(table, tmp_path / "ibm_trades.parquet")

    async def test(server: LocalAlpaca) -> None:
        expected = [e for e in events_after(server, server.world.clock.now_ns, ["IBM"]) if isinstance(e, Trade)]
        assert len(expected) > rows * 0.9
        async with wire_to(server.port) as wire:
            feed = feed_of(server, ["IBM"], (Kind.TRADES,), stream_url=wire.url)
            async with running(feed) as watch:
                await watch.until_connected()
                for count in (500, 300, 100, 20, 1):  # some minutes of IBM, and less
                    await watch.until(lambda: watch.statuses[-1].connected)
                    await asyncio.to_thread(server.play, count)
                    wire.cut()
                    await watch.until(lambda: not watch.statuses[-1].connected)
                    await asyncio.to_thread(server.play, count)
                await watch.until(lambda: watch.statuses[-1].connected)
                await asyncio.to_thread(server.finish)
                await watch.until_events(len(expected))
            assert watch.events == expected
            assert feed.counts.reconnects >= 5
            assert feed.counts.late == 0

    with local_alpaca(data=[tmp_path / "ibm_trades.parquet"]) as server:
        run(test(server))


def test_warm_up_joins_the_live_data(alpaca: LocalAlpaca) -> None:
    """History ends where the live data begin: bars that end between the two come too, and each comes once."""
    alpaca.play(300)
    until_ns = alpaca.world.clock.now_ns
    feed = feed_of(alpaca, kinds=(Kind.BARS,))
    history = feed.history(until_ns)
    alpaca.play(300)  # time passes before the feed runs
    later = [e for e in events_after(alpaca, until_ns - 1, SYMBOLS, 600) if isinstance(e, Bar)]

    async def test() -> None:
        async with running(feed) as watch:
            await watch.until_connected()
            await asyncio.to_thread(alpaca.play, 300)
            await watch.until_events(len(later))
        assert by_stream(watch.events) == by_stream(later)

    run(test())
    times = [event.time_ns for event in history]
    assert times == sorted(times)
    assert times[-1] < until_ns
    assert all(isinstance(event, Bar) for event in history)
    starts = by_stream([*history, *later])
    for events in starts.values():
        assert len({event.time_ns for event in events}) == len(events)


def test_warm_up_counts_minutes_of_trading(alpaca: LocalAlpaca) -> None:
    """Ten minutes after the open, thirty minutes of trading reach back into the day before."""
    open_ns = alpaca.world.clock.now_ns
    calendar = alpaca.world.calendar
    day_before = calendar.days[calendar.days.index(calendar.day_at(open_ns)) - 1]
    alpaca.call(lambda: alpaca.world.clock.advance(open_ns + 10 * MINUTE_NS))
    history = feed_of(alpaca, ["AVOR"]).history(open_ns + 10 * MINUTE_NS)
    assert min(event.time_ns for event in history) == day_before.close_ns - 19 * MINUTE_NS


def test_history_that_can_not_be_had() -> None:
    """No history is an error that says what was asked for, not an empty warm-up."""
    with local_alpaca() as server:
        now_ns = server.world.clock.now_ns
        feed = feed_of(server)
    with pytest.raises(DataError, match="to warm up on can't be had"):
        feed.history(now_ns)


def test_frames_sent_twice(alpaca: LocalAlpaca) -> None:
    """Frames that the stream repeats are delivered once."""
    expected = events_after(alpaca, alpaca.world.clock.now_ns, SYMBOLS, 120)
    arm(alpaca, name="stream_duplicate", times=40, stream="data")

    async def test() -> None:
        feed = feed_of(alpaca)
        async with running(feed) as watch:
            await watch.until_connected()
            for _ in range(60):
                await asyncio.to_thread(alpaca.play, 2)
            await watch.until_events(len(expected))
        assert by_stream(watch.events) == by_stream(expected)
        assert feed.counts.duplicates > 0

    run(test())


@pytest.mark.proves("S5")
def test_mute_stream_loses_nothing(alpaca: LocalAlpaca) -> None:
    """A stream that falls silent in market hours is left, and what it kept to itself is fetched."""
    symbols = ("AVOR", "BRYX")
    expected = events_after(alpaca, alpaca.world.clock.now_ns, symbols, 400)

    async def test() -> None:
        feed = feed_of(alpaca, symbols, timing=replace(QUICK, mute_after_s=0.5))
        async with running(feed) as watch:
            await watch.until_connected()
            await asyncio.to_thread(alpaca.play, 200)
            arm(alpaca, name="stream_mute", stream="data", seconds=1)
            await asyncio.to_thread(alpaca.play, 200)
            await watch.until_events(len(expected))
        assert by_stream(watch.events) == by_stream(expected)
        assert any("though the market is open" in status.reason for status in watch.statuses)

    run(test())


def test_second_connection_waits_for_the_first(alpaca: LocalAlpaca) -> None:
    """A stream that is taken by another connection (406) is tried until it is free."""
    arm(alpaca, name="stream_refused_406", times=2)

    async def test() -> None:
        async with running(feed_of(alpaca)) as watch:
            await watch.until_connected()
        refusals = [status.reason for status in watch.statuses if not status.connected]
        assert len(refusals) == 2
        assert all("406 'connection limit exceeded'" in reason for reason in refusals)

    run(test())


def test_plan_without_room(alpaca: LocalAlpaca) -> None:
    """Where the server counts more strictly than we do, its refusal (405) ends the feed and says what to do."""
    symbols = [f"S{number}" for number in range(16)]

    async def test() -> None:
        with pytest.raises(ConfigError, match=r"405.*ask for fewer, or for bars only"):
            await ended(feed_of(alpaca, symbols, (Kind.TRADES, Kind.QUOTES), stock_feed=StockFeed.IEX))

    run(test())


def test_refused_keys(tmp_path: Path) -> None:
    """Keys that Alpaca doesn't know end the feed."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text('[{"key": "PKSOMEBODYELSE", "secret": "not-ours"}]')

    async def test(server: LocalAlpaca) -> None:
        with pytest.raises(ConfigError, match="keys are not accepted"):
            await ended(feed_of(server))

    with local_alpaca(accounts=accounts) as server:
        run(test(server))
