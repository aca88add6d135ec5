"""What the unit tests of several rooms share: a small calendar."""

import datetime as dt

import pytest

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    """Every weekday of January to March 2024, 09:30 to 16:00 in New York's winter; the third day ends at 13:00."""
    dates = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(91)]
    weekdays = [date for date in dates if date.weekday() < 5]
    days = []
    for place, date in enumerate(weekdays):
        midnight = date.toordinal() - dt.date(1970, 1, 1).toordinal()
        start_ns = midnight * DAY_NS + 5 * HOUR_NS
        open_ns = start_ns + 9 * HOUR_NS + 30 * MINUTE_NS
        hours_ns = 210 * MINUTE_NS if place == 2 else 390 * MINUTE_NS
        days.append(TradingDay(date=date.isoformat(), start_ns=start_ns, open_ns=open_ns, close_ns=open_ns + hours_ns))
    return TradingCalendar("weekdays", days)
