"""Trading calendars from the exchange_calendars library, as the tables that the core and the venue read."""

import datetime as dt
from functools import cache
from typing import Any

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.errors import ConfigError

ALWAYS_OPEN = "24/7"
FIRST_DATE = "1990-01-01"
"""Where a calendar's table begins, or later where the calendar's own records do. It ends a year from now, that
of 24/7 in 2100."""


@cache
def trading_calendar(name: str) -> TradingCalendar:
    """The calendar called ``name``: an exchange_calendars name such as ``XNYS``, or ``24/7``.

    Raises :class:`~holdfast.errors.ConfigError` for a name there is not, naming the nearest ones.
    """
    if name == ALWAYS_OPEN:
        return _always_open()
    import exchange_calendars  # takes a second to import; only those who trade pay for it
    from exchange_calendars.errors import InvalidCalendarName

    try:
        recent = exchange_calendars.get_calendar(name)
        return TradingCalendar(name, _days(exchange_calendars, name, recent))
    except InvalidCalendarName:
        from difflib import get_close_matches

        near = get_close_matches(name.upper(), exchange_calendars.get_calendar_names(), n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(
            f"there is no exchange calendar {name!r}{hint} (XNYS is New York, 24/7 never closes)"
        ) from None
    except Exception as error:
        text = str(error).splitlines()[0][:150] if str(error) else type(error).__name__
        raise ConfigError(f"exchange calendar {name!r} can't be made: {text}") from error


def _days(library: Any, name: str, recent: Any) -> list[TradingDay]:
    """The days of a calendar from `FIRST_DATE`, or from where its own records begin."""
    earliest = recent.bound_min()
    first = FIRST_DATE if earliest is None else max(FIRST_DATE, earliest.strftime("%Y-%m-%d"))
    calendar = library.get_calendar(name, start=first, end=recent.last_session)
    labels = calendar.sessions
    midnights = labels.tz_localize(calendar.tz, nonexistent="shift_forward", ambiguous=True).as_unit("ns").asi8
    opens = calendar.opens.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()
    closes = calendar.closes.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()
    dates = labels.strftime("%Y-%m-%d")
    return [
        TradingDay(date=date, start_ns=min(int(midnight), int(open_ns)), open_ns=int(open_ns), close_ns=int(close_ns))
        for date, midnight, open_ns, close_ns in zip(dates, midnights, opens, closes, strict=True)
    ]


def _always_open() -> TradingCalendar:
    """Every day of UTC, from midnight to midnight; made here because it needs no library."""
    first, last = dt.date.fromisoformat(FIRST_DATE), dt.date(2100, 1, 1)
    start_ns = int(dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC).timestamp()) * SECOND_NS
    days = []
    for number in range((last - first).days):
        opens_ns = start_ns + number * DAY_NS
        date = (first + dt.timedelta(days=number)).isoformat()
        days.append(TradingDay(date=date, start_ns=opens_ns, open_ns=opens_ns, close_ns=opens_ns + DAY_NS))
    return TradingCalendar(ALWAYS_OPEN, days)
