"""The trading calendar as Alpaca shows it, and the clock."""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from holdfast.calendars import trading_calendar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import SECOND_NS
from holdfast.sim.alpaca.market.place import AFTER_CLOSE_NS, NEW_YORK

FIRST_DATE, LAST_DATE = "1970-01-01", "2029-12-31"
"""What Alpaca's calendar covers (documented)."""
SETTLE_IN_ONE_FROM = "2024-05-28"
"""US shares settle one trading day later from here on; before that two, and three before 2017-09-05 (SEC rule 15c6-1)."""
SETTLE_IN_TWO_FROM = "2017-09-05"
_ZONE = ZoneInfo(NEW_YORK)


class CalendarDay(msgspec.Struct, frozen=True):
    """One row of ``/v2/calendar``. Times are New York's."""

    date: str
    open: str
    close: str
    session_open: str
    session_close: str
    settlement_date: str


@cache
def calendar_days(name: str) -> tuple[CalendarDay, ...]:
    """Every day from `FIRST_DATE` to `LAST_DATE` on which the exchange of this calendar trades.

    Extended hours end four hours after the close: at 17:00 on a half day. Alpaca: recorded, 2024 to 2026.
    """
    days = [day for day in trading_calendar(name).days if FIRST_DATE <= day.date <= LAST_DATE]
    dates = [day.date for day in days]
    return tuple(
        CalendarDay(
            day.date,
            _clock_time(day.open_ns),
            _clock_time(day.close_ns),
            "0400",
            _clock_time(day.close_ns + AFTER_CLOSE_NS).replace(":", ""),
            _settlement(dates, place),
        )
        for place, day in enumerate(days)
    )


@cache
def settlement_dates(name: str) -> Mapping[str, str]:
    """When trades of each day are settled."""
    return {day.date: day.settlement_date for day in calendar_days(name)}


def _clock_time(time_ns: int) -> str:
    """``HH:MM`` in New York."""
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, _ZONE).strftime("%H:%M")


def _settlement(dates: list[str], place: int) -> str:
    date = dates[place]
    days = 1 if date >= SETTLE_IN_ONE_FROM else 2 if date >= SETTLE_IN_TWO_FROM else 3
    return dates[min(place + days, len(dates) - 1)]


def clock_row(calendar: TradingCalendar, now_ns: int) -> dict[str, Any]:
    """``/v2/clock``. The next open of an open market is the next day's."""
    return {
        "timestamp": new_york_time(now_ns),
        "is_open": calendar.is_open(now_ns),
        "next_open": new_york_time(calendar.next_open_ns(now_ns + 1)),
        "next_close": new_york_time(calendar.next_close_ns(now_ns)),
    }


def new_york_time(time_ns: int) -> str:
    """RFC 3339 with New York's offset and up to nine decimals."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    moment = dt.datetime.fromtimestamp(seconds, _ZONE)
    fraction = f".{rest_ns:09d}".rstrip("0") if rest_ns else ""
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{offset[:3]}:{offset[3:]}"
