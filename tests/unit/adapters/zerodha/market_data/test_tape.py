"""What ticks tell as events."""

from holdfast.adapters.zerodha.market_data.counts import Counts
from holdfast.adapters.zerodha.market_data.tape import Tape, close_all
from holdfast.adapters.zerodha.market_data.ticks import Level, Mode, Tick
from holdfast.core.messages import Bar, Quote, Trade
from holdfast.feeds.live import Stream

SECOND = 1_000_000_000
NINE_S = 1_720_583_100  # 2024-07-10 09:15:00 in India
NO_LEVEL = Level(0.0, 0, 0)


def tick(second: int, price: float, volume: int, bid: float = 0.0, at: int | None = None) -> Tick:
    """A share, so many seconds after the open; ``at`` is when it last traded, if that was earlier."""
    full = Tick(257, Mode.FULL, price, volume=volume)
    full.exchange_s = NINE_S + second
    full.last_trade_s = NINE_S + (second if at is None else at)
    if bid:
        full.bids, full.asks = [Level(bid, 10, 1)], [Level(bid + 0.1, 20, 1)]
    return full


def tape(*streams: Stream) -> Tape:
    """Of a share whose first whole minute is 09:15."""
    made = Tape("A", streams, Counts())
    made.begin(NINE_S * SECOND)
    return made


def test_a_trade_is_what_the_volume_has_grown_by() -> None:
    """The first tick is what was before; a tick that trades nothing tells no trade; a new day counts from zero."""
    share = tape(Stream.TRADES)
    assert share.take(tick(0, 100.0, 1000)) == []
    assert share.take(tick(1, 100.5, 1010)) == [Trade("A", (NINE_S + 1) * SECOND, 100.5, 10.0)]
    assert share.take(tick(2, 100.5, 1010, at=1)) == []
    assert share.take(tick(3, 101.0, 1040)) == [Trade("A", (NINE_S + 3) * SECOND, 101.0, 30.0)]
    assert share.take(tick(86_400, 102.0, 5)) == [Trade("A", (NINE_S + 86_400) * SECOND, 102.0, 5.0)]


def test_a_quote_is_told_when_it_changes() -> None:
    """And not at all without both sides of the book in the packet."""
    share = tape(Stream.QUOTES)
    assert share.take(tick(0, 100.0, 0)) == []
    assert share.take(tick(1, 100.0, 0, bid=99.9)) == [Quote("A", (NINE_S + 1) * SECOND, 99.9, 10.0, 100.0, 20.0)]
    assert share.take(tick(2, 100.0, 0, bid=99.9)) == []
    one_side = tick(3, 100.0, 0)
    one_side.bids, one_side.asks = [Level(99.8, 5, 1)], [NO_LEVEL]
    assert share.take(one_side) == [Quote("A", (NINE_S + 3) * SECOND, 99.8, 5.0, 0.0, 0.0)]


def test_a_bar_is_told_when_its_minute_is_over() -> None:
    """By a trade of a later minute, or by whoever knows the time; a trade counts where it happened, not where it was told."""
    share = tape(Stream.BARS)
    ticks = [tick(0, 100.0, 0), tick(1, 100.5, 10), tick(30, 99.5, 15), tick(61, 99.0, 20, at=59)]
    assert [event for one in ticks for event in share.take(one)] == []
    first = Bar("A", (NINE_S + 60) * SECOND, NINE_S * SECOND, 100.5, 100.5, 99.0, 99.0, 20.0)
    assert share.take(tick(62, 101.0, 21)) == [first]
    assert share.close((NINE_S + 119) * SECOND) is None
    assert close_all({257: share}, (NINE_S + 120) * SECOND) == [
        Bar("A", (NINE_S + 120) * SECOND, (NINE_S + 60) * SECOND, 101.0, 101.0, 101.0, 101.0, 1.0)
    ]
    assert share.close((NINE_S + 180) * SECOND) is None


def test_a_minute_that_was_not_heard_whole_is_no_bar() -> None:
    """It is fetched as a candle; what was open when a connection ended is forgotten."""
    share = tape(Stream.BARS)
    share.take(tick(0, 100.0, 0))
    share.take(tick(1, 100.5, 10))
    share.begin((NINE_S + 60) * SECOND)
    share.take(tick(40, 100.0, 90))
    share.take(tick(41, 100.0, 95))
    assert share.take(tick(61, 101.0, 100)) == []
    assert share.close((NINE_S + 120) * SECOND) == Bar(
        "A", (NINE_S + 120) * SECOND, (NINE_S + 60) * SECOND, 101.0, 101.0, 101.0, 101.0, 5.0
    )


def test_an_index_has_bars_without_a_volume_and_no_trades() -> None:
    """And what comes late of either is counted, and left out."""
    counts = Counts()
    index = Tape("NIFTY 50", (Stream.BARS, Stream.TRADES), counts)
    index.begin(NINE_S * SECOND)
    for second, price in ((0, 24_000.0), (1, 24_010.0), (2, 23_990.0)):
        one = Tick(256_265, Mode.FULL, price)
        one.exchange_s = NINE_S + second
        assert index.take(one) == []
    old = Tick(256_265, Mode.FULL, 1.0)
    old.exchange_s = NINE_S
    assert index.take(old) == []
    assert counts.late == 1
    assert index.close((NINE_S + 60) * SECOND) == Bar(
        "NIFTY 50", (NINE_S + 60) * SECOND, NINE_S * SECOND, 24_010.0, 24_010.0, 23_990.0, 23_990.0, 0.0
    )
    share = Tape("A", (Stream.TRADES,), counts)
    share.take(tick(10, 100.0, 10))
    share.take(tick(11, 100.0, 20))
    assert share.take(tick(12, 99.0, 30, at=9)) == []
    assert counts.late == 2
    assert share.take(tick(13, 101.0, 31)) == [Trade("A", (NINE_S + 13) * SECOND, 101.0, 11.0)]
