"""Trading calendars from the exchange_calendars library, as the tables that the core and the venue read."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from holdfast.core.session.calendar import SpecialSession, TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.errors import ConfigError

ALWAYS_OPEN = "24/7"
FIRST_DATE = "1990-01-01"
"""Where a calendar's table begins, or later where the calendar's own records do. It ends a year from now, that
of 24/7 in 2100."""

KNOWN_SPECIAL_SESSIONS: dict[str, tuple[SpecialSession, ...]] = {
    # Muhurat trading: an hour on the holiday of Diwali, which exchange_calendars has as closed. The hours are those of the
    # normal market in the circulars of BSE and NSE, as the press told them:
    "XBOM": (
        SpecialSession("2021-11-04", "18:15", "19:15"),  # indianexpress.com, 2021-11-04
        SpecialSession("2022-10-24", "18:15", "19:15"),  # livemint.com, 2022-10-12
        SpecialSession("2023-11-12", "18:15", "19:15"),  # tradingqna.com, 155247
        SpecialSession("2024-11-01", "18:00", "19:00"),  # ndtvprofit.com, 2024-10-31
        SpecialSession("2025-10-21", "13:45", "14:45"),  # dnaindia.com, 2025-09-22
    ),
}
"""Sessions that exchange_calendars lacks and whose hours are known; a configuration adds others (``calendar_sessions``)."""


@cache
def trading_calendar(name: str, sessions: Sequence[SpecialSession] = ()) -> TradingCalendar:
    """The calendar called ``name``: an exchange_calendars name such as ``XNYS``, or ``24/7``.

    ``sessions`` (a tuple) are added to it, or take the place of its own of the same date. Raises
    :class:`~holdfast.errors.ConfigError` for a name there is not, naming the nearest ones, and for a session that can't be.
    """
    if name == ALWAYS_OPEN:
        if sessions:
            raise ConfigError(f"calendar_sessions: {ALWAYS_OPEN} is always open and has no special sessions")
        return _always_open()
    import exchange_calendars  # takes a second to import; only those who trade pay for it
    from exchange_calendars.errors import InvalidCalendarName

    try:
        recent = exchange_calendars.get_calendar(name)
        days = _days(exchange_calendars, name, recent)
        special = [_special(session, recent.tz) for session in (*KNOWN_SPECIAL_SESSIONS.get(name, ()), *sessions)]
        return TradingCalendar(name, _with(days, special))
    except ConfigError:
        raise
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


def _special(session: SpecialSession, zone: dt.tzinfo) -> TradingDay:
    try:
        midnight, opens, closes = (
            int(dt.datetime.fromisoformat(f"{session.date}T{time}").replace(tzinfo=zone).timestamp()) * SECOND_NS
            for time in ("00:00", session.open, session.close)
        )
    except ValueError as error:
        raise ConfigError(f'calendar_sessions: {error}; an example: date = "2026-11-08", open = "18:00"') from None
    if not midnight <= opens < closes:
        raise ConfigError(f"calendar_sessions: {session.date} opens at {session.open} and closes at {session.close}")
    return TradingDay(session.date, midnight, opens, closes)


def _with(days: Sequence[TradingDay], special: Iterable[TradingDay]) -> list[TradingDay]:
    """The days and the special ones among them, in order. One beyond the table would leave a gap before it."""
    by_date = {day.date: day for day in days}
    for day in special:
        if not days[0].date <= day.date <= days[-1].date:
            covers = f"{days[0].date} to {days[-1].date}"
            raise ConfigError(f"calendar_sessions: {day.date} is not in what the calendar covers, {covers}")
        by_date[day.date] = day
    return sorted(by_date.values(), key=lambda day: day.start_ns)


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
