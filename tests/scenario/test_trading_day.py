"""Risk follows the trading day of the account's own exchange, not the clock of the machine (item 25 of what users suffer from)."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from holdfast.calendars import trading_calendar
from holdfast.core import lifecycle
from holdfast.core.engine import step
from holdfast.core.engine.market import show
from holdfast.core.messages import Action, Bar, Envelope, Heartbeat, OrderFilled, RiskRefused
from holdfast.core.milestones import TradingDayStarted
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState, apply
from holdfast.core.types import HOUR_NS, MANUAL, MINUTE_NS, SECOND_NS, Money, OrderType
from tests.scenario.account import Account, new_state, price

NEW_YORK, MUMBAI, UTC = "America/New_York", "Asia/Kolkata", "UTC"
FIVE_PERCENT = RiskLimits(daily_loss_pct=Decimal(5))


def at(text: str, zone: str = NEW_YORK) -> int:
    """A local time in nanoseconds."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_NS


def bar_at(time_ns: int, close: float, symbol: str = "ABC") -> Bar:
    """A flat one-minute bar that ends then."""
    return Bar(symbol, time_ns, time_ns - MINUTE_NS, close, close, close, close, 1000.0)


def account_on(calendar: str, limits: RiskLimits | None = None) -> Account:
    """An account on an exchange's own calendar."""
    return Account(limits=limits, calendar=trading_calendar(calendar))


def standing(account: Account) -> AccountState:
    """The account's state now."""
    return account.state.account_state


def days(account: Account) -> list[str]:
    """The trading days that began."""
    return [day.trading_day for day in account.of(TradingDayStarted)]


@pytest.mark.parametrize(
    ("calendar", "zone", "last_bar", "still_the_day", "next_day"),
    [
        ("XNYS", NEW_YORK, "2024-07-10T15:00", "2024-07-10T20:30", "2024-07-11T00:00:01"),  # UTC midnight: 20:00 in New York
        ("XNYS", NEW_YORK, "2024-07-12T15:00", "2024-07-14T23:59", "2024-07-15T00:00:01"),  # two UTC midnights of a weekend
        ("XNYS", NEW_YORK, "2024-07-03T12:30", "2024-07-04T15:00", "2024-07-05T00:00:01"),  # half a day, then a holiday
        ("XNYS", NEW_YORK, "2024-03-08T15:00", "2024-03-10T23:59", "2024-03-11T00:00:01"),  # the clocks go forward
        ("XNYS", NEW_YORK, "2024-11-01T15:00", "2024-11-03T23:59", "2024-11-04T00:00:01"),  # and back
        ("XBOM", MUMBAI, "2024-07-10T15:00", "2024-07-10T23:59", "2024-07-11T00:00:01"),
        ("XBOM", MUMBAI, "2024-07-11T04:00", "2024-07-11T06:00", "2024-07-12T00:00:01"),  # UTC midnight: 05:30 in Mumbai
        ("XBOM", MUMBAI, "2024-10-31T15:00", "2024-10-31T23:59", "2024-11-01T17:59"),  # Diwali: a day for an hour's session
        ("XBOM", MUMBAI, "2023-11-10T15:00", "2023-11-11T23:59", "2023-11-12T18:20"),  # that hour on a Sunday
        ("24/7", UTC, "2024-07-13T15:00", "2024-07-13T23:59", "2024-07-14T00:00:01"),  # every midnight, weekends too
    ],
)  # fmt: skip
def test_item_25_a_loss_limit_lasts_until_the_exchange_s_own_next_day(
    calendar: str, zone: str, last_bar: str, still_the_day: str, next_day: str
) -> None:
    """A day's loss keeps the account from new risk across midnights elsewhere, and ends with the day itself."""
    account = account_on(calendar, FIVE_PERCENT)
    begins_ns = at(last_bar, zone)
    account.run(bar_at(begins_ns - HOUR_NS, 100.0))
    account.place(Action.BUY, 900)
    account.run(bar_at(begins_ns, 90.0), Heartbeat(begins_ns + HOUR_NS))
    assert standing(account) is AccountState.PRESERVATION
    account.run(Heartbeat(at(still_the_day, zone)))
    account.place(Action.BUY, 1)
    assert account.of(RiskRefused)[-1].rule == "account_state"
    assert len(days(account)) == 1
    account.run(Heartbeat(at(next_day, zone)))
    assert standing(account) is AccountState.IDLE
    assert len(days(account)) == 2
    assert account.state.day_start_equity == 91_000
    account.place(Action.BUY, 1)
    assert account.position(MANUAL) == 901


@pytest.mark.parametrize(
    ("calendar", "zone", "first", "last", "expected"),
    [
        ("XNYS", NEW_YORK, "2024-07-02", "2024-07-08", ["07-02", "07-03", "07-05", "07-08"]),
        ("XNYS", NEW_YORK, "2024-03-07", "2024-03-12", ["03-07", "03-08", "03-11", "03-12"]),
        ("XNYS", NEW_YORK, "2024-11-27", "2024-12-02", ["11-27", "11-29", "12-02"]),
        ("XBOM", MUMBAI, "2024-10-31", "2024-11-04", ["10-31", "11-01", "11-04"]),
        ("XBOM", MUMBAI, "2025-10-20", "2025-10-23", ["10-20", "10-21", "10-23"]),
        ("24/7", UTC, "2024-02-28", "2024-03-02", ["02-28", "02-29", "03-01", "03-02"]),
    ],
)
def test_item_25_each_trading_day_begins_once_whatever_the_hours(
    calendar: str, zone: str, first: str, last: str, expected: list[str]
) -> None:
    """Told the time every half hour over holidays, half days, clock changes and Muhurat: the exchange's days, each once."""
    account = account_on(calendar)
    for time_ns in range(at(f"{first}T00:30", zone), at(f"{last}T23:30", zone), 30 * MINUTE_NS):
        account.run(Heartbeat(time_ns))
    assert days(account) == [f"{first[:4]}-{date}" for date in expected]


def test_what_fills_first_on_a_new_day_counts_to_it() -> None:
    """An order fills before the market's first event has reached the engine: the day begins before the fill is booked."""
    account = account_on("XNYS")
    account.run(bar_at(at("2024-07-10T15:59"), 100.0))
    account.place(Action.BUY, 10, order_type=OrderType.LIMIT, limit_price=price(95), time_in_force="gtc")
    account.run(bar_at(at("2024-07-11T09:31"), 94.0))
    records = [type(record.body) for record in account.records]
    assert records.index(OrderFilled) > len(records) - 1 - records[::-1].index(TradingDayStarted)
    assert account.state.counters.opened_today == {"ABC": Decimal(10)}
    assert account.of(TradingDayStarted)[-1].day_start_equity == 100_000


def restarted(calendar: str, records: list[Envelope], *history: Bar) -> EngineState:
    """A process of its own that has the records, was shown some of the market, and may trade."""
    state = new_state(RiskLimits(), trading_calendar(calendar))
    for record in records:
        apply(state, record)
    for event in history:
        show(state, (event,))
    lifecycle.start(state, 2, "test", "test")
    lifecycle.warmed_up(state)
    lifecycle.recovered(state, lifecycle.nothing_recovered(state))
    return state


def first_equity(state: EngineState, time_ns: int) -> list[Decimal]:
    """The first equities of the days that begin as the engine is told the time, twice."""
    turns = [step(state, Heartbeat(time_ns)), step(state, Heartbeat(time_ns + SECOND_NS))]
    bodies = [record.body for turn in turns if turn is not None for record in turn.records]
    return [body.day_start_equity for body in bodies if isinstance(body, TradingDayStarted)]


def held_overnight() -> Account:
    """100 shares bought at 100, worth 110 when the process dies at 15:30."""
    account = account_on("XNYS")
    account.run(bar_at(at("2024-07-10T10:00"), 100.0))
    account.place(Action.BUY, 100)
    account.run(bar_at(at("2024-07-10T15:01"), 110.0))  # valued for the hour at the price before it
    account.run(bar_at(at("2024-07-10T16:00:01"), 110.0))
    account.run(Heartbeat(at("2024-07-10T16:01")))
    return account


def test_a_start_after_the_boundary_takes_the_last_value_before_it() -> None:
    """The market of the new day is known already as the day begins: its prices are no part of the day's first equity."""
    account = held_overnight()
    state = restarted("XNYS", account.records, bar_at(at("2024-07-11T09:45"), 70.0))
    assert first_equity(state, at("2024-07-11T10:00")) == [101_000]
    assert state.equity == 97_000


def test_a_start_after_the_boundary_counts_the_history_before_it() -> None:
    """What was shown ends before the boundary: its last prices are those of the day's beginning."""
    account = held_overnight()
    state = restarted("XNYS", account.records, bar_at(at("2024-07-10T19:59"), 120.0))
    assert first_equity(state, at("2024-07-11T10:00")) == [102_000]


def test_money_that_came_while_nobody_watched_is_in_the_first_equity() -> None:
    """A deposit after the last valuation moves it."""
    account = held_overnight()
    account.records += lifecycle.deposit(account.state, Money(Decimal(5_000)), "wire").records
    state = restarted("XNYS", account.records, bar_at(at("2024-07-11T09:45"), 70.0))
    assert first_equity(state, at("2024-07-11T10:00")) == [106_000]


def test_days_nobody_watched_do_not_begin_one_after_the_other() -> None:
    """Back after a week: the day that it is begins, once."""
    account = held_overnight()
    state = restarted("XNYS", account.records)
    assert len(first_equity(state, at("2024-07-18T10:00"))) == 1
    assert state.trading_day == "2024-07-18"


def test_a_restart_on_the_same_day_begins_no_day() -> None:
    """The day and its first equity are what they were, whatever the prices are now."""
    account = held_overnight()
    state = restarted("XNYS", account.records, bar_at(at("2024-07-10T17:00"), 50.0))
    assert first_equity(state, at("2024-07-10T19:00")) == []
    assert state.trading_day == "2024-07-10"
    assert state.day_start_equity == 100_000
