"""The live feed against a stream that does what no obliging server would: refuse, fall silent, break off, talk nonsense."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgpack
import pytest
from msgspec.structs import replace

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import StockFeed
from holdfast.adapters.alpaca.market_data.connection import Timing
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.adapters.alpaca.market_data.wire import Kind
from holdfast.core.messages import Trade
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import HOUR_NS, SECOND_NS, iso_time
from holdfast.errors import ConfigError, HoldfastError
from tests.unit.adapters.alpaca.connection.wire import (
    KEY,
    SECRET,
    WireServer,
    answers,
    by_path,
    settings_of,
    wire_server,
)
from tests.unit.adapters.alpaca.market_data.live_kit import (
    AUTHENTICATED,
    CONNECTED,
    QUICK,
    Script,
    Talk,
    ended,
    error,
    running,
    scripted_stream,
    trade,
)

OPEN_NS = 1_704_292_200 * SECOND_NS  # 2024-01-03T14:30:00Z, an open of the calendar
NOW_NS = OPEN_NS + HOUR_NS
Answers = dict[str, object]


@pytest.fixture
def rest_answers() -> Answers:
    """What REST says; it may be changed meanwhile."""
    empty: Answers = {name: {name: {}, "next_page_token": None} for name in ("trades", "quotes", "bars")}
    paths = {f"/v2/stocks/{name}": body for name, body in empty.items()}
    return paths | {"/v2/clock": {"timestamp": iso_time(NOW_NS), "is_open": True}}


@pytest.fixture
def rest_server(rest_answers: Answers) -> Iterator[WireServer]:
    with wire_server(by_path(rest_answers)) as server:
        yield server


@pytest.fixture
def make(rest_server: WireServer, calendar: TradingCalendar) -> Iterator[Callable[..., AlpacaFeed]]:
    """Makes a feed of IBM's trades from a stream's base URL."""
    rests: list[AlpacaRest] = []

    def feed(
        stream_url: str,
        symbols: tuple[str, ...] = ("IBM",),
        kinds: tuple[Kind, ...] = (Kind.TRADES,),
        timing: Timing = QUICK,
        stock_feed: StockFeed = StockFeed.IEX,
    ) -> AlpacaFeed:
        settings = replace(settings_of(rest_server.url), data_stream_url=stream_url, stock_feed=stock_feed)
        rests.append(AlpacaRest(settings))
        return AlpacaFeed(settings, rests[-1], symbols, kinds, calendar, 10, timing)

    yield feed
    for rest in rests:
        rest.close()


MakeFeed = Callable[..., AlpacaFeed]


def says(*frames: list[dict[str, Any]]) -> Script:
    """Greets, sends these frames and stays."""

    async def script(talk: Talk) -> None:
        await talk.greet()
        for frame in frames:
            await talk.say(*frame)
        await talk.stay()

    return script


def refuses(*messages: dict[str, Any]) -> Script:
    """Sends these, each in a frame of its own, and closes."""

    async def script(talk: Talk) -> None:
        for message in messages:
            await talk.say(message)

    return script


def trades(*numbers: int) -> list[dict[str, Any]]:
    """Trades, one second after the other, from the market's now on."""
    return [trade(number, NOW_NS + number * SECOND_NS) for number in numbers]


def numbers(events: list[Any]) -> list[int]:
    return [round(event.price - 100) for event in events]


def run(test: Awaitable[None]) -> None:
    async def main() -> None:
        await test

    asyncio.run(main())


def test_handshake_as_documented(make: MakeFeed) -> None:
    """The client asks for MessagePack, waits for its turn at each step, and has each channel's symbols in one request."""
    seen: dict[str, Any] = {}

    async def script(talk: Talk) -> None:
        request = talk.websocket.request
        assert request is not None
        seen["path"], seen["type"] = request.path, request.headers["Content-Type"]
        await talk.say(CONNECTED)
        seen["auth"] = await talk.hear()
        await talk.say(AUTHENTICATED)
        seen["subscribe"] = await talk.hear()
        await talk.say({"T": "subscription", "trades": ["IBM", "SPY"], "bars": ["IBM", "SPY"], "corrections": []})
        await talk.stay()

    async def test() -> None:
        async with (
            scripted_stream(script) as url,
            running(make(url, ("SPY", "IBM"), (Kind.BARS, Kind.TRADES), stock_feed=StockFeed.SIP)) as watch,
        ):
            await watch.until_connected()

    run(test())
    assert (seen["path"], seen["type"]) == ("/v2/sip", "application/msgpack")
    assert seen["auth"] == {"action": "auth", "key": KEY, "secret": SECRET}
    assert seen["subscribe"] == {"action": "subscribe", "trades": ["IBM", "SPY"], "bars": ["IBM", "SPY"]}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (402, "keys"),
        (405, "ask for fewer"),
        (409, "stock_feed"),
        (411, "keys"),
        (400, "symbols"),
        (410, "symbols"),
    ],
)
def test_refusal_for_good(make: MakeFeed, code: int, advice: str) -> None:
    """What trying again can't mend ends the feed with an error that says what to do, and shows no key."""

    async def script(talk: Talk) -> None:
        await talk.authenticate()
        await talk.say(error(code))

    async def test() -> None:
        async with scripted_stream(script) as url:
            with pytest.raises(ConfigError, match=advice) as caught:
                await ended(make(url))
            assert str(code) in str(caught.value)
            assert KEY not in str(caught.value)
            assert SECRET not in str(caught.value)

    run(test())


def test_refused_keys_at_authentication(make: MakeFeed) -> None:
    """Refused keys end the feed, though the server closes at once."""

    async def test() -> None:
        async with scripted_stream(refuses(CONNECTED, error(402, "auth failed"))) as url:
            with pytest.raises(ConfigError, match="keys are not accepted"):
                await ended(make(url))

    run(test())


@pytest.mark.parametrize("code", [404, 406, 407, 500, 999])
def test_refusal_that_passes(make: MakeFeed, code: int) -> None:
    """What may pass is tried again; the status says why in between."""

    async def test() -> None:
        no = refuses(CONNECTED, error(code, "not now"))
        async with scripted_stream(no, no, says(trades(1))) as url:
            feed = make(url)
            async with running(feed) as watch:
                await watch.until_events(1)
        assert [status.connected for status in watch.statuses] == [False, False, True]
        assert f"{code} 'not now'" in watch.statuses[0].reason
        assert feed.counts.reconnects == 2

    run(test())


def test_error_in_the_middle(make: MakeFeed) -> None:
    """Slow client (407) in the middle of the data is a loss like any other; a lost entitlement (409) is the end."""

    async def test() -> None:
        slow = says(trades(1), [error(407, "slow client")])
        async with scripted_stream(slow, says([error(409, "insufficient subscription")])) as url:
            with pytest.raises(ConfigError, match="plan does not include"):
                async with running(make(url)) as watch:
                    await watch.until_events(2)
        assert numbers(watch.events) == [1]
        assert "407 'slow client'" in watch.statuses[1].reason

    run(test())


def test_acknowledgement_must_have_everything(make: MakeFeed) -> None:
    """A subscription that leaves out something asked for is an error naming it, not a feed with a hole."""

    async def script(talk: Talk) -> None:
        await talk.authenticate()
        await talk.say({"T": "subscription", "trades": ["IBM"], "bars": ["IBM"]})
        await talk.stay()

    async def test() -> None:
        async with scripted_stream(script) as url:
            with pytest.raises(ConfigError, match="does not stream trades of SPY"):
                await ended(make(url, ("IBM", "SPY")))

    run(test())


@pytest.mark.parametrize("step", ["connected", "authenticated", "subscription"])
def test_step_that_never_comes(make: MakeFeed, step: str) -> None:
    """Each step of the handshake is waited for so long and no longer."""

    async def script(talk: Talk) -> None:
        if step != "connected":
            await talk.say(CONNECTED)
        if step == "subscription":
            await talk.hear()
            await talk.say(AUTHENTICATED)
        await talk.stay()

    async def test() -> None:
        async with scripted_stream(script) as url, running(make(url, timing=replace(QUICK, step_s=0.1))) as watch:
            await watch.until(lambda: watch.statuses)
        assert not watch.statuses[0].connected
        assert f"no {step if step == 'subscription' else repr(step)} within 0.1 s" in watch.statuses[0].reason

    run(test())


def test_nobody_there(make: MakeFeed) -> None:
    """A server that can't be reached is tried again."""

    async def test() -> None:
        async with scripted_stream(says()) as url:
            gone = url
        async with running(make(gone)) as watch:
            await watch.until(lambda: len(watch.statuses) >= 3)
        assert not any(status.connected for status in watch.statuses)

    run(test())


def test_address_that_is_no_stream(make: MakeFeed, rest_server: WireServer) -> None:
    """An address that turns the first connection away with 404 is a wrong address."""

    async def test() -> None:
        with pytest.raises(ConfigError, match="check the addresses"):
            await ended(make(rest_server.url.replace("http", "ws")))

    run(test())


def test_upgrade_refused_for_now(make: MakeFeed, rest_server: WireServer) -> None:
    """HTTP 429 in place of a websocket is tried again."""
    rest_act = rest_server.act
    too_many = answers("429 Too Many Requests", {"message": "too many"})
    rest_server.act = lambda at, seen: (too_many if seen.path == "/v2/iex" else rest_act)(at, seen)

    async def test() -> None:
        async with running(make(rest_server.url.replace("http", "ws"))) as watch:
            await watch.until(lambda: len(watch.statuses) >= 2)
        assert "429" in watch.statuses[0].reason

    run(test())


def test_nonsense_costs_only_itself(make: MakeFeed) -> None:
    """Bad messages, bad times, unknown types and frames that are none are counted; the rest is delivered."""
    frame = [*trades(1), trade(2, NOW_NS, p=-1), *trades(3), trade(4, NOW_NS, t=None), {"T": "zz"}, *trades(5)]

    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.websocket.send(b"\xc1")
        await talk.say(*frame)
        await talk.say({"T": "x", "S": "IBM", "p": 1.0, "s": 5}, *trades(6))
        await talk.stay()

    async def test() -> None:
        async with scripted_stream(script) as url:
            feed = make(url)
            async with running(feed) as watch:
                await watch.until_events(4)
        assert numbers(watch.events) == [1, 3, 5, 6]
        assert (feed.counts.bad, feed.counts.unknown, feed.counts.corrections) == (3, 1, 1)

    run(test())


def test_frames_twice_and_swapped(make: MakeFeed) -> None:
    """A frame that comes twice is delivered once; what a later frame has overtaken is not delivered out of order."""
    first, second, third = trades(1, 2), trades(3, 4), trades(5, 6)

    async def test() -> None:
        async with scripted_stream(says(first, first, third, second, third, trades(7))) as url:
            feed = make(url)
            async with running(feed) as watch:
                await watch.until_events(5)
        assert numbers(watch.events) == [1, 2, 5, 6, 7]
        assert (feed.counts.duplicates, feed.counts.late) == (4, 2)

    run(test())


def test_large_frame(make: MakeFeed) -> None:
    """A frame of more than a MiB, which Alpaca's own client never gets over, is a frame like any other."""
    many = trades(*range(22_000))
    assert len(msgpack.packb(many)) > 1 << 20

    async def test() -> None:
        async with scripted_stream(says(many)) as url, running(make(url)) as watch:
            await watch.until_events(len(many))
        assert len(watch.statuses) == 1

    run(test())


def test_mute_while_open(make: MakeFeed) -> None:
    """A stream that answers pings but says nothing while the market is open is given up, and the next one is used."""

    async def test() -> None:
        async with scripted_stream(says(), says(trades(1))) as url:
            timing = replace(QUICK, mute_after_s=0.2, ping_every_s=0.05, pong_within_s=1)
            async with running(make(url, timing=timing)) as watch:
                await watch.until_events(1)
        assert [status.connected for status in watch.statuses[:3]] == [True, False, True]
        assert "nothing came for 0.2 s though the market is open" in watch.statuses[1].reason

    run(test())


@pytest.mark.parametrize("now_ns", [OPEN_NS - HOUR_NS, OPEN_NS])
def test_silence_while_closed(make: MakeFeed, rest_answers: Answers, rest_server: WireServer, now_ns: int) -> None:
    """Before the open, and right after it, silence is as it should be: the connection stays, and data are taken when they come."""
    rest_answers["/v2/clock"] = {"timestamp": iso_time(now_ns)}

    async def script(talk: Talk) -> None:
        await talk.greet()
        async with asyncio.timeout(20):
            while sum(seen.path == "/v2/clock" for seen in rest_server.seen) < 4:
                await asyncio.sleep(0.01)
        await talk.say(*trades(1))
        await talk.stay()

    async def test() -> None:
        async with scripted_stream(script) as url, running(make(url, timing=replace(QUICK, mute_after_s=0.1))) as watch:
            await watch.until_events(1)
        assert [status.connected for status in watch.statuses] == [True]

    run(test())


def test_dead_peer(make: MakeFeed) -> None:
    """A peer that answers no ping is given up soon, long before silence alone would tell."""
    given_up = asyncio.Event()

    async def dead(talk: Talk) -> None:
        await talk.greet()
        talk.websocket.transport.pause_reading()
        await given_up.wait()
        talk.websocket.transport.abort()

    async def next_one(talk: Talk) -> None:
        given_up.set()
        await says(trades(1))(talk)

    async def test() -> None:
        async with (
            scripted_stream(dead, next_one) as url,
            running(make(url, timing=replace(QUICK, ping_every_s=0.05, pong_within_s=0.1))) as watch,
        ):
            await watch.until_events(1)
        assert "no ping was answered" in watch.statuses[1].reason

    run(test())


def test_slow_engine_is_no_dead_peer(make: MakeFeed) -> None:
    """While the engine takes its time, and pongs wait behind data, the connection is not given up."""
    frames = [trades(*range(first, first + 10)) for first in range(0, 400, 10)]

    async def test() -> None:
        async with scripted_stream(says(*frames)) as url:
            feed = make(url, timing=replace(QUICK, ping_every_s=0.02, pong_within_s=0.02, mute_after_s=0.1))
            taken: list[Trade] = []
            done = asyncio.Event()

            async def deliver(event: Any) -> None:
                taken.append(event)
                if len(taken) % 10 == 0:
                    await asyncio.sleep(0.01)  # a busy engine: slower than the pings' patience
                if len(taken) == 400:
                    done.set()

            statuses: list[Any] = []
            task = asyncio.create_task(feed.run(deliver, statuses.append))
            async with asyncio.timeout(20):
                await done.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert numbers(taken) == list(range(400))
        assert [status.connected for status in statuses] == [True]

    run(test())


def test_too_many_symbols(make: MakeFeed) -> None:
    """More symbols than the plan streams ticks of are refused before anything is sent, with the number and the reduce-only order."""
    symbols = tuple(f"S{number}" for number in range(31))

    async def test() -> None:
        with pytest.raises(ConfigError, match=r"trades and quotes of 30 stocks, not of 31.*for bars only"):
            await ended(make("ws://127.0.0.1:1", symbols))

    run(test())


@pytest.mark.parametrize(("kinds", "stock_feed"), [((Kind.BARS,), StockFeed.IEX), ((Kind.TRADES,), StockFeed.SIP)])
def test_no_limit_on_bars_or_the_larger_plan(make: MakeFeed, kinds: tuple[Kind, ...], stock_feed: StockFeed) -> None:
    """The limit is on trades and quotes of the free plan only."""
    symbols = tuple(f"S{number}" for number in range(31))

    async def test() -> None:
        async with scripted_stream(says()) as url, running(make(url, symbols, kinds, stock_feed=stock_feed)) as watch:
            await watch.until_connected()

    run(test())


def test_nothing_to_carry(make: MakeFeed) -> None:
    """A feed without symbols or kinds is refused when it is made."""
    with pytest.raises(ConfigError, match="needs symbols"):
        make("ws://127.0.0.1:1", ())
    with pytest.raises(ConfigError, match="needs symbols"):
        make("ws://127.0.0.1:1", ("IBM",), ())


def test_gap_is_fetched_before_what_came_meanwhile(make: MakeFeed, rest_answers: Answers) -> None:
    """After a loss the history's events come first, then the stream's, in order, with their overlap once."""

    def row(number: int) -> dict[str, Any]:
        return {"t": iso_time(NOW_NS + number * SECOND_NS), "i": number, "p": 100 + number, "s": 10, "x": "V"}

    rest_answers["/v2/stocks/trades"] = {"trades": {"IBM": [row(n) for n in (2, 3, 4, 5)]}, "next_page_token": None}
    rest_answers["/v2/clock"] = {"timestamp": iso_time(NOW_NS + 5 * SECOND_NS)}

    async def breaks(talk: Talk) -> None:
        await talk.greet()
        await talk.say(*trades(1, 2))
        talk.websocket.transport.abort()

    async def test() -> None:
        async with scripted_stream(breaks, says(trades(4, 5), trades(6), trades(3, 7))) as url:
            feed = make(url, timing=replace(QUICK, settle_s=0.1))
            async with running(feed) as watch:
                await watch.until_events(7)
        assert numbers(watch.events) == [1, 2, 3, 4, 5, 6, 7]
        assert "3 missed events fetched" in watch.statuses[2].reason
        assert (feed.counts.gaps_filled, feed.counts.gap_events, feed.counts.late) == (1, 3, 0)
        assert feed.counts.duplicates == 4  # 2 fetched again; 4, 5 and 3 streamed after they were fetched

    run(test())


def test_gap_that_may_not_be_fetched(make: MakeFeed, rest_answers: Answers) -> None:
    """A history that Alpaca refuses leaves a gap: the feed goes on and its status names what is left out."""
    del rest_answers["/v2/stocks/trades"]

    async def breaks(talk: Talk) -> None:
        await talk.greet()
        await talk.say(*trades(1))
        talk.websocket.transport.abort()

    async def test() -> None:
        async with scripted_stream(breaks, says(trades(9))) as url:
            feed = make(url)
            async with running(feed) as watch:
                await watch.until_events(2)
        assert "trades left out: GET /stocks/trades: Alpaca answered 404" in watch.statuses[2].reason
        assert (feed.counts.gaps_filled, feed.counts.gaps_left) == (0, 1)

    run(test())


def test_long_gap_has_bars_only(make: MakeFeed, rest_answers: Answers, rest_server: WireServer) -> None:
    """Of a gap longer than 15 minutes bars are fetched and ticks are not, and the status says so."""
    bar = {"t": iso_time(NOW_NS), "o": 1, "h": 1, "l": 1, "c": 1, "v": 5}
    rest_answers["/v2/stocks/bars"] = {"bars": {"IBM": [bar]}, "next_page_token": None}

    async def breaks(talk: Talk) -> None:
        await talk.greet()
        await talk.say(*trades(1))
        rest_answers["/v2/clock"] = {"timestamp": iso_time(NOW_NS + HOUR_NS)}
        talk.websocket.transport.abort()

    async def test() -> None:
        async with scripted_stream(breaks, says()) as url, running(make(url, kinds=(Kind.TRADES, Kind.BARS))) as watch:
            await watch.until_connected(2)
        assert [type(event).__name__ for event in watch.events] == ["Trade", "Bar"]
        assert "trades left out: the gap is longer than 15 minutes" in watch.statuses[2].reason
        assert not any(seen.path == "/v2/stocks/trades" for seen in rest_server.seen)

    run(test())


def test_history_out_of_order_is_tried_again(make: MakeFeed, rest_answers: Answers) -> None:
    """When REST can't answer for now, the feed is not said to be connected before it did, and loses nothing."""
    row = {"t": iso_time(NOW_NS + 2 * SECOND_NS), "i": 2, "p": 102, "s": 10, "x": "V"}
    good = {"trades": {"IBM": [row]}, "next_page_token": None}
    connections = 0
    first_came = asyncio.Event()

    async def script(talk: Talk) -> None:
        nonlocal connections
        connections += 1
        await talk.greet()
        if connections == 1:
            await talk.say(*trades(1))
            await first_came.wait()
            rest_answers["/v2/clock"] = "no clock"
            talk.websocket.transport.abort()
        elif connections == 3:
            rest_answers["/v2/clock"] = {"timestamp": iso_time(NOW_NS + 2 * SECOND_NS)}
            rest_answers["/v2/stocks/trades"] = good
        await talk.stay()

    async def test() -> None:
        async with scripted_stream(script) as url, running(make(url)) as watch:
            await watch.until_events(1)
            first_came.set()
            await watch.until_events(2)
            await watch.until_connected(2)
        assert numbers(watch.events) == [1, 2]
        assert [status.connected for status in watch.statuses][:2] == [True, False]
        assert "what was missed can't be fetched" in watch.statuses[2].reason

    run(test())


def test_error_of_the_engine_ends_the_feed(make: MakeFeed) -> None:
    """What the receiver raises comes out of the feed as it is."""

    async def refuse(event: Any) -> None:
        raise HoldfastError("the engine has stopped")

    async def test() -> None:
        async with scripted_stream(says(trades(1))) as url:
            with pytest.raises(HoldfastError, match="the engine has stopped"):
                await make(url).run(refuse, lambda status: None)

    run(test())
