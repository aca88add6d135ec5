"""The synthetic market: repeatable, within market hours, and shaped like a market."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.synthetic import SyntheticFeed
from holdfast.feeds.walk import Chance

OPEN_NS = 1_704_205_800_000_000_000  # 2024-01-02T14:30:00Z


def bars_of(feed: SyntheticFeed) -> list[Bar]:
    """All of them, proven to be bars."""
    bars = [event for event in feed.events() if isinstance(event, Bar)]
    assert len(bars) == feed.total
    return bars


def test_the_same_seed_gives_the_same_market_on_every_machine(calendar: TradingCalendar) -> None:
    """The fingerprints were taken once, and must never change: a journal written with them could not go on."""
    assert SyntheticFeed(7, calendar).fingerprint() == "7a903853b397b6a9659b07c58e8a65b0"
    assert SyntheticFeed(7, calendar, as_ticks=True).fingerprint() == "4a7736b2c2a5fbea925a89d92ab5bf7c"


def test_the_last_day_of_many_is_the_same_on_every_machine(calendar: TradingCalendar) -> None:
    """Nothing small adds up over the days: the last closes of a quarter are as they were."""
    bars = bars_of(SyntheticFeed(7, calendar, days=60))
    assert [bar.close for bar in bars[-5:]] == [33.25, 177.73, 127.41, 53.39, 125.69]


def test_settings_that_decide_events_are_in_the_fingerprint(calendar: TradingCalendar) -> None:
    """Seed, symbols, bar length, first day and ticks make another market; how long it lasts does not."""
    feeds = [
        SyntheticFeed(1, calendar),
        SyntheticFeed(2, calendar),
        SyntheticFeed(1, calendar, symbols=["AVOR"]),
        SyntheticFeed(1, calendar, bar_ns=5 * MINUTE_NS),
        SyntheticFeed(1, calendar, start_date="2024-01-03"),
        SyntheticFeed(1, calendar, as_ticks=True),
    ]
    assert len({feed.fingerprint() for feed in feeds}) == len(feeds)
    assert SyntheticFeed(1, calendar, days=3, history_days=0).fingerprint() == feeds[0].fingerprint()


def test_bars_fill_the_regular_hours(calendar: TradingCalendar) -> None:
    """One bar of each symbol in each minute of each session, short days too, in order of time and then symbol."""
    feed = SyntheticFeed(1, calendar, symbols=["B", "A"], days=3)
    days = [day for day in calendar.days if day.date >= "2024-01-02"][:4]
    starts = [start_ns for day in days for start_ns in range(day.open_ns, day.close_ns, MINUTE_NS)]
    expected = [(start_ns, start_ns + MINUTE_NS, symbol) for start_ns in starts for symbol in ("A", "B")]
    assert [(bar.start_ns, bar.time_ns, bar.symbol) for bar in bars_of(feed)] == expected
    assert (feed.bar_ns, list(feed.symbols)) == (MINUTE_NS, ["A", "B"])


def test_history_comes_before_trading(calendar: TradingCalendar) -> None:
    """The first day is the start date's; trading begins when the days of history are over."""
    feed = SyntheticFeed(1, calendar, days=1, history_days=2)
    assert next(iter(bars_of(feed))).start_ns == OPEN_NS
    assert feed.trading_from_ns == OPEN_NS + 2 * DAY_NS
    assert SyntheticFeed(1, calendar, history_days=0).trading_from_ns == OPEN_NS


def test_a_start_on_a_weekend_waits_for_monday(calendar: TradingCalendar) -> None:
    """The first trading day at or after the date."""
    first = next(SyntheticFeed(1, calendar, start_date="2024-01-06").events())
    assert first.time_ns == OPEN_NS + 6 * DAY_NS + MINUTE_NS


def test_endless_ends_with_the_calendar(calendar: TradingCalendar) -> None:
    """Without a number of days it goes on to the last day there is, and doesn't say how many events there are."""
    feed = SyntheticFeed(1, calendar, symbols=["A"], start_date="2024-03-27")
    assert feed.total is None
    assert [event.time_ns for event in feed.events()][-1] == calendar.days[-1].close_ns


def test_a_longer_market_starts_the_same(calendar: TradingCalendar) -> None:
    """A count of events is enough to find one's place: more days only add at the end."""
    short = bars_of(SyntheticFeed(3, calendar, days=2))
    assert list(islice(SyntheticFeed(3, calendar, days=9).events(), len(short))) == short


def test_a_symbol_does_not_depend_on_its_company(calendar: TradingCalendar) -> None:
    """A symbol's prices are the same, whoever else is in the market."""
    alone = bars_of(SyntheticFeed(3, calendar, symbols=["TYNE"], days=2))
    assert [bar for bar in bars_of(SyntheticFeed(3, calendar, days=2)) if bar.symbol == "TYNE"] == alone


def test_ticks_make_the_bars(calendar: TradingCalendar) -> None:
    """The trades of a minute have the bar's open, high, low, close and volume; each takes the quote before it."""
    bars = bars_of(SyntheticFeed(5, calendar, days=2))
    feed = SyntheticFeed(5, calendar, days=2, as_ticks=True)
    trades: dict[tuple[str, int], list[Trade]] = defaultdict(list)
    quotes: dict[str, Quote] = {}
    last_ns, count = 0, 0
    for event in feed.events():
        assert event.time_ns >= last_ns
        last_ns, count = event.time_ns, count + 1
        if isinstance(event, Quote):
            assert 0 < event.bid < event.ask
            quotes[event.symbol] = event
        elif isinstance(event, Trade):
            quote = quotes.pop(event.symbol)
            assert event.price in (quote.bid, quote.ask)
            trades[event.symbol, (event.time_ns - OPEN_NS) // MINUTE_NS].append(event)
    assert count == feed.total
    assert feed.bar_ns is None
    assert len(trades) == len(bars)
    for bar in bars:
        of_bar = trades[bar.symbol, (bar.start_ns - OPEN_NS) // MINUTE_NS]
        prices = [trade.price for trade in of_bar]
        made = (prices[0], max(prices), min(prices), prices[-1], sum(trade.size for trade in of_bar))
        assert made == (bar.open, bar.high, bar.low, bar.close, bar.volume)


def column(bars: Sequence[Bar], name: str) -> Any:
    """One number of all bars, by day, minute and symbol; short days left out."""
    by_day: dict[int, list[float]] = defaultdict(list)
    for bar in bars:
        by_day[bar.start_ns // DAY_NS].append(getattr(bar, name))
    return np.array([day for day in by_day.values() if len(day) == 390 * 5]).reshape(-1, 390, 5)


@pytest.fixture(scope="module")
def quarter(calendar: TradingCalendar) -> list[Bar]:
    """Sixty days of five symbols."""
    return bars_of(SyntheticFeed(11, calendar, days=60))


def test_trading_is_busiest_at_both_ends_of_the_day(quarter: list[Bar]) -> None:
    """Volume and movement are larger in the first and the last half hour than at noon."""
    movement = np.log(column(quarter, "high") / column(quarter, "low"))
    for shape in (column(quarter, "volume").mean(axis=(0, 2)), movement.mean(axis=(0, 2))):
        noon = shape[180:240].mean()
        assert shape[:30].mean() > 1.5 * noon
        assert shape[-30:].mean() > 1.2 * noon


def test_symbols_move_together_in_part(quarter: list[Bar]) -> None:
    """Returns over half an hour are correlated between all pairs of symbols, and never the same."""
    closes = column(quarter, "close")[:, ::30, :]
    returns = np.diff(np.log(closes), axis=1).reshape(-1, 5)
    pairs = np.corrcoef(returns.T)[np.triu_indices(5, k=1)]
    assert pairs.min() > 0.05
    assert pairs.max() < 0.95


def test_returns_have_fat_tails_and_calm_and_wild_spells(quarter: list[Bar]) -> None:
    """Far more extreme minutes than a normal distribution has, and large moves come in clusters."""
    returns = np.diff(np.log(column(quarter, "close")), axis=1)
    sizes = np.abs(returns)
    kurtosis = ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2
    assert kurtosis > 5
    spells = sizes[:, : 13 * 29, :].reshape(-1, 13, 29, 5).mean(axis=2)
    assert np.corrcoef(spells[:, :-1].ravel(), spells[:, 1:].ravel())[0, 1] > 0.3


def test_prices_gap_overnight_and_stay_plausible(quarter: list[Bar]) -> None:
    """An open is away from the close before by more than a minute's move, and no price leaves its first one far behind."""
    opens, closes = column(quarter, "open"), column(quarter, "close")
    gaps = np.abs(np.log(opens[1:, 0] / closes[:-1, -1]))
    minutes = np.abs(np.diff(np.log(closes), axis=1))
    assert gaps.mean() > 5 * minutes.mean()
    assert (closes / opens[0, 0]).min() > 0.3
    assert (closes / opens[0, 0]).max() < 3


def test_a_market_that_never_closes_does_not_gap() -> None:
    """Where one day's close is the next day's open, the price goes on from where it was."""
    midnights = [OPEN_NS // DAY_NS * DAY_NS + day * DAY_NS for day in range(6)]
    dates = [f"2024-01-0{2 + place}" for place in range(6)]
    days = [TradingDay(date, ns, ns, ns + DAY_NS) for date, ns in zip(dates, midnights, strict=True)]
    feed = SyntheticFeed(1, TradingCalendar("always", days), symbols=["A"], days=5)
    bars = bars_of(feed)
    steps = [abs(after.open / before.close - 1) for before, after in pairwise(bars)]
    midnight_steps = steps[1439::1440]
    assert len(midnight_steps) == 5
    assert max(midnight_steps) < 0.002


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"symbols": []}, "symbols must be one or more names"),
        ({"symbols": ["A", ""]}, "none of them empty"),
        ({"days": 0}, "days must be at least 1"),
        ({"history_days": -1}, "history_days at least 0"),
        ({"days": 64}, "65 trading days from 2024-01-02 do not fit"),
        ({"start_date": "2023-12-31"}, "covers 2024-01-01 to 2024-03-29"),
        ({"start_date": "2024-04-01"}, "covers 2024-01-01 to 2024-03-29"),
        ({"start_date": "2nd of May"}, "start_date must be an ISO date like 2024-01-02, not '2nd of May'"),
        ({"bar_ns": MINUTE_NS - 1}, "bar_ns must be from one minute to one session"),
        ({"bar_ns": 7 * HOUR_NS}, "bar_ns must be from one minute to one session"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    calendar: TradingCalendar, settings: dict[str, Any], text: str
) -> None:
    """The error says what is possible."""
    with pytest.raises(InvalidValue, match=text):
        SyntheticFeed(1, calendar, **settings)


def test_chance_is_normal_enough() -> None:
    """Mean zero, variance one, no correlation from one to the next."""
    numbers = Chance("test").normal(200_000)
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.01
