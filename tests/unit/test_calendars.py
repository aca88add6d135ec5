"""Calendars by name: special sessions, days that are closed, and what comes after the end of what is known."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from holdfast.calendars import WARNED_DAYS, calendar_note, trading_calendar
from holdfast.core.session.calendar import SpecialSession, TradingCalendar, TradingDay
from holdfast.errors import ConfigError

MUMBAI = "Asia/Kolkata"


def at(text: str, zone: str = MUMBAI) -> int:
    """A local time in nanoseconds."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000_000


def day_of(calendar: TradingCalendar, date: str) -> TradingDay | None:
    """The session of a date, if there is one."""
    return next((day for day in calendar.days if day.date == date), None)


@pytest.mark.parametrize(
    ("date", "opens", "closes"),
    [
        ("2020-02-01", "09:15", "15:30"),  # a Saturday: the Union Budget
        ("2020-11-14", "18:15", "19:15"),  # a Saturday: Muhurat
        ("2024-01-20", "09:15", "15:30"),  # a Saturday for the Monday after it
        ("2024-03-02", "09:15", "12:30"),  # Saturdays: moving to the disaster recovery site
        ("2024-05-18", "09:15", "12:30"),
        ("2025-02-01", "09:15", "15:30"),
        ("2026-02-01", "09:15", "15:30"),  # a Sunday
        ("2021-02-24", "09:15", "17:00"),  # extended after an outage
    ],
)
def test_special_sessions_of_nse_are_trading_days(date: str, opens: str, closes: str) -> None:
    """A DAY order of such a day ends with it, and it is the trading day of its date."""
    day = trading_calendar("NSE").day_at(at(f"{date}T{opens}"))
    assert (day.date, day.open_ns, day.close_ns) == (date, at(f"{date}T{opens}"), at(f"{date}T{closes}"))
    assert trading_calendar("NSE").next_close_ns(day.open_ns) == at(f"{date}T{closes}")


@pytest.mark.parametrize(
    ("date", "opens", "closes"),
    [
        ("2026-03-06", "09:00", "23:55"),  # New York has winter time still
        ("2026-03-09", "09:00", "23:30"),
        ("2026-10-30", "09:00", "23:30"),
        ("2026-11-02", "09:00", "23:55"),
        ("2026-01-01", "09:00", "17:00"),  # the evening is closed
        ("2026-03-03", "17:00", "23:55"),  # Holi: the evening alone
        ("2026-09-14", "17:00", "23:30"),  # Ganesh Chaturthi
        ("2025-10-21", "13:45", "14:45"),  # Muhurat
    ],
)
def test_the_commodity_exchange_is_open_into_the_night(date: str, opens: str, closes: str) -> None:
    """MCX ends with London and New York, and on most holidays opens at five."""
    day = day_of(trading_calendar("MCX"), date)
    assert day is not None
    assert (day.open_ns, day.close_ns) == (at(f"{date}T{opens}"), at(f"{date}T{closes}"))


def test_days_on_which_the_commodity_exchange_is_closed_for_both_sessions() -> None:
    """Republic Day, Good Friday, Gandhi's birthday, Christmas, weekends."""
    calendar = trading_calendar("MCX")
    for date in ("2026-01-26", "2026-04-03", "2026-10-02", "2025-12-25", "2026-03-07", "2025-08-15"):
        assert day_of(calendar, date) is None


def test_a_session_in_two_parts_has_its_pause() -> None:
    """On the Saturday of the move nobody traded from ten to half past eleven."""
    day = day_of(trading_calendar("XBOM"), "2024-03-02")
    assert day is not None
    assert day.break_ns == (at("2024-03-02T10:00"), at("2024-03-02T11:30"))


def test_the_day_for_which_a_saturday_stood_is_closed() -> None:
    """22 January 2024, the elections of Mumbai, and ordinary weekends are no trading days."""
    calendar = trading_calendar("XBOM")
    for date in ("2024-01-22", "2024-05-20", "2024-11-20", "2026-01-15", "2024-03-09", "2026-02-08"):
        assert day_of(calendar, date) is None


def test_a_wrongly_open_day_can_be_closed() -> None:
    """A closed day of the configuration is no trading day; its time belongs to the day before."""
    closed = (SpecialSession("2026-06-10", closed=True), SpecialSession("2026-06-13", closed=True))
    calendar = trading_calendar("XBOM", closed)
    assert calendar.day_at(at("2026-06-10T12:00")).date == "2026-06-09"
    assert calendar.next_close_ns(at("2026-06-09T15:30")) == at("2026-06-11T15:30")
    assert len(calendar.days) == len(trading_calendar("XBOM").days) - 1  # the 13th is a Saturday anyway


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (SpecialSession("2026-06-10", "09:15", "15:30", closed=True), "closed and has hours"),
        (SpecialSession("2026-06-31", closed=True), "closed = true"),
        (SpecialSession("2026-06-10", "09:15", "12:30", ("12:00", "13:00")), "not within the session"),
        (SpecialSession("2026-06-10", "09:15", "12:30", ("11:00", "10:00")), "not within the session"),
        (SpecialSession("2026-06-10"), "an example"),
    ],
)
def test_what_is_neither_open_nor_closed_is_refused(session: SpecialSession, says: str) -> None:
    """With the date, what is wrong, or how it is written."""
    with pytest.raises(ConfigError, match=says):
        trading_calendar("XBOM", (session,))


@pytest.mark.parametrize(
    ("name", "zone", "known", "open_day", "hours", "closed_day"),
    [
        # weekends, and holidays that are on the same date each year
        ("XBOM", MUMBAI, "2026-12-31", "2027-01-04", ("09:15", "15:30"), "2027-01-26"),
        ("XNYS", "America/New_York", "2029-12-31", "2030-07-03", ("09:30", "16:00"), "2030-07-04"),
        ("XLON", "Europe/London", "2029-12-31", "2031-06-30", ("08:00", "16:30"), "2031-12-25"),
        ("XSHG", "Asia/Shanghai", "2026-12-31", "2027-03-01", ("09:30", "15:00"), "2027-10-01"),
        ("XTKS", "Asia/Tokyo", "2029-12-28", "2030-03-04", ("09:00", "15:30"), "2030-01-03"),
    ],
)
def test_after_the_table_days_go_on_by_rule(
    name: str, zone: str, known: str, open_day: str, hours: tuple[str, str], closed_day: str
) -> None:
    """Usual hours on weekdays, none at weekends and on holidays of fixed date; marked as a guess, for decades."""
    calendar = trading_calendar(name)
    assert calendar.known_until == known
    day = calendar.day_at(at(f"{open_day}T12:00", zone))
    assert (day.date, day.is_guess) == (open_day, True)
    assert (day.open_ns, day.close_ns) == (at(f"{open_day}T{hours[0]}", zone), at(f"{open_day}T{hours[1]}", zone))
    assert calendar.day_at(at(f"{closed_day}T12:00", zone)).date < closed_day
    guessed = [day for day in calendar.days if day.is_guess]
    assert all(dt.date.fromisoformat(day.date).weekday() < 5 for day in guessed)
    assert all(day.date > known for day in guessed)
    assert guessed[-1].date > str(int(known[:4]) + 29)


def test_a_guess_can_be_put_right() -> None:
    """A holiday and a special session of a year that is not known are configured as any other."""
    sessions = (SpecialSession("2027-03-22", closed=True), SpecialSession("2027-10-29", "18:00", "19:00"))
    calendar = trading_calendar("XBOM", sessions)
    assert day_of(calendar, "2027-03-22") is None
    muhurat = day_of(calendar, "2027-10-29")
    assert muhurat is not None
    assert not muhurat.is_guess


def test_a_calendar_that_opens_on_the_evening_before_is_guessed_with_its_evening() -> None:
    """Chicago's futures of a Monday begin on Sunday at five, on both sides of the clock change."""
    day = trading_calendar("CMES").day_at(at("2030-03-11T12:00", "America/Chicago"))
    assert (day.date, day.open_ns) == ("2030-03-11", at("2030-03-10T17:00", "America/Chicago"))


def test_a_person_is_told_sixty_days_before_the_end() -> None:
    """Not sixty days and more before it, from then on always; and never of a calendar that knows its days for years."""
    calendar = trading_calendar("XBOM")
    end = dt.date(2026, 12, 31)
    before = (end - dt.timedelta(days=WARNED_DAYS)).isoformat()
    assert WARNED_DAYS == 60
    assert calendar_note(calendar, before) is None
    for date in ("2026-11-02", "2026-12-31", "2027-06-01"):
        note = calendar_note(calendar, date)
        assert note is not None
        assert "2026-12-31" in note
        assert "calendar_sessions" in note
    assert calendar_note(trading_calendar("XNYS"), "2027-06-01") is None
    assert calendar_note(trading_calendar("24/7"), "2090-06-01") is None
