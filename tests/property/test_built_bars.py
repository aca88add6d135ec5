"""Built bars, whatever is traded when: no bar has prices of two sessions, none is seen before its end, nothing is lost."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, MarketEvent, Trade
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import MINUTE_NS
from tests.budget import examples
from tests.unit.core.test_strategy_buckets import Account, at

BEGINNINGS = {
    "XNYS": "2024-03-07T12:00",  # over a clock change
    "XBOM": "2024-03-01T12:00",  # a Saturday with a pause
    "XTKS": "2024-05-02T12:00",  # breaks at noon, holidays
    "CMES": "2024-03-07T12:00",
    "24/7": "2024-02-28T12:00",
}
MINUTES = 6 * 1440

calendars = st.sampled_from(sorted(BEGINNINGS))
timeframes = st.sampled_from(["2Min", "7Min", "30Min", "45Min", "1Hour", "75Min", "2Hour", "4Hour"])
places = st.lists(st.integers(0, MINUTES), min_size=1, max_size=60, unique=True).map(sorted)


def part_of(calendar: TradingCalendar, time_ns: int) -> tuple[str, int]:
    """The date a time belongs to, and which part of that day: 0 before the open, then session, break, session, after it."""
    day = next(day for day in reversed(calendar.days) if day.start_ns <= time_ns)
    edges = (day.open_ns, *(day.break_ns or ()), day.close_ns)
    return day.date, sum(edge <= time_ns for edge in edges) + (0 if day.break_ns or time_ns < day.close_ns else 2)


def shown(name: str, timeframe: str, events: Sequence[MarketEvent], *, has_bars: bool) -> list[tuple[Bar, int]]:
    """What a strategy is shown of A; B's trade at the end lets time pass."""
    account = Account(name, timeframe, MINUTE_NS if has_bars else None)
    account.show(*events, Trade("B", events[-1].time_ns + 4 * 1440 * MINUTE_NS, 1.0, 1.0))
    return [(bar, time_ns) for bar, time_ns in account.watcher.shown if bar.symbol == "A"]


@settings(max_examples=examples(campaign=500))
@given(name=calendars, timeframe=timeframes, places=places, has_bars=st.booleans())
def test_a_bar_has_the_prices_of_its_own_time_in_one_part_of_one_day(
    name: str, timeframe: str, places: list[int], has_bars: bool
) -> None:
    """Each event's price is its number: so a bar tells which events it was made of."""
    calendar, begin_ns = trading_calendar(name), at(name, BEGINNINGS[name])
    starts = [begin_ns + place * MINUTE_NS for place in places]
    events: list[MarketEvent] = [
        Bar("A", start + MINUTE_NS, start, number + 1.0, number + 1.0, number + 1.0, number + 1.0, 1.0)
        if has_bars
        else Trade("A", start, number + 1.0, 1.0)
        for number, start in enumerate(starts)
    ]
    bars = shown(name, timeframe, events, has_bars=has_bars)
    assert sum(bar.volume for bar, _ in bars) == len(events)
    following = 1.0
    for bar, time_ns in bars:
        assert bar.open == following
        assert bar.close == bar.open + bar.volume - 1
        following = bar.close + 1
        inside = starts[int(bar.open) - 1 : int(bar.close)]
        assert all(bar.start_ns <= start < bar.time_ns for start in inside)
        assert len({part_of(calendar, start) for start in inside}) == 1
        assert part_of(calendar, bar.start_ns) == part_of(calendar, inside[0])
        assert 0 < bar.time_ns - bar.start_ns <= parse_timeframe(timeframe)
        assert time_ns >= bar.time_ns


@settings(max_examples=examples(30, campaign=500))
@given(name=calendars, timeframe=timeframes, places=places)
def test_bars_of_trades_are_those_of_the_minutes_that_have_them(name: str, timeframe: str, places: list[int]) -> None:
    """Built of trades or of minute bars that begin with them: the same bars at the same ends."""
    begin_ns = at(name, BEGINNINGS[name])
    starts = [begin_ns + place * MINUTE_NS for place in places]
    trades = [Trade("A", start, 1.0 + number, 1.0) for number, start in enumerate(starts)]
    minutes = [Bar("A", one.time_ns + MINUTE_NS, one.time_ns, *(one.price,) * 4, 1.0) for one in trades]
    built = [bar for bar, _ in shown(name, timeframe, trades, has_bars=False)]
    assert built == [bar for bar, _ in shown(name, timeframe, minutes, has_bars=True)]
