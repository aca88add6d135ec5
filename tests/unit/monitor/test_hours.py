"""Time by an exchange's clock."""

from holdfast.calendars import trading_calendar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.monitor.hours import is_open, next_open_ns, open_ns, session_ns


def test_a_night_and_a_weekend_are_no_time(calendar: TradingCalendar) -> None:
    """From Friday's last minute to Monday's second: three minutes."""
    friday, monday = calendar.days[4], calendar.days[5]
    assert open_ns(calendar, friday.close_ns - MINUTE_NS, monday.open_ns + 2 * MINUTE_NS) == 3 * MINUTE_NS
    assert open_ns(calendar, friday.close_ns, monday.open_ns) == 0
    assert not is_open(calendar, friday.close_ns)
    assert next_open_ns(calendar, friday.close_ns) == monday.open_ns
    assert session_ns(calendar, friday.open_ns) == 390 * MINUTE_NS


def test_the_lunch_break_of_an_exchange_is_no_time() -> None:
    """Tokyo's, from 11:30 to 12:30."""
    tokyo = trading_calendar("XTKS")
    day = next(day for day in tokyo.days if day.date == "2024-03-04")
    assert day.break_ns is not None
    begin, end = day.break_ns
    assert not is_open(tokyo, begin)
    assert is_open(tokyo, end)
    assert next_open_ns(tokyo, begin + MINUTE_NS) == end
    assert open_ns(tokyo, begin - MINUTE_NS, end + MINUTE_NS) == 2 * MINUTE_NS


def test_an_exchange_that_never_closes_and_a_time_outside_of_the_table(calendar: TradingCalendar) -> None:
    """All time counts; where nothing is known, too."""
    always = trading_calendar("24/7")
    now = always.days[100].open_ns + 5 * HOUR_NS
    assert open_ns(always, now - 3 * DAY_NS, now) == 3 * DAY_NS
    assert is_open(calendar, 0)
    assert open_ns(calendar, 0, HOUR_NS) == HOUR_NS
    assert next_open_ns(calendar, 0) is None
    assert open_ns(calendar, 5, 4) == 0


def test_silence_of_months_is_as_good_as_for_ever(calendar: TradingCalendar) -> None:
    """Thirty sessions are looked through, and no more."""
    last = calendar.days[60]
    assert open_ns(calendar, 1, last.close_ns) == 30 * 390 * MINUTE_NS
