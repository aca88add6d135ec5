"""The tables of sessions in ``src/holdfast/calendar_tables``, made from the exchange_calendars library.

python -m tools.calendar_tables            ends with 1 when a table isn't what the library says
python -m tools.calendar_tables --write    makes the tables

Run it after an upgrade of the library, and each January: that is when the library learns the next year's holidays of the
exchanges whose dates are announced year by year (Bombay, Singapore, Shanghai).
"""

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from holdfast.calendars import CLOSED, CalendarTable, Hours, file_name
from tools import pages

FOLDER = pages.DOCS.parent / "src" / "holdfast" / "calendar_tables"
FIRST, LAST = "1990-01-01", "2029-12-31"
"""What the tables cover, where the library's own records don't begin later or end earlier."""
FROM_1970 = ("XNYS",)
"""Covered from 1970 on: what Alpaca's own calendar covers (documented)."""
KNOWN_UNTIL = {"XIDX": "2025-12-31", "XKAR": "2025-12-31"}
"""Where the library goes on without the holidays of the moon's calendar, which it has for no later year."""
MADE_HERE = ("24/7",)
"""Needs no table: :mod:`holdfast.calendars` makes it."""
CAN_NOT_BE_MADE = ("ASEX", "XBEL", "XBSE", "XCYS", "XTAE")
"""The library raises an error for these, with the pandas that is locked."""
ALIASES = {"NSE": "XBOM", "XNSE": "XBOM", "MCX": "XIMC"}
"""Names that the library lacks. NSE and BSE keep the same days and hours in their equity segments."""


MCX = "XIMC"
"""Made by rule out of the stock exchanges' table, as the library has no commodity exchange of India."""
MCX_FIRST = "2021-01-01"
MCX_MORNING, MCX_EVENING = 9 * 60, 17 * 60
MCX_CLOSE, MCX_CLOSE_IN_WINTER = 23 * 60 + 30, 23 * 60 + 55
"""In minutes after midnight. The second while New York has no summer time (chittorgarh.com, MCX holidays of 2025)."""
MCX_CLOSED = ((1, 26), (8, 15), (10, 2), (12, 25))
"""Closed for both sessions, and on Good Friday too; on other holidays of the stock exchanges the evening is open, and the first of January ends at five
(CNBC Awaaz, 2025-12-30; zerodha.com, bulletin of 2018-09-19)."""


def tables() -> Iterator[CalendarTable]:
    """Every table, as the library has it."""
    import exchange_calendars

    for name in sorted(exchange_calendars.get_calendar_names(include_aliases=False)):
        if name not in MADE_HERE + CAN_NOT_BE_MADE:
            yield table(name)
    yield mcx_table()


def mcx_table() -> CalendarTable:
    """The table of MCX, non-agricultural commodities."""
    from dateutil.easter import easter  # type: ignore[import-untyped]

    stocks = table("XBOM")
    there = {date for date, _ in stocks.sessions()}
    first, last = dt.date.fromisoformat(MCX_FIRST), dt.date.fromisoformat(stocks.last)
    by_date: dict[str, Hours] = {}
    for number in range((last - first).days + 1):
        date = first + dt.timedelta(days=number)
        closed = (date.month, date.day) in MCX_CLOSED or date == easter(date.year) - dt.timedelta(days=2)
        if date.weekday() < 5 and not closed:
            by_date[date.isoformat()] = _mcx_hours(date, is_holiday=date not in there)
    return _lettered(MCX, stocks.zone, MCX_FIRST, stocks.last, by_date)


def _mcx_hours(date: dt.date, *, is_holiday: bool) -> Hours:
    if (date.month, date.day) == (1, 1):
        return MCX_MORNING, MCX_EVENING
    noon = dt.datetime(date.year, date.month, date.day, 12, tzinfo=ZoneInfo("America/New_York"))
    close = MCX_CLOSE if noon.dst() else MCX_CLOSE_IN_WINTER
    return MCX_EVENING if is_holiday else MCX_MORNING, close


def table(name: str) -> CalendarTable:
    """The table of one calendar, as the library has it."""
    import exchange_calendars

    recent = exchange_calendars.get_calendar(name)
    earliest, latest = recent.bound_min(), recent.bound_max()
    first = "1970-01-01" if name in FROM_1970 else FIRST
    first = first if earliest is None else max(first, f"{earliest:%Y-%m-%d}")
    last = KNOWN_UNTIL.get(name, LAST) if latest is None else min(LAST, f"{latest:%Y-%m-%d}")
    return _table(name, exchange_calendars.get_calendar(name, start=first, end=last), first, last)


def _table(name: str, calendar: Any, first: str, last: str) -> CalendarTable:
    dates = calendar.sessions.strftime("%Y-%m-%d").tolist()
    columns = (calendar.opens, calendar.closes, calendar.break_starts, calendar.break_ends)
    local = [column.dt.tz_convert(calendar.tz).dt.tz_localize(None).tolist() for column in columns]
    by_date = {date: _hours(date, times) for date, times in zip(dates, zip(*local, strict=True), strict=True)}
    return _lettered(name, str(calendar.tz), first, last, by_date)


def _lettered(name: str, zone: str, first: str, last: str, by_date: dict[str, Hours]) -> CalendarTable:
    hours = sorted(set(by_date.values()), key=lambda one: (-list(by_date.values()).count(one), one))
    letters = {one: chr(ord("a") + place) for place, one in enumerate(hours)}
    years: dict[str, str] = {}
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    while day <= end:
        there = by_date.get(day.isoformat())
        years[str(day.year)] = years.get(str(day.year), "") + (letters[there] if there else CLOSED)
        day += dt.timedelta(days=1)
    return CalendarTable(name, zone, first, last, tuple(hours), years)


def _hours(date: str, times: Sequence[Any]) -> Hours:
    """Minutes after the date's midnight; the library has no time (NaT, unlike itself) where there is no break."""
    midnight = dt.datetime.fromisoformat(date)
    return tuple(int((time - midnight).total_seconds()) // 60 for time in times if time == time)  # noqa: PLR0124  NaT


def files() -> dict[str, bytes]:
    """What each file has to hold, by its name."""
    import exchange_calendars

    made = {one.name: one for one in tables()}
    library = exchange_calendars.calendar_utils._default_calendar_aliases
    aliases = {alias: name for alias, name in sorted({**library, **ALIASES}.items()) if name in made}
    wanted = {file_name(name): _json(one) for name, one in made.items()}
    return wanted | {"index": _json({"calendars": sorted(made), "aliases": aliases})}


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 when every table is what the library says."""
    wanted = files()
    there = {path.stem: path.read_bytes() for path in FOLDER.glob("*.json")}
    stale = sorted(name for name in wanted | there if wanted.get(name) != there.get(name))
    if "--write" in arguments:
        for name in stale:
            path = FOLDER / f"{name}.json"
            if name in wanted:
                path.write_bytes(wanted[name])
            else:
                path.unlink()
        return 0
    for name in stale:
        print(f"{FOLDER / name}.json isn't what exchange_calendars says: python -m tools.calendar_tables --write")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
