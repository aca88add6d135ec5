"""The length of each symbol's bars: told, stated, or refused. A bar is never shown before its period is over."""

import datetime as dt
from collections.abc import Sequence

import pytest

from holdfast.core.messages import Bar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed
from tests.unit.feeds.conftest import Row, WriteRows

OPENS = dt.datetime(2024, 1, 2, 14, 30, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def row(symbol: str, time: dt.datetime, *prices: float) -> Row:
    """A bar; without prices all are 100."""
    return (symbol, time.isoformat(), *(prices or (100.0,) * 4), 10)


def every(symbol: str, step: dt.timedelta, count: int, start: dt.datetime = OPENS) -> list[Row]:
    """Bars that follow each other."""
    return [row(symbol, start + number * step) for number in range(count)]


def minutes_of_days(symbol: str, days: int, count: int = 30) -> list[Row]:
    """So many minutes from the open of each of some days, each a little higher than the last."""
    starts = [(OPENS + day * DAY, day) for day in range(days)]
    return [
        row(symbol, start + number * MINUTE, 100 + day + number / 100, 100 + day + number / 100 + 0.02, 100 + day + number / 100 - 0.02, 100.0 + day)
        for start, day in starts
        for number in range(count)
    ]  # fmt: skip


def in_order(*parts: Sequence[Row]) -> list[Row]:
    """One file of all parts, sorted by start."""
    return sorted((one for part in parts for one in part), key=lambda one: str(one[1]))


def test_a_day_is_known_after_the_day_beside_minutes(write_rows: WriteRows) -> None:
    """Minutes of one symbol and days of another: the day's bar comes at its end, after all minutes of that day."""
    midnight = dt.datetime(2024, 1, 2, 5, tzinfo=dt.UTC)
    feed = FileFeed(write_rows(in_order(minutes_of_days("SPY", 2), every("VIX", DAY, 2, midnight)), ".csv"))
    assert feed.lengths_ns == {"SPY": MINUTE_NS, "VIX": DAY_NS}
    assert feed.bar_ns == MINUTE_NS
    events = list(feed.events())
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)
    days = [place for place, event in enumerate(events) if event.symbol == "VIX"]
    assert days == [30, 61]
    assert len(events) == 62
    assert feed.check() == 62


@pytest.mark.parametrize(
    ("starts", "length_days"),
    [
        (["2024-01-08", "2024-01-15", "2024-01-22", "2024-01-29"], 7),
        (["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"], 31),
        (["2024-04-01", "2024-05-01"], 31),  # 30 days apart; May has 31
        (["2024-02-01", "2024-03-01"], 31),  # 29 days apart
        (["2023-01-01", "2024-01-01"], 366),  # 365 days apart; 2024 has 366
        (["2024-01-01", "2024-04-01"], 92),
    ],
)
def test_weeks_months_and_years_are_over_before_they_are_shown(
    write_rows: WriteRows, starts: list[str], length_days: int
) -> None:
    """The longest of its kind counts, where months and years differ."""
    feed = FileFeed(write_rows([row("A", dt.datetime.fromisoformat(f"{start}T00:00:00+00:00")) for start in starts]))
    assert feed.bar_ns == length_days * DAY_NS


def test_days_over_weekends_holidays_and_clock_changes_are_days(write_rows: WriteRows) -> None:
    """Gaps of one, three and four days, of 23 and 25 hours."""
    dates = ["03-07T05", "03-08T05", "03-11T04", "03-12T04", "03-15T04", "03-19T04"]
    feed = FileFeed(write_rows([row("A", dt.datetime.fromisoformat(f"2024-{date}:00:00+00:00")) for date in dates]))
    assert feed.bar_ns == DAY_NS


def test_a_thin_symbol_keeps_its_length(write_rows: WriteRows) -> None:
    """Minutes with holes, a night, a noon break of an hour and prints alone before the market are minutes."""
    minutes = [0, 1, 2, 5, 6, 7, 15, 16, 90, 91, 92, 93, 300, 301]
    rows = [
        row("A", OPENS + day * DAY + minute * MINUTE, 100, 100.0 + minute, 99, 100)
        for day in (0, 1, 2)
        for minute in minutes
    ]
    rows += [row("A", OPENS + day * DAY - 4 * HOUR, 100, 101, 99, 100) for day in (0, 1, 2)]
    assert FileFeed(write_rows(in_order(rows))).lengths_ns == {"A": MINUTE_NS}


MIXED = {
    "minutes, then hours": in_order(every("A", MINUTE, 60), every("A", HOUR, 6, OPENS + 3 * HOUR)),
    "minutes, then days": in_order(every("A", MINUTE, 60), every("A", DAY, 7, OPENS + DAY)),
    "hours, then minutes": in_order(every("A", HOUR, 40), every("A", MINUTE, 8, OPENS + 60 * HOUR)),
    "hours, then days": in_order(every("A", HOUR, 7), every("A", HOUR, 7, OPENS + DAY), every("A", DAY, 7, OPENS + 2 * DAY)),
    "minutes and the bar of each day": in_order(
        minutes_of_days("A", 3), [row("A", OPENS - 9 * HOUR + day * DAY, 100, 120, 90, 100) for day in range(3)]
    ),
    "minutes and the bar of one day": in_order(minutes_of_days("A", 1), [row("A", OPENS - 9 * HOUR, 100, 120, 90, 100)]),
    "one of two symbols": in_order(
        minutes_of_days("B", 2), minutes_of_days("A", 2), [row("A", OPENS - 9 * HOUR, 100, 120, 90, 100)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MIXED)
def test_two_lengths_of_one_symbol_are_refused(write_rows: WriteRows, what: str) -> None:
    """The error names the symbol and both reduce-only orders; stating the symbol's length is one of them."""
    path = write_rows(MIXED[what], ".csv")
    with pytest.raises(
        DataError, match=r"A has bars of .*, and what looks like bars of .* a file of its own.*bar = \{ A = "
    ):
        FileFeed(path)
    assert FileFeed(path, bar_ns={"A": DAY_NS}).lengths_ns["A"] == DAY_NS


def test_one_bar_alone_is_asked_for_whatever_the_others_are(write_rows: WriteRows) -> None:
    """A symbol with a single bar among minutes may be a day: it is refused, stated by name, or left out."""
    path = write_rows(in_order(minutes_of_days("SPY", 1), [row("VIX", OPENS)]))
    with pytest.raises(DataError, match=r"VIX has no two bars .*bar = \{ VIX = .*feed.symbols"):
        FileFeed(path)
    assert FileFeed(path, bar_ns={"VIX": DAY_NS}).lengths_ns == {"SPY": MINUTE_NS, "VIX": DAY_NS}
    assert FileFeed(path, symbols=["SPY"]).lengths_ns == {"SPY": MINUTE_NS}


def test_one_length_for_all_must_not_be_too_short_for_any(write_rows: WriteRows) -> None:
    """bar = "1Min" over a symbol whose bars are days apart is refused: it would show each day at its first minute."""
    path = write_rows(in_order(minutes_of_days("SPY", 2), every("VIX", DAY, 2, OPENS - HOUR)))
    with pytest.raises(DataError, match=r"feed.bar says 1Min, and VIX has bars 1Day apart"):
        FileFeed(path, bar_ns=MINUTE_NS)


def test_bars_of_one_end_come_in_the_order_of_the_file(write_rows: WriteRows) -> None:
    """An hour that ends with a minute, told before it, comes before it."""
    rows = in_order(every("H", HOUR, 3), every("M", MINUTE, 180))
    events = list(FileFeed(write_rows(rows)).events())
    ends = [(event.time_ns, event.symbol) for event in events]
    assert ends == sorted(ends)
    assert all(isinstance(event, Bar) and event.time_ns - event.start_ns in (MINUTE_NS, HOUR_NS) for event in events)
