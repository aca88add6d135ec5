"""Trading calendars by name, as the tables that the core and the venue read.

The sessions are data that comes with Holdfast: one JSON file a calendar in ``calendar_tables``, made from the exchange_calendars
library by ``tools/calendar_tables.py``. A file says the exchange's hours in its own time and, for each date, which of them
hold; the times in UTC are worked out when it is read. So no library is needed to start, and a change of a table can be read.
What the library lacks, and what a configuration says, is added here.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec

from holdfast.core.session.calendar import SpecialSession, TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, MINUTE_NS, SECOND_NS
from holdfast.errors import ConfigError

ALWAYS_OPEN = "24/7"
ALWAYS_OPEN_DATES = dt.date(1990, 1, 1), dt.date(2100, 1, 1)
"""The first date of `ALWAYS_OPEN`, and the one after its last."""

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
    """The calendar called ``name``: the code of an exchange such as ``XNYS``, a name people use for it (``NYSE``), or ``24/7``.

    ``sessions`` (a tuple) are added to it, or take the place of its own of the same date. Raises
    :class:`~holdfast.errors.ConfigError` for a name there is not, naming the nearest ones, and for a session that can't be.
    """
    name = canonical(name)
    if name == ALWAYS_OPEN:
        if sessions:
            raise ConfigError(f"calendar_sessions: {ALWAYS_OPEN} is always open and has no special sessions")
        return _always_open()
    if name not in index().calendars:
        raise ConfigError(_unknown(name))
    table = read_table(name)
    zone = ZoneInfo(table.zone)
    special = [_special(session, zone) for session in (*KNOWN_SPECIAL_SESSIONS.get(name, ()), *sessions)]
    return TradingCalendar(name, _with(table.days(), special))


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.upper(), [*index().calendars, *index().aliases], n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no exchange calendar {name!r}{hint} (XNYS is New York, 24/7 never closes)"


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
    """Every day of UTC, from midnight to midnight; made here because it needs no table."""
    first, end = ALWAYS_OPEN_DATES
    start_ns = int(dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC).timestamp()) * SECOND_NS
    days = []
    for number in range((end - first).days):
        opens_ns = start_ns + number * DAY_NS
        date = (first + dt.timedelta(days=number)).isoformat()
        days.append(TradingDay(date=date, start_ns=opens_ns, open_ns=opens_ns, close_ns=opens_ns + DAY_NS))
    return TradingCalendar(ALWAYS_OPEN, days)


# --- the tables ---------------------------------------------------------------------------------------------------------

CLOSED = "."
"""What stands in a year's text for a date without a session. A letter stands for one of the hours: ``a`` for the first."""
MIDNIGHT = dt.time()
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()

Hours = tuple[int, ...]
"""``(open, close)``, or ``(open, close, break's start, break's end)``: minutes after midnight of the date, on the exchange's
clocks. Negative minutes are on the evening before."""


class CalendarTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sessions of one calendar from the date ``first`` to ``last``, both included.

    ``years`` has for each year one character a date, from 1 January on, or from ``first`` in the first year: `CLOSED` or
    the letter of its hours.
    """

    name: str
    zone: str
    first: str
    last: str
    hours: tuple[Hours, ...]
    years: dict[str, str]

    def sessions(self) -> Iterator[tuple[dt.date, Hours]]:
        """Every session's date and hours, in order."""
        letters = {chr(ord("a") + place): hours for place, hours in enumerate(self.hours)}
        ordinal = dt.date.fromisoformat(self.first).toordinal()
        for text in self.years.values():
            for letter in text:
                if letter != CLOSED:
                    yield dt.date.fromordinal(ordinal), letters[letter]
                ordinal += 1

    def days(self) -> list[TradingDay]:
        """Every session as the core reads it."""
        return trading_days(self.zone, self.sessions())


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tables there are, and other names that people use for them."""

    calendars: tuple[str, ...]
    aliases: dict[str, str]


@cache
def index() -> _Index:
    """The names of all tables, and their aliases."""
    return msgspec.json.decode(_read("index"), type=_Index)


def canonical(name: str) -> str:
    """A calendar's own name: ``XNYS`` for ``NYSE``. A name that isn't known comes back as it is."""
    return index().aliases.get(name, name)


def read_table(name: str) -> CalendarTable:
    """The table of a calendar in `index`."""
    return msgspec.json.decode(_read(file_name(name)), type=CalendarTable)


def file_name(name: str) -> str:
    """What the file of a calendar is called, without its ending (``24/5`` can't be a file)."""
    return name.replace("/", "-")


def _read(stem: str) -> bytes:
    return (files("holdfast") / "calendar_tables" / f"{stem}.json").read_bytes()


def trading_days(zone: str, sessions: Iterable[tuple[dt.date, Hours]]) -> list[TradingDay]:
    """Sessions on the clocks of ``zone``, as times in UTC."""
    clock = _Clock(zone)
    days = []
    for date, hours in sessions:
        midnight_ns, open_ns, close_ns, *rest = clock.times_ns(date, (0, *hours))
        break_ns = (rest[0], rest[1]) if rest else None
        days.append(TradingDay(date.isoformat(), min(midnight_ns, open_ns), open_ns, close_ns, break_ns))
    return days


class _Clock:
    """Local time to UTC. Where no clock changes from the day before to the day after, one offset is enough."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}

    def times_ns(self, date: dt.date, minutes: Sequence[int]) -> list[int]:
        """When it is so many minutes after midnight by the clocks, in UTC nanoseconds."""
        ordinal = date.toordinal()
        offset_s = self._offset_s(ordinal)
        if self._offset_s(ordinal - 1) == offset_s == self._offset_s(ordinal + 2):
            midnight_ns = (ordinal - _EPOCH_DAY) * DAY_NS - offset_s * SECOND_NS
            return [midnight_ns + minute * MINUTE_NS for minute in minutes]
        return [self._exactly_ns(date, minute) for minute in minutes]

    def _exactly_ns(self, date: dt.date, minute: int) -> int:
        local = dt.datetime.combine(date, MIDNIGHT) + dt.timedelta(minutes=minute)
        return int(local.replace(tzinfo=self._zone).timestamp()) * SECOND_NS

    def _offset_s(self, ordinal: int) -> int:
        """The offset from UTC at a date's midnight."""
        known = self._offsets.get(ordinal)
        if known is None:
            offset = dt.datetime.combine(dt.date.fromordinal(ordinal), MIDNIGHT, self._zone).utcoffset()
            known = self._offsets[ordinal] = int((offset or dt.timedelta()).total_seconds())
        return known
