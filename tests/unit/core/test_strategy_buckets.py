"""Built bars are cut from the session's open and end with the session, and come when their period is over."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.engine.market import on_heartbeat, on_instant
from holdfast.core.instant import instants
from holdfast.core.messages import Bar, Heartbeat, MarketEvent, Quote, Trade
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, StrategyId
from tests.scenario.account import new_state

ZONES = {
    "XNYS": "America/New_York",
    "XBOM": "Asia/Kolkata",
    "XTKS": "Asia/Tokyo",
    "XLON": "Europe/London",
    "CMES": "America/Chicago",
    "24/7": "UTC",
}


def at(calendar: str, text: str) -> int:
    """A time on the exchange's clocks, in nanoseconds."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONES[calendar])).timestamp()) * SECOND_NS


class Watcher(Strategy):
    """Keeps the bars it is shown, each with the time at which it was."""

    def __init__(self) -> None:
        super().__init__(None)
        self.shown: list[tuple[Bar, int]] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.shown.append((bar, context.time_ns))


class Account:
    """An account whose one strategy reads built bars of ``A`` and ``B``."""

    def __init__(self, calendar: str, timeframe: str, feed_bar_ns: int | None = MINUTE_NS, late_ns: int = 0) -> None:
        self.name = calendar
        self.watcher = Watcher()
        self.state: EngineState = new_state(RiskLimits(), trading_calendar(calendar))
        self.state.host.built.late_ns = late_ns
        self.state.host.add(Runner(StrategyId("s"), self.watcher, ("A", "B"), parse_timeframe(timeframe)), feed_bar_ns)
        self.state.host.start(0)

    def show(self, *events: MarketEvent) -> None:
        """Events in order of time."""
        for instant in instants(events):
            on_instant(self.state, instant)

    def bars(self) -> list[str]:
        """Each bar as "date open-time - close-time" on the exchange's clocks, in the order in which they came."""
        return [f"{self._clock(bar.start_ns)} - {self._clock(bar.time_ns)[11:]}" for bar, _ in self.watcher.shown]

    def _clock(self, time_ns: int) -> str:
        return dt.datetime.fromtimestamp(time_ns // SECOND_NS, ZoneInfo(ZONES[self.name])).strftime("%Y-%m-%d %H:%M")


def minutes(calendar: str, first: str, last: str, symbol: str = "A") -> list[MarketEvent]:
    """A bar a minute, the first and the last starting then."""
    start_ns, end_ns = at(calendar, first), at(calendar, last)
    return [Bar(symbol, ns + MINUTE_NS, ns, 1.0, 1.0, 1.0, 1.0, 1.0) for ns in range(start_ns, end_ns + 1, MINUTE_NS)]


@pytest.mark.parametrize(
    ("calendar", "timeframe", "day", "hours", "ends"),
    [
        ("XBOM", "30Min", "2024-01-02", ("09:15", "15:29"), ["09:45", "10:15", "10:45", "11:15", "11:45", "12:15", "12:45", "13:15", "13:45", "14:15", "14:45", "15:15", "15:30"]),
        ("XBOM", "1Hour", "2024-01-02", ("09:15", "15:29"), ["10:15", "11:15", "12:15", "13:15", "14:15", "15:15", "15:30"]),
        ("XBOM", "75Min", "2024-01-02", ("09:15", "15:29"), ["10:30", "11:45", "13:00", "14:15", "15:30"]),
        ("XNYS", "2Hour", "2024-01-02", ("09:30", "15:59"), ["11:30", "13:30", "15:30", "16:00"]),
        ("XNYS", "4Hour", "2024-01-02", ("09:30", "15:59"), ["13:30", "16:00"]),
        ("XNYS", "4Hour", "2024-07-02", ("09:30", "15:59"), ["13:30", "16:00"]),  # the same in summer
        ("XNYS", "45Min", "2024-01-02", ("09:30", "11:44"), ["10:15", "11:00", "11:45"]),
        ("XNYS", "7Min", "2024-01-03", ("09:30", "09:50"), ["09:37", "09:44", "09:51"]),
        ("XNYS", "1Hour", "2024-07-03", ("09:30", "12:59"), ["10:30", "11:30", "12:30", "13:00"]),  # half a day
        ("XTKS", "1Hour", "2024-01-04", ("09:00", "11:29"), ["10:00", "11:00", "11:30"]),  # the break at noon
        ("XTKS", "2Hour", "2024-01-04", ("12:30", "14:59"), ["14:30", "15:00"]),
        ("XLON", "4Hour", "2024-01-02", ("08:00", "16:29"), ["12:00", "16:00", "16:30"]),
        ("24/7", "4Hour", "2024-01-02", ("00:00", "23:59"), ["04:00", "08:00", "12:00", "16:00", "20:00", "00:00"]),
        ("24/7", "7Hour", "2024-01-02", ("00:00", "23:59"), ["07:00", "14:00", "21:00", "00:00"]),
        ("XNYS", "1Day", "2024-07-03", ("09:30", "12:59"), ["13:00"]),
        ("XBOM", "1Day", "2024-11-01", ("18:00", "18:59"), ["19:00"]),  # Muhurat
        ("XBOM", "1Hour", "2024-03-02", ("11:30", "12:29"), ["12:30"]),  # after the pause of a special session
    ],
)  # fmt: skip
def test_bars_are_cut_from_the_open_and_end_with_the_session(
    calendar: str, timeframe: str, day: str, hours: tuple[str, str], ends: list[str]
) -> None:
    """Each comes at its end, with the minute that ends then, the day's last at the close: no further event is needed."""
    account = Account(calendar, timeframe)
    account.show(*minutes(calendar, f"{day}T{hours[0]}", f"{day}T{hours[1]}"))
    assert [text[-5:] for text in account.bars()] == ends
    assert all(shown_ns == bar.time_ns for bar, shown_ns in account.watcher.shown)
    assert sum(bar.volume for bar, _ in account.watcher.shown) == len(
        minutes(calendar, f"{day}T{hours[0]}", f"{day}T{hours[1]}")
    )


def test_no_bar_reaches_over_a_night_of_futures() -> None:
    """Chicago's session begins on the evening before at five; 4Hour bars end with it and begin with the next."""
    account = Account("CMES", "4Hour")
    account.show(
        *minutes("CMES", "2024-01-08T13:00", "2024-01-08T15:59"),
        *minutes("CMES", "2024-01-08T17:00", "2024-01-08T20:59"),
    )
    assert account.bars() == ["2024-01-08 13:00 - 17:00", "2024-01-08 17:00 - 21:00"]


def test_bars_before_and_after_the_session_are_of_their_own() -> None:
    """Before the open counted back from it, after the close counted from it; none has a price of the session too."""
    account = Account("XNYS", "2Hour")
    account.show(*minutes("XNYS", "2024-01-02T07:00", "2024-01-02T19:59"))
    assert account.bars() == [
        "2024-01-02 05:30 - 07:30",
        "2024-01-02 07:30 - 09:30",
        "2024-01-02 09:30 - 11:30",
        "2024-01-02 11:30 - 13:30",
        "2024-01-02 13:30 - 15:30",
        "2024-01-02 15:30 - 16:00",
        "2024-01-02 16:00 - 18:00",
        "2024-01-02 18:00 - 20:00",
    ]
    assert [bar.volume for bar, _ in account.watcher.shown] == [30, 120, 120, 120, 120, 30, 120, 120]


@pytest.mark.parametrize(
    ("timeframe", "bars"),
    [
        ("1Week", ["2024-03-25 09:30 - 16:00", "2024-04-01 09:30 - 16:00"]),  # ends on Thursday: Good Friday
        ("1Month", ["2024-03-01 09:30 - 16:00", "2024-04-01 09:30 - 16:00"]),
    ],
)
def test_weeks_and_months_have_the_sessions_of_their_dates(timeframe: str, bars: list[str]) -> None:
    """From the first open to the last close, which is when they come; what trades after hours is left out."""
    account = Account("XNYS", timeframe)
    days = ["2024-03-27", "2024-03-28", "2024-04-01", "2024-04-05", "2024-04-30"]
    for day in days:
        account.show(*minutes("XNYS", f"{day}T15:00", f"{day}T17:00"))
    assert account.bars()[: len(bars)] == bars
    first, shown_ns = account.watcher.shown[0]
    assert first.volume == 120
    assert first.time_ns == shown_ns == at("XNYS", "2024-03-28T16:00")


@pytest.mark.parametrize("midnight", ["UTC", "America/New_York"])
def test_a_week_of_days_has_the_days_of_the_week(midnight: str) -> None:
    """Daily bars dated with midnight in UTC or in New York belong to their date's session, and the week waits for its last."""
    account = Account("XNYS", "1Week", DAY_NS)
    zone = ZoneInfo(midnight)
    for number, date in enumerate(["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11"]):
        start_ns = int(dt.datetime.fromisoformat(date).replace(tzinfo=zone).timestamp()) * SECOND_NS
        account.show(
            Bar(
                "B", start_ns + 20 * HOUR_NS, start_ns + 19 * HOUR_NS, 1.0, 1.0, 1.0, 1.0, 1.0
            ),  # time goes by in another
            Bar("A", start_ns + DAY_NS, start_ns, 10.0 + number, 20.0 + number, 5.0 - number, 11.0 + number, 1.0),
        )
    week = next(bar for bar, _ in account.watcher.shown if bar.symbol == "A")
    assert (week.open, week.high, week.low, week.close, week.volume) == (10.0, 24.0, 1.0, 15.0, 5.0)


def test_a_bar_comes_when_its_period_is_over_whoever_tells_the_time() -> None:
    """A thin symbol's bar comes with the other symbol's bar of that very end, or with a tick of the clock after it."""
    account = Account("XNYS", "30Min")
    account.show(*minutes("XNYS", "2024-01-02T09:31", "2024-01-02T09:31"))
    account.show(*minutes("XNYS", "2024-01-02T09:58", "2024-01-02T09:58", "B"))
    assert account.bars() == []
    account.show(*minutes("XNYS", "2024-01-02T09:59", "2024-01-02T09:59", "B"))
    assert [(bar.symbol, shown_ns) for bar, shown_ns in account.watcher.shown] == [
        ("B", at("XNYS", "2024-01-02T10:00")),
        ("A", at("XNYS", "2024-01-02T10:00")),
    ]
    account.show(*minutes("XNYS", "2024-01-02T10:05", "2024-01-02T10:05"))
    on_heartbeat(account.state, Heartbeat(at("XNYS", "2024-01-02T10:30") + 1))
    assert account.bars()[-1] == "2024-01-02 10:00 - 10:30"


def test_a_live_bar_may_be_late_and_is_not_missed() -> None:
    """The clock is past the end by a second when the last minute comes: it belongs to its bar. One that is too late is left out."""
    account = Account("XNYS", "5Min", late_ns=10 * SECOND_NS)
    account.show(*minutes("XNYS", "2024-01-02T09:30", "2024-01-02T09:33"))
    end_ns = at("XNYS", "2024-01-02T09:35")
    on_heartbeat(account.state, Heartbeat(end_ns + SECOND_NS))
    assert account.bars() == []
    account.show(*minutes("XNYS", "2024-01-02T09:34", "2024-01-02T09:34"))
    assert [bar.volume for bar, _ in account.watcher.shown] == [5]
    account.show(*minutes("XNYS", "2024-01-02T09:35", "2024-01-02T09:36"))
    on_heartbeat(account.state, Heartbeat(end_ns + 311 * SECOND_NS))
    account.show(
        *minutes("XNYS", "2024-01-02T09:39", "2024-01-02T09:39"),
        *minutes("XNYS", "2024-01-02T09:40", "2024-01-02T09:44"),
    )
    assert [(bar.volume, shown_ns - end_ns) for bar, shown_ns in account.watcher.shown[1:]] == [
        (2, 311 * SECOND_NS),
        (5, 10 * MINUTE_NS),
    ]


def test_trades_and_quotes_beside_bars_are_not_counted_twice() -> None:
    """A feed that has bars has its longer bars built of these alone."""
    account = Account("XNYS", "5Min")
    start_ns = at("XNYS", "2024-01-02T09:30")
    for event in minutes("XNYS", "2024-01-02T09:30", "2024-01-02T09:34"):
        account.show(
            Quote("A", event.time_ns - 2 * SECOND_NS, 50.0, 1.0, 51.0, 1.0),
            Trade("A", event.time_ns - SECOND_NS, 99.0, 7.0),
            event,
        )
    assert [(bar.start_ns, bar.high, bar.volume) for bar, _ in account.watcher.shown] == [(start_ns, 1.0, 5.0)]


def test_bars_that_are_long_enough_are_shown_as_they_come_beside_those_that_are_built() -> None:
    """Minutes of one symbol are built into hours, days of another are shown as days."""
    account = Account("XNYS", "1Hour")
    midnight_ns = at("XNYS", "2024-01-02T00:00")
    account.show(
        *minutes("XNYS", "2024-01-02T09:30", "2024-01-02T10:29"),
        Bar("B", midnight_ns + DAY_NS, midnight_ns, 1, 2, 0.5, 1.5, 9),
    )
    assert account.bars() == ["2024-01-02 09:30 - 10:30", "2024-01-02 00:00 - 00:00"]


def test_hours_on_the_clock_are_known_when_the_last_of_them_is_over() -> None:
    """Bars that don't fit in: 10:00 to 11:00 reaches over the half, so the built bar's end is that of its last part."""
    account = Account("XNYS", "2Hour", HOUR_NS)
    for hour in range(9, 16):
        start_ns = at("XNYS", f"2024-01-02T{hour:02d}:00")
        account.show(
            Bar("A", start_ns + HOUR_NS, start_ns, 1.0, 1.0, 1.0, 1.0, 1.0),
        )
    assert (
        account.bars()
        == [
            "2024-01-02 09:30 - 12:00",
            "2024-01-02 11:30 - 14:00",
            "2024-01-02 13:30 - 16:00",
            "2024-01-02 15:30 - 16:00",
        ][: len(account.bars())]
    )
    assert all(shown_ns >= bar.time_ns for bar, shown_ns in account.watcher.shown)
    assert sum(bar.volume for bar, _ in account.watcher.shown) == 7
