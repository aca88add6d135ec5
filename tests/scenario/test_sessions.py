"""Sessions for strategies: when they open and close, what is known then, and what an account is worth."""

from decimal import Decimal
from typing import Any

from holdfast.core.messages import Bar, Heartbeat
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.api import Context, Session, Strategy
from holdfast.core.strategy.order_kinds import Limit
from holdfast.core.types import HOUR_NS, Money
from tests.scenario.account import DAYS, OFFICE_HOURS, START_NS, Account, bar, minute

NINE, FIVE = 9 * 60, 17 * 60
"""The minutes of a day at which an office opens and closes."""


class Clerk(Strategy):
    """Notes sessions and bars as they come, and what it can read then."""

    def __init__(self) -> None:
        super().__init__(None)
        self.seen: list[Any] = []
        self.read: list[Any] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append((bar.time_ns - START_NS) // 60_000_000_000)
        self.read.append((context.is_open, context.minutes_to_close))

    def on_session(self, context: Context, session: Session) -> None:
        assert context.time_ns == session.time_ns
        self.seen.append((session.phase.value, session.date, context.price("ABC")))


def at(*minutes: int) -> list[Bar]:
    """A bar that ends at each of these minutes; its close is the minute."""
    return [bar(number, float(number)) for number in minutes]


def test_a_session_opens_and_closes_after_all_of_its_time_and_before_what_is_later() -> None:
    """At the open the last price is that of the bar that ends with it: nothing later is known."""
    clerk = Clerk()
    Account(clerk, calendar=OFFICE_HOURS).run(*at(NINE - 1, NINE, NINE + 1, FIVE - 1, FIVE, FIVE + 1))
    assert clerk.seen == [
        NINE - 1,
        NINE,
        ("open", "day 0", float(NINE)),
        NINE + 1,
        FIVE - 1,
        FIVE,
        ("close", "day 0", float(FIVE)),
        FIVE + 1,
    ]
    assert clerk.read[0] == (False, None)
    assert clerk.read[2] == (True, float(FIVE - NINE - 1))
    assert clerk.read[3] == (True, 1.0)
    assert clerk.read[4] == (False, None)


def test_where_no_data_comes_a_heartbeat_brings_it() -> None:
    """Live the clock goes on without the market: the open is told at its own time."""
    clerk = Clerk()
    Account(clerk, calendar=OFFICE_HOURS).run(*at(NINE - 1), Heartbeat(minute(NINE) + 1))
    assert clerk.seen == [NINE - 1, ("open", "day 0", float(NINE - 1))]


def test_data_that_begins_within_a_session_has_its_open_first() -> None:
    """A file of bars that begins with the open loses none."""
    clerk = Clerk()
    Account(clerk, calendar=OFFICE_HOURS).run(*at(NINE + 1))
    assert clerk.seen == [("open", "day 0", None), NINE + 1]


def test_a_day_without_data_opens_and_closes_too() -> None:
    """The calendar says so, not the data."""
    clerk = Clerk()
    Account(clerk, calendar=OFFICE_HOURS).run(*at(NINE - 1), bar(2 * 24 * 60 + NINE - 1, 5.0))
    assert [one[:2] for one in clerk.seen if isinstance(one, tuple)] == [
        ("open", "day 0"),
        ("close", "day 0"),
        ("open", "day 1"),
        ("close", "day 1"),
    ]


def test_a_market_that_never_closes_has_no_sessions() -> None:
    """It is open, and there is no close to wait for."""
    clerk = Clerk()
    Account(clerk, calendar=DAYS).run(*at(1, 24 * 60 + 1, 48 * 60 + 1))
    assert clerk.seen == [1, 24 * 60 + 1, 48 * 60 + 1]
    assert set(clerk.read) == {(True, None)}


def test_in_a_break_nothing_is_open_but_the_session_goes_on() -> None:
    """A pause at noon is no close."""
    pause = tuple(day.open_ns + hours * HOUR_NS for day in OFFICE_HOURS.days[1:2] for hours in (3, 4))
    days = [
        type(day)(day.date, day.start_ns, day.open_ns, day.close_ns, pause if day.date == "day 0" else None)  # type: ignore[arg-type]
        for day in OFFICE_HOURS.days
    ]
    clerk = Clerk()
    Account(clerk, calendar=TradingCalendar("noon", days)).run(*at(NINE + 179, NINE + 180, NINE + 239, NINE + 240))
    assert [is_open for is_open, _ in clerk.read] == [True, False, False, True]
    assert [one for one in clerk.seen if isinstance(one, tuple)] == [("open", "day 0", None)]


class Banker(Strategy):
    """Buys at its first bar, bids at its second, and notes what the account is worth at each."""

    def __init__(self) -> None:
        super().__init__(None)
        self.worth: list[tuple[Decimal, Decimal]] = []
        self.held: list[tuple[Decimal, Decimal, Decimal]] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.worth.append((context.equity, context.buying_power))
        held = context.position(bar.symbol)
        self.held.append((held.quantity, held.cost, held.unrealised))
        if len(self.worth) == 1:
            context.buy(bar.symbol, 100)
        elif len(self.worth) == 2:
            context.buy(bar.symbol, 50, order=Limit(50))


def test_a_contract_earns_its_multiplier() -> None:
    """What a position would earn is counted as the books count it."""
    banker = Banker()
    account = Account(banker).closes(1, 100, 100)
    ledger = account.state.portfolio.ledgers[next(iter(account.state.portfolio.ledgers))]
    ledger.multiplier, ledger.cost = Decimal(50), Money(Decimal(100 * 100 * 50))
    account.closes(3, 101)
    assert banker.held[2][2] == Decimal(100 * 50)


def test_equity_buying_power_and_what_a_position_would_earn() -> None:
    """Open orders count as filled; prices move all three."""
    banker = Banker()
    Account(banker, limits=RiskLimits(leverage=Decimal(2))).closes(1, 100, 110, 90)
    assert [equity for equity, _ in banker.worth] == [Decimal(100_000), Decimal(101_000), Decimal(99_000)]
    powers = [power for _, power in banker.worth]
    assert powers[0] == Decimal(200_000)
    assert powers[1] == Decimal(2 * 101_000 - 100 * 110)
    assert powers[2] == Decimal(2 * 99_000 - 150 * 90)
    assert banker.held[1] == (Decimal(100), Decimal(10_000), Decimal(1_000))
    assert banker.held[2][2] == Decimal(-1_000)
