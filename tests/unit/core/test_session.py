"""The account's state machine, and the trading days of an exchange."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.session.account import ACCOUNT, AccountEvent, AccountState, next_state
from holdfast.core.session.calendar import SpecialSession, TradingCalendar, TradingDay
from holdfast.errors import ConfigError, InvalidValue

S, E = AccountState, AccountEvent
EXPECTED: dict[AccountState, dict[AccountEvent, AccountState]] = {
    S.RECOVERING: {E.RECOVERED: S.IDLE, E.PRESERVED: S.PRESERVATION, E.HALTED: S.HALTED},
    S.IDLE: {
        E.STARTED: S.RECOVERING, E.ASKED: S.ANALYZING, E.ORDERED: S.PENDING_ORDER,
        E.PRESERVED: S.PRESERVATION, E.HALTED: S.HALTED,
    },
    S.ANALYZING: {
        E.STARTED: S.RECOVERING, E.REFUSED: S.IDLE, E.ORDERED: S.PENDING_ORDER,
        E.PRESERVED: S.PRESERVATION, E.HALTED: S.HALTED,
    },
    S.PENDING_ORDER: {E.STARTED: S.RECOVERING, E.SETTLED: S.IDLE, E.PRESERVED: S.PRESERVATION, E.HALTED: S.HALTED},
    S.PRESERVATION: {E.RELIEVED: S.IDLE, E.RESUMED: S.IDLE, E.HALTED: S.HALTED},
    S.HALTED: {E.RESUMED: S.IDLE},
}  # fmt: skip
"""Every move there is, said a second time; everything else stays."""


@pytest.mark.parametrize("state", list(AccountState))
@pytest.mark.parametrize("event", list(AccountEvent))
def test_every_cell_of_the_account(state: AccountState, event: AccountEvent) -> None:
    """Every state has an answer to every event: a move that is written down, or none."""
    assert next_state(state, event) is EXPECTED[state].get(event, state)
    assert set(ACCOUNT) == set(AccountState)


def test_a_halt_ends_by_a_person_alone() -> None:
    """Of all events only the one of a person leaves HALTED, and every state can be halted."""
    assert [event for event in AccountEvent if next_state(S.HALTED, event) is not S.HALTED] == [E.RESUMED]
    assert all(next_state(state, E.HALTED) is S.HALTED for state in AccountState)


def test_what_takes_risk() -> None:
    """New risk is taken while trading goes on, and in no other state."""
    assert [state for state in AccountState if state.takes_risk] == [S.IDLE, S.ANALYZING, S.PENDING_ORDER]


def at(text: str, zone: str = "America/New_York") -> int:
    """A local time in nanoseconds."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def new_york() -> TradingCalendar:
    return trading_calendar("XNYS")


@pytest.mark.parametrize(
    ("time", "date"),
    [
        ("2024-03-08T09:30", "2024-03-08"),
        ("2024-03-08T00:00", "2024-03-08"),
        ("2024-03-08T04:00", "2024-03-08"),  # before the market
        ("2024-03-08T19:59", "2024-03-08"),  # after hours
        ("2024-03-08T23:59:59", "2024-03-08"),
        ("2024-03-09T12:00", "2024-03-08"),  # Saturday
        ("2024-03-10T03:30", "2024-03-08"),  # Sunday, the clocks just went forward
        ("2024-03-11T00:00", "2024-03-11"),
        ("2024-11-02T12:00", "2024-11-01"),
        ("2024-11-03T23:59:59", "2024-11-01"),  # Sunday, the clocks went back
        ("2024-11-04T00:00", "2024-11-04"),
        ("2024-07-04T12:00", "2024-07-03"),  # Independence Day
        ("2024-12-25T12:00", "2024-12-24"),
        ("2024-03-29T12:00", "2024-03-28"),  # Good Friday
        ("2001-09-14T12:00", "2001-09-10"),
    ],
)
def test_a_time_belongs_to_the_day_people_would_say(new_york: TradingCalendar, time: str, date: str) -> None:
    """Before and after hours belong to their date, holidays and weekends to the last trading day before them."""
    assert new_york.day_at(at(time)).date == date


@pytest.mark.parametrize(
    ("date", "opens", "closes"),
    [
        ("2024-03-08", "2024-03-08T09:30", "2024-03-08T16:00"),
        ("2024-03-11", "2024-03-11T09:30", "2024-03-11T16:00"),
        ("2024-11-04", "2024-11-04T09:30", "2024-11-04T16:00"),
        ("2024-07-03", "2024-07-03T09:30", "2024-07-03T13:00"),
        ("2024-11-29", "2024-11-29T09:30", "2024-11-29T13:00"),
    ],
)
def test_regular_hours_are_local(new_york: TradingCalendar, date: str, opens: str, closes: str) -> None:
    """Nine thirty to four in New York on both sides of both clock changes; one o'clock on half days."""
    day = new_york.day_at(at(f"{date}T12:00"))
    assert (day.date, day.open_ns, day.close_ns) == (date, at(opens), at(closes))
    assert new_york.is_open(day.open_ns)
    assert new_york.is_open(day.close_ns - 1)
    assert not new_york.is_open(day.open_ns - 1)
    assert not new_york.is_open(day.close_ns)


def test_the_next_open_close_and_day(new_york: TradingCalendar) -> None:
    """Asked on a Friday afternoon: this close, Monday's open, Monday's midnight; at a boundary, what comes after it."""
    close, monday = at("2024-03-08T16:00"), at("2024-03-11T09:30")
    assert new_york.next_close_ns(close - 1) == close
    assert new_york.next_close_ns(close) == at("2024-03-11T16:00")
    assert new_york.next_open_ns(close) == monday
    assert new_york.next_open_ns(monday) == monday
    assert new_york.next_start_ns(close) == at("2024-03-11T00:00")
    assert new_york.next_start_ns(at("2024-03-11T00:00")) == at("2024-03-12T00:00")


def test_around_the_clock() -> None:
    """24/7 has a day for every date, open from midnight to midnight UTC."""
    calendar = trading_calendar("24/7")
    saturday = at("2024-03-09T00:00", "UTC")
    assert calendar.day_at(saturday) == TradingDay("2024-03-09", saturday, saturday, at("2024-03-10T00:00", "UTC"))
    assert calendar.day_at(saturday - 1).date == "2024-03-08"
    assert calendar.is_open(saturday)


@pytest.mark.parametrize(
    ("name", "zone", "date"),
    [
        ("XLON", "Europe/London", "2024-04-02"),
        ("XBOM", "Asia/Kolkata", "2024-03-26"),
        ("XTKS", "Asia/Tokyo", "2024-03-11"),
    ],
)
def test_other_places_have_their_midnight(name: str, zone: str, date: str) -> None:
    """A day begins at the exchange's own midnight."""
    calendar = trading_calendar(name)
    assert calendar.day_at(at(f"{date}T00:00", zone)).date == date
    assert calendar.day_at(at(f"{date}T00:00", zone) - 1).date < date


def test_what_a_calendar_does_not_cover_is_refused(new_york: TradingCalendar) -> None:
    """A time outside the table is an error that names the range, never the nearest day."""
    with pytest.raises(InvalidValue, match=r"calendar XNYS covers 1970-01-02 to .* not the time 1969-12-31T05:00:00Z"):
        new_york.day_at(at("1969-12-31T00:00"))
    for ask in (new_york.next_close_ns, new_york.next_open_ns, new_york.next_start_ns):
        with pytest.raises(InvalidValue, match="calendar XNYS covers 1970-01-02 to"):
            ask(at("2200-01-01T00:00"))


@pytest.mark.parametrize(
    ("date", "opens", "closes"),
    [
        ("2021-11-04", "18:15", "19:15"),
        ("2023-11-12", "18:15", "19:15"),  # a Sunday
        ("2024-11-01", "18:00", "19:00"),
        ("2025-10-21", "13:45", "14:45"),  # in the afternoon
    ],
)
def test_muhurat_trading_is_a_session_of_its_own(date: str, opens: str, closes: str) -> None:
    """On the holiday of Diwali Bombay is open for an hour, and that is a trading day."""
    mumbai, zone = trading_calendar("XBOM"), "Asia/Kolkata"
    day = mumbai.day_at(at(f"{date}T12:00", zone))
    assert day == TradingDay(date, at(f"{date}T00:00", zone), at(f"{date}T{opens}", zone), at(f"{date}T{closes}", zone))
    assert mumbai.next_close_ns(day.open_ns) == day.close_ns
    assert mumbai.day_at(day.start_ns - 1).date < date


def test_a_configured_session_is_added_or_has_other_hours() -> None:
    """A Saturday that the calendar has closed, and a day that closes early."""
    special = (SpecialSession("2024-07-13", "10:00", "12:00"), SpecialSession("2024-07-15", "09:30", "11:00"))
    calendar, plain = trading_calendar("XNYS", special), trading_calendar("XNYS")
    assert calendar.day_at(at("2024-07-13T15:00")).date == "2024-07-13"
    assert plain.day_at(at("2024-07-13T15:00")).date == "2024-07-12"
    assert calendar.next_close_ns(at("2024-07-15T10:00")) == at("2024-07-15T11:00")
    assert len(calendar.days) == len(plain.days) + 1


@pytest.mark.parametrize(
    ("name", "session", "says"),
    [
        ("24/7", SpecialSession("2024-07-13", "10:00", "12:00"), "always open"),
        ("XNYS", SpecialSession("2024-07-32", "10:00", "12:00"), "day is out of range"),
        ("XNYS", SpecialSession("2024-07-13", "noon", "12:00"), "Invalid isoformat"),
        ("XNYS", SpecialSession("2024-07-13", "13:00", "12:00"), "opens at 13:00 and closes at 12:00"),
        ("XNYS", SpecialSession("2101-07-13", "10:00", "12:00"), "not in what the calendar covers"),
    ],
)
def test_a_session_that_can_not_be_is_refused(name: str, session: SpecialSession, says: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(ConfigError, match=says):
        trading_calendar(name, (session,))


def test_a_window_of_trading_days_begins_with_its_first() -> None:
    """Five days up to a Tuesday begin on the Wednesday before; at the table's beginning with its first day."""
    calendar = trading_calendar("XNYS")
    assert calendar.window_start(at("2024-07-16T12:00"), 5) == "2024-07-10"
    assert calendar.window_start(at("1970-01-05T12:00"), 5) == "1970-01-02"
