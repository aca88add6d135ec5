"""The synthetic market, for any seed: a market that the engine can trade on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.messages import Bar
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, MINUTE_NS, from_float
from holdfast.feeds.synthetic import SyntheticFeed
from tests.budget import examples

OPEN_NS = 1_704_205_800_000_000_000  # 2024-01-02T14:30:00Z
DAYS = [
    TradingDay(
        f"2024-01-{2 + day:02}",
        (OPEN_NS // DAY_NS + day) * DAY_NS,
        OPEN_NS + day * DAY_NS,
        OPEN_NS + day * DAY_NS + hours,
    )
    for day, hours in enumerate([390 * MINUTE_NS, 210 * MINUTE_NS, 390 * MINUTE_NS])
]
CALENDAR = TradingCalendar("three days", DAYS)
symbols = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4)
bar_lengths = st.sampled_from([1, 2, 5, 15, 60, 210]).map(lambda minutes: minutes * MINUTE_NS)


@settings(max_examples=examples(20, campaign=400))  # each makes a few thousand bars
@given(seed=st.integers(), names=symbols, bar_ns=bar_lengths)
def test_every_bar_is_one_that_could_have_been(seed: int, names: list[str], bar_ns: int) -> None:
    """Prices above zero in whole cents, open and close within low and high, whole volume, within the day's hours."""
    feed = SyntheticFeed(seed, CALENDAR, symbols=names, days=2, bar_ns=bar_ns)
    count, last = 0, (0, "")
    for bar in feed.events():
        assert isinstance(bar, Bar)
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        for price in (bar.open, bar.high, bar.low, bar.close):
            assert from_float(price) * 100 % 1 == 0
        assert bar.volume > 0
        assert bar.volume.is_integer()
        assert (bar.time_ns, bar.symbol) > last
        assert any(day.open_ns <= bar.start_ns < bar.time_ns <= day.close_ns for day in DAYS)
        count, last = count + 1, (bar.time_ns, bar.symbol)
    assert count == feed.total


@settings(max_examples=examples(5, campaign=100))
@given(seed=st.integers(), ticks=st.booleans())
def test_two_feeds_of_one_seed_are_one_market(seed: int, ticks: bool) -> None:
    """Nothing but the arguments decides what comes."""
    feeds = [SyntheticFeed(seed, CALENDAR, days=1, as_ticks=ticks) for _ in range(2)]
    first, second = (list(feed.events()) for feed in feeds)
    assert first == second
    assert feeds[0].fingerprint() == feeds[1].fingerprint()
