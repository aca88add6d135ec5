"""Bars built from trades, quotes and shorter bars, beside what pandas makes of the same data."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.orders.book import OrderBook
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Host, Runner
from holdfast.core.strategy.timeframe import parse_timeframe, timeframe_name
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, StrategyId
from holdfast.errors import InvalidValue
from tests.scenario.account import DAYS, START_NS, show_to


class Collector(Strategy):
    """Keeps the bars it gets; its timer has the clock looked at every minute, which must cut no bar short."""

    def __init__(self) -> None:
        super().__init__(None)
        self.bars: list[Bar] = []

    def on_start(self, context: Context) -> None:
        context.every(60)

    def on_bar(self, context: Context, bar: Bar) -> None:
        assert context.time_ns >= bar.time_ns
        self.bars.append(bar)


def built(events: list[Any], timeframe_ns: int, feed_bar_ns: int | None, calendar: Any = DAYS) -> list[Bar]:
    """The bars a strategy gets of these events, with one late event of another symbol to end the last one."""
    marks: dict[str, float] = {}
    host = Host(OrderBook(), Portfolio(), marks, calendar)
    collector = Collector()
    host.add(Runner(StrategyId("s"), collector, ("ABC",), timeframe_ns), feed_bar_ns)
    host.start(START_NS - DAY_NS * 30)
    for event in [*events, Trade("END", events[-1].time_ns + 10 * DAY_NS, 1.0, 1.0)]:
        host.now_ns = event.time_ns
        if event.time_ns >= host.wake_ns:
            host.wake(event.time_ns)
        if isinstance(event, Quote):
            marks[event.symbol] = (event.bid + event.ask) / 2
        show_to(host, event)
    return collector.bars


def walk(count: int, seed: int, gap_ns: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Times, prices and sizes of a random walk with pauses."""
    random = np.random.default_rng(seed)
    gaps = random.integers(0, gap_ns, count)
    gaps[:: count // 7] += 9 * gap_ns  # and some longer silences
    times = START_NS + np.cumsum(gaps)
    prices = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.001, count))), 2)
    return times, prices, random.integers(1, 500, count).astype(float)


def resampled(times: Any, prices: Any, sizes: Any, length: str) -> pd.DataFrame:
    """What pandas makes of it: empty bars left out."""
    frame = pd.DataFrame({"price": prices, "size": sizes}, index=pd.to_datetime(times))
    bars = frame.resample(length).agg({"price": ["first", "max", "min", "last"], "size": "sum"}).dropna()
    bars.columns = ["open", "high", "low", "close", "volume"]
    return bars


def assert_same(bars: list[Bar], expected: pd.DataFrame, length_ns: int) -> None:
    """The same starts, ends, prices and volumes."""
    assert len(expected) > 5
    assert [bar.start_ns for bar in bars] == list(expected.index.as_unit("ns").asi8)
    assert all(bar.time_ns == bar.start_ns + length_ns for bar in bars)
    for name in ("open", "high", "low", "close"):
        assert [getattr(bar, name) for bar in bars] == list(expected[name])
    assert [bar.volume for bar in bars] == pytest.approx(list(expected["volume"]))


@pytest.mark.parametrize(("length_ns", "name"), [(MINUTE_NS, "1min"), (5 * MINUTE_NS, "5min"), (HOUR_NS, "1h")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bars_of_trades_are_those_of_pandas(length_ns: int, name: str, seed: int) -> None:
    """Each bar has the first, highest, lowest and last trade of ``[start, end)`` and their sizes' sum."""
    times, prices, sizes = walk(2000, seed, length_ns // 20)
    trades = [
        Trade("ABC", int(time), float(price), float(size))
        for time, price, size in zip(times, prices, sizes, strict=True)
    ]
    assert_same(built(trades, length_ns, None), resampled(times, prices, sizes, name), length_ns)


def test_bars_of_quotes_are_those_of_midpoints() -> None:
    """Where nothing ever trades in the data, bars are made of midpoints and have no volume."""
    times, prices, _ = walk(2000, 4, 5 * SECOND_NS)
    quotes = [
        Quote("ABC", int(time), float(price) - 0.25, 1.0, float(price) + 0.25, 1.0)
        for time, price in zip(times, prices, strict=True)
    ]
    middles = [(quote.bid + quote.ask) / 2 for quote in quotes]
    assert_same(built(quotes, MINUTE_NS, None), resampled(times, middles, np.zeros(2000), "1min"), MINUTE_NS)


@pytest.mark.parametrize(("length_ns", "name"), [(5 * MINUTE_NS, "5min"), (HOUR_NS, "1h"), (DAY_NS, "1D")])
def test_bars_of_shorter_bars_are_those_of_pandas(length_ns: int, name: str) -> None:
    """Longer bars take in the shorter ones that begin within them; a bar of the feed that is missing changes nothing."""
    random = np.random.default_rng(5)
    steps = np.cumsum(random.choice([1, 1, 1, 2, 30], 3000))
    closes = np.round(100 + np.cumsum(random.normal(0, 0.1, 3000)), 2)
    opens = np.round(closes + random.normal(0, 0.1, 3000), 2)
    highs, lows = np.maximum(opens, closes) + 0.05, np.minimum(opens, closes) - 0.05
    starts = START_NS + steps * MINUTE_NS
    bars = [
        Bar("ABC", int(start) + MINUTE_NS, int(start), float(o), float(h), float(low), float(c), 10.0)
        for start, o, h, low, c in zip(starts, opens, highs, lows, closes, strict=True)
    ]
    frame = pd.DataFrame(
        {"open": opens, "high": highs, "low": lows, "close": closes, "volume": 10.0}, index=pd.to_datetime(starts)
    )
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.resample(name).agg(rules).dropna()
    assert_same(built(bars, length_ns, MINUTE_NS), expected, length_ns)


def test_a_bar_comes_with_its_own_end() -> None:
    """A longer bar is shown at the very shorter bar that ends with it, not at the next event."""
    marks: dict[str, float] = {}
    host, collector = Host(OrderBook(), Portfolio(), marks, DAYS), Collector()
    host.add(Runner(StrategyId("s"), collector, ("ABC",), 5 * MINUTE_NS), MINUTE_NS)
    for number in range(1, 6):
        host.now_ns = START_NS + number * MINUTE_NS
        show_to(host, Bar("ABC", host.now_ns, host.now_ns - MINUTE_NS, 1.0, 1.0, 1.0, float(number), 1.0))
        assert len(collector.bars) == (number == 5)


@pytest.mark.parametrize("feed_bar_ns", [MINUTE_NS, HOUR_NS])
def test_bars_as_long_or_longer_are_shown_as_they_come(feed_bar_ns: int) -> None:
    """A feed whose bars are not shorter than the timeframe is shown unchanged."""
    bars = [
        Bar("ABC", START_NS + n * feed_bar_ns, START_NS + (n - 1) * feed_bar_ns, 1, 2, 0.5, 1, 3) for n in range(1, 9)
    ]
    assert built(list(bars), MINUTE_NS, feed_bar_ns) == bars


def test_a_daily_bar_is_the_session() -> None:
    """In New York a daily bar runs from open to close on both sides of the clock change; what trades outside is not in it."""
    calendar, zone = trading_calendar("XNYS"), ZoneInfo("America/New_York")
    trades = []
    for text, price in (
        ("2024-03-08T09:31", 1.0),
        ("2024-03-08T19:00", 2.0),
        ("2024-03-11T04:00", 5.0),
        ("2024-03-11T09:30", 3.0),
        ("2024-03-11T15:59", 4.0),
    ):
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=zone)
        trades.append(Trade("ABC", int(moment.timestamp()) * SECOND_NS, price, 1.0))
    friday, monday = built(trades, DAY_NS, None, calendar)
    assert (friday.open, friday.close, monday.open, monday.close) == (1.0, 1.0, 3.0, 4.0)
    starts = [dt.datetime.fromtimestamp(bar.start_ns / 1e9, zone) for bar in (friday, monday)]
    assert [start.isoformat() for start in starts] == ["2024-03-08T09:30:00-05:00", "2024-03-11T09:30:00-04:00"]


@pytest.mark.parametrize(
    ("text", "length_ns"),
    [
        ("1Min", MINUTE_NS),
        ("90Min", 90 * MINUTE_NS),
        ("4Hour", 4 * HOUR_NS),
        ("1Day", DAY_NS),
        ("1Week", 7 * DAY_NS),
        ("1Month", 31 * DAY_NS),
    ],
)
def test_timeframes_read_as_they_are_written(text: str, length_ns: int) -> None:
    """A bar length is a number and a unit, and its name is read back as the same length."""
    assert parse_timeframe(text) == length_ns
    assert parse_timeframe(timeframe_name(length_ns)) == length_ns


@pytest.mark.parametrize("text", ["", "Min", "0Min", "1min", "1 Min", "-1Min", "1.5Hour", "2Week", "1Min "])
def test_other_timeframes_are_refused(text: str) -> None:
    """Anything else is refused with examples of what is meant."""
    with pytest.raises(InvalidValue, match="such as 1Min, 15Min, 1Hour or 1Day"):
        parse_timeframe(text)


@pytest.mark.parametrize("text", ["2Day", "25Hour", "2000Min"])
def test_several_days_are_refused(text: str) -> None:
    """Where two days begin nobody knows; weeks and months are offered."""
    with pytest.raises(InvalidValue, match="longer than a day; of those there are 1Week and 1Month"):
        parse_timeframe(text)
