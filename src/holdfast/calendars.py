"""Trading calendars by name, as the tables that the core and the venue read.

The sessions are data that comes with Holdfast: one JSON file a calendar in ``calendar_tables``, made from the exchange_calendars
library by ``tools/calendar_tables.py``. A file says the exchange's hours in its own time and, for each date, which of them
hold; the times in UTC are worked out when it is read. So no library is needed to start, and a change of a table can be read.
What the library lacks, and what a configuration says, is added here.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    # Bombay and the National Stock Exchange, equity segments; the hours are those of the normal market in their circulars, as
    # the press told them. Muhurat trading is an hour on the holiday of Diwali.
    "XBOM": (
        SpecialSession("2015-02-28", "09:15", "15:30"),  # a Saturday, Union Budget; rediff.com, 2024-12-23
        SpecialSession("2018-11-07", "17:30", "18:30"),  # Muhurat; livemint.com, 2018-11-06
        SpecialSession("2019-10-27", "18:15", "19:15"),  # Muhurat, a Sunday; newzviewz.com
        SpecialSession("2020-02-01", "09:15", "15:30"),  # a Saturday, Union Budget; rediff.com, 2024-12-23
        SpecialSession("2020-11-14", "18:15", "19:15"),  # Muhurat, a Saturday; ndtv.com, 2020-11-14
        SpecialSession("2021-02-24", "09:15", "17:00"),  # extended after an outage of NSE; devdiscourse.com, 2021-02-24
        SpecialSession("2021-11-04", "18:15", "19:15"),  # Muhurat; indianexpress.com, 2021-11-04
        SpecialSession("2022-10-24", "18:15", "19:15"),  # Muhurat; livemint.com, 2022-10-12
        SpecialSession("2023-11-12", "18:15", "19:15"),  # Muhurat, a Sunday; tradingqna.com, 155247
        SpecialSession("2024-01-20", "09:15", "15:30"),  # a Saturday for the Monday after; dtnext.in, 2024-01-20
        # Two Saturdays on which the exchanges moved to their disaster recovery sites between two parts of the session:
        SpecialSession("2024-03-02", "09:15", "12:30", ("10:00", "11:30")),  # hindustantimes.com, 2024-03-01
        SpecialSession("2024-05-18", "09:15", "12:30", ("10:00", "11:30")),  # ndtvprofit.com, 2024-05-07
        SpecialSession("2024-11-01", "18:00", "19:00"),  # Muhurat; ndtvprofit.com, 2024-10-31
        SpecialSession("2025-02-01", "09:15", "15:30"),  # a Saturday, Union Budget; rediff.com, 2024-12-23
        SpecialSession("2025-10-21", "13:45", "14:45"),  # Muhurat; dnaindia.com, 2025-09-22
        SpecialSession("2026-02-01", "09:15", "15:30"),  # a Sunday, Union Budget; udayavani.com, 2026-01-17
    ),
}
KNOWN_SPECIAL_SESSIONS["XIMC"] = tuple(
    # MCX keeps the Muhurat hours of the stock exchanges (2021: freepressjournal.in, 2021-11-04; told alike in later years).
    each
    for each in KNOWN_SPECIAL_SESSIONS["XBOM"]
    if each.date in ("2021-11-04", "2022-10-24", "2023-11-12", "2024-11-01", "2025-10-21")
)
"""Sessions that exchange_calendars lacks and whose hours are known; a configuration adds others (``calendar_sessions``)."""

GUESSED_YEARS = 30
"""How far a calendar goes on by rule after what is known: an engine that runs must not die of a table's end."""
RULE_YEARS = 8
"""A date on which the exchange was closed on each weekday in so many years is taken for a holiday each year."""
WARNED_DAYS = 60
"""So many days before the end of what is known a person is told."""


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
    days = [*table.days(), *_guessed(table)]
    return TradingCalendar(name, _with(days, (*KNOWN_SPECIAL_SESSIONS.get(name, ()), *sessions), zone))


def zone_of(name: str) -> str:
    """The time zone of an exchange, by the code of its calendar; UTC for one that never closes."""
    return "UTC" if name == ALWAYS_OPEN else read_table(name).zone


def calendar_note(calendar: TradingCalendar, date: str) -> str | None:
    """What to tell a person whose trading has come to ``date`` (ISO), if the known days of the calendar end soon after it."""
    known = calendar.known_until
    if dt.date.fromisoformat(known) - dt.date.fromisoformat(date) >= dt.timedelta(days=WARNED_DAYS):
        return None
    return (
        f"calendar {calendar.name}: holidays are known up to {known}; later trading days are a guess by weekday. Upgrade Holdfast, "
        "or name holidays and special sessions in calendar_sessions"
    )


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.upper(), [*index().calendars, *index().aliases], n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no exchange calendar {name!r}{hint} (XNYS is New York, 24/7 never closes)"


def _special(session: SpecialSession, zone: dt.tzinfo) -> TradingDay:
    def at(time: str) -> int:
        return int(dt.datetime.fromisoformat(f"{session.date}T{time}").replace(tzinfo=zone).timestamp()) * SECOND_NS

    try:
        midnight_ns, open_ns, close_ns = at("00:00"), at(session.open), at(session.close)
        break_ns = None if session.pause is None else (at(session.pause[0]), at(session.pause[1]))
    except ValueError as error:
        raise ConfigError(f'calendar_sessions: {error}; an example: date = "2026-11-08", open = "18:00"') from None
    if not midnight_ns <= open_ns < close_ns:
        raise ConfigError(f"calendar_sessions: {session.date} opens at {session.open} and closes at {session.close}")
    if break_ns is not None and not open_ns < break_ns[0] < break_ns[1] < close_ns:
        raise ConfigError(f"calendar_sessions: the pause of {session.date} is not within the session")
    return TradingDay(session.date, midnight_ns, open_ns, close_ns, break_ns)


def _with(days: Sequence[TradingDay], special: Iterable[SpecialSession], zone: dt.tzinfo) -> list[TradingDay]:
    """The days with the special ones among them, in order. One beyond the table would leave a gap before it."""
    by_date = {day.date: day for day in days}
    for session in special:
        if not days[0].date <= session.date <= days[-1].date:
            covers = f"{days[0].date} to {days[-1].date}"
            raise ConfigError(f"calendar_sessions: {session.date} is not in what the calendar covers, {covers}")
        if not session.closed:
            by_date[session.date] = _special(session, zone)
        elif session.open or session.close or session.pause:
            raise ConfigError(f"calendar_sessions: {session.date} is closed and has hours; keep one of the two")
        else:
            _is_date(session.date)
            by_date.pop(session.date, None)
    return sorted(by_date.values(), key=lambda day: day.start_ns)


def _is_date(text: str) -> None:
    try:
        dt.date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f'calendar_sessions: {error}; an example: date = "2026-11-08", closed = true') from None


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


# --- beyond what is known ---------------------------------------------------------------------------------------------


def _guessed(table: "CalendarTable") -> list[TradingDay]:
    """Days after the table's end, by rule.

    Each weekday has the hours that it had most often in the table's last year, or none; dates that were holidays in each of
    `RULE_YEARS` years (Christmas, a national day) stay so. Holidays that move are not guessed.
    """
    last = dt.date.fromisoformat(table.last)
    sessions = {date: hours for date, hours in table.sessions() if date.year > last.year - RULE_YEARS}
    week = [_usual(sessions, last, weekday) for weekday in range(7)]
    holidays = _yearly_holidays(sessions, week, last)
    dates = (last + dt.timedelta(days=number) for number in range(1, GUESSED_YEARS * 365))
    open_dates = ((date, week[date.weekday()]) for date in dates if (date.month, date.day) not in holidays)
    guessed = trading_days(table.zone, ((date, hours) for date, hours in open_dates if hours))
    return [msgspec.structs.replace(day, is_guess=True) for day in guessed]


def _usual(sessions: Mapping[dt.date, "Hours"], last: dt.date, weekday: int) -> "Hours | None":
    """The hours that this weekday had most often in the year up to ``last``; None if it mostly had none."""
    past = [last - dt.timedelta(days=number) for number in range(364)]
    counted = Counter(sessions.get(date) for date in past if date.weekday() == weekday)
    return counted.most_common(1)[0][0]


def _yearly_holidays(
    sessions: Mapping[dt.date, "Hours"], week: Sequence["Hours | None"], last: dt.date
) -> set[tuple[int, int]]:
    """Month and day of the dates without a session in every year, weekdays that never have one aside."""
    there: dict[tuple[int, int], list[bool]] = defaultdict(list)
    date = min(sessions, default=last)
    while date <= last:
        if week[date.weekday()]:
            there[date.month, date.day].append(date in sessions)
        date += dt.timedelta(days=1)
    return {key for key, opened in there.items() if len(opened) >= RULE_YEARS // 2 and not any(opened)}


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
