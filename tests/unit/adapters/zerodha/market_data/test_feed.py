"""The feed at the local Kite: bars as the candles say, over every way a connection can be lost."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens
from holdfast.adapters.zerodha.market_data.candles import Candles
from holdfast.adapters.zerodha.market_data.feed import KiteFeed
from holdfast.adapters.zerodha.market_data.socket import Timing
from holdfast.brokers.sessions import NoSessions, Sessions
from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS
from holdfast.errors import ConfigError, DataError, HoldfastError
from holdfast.feeds.live import FeedStatus, Stream
from holdfast.sim.kite.faults.catalogue import FAULTS
from tests.local_kite import LocalKite, local_kite
from tests.local_server import PATIENCE_S
from tests.unit.adapters.zerodha.connection.at_local_kite import settings_at, token_at
from tests.unit.adapters.zerodha.connection.test_session import Shelf, keep

SYMBOLS = ("AVANTI", "BHARAVI")
TIMING = Timing(
    step_s=PATIENCE_S,
    mute_after_s=PATIENCE_S,
    silent_after_s=PATIENCE_S,
    first_delay_s=0.01,
    longest_delay_s=0.05,
    quiet_s=3600.0,
    settle_s=0.0,
)
MINUTE_OF_EVENTS = 40
"""More events than the market has in a minute."""


@pytest.fixture
def server() -> Iterator[LocalKite]:
    """A market that stands a little after its open."""
    with local_kite() as running:
        running.play(20)
        yield running


class Running:
    """A feed that runs in a thread of its own, and what it has delivered and told."""

    def __init__(self, server: LocalKite, feed: KiteFeed) -> None:
        self.server = server
        self.feed = feed
        self.events: list[MarketEvent] = []
        self.statuses: queue.Queue[FeedStatus] = queue.Queue()
        self.error: HoldfastError | None = None
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._task: asyncio.Task[Any] | None = None

    @property
    def bars(self) -> list[Bar]:
        return [event for event in self.events if isinstance(event, Bar)]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        def cancel() -> None:
            if self._task is not None:
                self._task.cancel()

        self._loop.call_soon_threadsafe(cancel)
        self._thread.join(PATIENCE_S)

    def next_status(self, *, connected: bool) -> FeedStatus:
        """The next status that says so; what comes before it is passed over."""
        while True:
            status = self.statuses.get(timeout=PATIENCE_S)
            if status.connected is connected:
                return status

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), f"waited in vain for {what}: {self.feed.counts}"

    def play_until_bar(self, time_ns: int) -> None:
        """Let the market go on until each symbol's bar of a time is there."""
        while self.server.call(lambda: self.server.world.clock.now_ns) < time_ns + 3 * 1_000_000_000:
            self.server.play()

        def there() -> bool:
            return {bar.symbol for bar in self.bars if bar.time_ns == time_ns} == set(SYMBOLS)

        self.wait_for(there, "bars")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def deliver(event: MarketEvent) -> None:
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()

        async def main() -> None:
            self._task = asyncio.current_task()
            await self.feed.run(deliver, self.statuses.put)

        try:
            self._loop.run_until_complete(main())
        except asyncio.CancelledError:
            pass
        except HoldfastError as error:
            self.error = error
        finally:
            self._loop.close()


def feed_at(
    server: LocalKite,
    *,
    timing: Timing = TIMING,
    streams: Sequence[Stream] = (Stream.BARS,),
    sessions: Sessions | None = None,
    warm_up_minutes: int = 30,
) -> KiteFeed:
    """A feed there."""
    settings = settings_at(server.url, server.socket_url, None if sessions is not None else token_at(server))
    settings = msgspec.structs.replace(settings, candles_per_second=100, requests_per_second=100)
    rest = KiteRest(settings, Tokens(settings, sessions or NoSessions()))
    return KiteFeed(rest, SYMBOLS, streams, trading_calendar("XBOM"), warm_up_minutes, timing)


@contextmanager
def running(server: LocalKite, feed: KiteFeed) -> Iterator[Running]:
    """The feed, warmed up and connected."""
    now_ns = server.call(lambda: server.world.clock.now_ns)
    feed.history(now_ns)
    made = Running(server, feed)
    made.start()
    try:
        made.next_status(connected=True)
        yield made
    finally:
        made.stop()


def candles(server: LocalKite, from_ns: int, until_ns: int) -> list[Bar]:
    """What the history says of these minutes."""
    feed = feed_at(server)
    found = feed._instruments.today().need(SYMBOLS)
    bars = [bar for one in found.values() for bar in Candles(feed._rest).minutes(one, from_ns, until_ns)]
    return sorted(bars, key=lambda bar: (bar.time_ns, bar.symbol))


def put_on(server: LocalKite, **fault: Any) -> None:
    """A fault that waits for its chance."""
    server.call(lambda: server.world.faults.arm(FAULTS.parse(fault)))


def now(server: LocalKite) -> int:
    """The market's time."""
    return server.call(lambda: server.world.clock.now_ns)


def check_bars(server: LocalKite, stream: Running, from_ns: int, until_ns: int) -> None:
    """Each minute's bar came once, in order, with just what its candle has."""
    told = sorted((bar for bar in stream.bars if bar.time_ns <= until_ns), key=lambda bar: (bar.time_ns, bar.symbol))
    assert told == candles(server, from_ns, until_ns)
    for symbol in SYMBOLS:
        times = [bar.time_ns for bar in stream.bars if bar.symbol == symbol]
        assert times == sorted(set(times))


def test_bars_of_ticks_are_those_of_the_history(server: LocalKite) -> None:
    """The first is fetched, since its minute was not heard whole; warm-up ends where they begin."""
    feed = feed_at(server)
    start_ns = now(server) // MINUTE_NS * MINUTE_NS
    assert feed.history(now(server))[-1].time_ns <= start_ns
    with running(server, feed) as stream:
        until_ns = start_ns + 4 * MINUTE_NS
        stream.play_until_bar(until_ns)
        check_bars(server, stream, start_ns, until_ns)
        assert feed.counts.gap_bars == len(SYMBOLS)
        assert feed.counts.bad == feed.counts.late == feed.counts.gaps_left == 0


def test_trades_and_quotes_are_those_of_the_market(server: LocalKite) -> None:
    """Each that was told by itself; in order of time."""
    feed = feed_at(server, streams=(Stream.TRADES, Stream.QUOTES))
    assert feed.bar_ns is None
    with running(server, feed) as stream:
        at_ns = (now(server) // 1_000_000_000 + 5) * 1_000_000_000
        server.take(Trade("NSE:AVANTI", at_ns, 246.05, 700.0))
        server.take(Quote("NSE:AVANTI", at_ns + 1_000_000_000, 246.0, 40.0, 246.1, 60.0))
        wanted = [
            Trade("AVANTI", at_ns, 246.05, 700.0),
            Quote("AVANTI", at_ns + 1_000_000_000, 246.0, 40.0, 246.1, 60.0),
        ]
        stream.wait_for(lambda: all(event in stream.events for event in wanted), "the trade and the quote")


@pytest.mark.parametrize(
    ("fault", "timing", "reason"),
    [
        ({"name": "stream_close_1001"}, {}, "closed by Zerodha with 1001"),
        ({"name": "stream_mute", "seconds": 3600}, {"mute_after_s": 2.5}, "not even a heartbeat"),
        ({"name": "stream_heartbeats_only", "seconds": 3600}, {"silent_after_s": 2.0}, "only heartbeats came"),
    ],
)
def test_what_was_missed_is_fetched(
    server: LocalKite, fault: dict[str, Any], timing: dict[str, float], reason: str
) -> None:
    """Whichever way the connection went dead: no bar is missing, none comes twice."""
    feed = feed_at(server, timing=msgspec.structs.replace(TIMING, **timing))
    start_ns = now(server) // MINUTE_NS * MINUTE_NS
    with running(server, feed) as stream:
        stream.play_until_bar(start_ns + 2 * MINUTE_NS)
        put_on(server, **fault)
        server.play(2 * MINUTE_OF_EVENTS)
        assert reason in stream.next_status(connected=False).reason
        server.call(server.world.faults.disarm)
        assert "missed bars fetched" in stream.next_status(connected=True).reason
        until_ns = now(server) // MINUTE_NS * MINUTE_NS + 2 * MINUTE_NS
        stream.play_until_bar(until_ns)
        check_bars(server, stream, start_ns, until_ns)
        assert feed.counts.reconnects >= 1


def test_a_minute_that_went_silent_is_no_half_bar(server: LocalKite) -> None:
    """Heartbeats alone at the end of a minute: its bar is the candle, and so is that of the minute in which ticks come again."""
    feed = feed_at(server)
    start_ns = now(server) // MINUTE_NS * MINUTE_NS
    with running(server, feed) as stream:
        stream.play_until_bar(start_ns + 2 * MINUTE_NS)
        while now(server) % MINUTE_NS < 54 * 1_000_000_000:
            server.play()
        silent_ns = now(server) // MINUTE_NS * MINUTE_NS + MINUTE_NS
        stream.wait_for(lambda: feed._time.exchange_ns > silent_ns - 7 * 1_000_000_000, "ticks")
        put_on(server, name="stream_heartbeats_only", seconds=3600)
        while now(server) < silent_ns + 10 * 1_000_000_000:
            server.play()
        feed._timing = msgspec.structs.replace(
            TIMING, quiet_s=0.5
        )  # only now: the market's time stands still between events
        stream.wait_for(lambda: any(bar.time_ns == silent_ns for bar in stream.bars), "the bar of the silent minute")
        feed._timing = TIMING
        server.call(server.world.faults.disarm)
        stream.play_until_bar(silent_ns + 2 * MINUTE_NS)
        check_bars(server, stream, start_ns, silent_ns + 2 * MINUTE_NS)
        assert feed.counts.reconnects == 0


def test_the_stream_returns_after_the_next_login(server: LocalKite) -> None:
    """A dead token is told with what to do; it is not sent again, and the next one is found in the store."""
    shelf = Shelf()
    settings = settings_at(server.url)
    keep(shelf, token_at(server).reveal(), _wall_ns(), settings)
    feed = feed_at(server, sessions=shelf)
    with running(server, feed) as stream:
        server.call(server.world.accounts.all()[0].tokens.kill)
        put_on(server, name="stream_close_1001")
        status = stream.next_status(connected=False)
        while "holdfast login zerodha" not in status.reason:
            status = stream.next_status(connected=False)
        assert "Zerodha refuses the access token" in status.reason
        keep(
            shelf,
            server.call(lambda: server.world.accounts.all()[0].tokens.put("next-token", now_in(server))),
            _wall_ns(),
            settings,
        )
        assert stream.next_status(connected=True).connected


def _wall_ns() -> int:
    import time

    return time.time_ns()


def now_in(server: LocalKite) -> int:
    """The market's time, in its own thread."""
    return server.world.clock.now_ns


def test_a_stream_that_never_was_and_is_refused_ends_the_feed(server: LocalKite) -> None:
    """Where requests are answered the plan has none; once there was one, it is tried again."""
    put_on(server, name="stream_refused_403", seconds=3600)
    made = Running(server, feed_at(server))
    made.start()
    made._thread.join(PATIENCE_S)
    assert isinstance(made.error, ConfigError)
    assert "the app's plan has no stream" in str(made.error)
    server.call(server.world.faults.disarm)
    with running(server, feed_at(server)) as stream:
        put_on(server, name="stream_refused_429", seconds=3600)
        put_on(server, name="stream_close_1001")
        status = stream.next_status(connected=False)
        while "429" not in status.reason:
            status = stream.next_status(connected=False)
        assert "an app has three connections" in status.reason
        server.call(server.world.faults.disarm)
        stream.next_status(connected=True)


def test_what_a_feed_cannot_carry(server: LocalKite) -> None:
    """Is told before anything is asked, or with the first question."""
    rest = feed_at(server)._rest
    calendar = trading_calendar("XBOM")
    for symbols, text in (
        ([], "needs symbols"),
        (["NSE:AVANTI"], "write AVANTI for NSE:AVANTI"),
        ([f"S{number}" for number in range(3001)], "streams 3,000 instruments"),
    ):
        with pytest.raises(ConfigError, match=text):
            KiteFeed(rest, symbols, [Stream.BARS], calendar, 0)
    feed = KiteFeed(rest, ["AVANTY"], [Stream.BARS], calendar, 30)
    with pytest.raises(ConfigError, match=r"AVANTY \(did you mean AVANTI\?\)"):
        feed.history(now(server))
    put_on(server, name="html_502", method="GET", path="/instruments")
    with pytest.raises(DataError, match="candles to warm up on can't be had"):
        KiteFeed(rest, ["AVANTI"], [Stream.BARS], calendar, 30).history(now(server))
