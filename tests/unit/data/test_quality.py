"""Each doubt is found where it was put, and not in data without it."""

import numpy as np
import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.data.quality import Finding, Series, Severity, check_bars
from holdfast.data.sessions import check_sessions, likely_calendar, outside_day, sessions_of

NEW_YORK = trading_calendar("XNYS")
DAYS = [day for day in NEW_YORK.days if "2023-01-01" <= day.date < "2025-01-01"]


def series(ts: list[int], length_ns: int = DAY_NS, seed: int = 1) -> Series:
    """A market without faults at these times: 1 % a bar, closes that the next opens follow."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(ts))))
    start = np.append(100.0, close[:-1])
    high, low = np.maximum(start, close) * 1.002, np.minimum(start, close) * 0.998
    return Series("AAA", length_ns, np.array(ts, np.int64), start, high, low, close, np.full(len(ts), 1000.0))


@pytest.fixture
def daily() -> Series:
    return series([day.start_ns for day in DAYS])


@pytest.fixture
def minutes() -> Series:
    return series([day.open_ns + n * MINUTE_NS for day in DAYS[:5] for n in range(390)], MINUTE_NS)


def kinds(findings: list[Finding]) -> dict[str, int]:
    """How many of each were found."""
    return {one.kind: one.count for one in findings}


def test_nothing_is_found_where_nothing_is(daily: Series, minutes: Series) -> None:
    """Two years of days with a half day, and a week of minutes, give no finding at all."""
    for each in (daily, minutes):
        assert check_bars(each) == []
        assert check_sessions(each, NEW_YORK) == []


@pytest.mark.parametrize(
    ("ratio", "words"), [(2, "2 for 1"), (1.5, "3 for 2"), (4, "4 for 1"), (0.1, "1 for 10"), (20, "20 for 1")]
)
def test_a_split_that_nobody_applied(daily: Series, ratio: float, words: str) -> None:
    """Prices divided from one night on, the volume multiplied: the ratio is named, at the first bar of after."""
    for column in (daily.open, daily.high, daily.low, daily.close):
        column[100:] /= ratio
    daily.volume[100:] *= ratio
    [found] = check_bars(daily)
    assert found.kind == "split"
    assert f"{words};" in found.text
    assert "volume changed" in found.text
    assert found.first_ns == daily.ts[100]


def test_a_bad_print_is_no_split(daily: Series) -> None:
    """A day at half the price and back again is an outlier; so is a high that stands alone."""
    for column in (daily.open, daily.high, daily.low, daily.close):
        column[100] /= 2
    daily.high[200] *= 1.5
    [found] = check_bars(daily)
    assert (found.kind, found.count) == ("outlier", 2)
    assert [place.first_ns for place in found.places] == [daily.ts[100], daily.ts[200]]


def test_a_crash_that_stays_is_news(daily: Series) -> None:
    """What falls by 38 % in a night and stays there is no doubt: neither a ratio of shares, nor taken back."""
    for column in (daily.open, daily.high, daily.low, daily.close):
        column[100:] *= 0.62
    assert check_bars(daily) == []


def test_what_cannot_be(daily: Series) -> None:
    """Each is an error of its own kind with its place, and hides no other."""
    daily.close[10] = 0
    daily.open[11] = np.nan
    daily.high[20], daily.low[20] = daily.low[20], daily.high[20]
    daily.close[30] = daily.high[30] * 1.01
    daily.volume[40] = -1
    daily.volume[50:53] = 0
    daily.ts[61] = daily.ts[60]
    found = check_bars(daily)
    assert kinds(found) == {"conflict": 1, "price": 2, "high_low": 1, "range": 1, "volume": 1, "zero_volume": 3}
    assert {one.kind for one in found if one.severity is Severity.ERROR} == {"conflict", "price", "high_low", "volume"}


def test_the_same_bar_twice(daily: Series) -> None:
    """It is told apart from two that differ."""
    for column in (daily.ts, daily.open, daily.high, daily.low, daily.close, daily.volume):
        column[61] = column[60]
    assert kinds(check_bars(daily)) == {"duplicate": 1}


def test_a_feed_that_hung(daily: Series, minutes: Series) -> None:
    """A price that stands still over days or an hour of minutes; not one bar less, and not over a night."""
    for each, least in ((daily, 5), (minutes, 60)):
        for column in (each.open, each.high, each.low, each.close):
            column[200 : 200 + least - 1] = each.close[199]
        assert kinds(check_bars(each)) == {}
        for column in (each.open, each.high, each.low, each.close):
            column[200 + least - 1] = each.close[199]
        found = check_bars(each)
        assert kinds(found) == {"stale": least}
        assert found[0].first_ns == each.ts[200]


def test_sessions_without_data(daily: Series) -> None:
    """Missing days are grouped to stretches of sessions, however many weekends lie between."""
    keep = np.full(len(daily.ts), True)
    keep[[10, *range(50, 60)]] = False
    [found] = check_sessions(daily.part(keep), NEW_YORK)
    assert (found.kind, found.count) == ("missing_sessions", 11)
    assert [place.count for place in found.places] == [1, 10]
    assert f"{DAYS[10].date}, {DAYS[50].date} to {DAYS[59].date} (10)" in found.text


def test_minutes_missing_within_sessions(minutes: Series) -> None:
    """A thin symbol is a note; a gap of half an hour and more is a warning that names it alone."""
    keep = np.full(len(minutes.ts), True)
    keep[7:1900:13] = False
    [thin] = check_sessions(minutes.part(keep), NEW_YORK)
    assert (thin.kind, thin.severity, thin.count) == ("missing_bars", Severity.NOTE, int((~keep).sum()))
    keep[500:560] = False
    [gap] = check_sessions(minutes.part(keep), NEW_YORK)
    assert (gap.severity, gap.count, len(gap.places)) == (Severity.WARNING, int((~keep).sum()), 1)
    assert gap.places[0].count >= 60


def test_hours_that_begin_before_the_open() -> None:
    """Bars on the clock's hours of an exchange that opens at half past are all there, also on half days."""
    ts = [at for day in DAYS for at in range(day.open_ns - HOUR_NS // 2, day.close_ns, HOUR_NS)]
    assert check_sessions(series(ts, HOUR_NS), NEW_YORK) == []
    [found] = check_sessions(series([*ts[:50], *ts[51:]], HOUR_NS), NEW_YORK)
    assert (found.count, found.first_ns) == (1, ts[50])


def test_a_pause_at_noon_is_no_gap() -> None:
    """Tokyo's bars without its break are whole."""
    tokyo = trading_calendar("XTKS")
    day = next(day for day in tokyo.days if day.date == "2023-03-01")
    assert day.break_ns is not None
    ts = [at for at in range(day.open_ns, day.close_ns, MINUTE_NS) if not day.break_ns[0] <= at < day.break_ns[1]]
    assert check_sessions(series(ts, MINUTE_NS), tokyo) == []


@pytest.mark.parametrize("hour", [5, 12, 14])
def test_days_at_a_fixed_hour_of_utc(hour: int) -> None:
    """Days that end in another session for half the year, or all of it: that is told once, and no session counts as missing for it."""
    midnights = [int(np.datetime64(day.date, "ns").astype(np.int64)) for day in DAYS]
    days = series([midnight + hour * HOUR_NS for midnight in midnights])
    [found] = check_sessions(days, NEW_YORK)
    assert found.kind == "session_shift"
    assert found.severity is Severity.ERROR
    assert f"stamped at {hour:02}:00 UTC" in found.text
    assert "--calendar XNYS" in found.advice
    kept = np.full(len(DAYS), True)
    kept[40:62] = False
    assert kinds(check_sessions(days.part(kept), NEW_YORK))["missing_sessions"] == 22


@pytest.mark.parametrize("hour", [0, 4])
def test_days_of_utc_that_end_in_their_own_session(hour: int) -> None:
    """From midnight of UTC to the next, a day begins the evening before and ends in its own session: nothing is told."""
    days = series([int(np.datetime64(day.date, "ns").astype(np.int64)) + hour * HOUR_NS for day in DAYS])
    assert check_sessions(days, NEW_YORK) == []


def test_bars_of_another_exchange() -> None:
    """One finding says that the calendar is wrong, in place of thousands of gaps."""
    india = [day for day in trading_calendar("XBOM").days if "2023-03-01" <= day.date < "2023-03-20"]
    ts = [at for day in india for at in range(day.open_ns, day.close_ns, MINUTE_NS)]
    [found] = check_sessions(series(ts, MINUTE_NS), NEW_YORK)
    assert (found.kind, found.severity) == ("calendar", Severity.ERROR)


def test_extended_hours_and_weekends_are_told_apart(minutes: Series) -> None:
    """Before the open is a note; a Saturday is a warning with its date."""
    early = DAYS[1].open_ns - np.arange(30, 0, -1) * MINUTE_NS
    saturday = DAYS[3].open_ns + DAY_NS + np.arange(5) * MINUTE_NS
    assert DAYS[3].date == "2023-01-06"  # a Friday
    ts = np.sort(np.concatenate([minutes.ts, early, saturday]))
    found = check_sessions(series(ts.tolist(), MINUTE_NS), NEW_YORK)
    assert kinds(found) == {"no_session": 5, "extended": 30}
    assert "2023-01-07" in found[0].text


def test_minutes_outside_the_days_own_bar(daily: Series, minutes: Series) -> None:
    """A minute above the high that the day's bar has, in a session, is told; others are not."""
    place = np.searchsorted(sessions_of(NEW_YORK).starts, minutes.ts, "right")
    for day in range(5):
        mine = place == np.unique(place)[day]
        daily.high[day], daily.low[day] = minutes.high[mine].max(), minutes.low[mine].min()
    assert list(outside_day(minutes, daily, NEW_YORK)) == []
    minutes.high[700] = daily.high[1] * 1.02
    [found] = outside_day(minutes, daily, NEW_YORK)
    assert (found.count, found.first_ns) == (1, minutes.ts[700])


def test_whose_data_it_is_where_nobody_said(daily: Series) -> None:
    """By what the import was told, else by trading on weekends, else by the zone."""
    every = np.arange(30) * DAY_NS
    assert likely_calendar(daily.ts, "days of XBOM, UTC") == "XBOM"
    assert likely_calendar(every, "") == "24/7"
    assert likely_calendar(daily.ts, "Europe/London") == "XLON"
    assert likely_calendar(daily.ts, "") == "XNYS"
