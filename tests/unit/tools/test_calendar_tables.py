"""The sessions that come with Holdfast are those of the library that they were made from."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest

from holdfast.calendars import CLOSED, index, read_table, trading_calendar, trading_days
from holdfast.core.session.calendar import TradingDay
from tools import calendar_tables


def of_the_library(name: str, first: str, last: str) -> list[TradingDay]:
    """The sessions as the library gives them, without the code that makes or reads a table."""
    calendar = exchange_calendars.get_calendar(name, start=first, end=last)
    midnights = calendar.sessions.tz_localize(calendar.tz, nonexistent="shift_forward", ambiguous=True)

    def ns(column: Any) -> list[int]:
        return [int(time.value) for time in column]

    columns = (calendar.opens, calendar.closes, calendar.break_starts, calendar.break_ends)
    rows = zip(
        calendar.sessions.strftime("%Y-%m-%d"), ns(midnights), *(list(column) for column in columns), strict=True
    )
    return [
        TradingDay(
            date,
            min(midnight, opens.value),
            opens.value,
            closes.value,
            None if pause is exchange_calendars.exchange_calendar.pd.NaT else (pause.value, ends.value),
        )
        for date, midnight, opens, closes, pause, ends in rows
    ]


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library asks pandas in ways that will go


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("XNYS", "1984-01-01", "1986-12-31"),  # the clocks changed in April then
        ("XNYS", "2001-06-01", "2029-12-31"),
        ("XLON", "2020-01-01", "2024-12-31"),
        ("XHKG", "2009-01-01", "2013-12-31"),  # the hours of the noon break changed
        ("XTKS", "2023-01-01", "2025-12-31"),  # the close moved to 15:30
        ("CMES", "2020-01-01", "2024-12-31"),  # opens on the evening before
        ("XASX", "2020-01-01", "2024-12-31"),  # ahead of UTC, and summer in January
        ("BVMF", "2016-01-01", "2019-12-31"),  # the clocks changed at midnight
        ("24/5", "2024-01-01", "2024-12-31"),
    ],
)
def test_a_table_is_what_the_library_says(name: str, first: str, last: str) -> None:
    """Every date, start, open, close and break, over clock changes, half days and changes of hours."""
    table = read_table(name)
    days = [day for day in trading_days(table.zone, table.sessions()) if first <= day.date <= last]
    assert days == of_the_library(name, first, last)


def test_a_table_that_is_not_what_the_library_says_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One session taken out of a year is an exit status of 1 and the file's name; writing it mends it."""
    monkeypatch.setattr(calendar_tables, "FOLDER", tmp_path)
    monkeypatch.setattr(calendar_tables, "tables", lambda: iter([calendar_tables.table("XSHG")]))
    assert calendar_tables.main(["--write"]) == 0
    assert calendar_tables.main([]) == 0
    file = tmp_path / "XSHG.json"
    file.write_text(file.read_text(encoding="utf-8").replace("aaaaa", "aaa.a", 1), encoding="utf-8")
    assert calendar_tables.main([]) == 1
    assert "XSHG.json" in capsys.readouterr().out


def test_every_name_has_its_table() -> None:
    """Each calendar of the index can be read, and each alias leads to one that is there."""
    names = set(index().calendars)
    assert len(names) > 60
    assert set(index().aliases.values()) <= names
    for table in map(read_table, names):
        assert table.name in names
        assert ZoneInfo(table.zone).key == table.zone
        assert all(opens < closes for opens, closes, *_ in table.hours)
        assert set("".join(table.years.values())) <= {CLOSED, *map(chr, range(ord("a"), ord("a") + len(table.hours)))}
    for alias, name in [("NYSE", "XNYS"), ("XNAS", "XNYS"), ("NSE", "XBOM"), ("LSE", "XLON"), ("CME", "CMES")]:
        assert trading_calendar(alias).name == name


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ("24/5", "XTKS") else pytest.mark.campaign) for name in index().calendars],
)
def test_a_calendar_is_made_of_its_table(name: str) -> None:
    """Up to its end and by guesses beyond, each day with its hours in order."""
    calendar = trading_calendar(name)
    assert calendar.name == name
    assert all(day.start_ns <= day.open_ns < day.close_ns for day in calendar.days)
