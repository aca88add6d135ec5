"""What limits count by the day and over time: losing round trips in a row, day trades, the day's start and the peak."""

from decimal import Decimal

import pytest

from holdfast.core.messages import Action, CashDeposited, FillBusted, OrderFilled, PnlSnapshot, Report
from holdfast.core.milestones import TradingDayStarted
from holdfast.core.session.counters import ACCOUNT, Counters
from holdfast.core.turn import Turn
from holdfast.core.types import DAY_NS, MANUAL, Money, StrategyId
from holdfast.venue.models import PerOrder
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import START_NS, Account, bar

S0, S1 = StrategyId("s0"), StrategyId("s1")


def trades(*story: tuple[int, int]) -> Counters:
    """A symbol's trades (day, signed quantity), each day begun in turn; what is counted after them."""
    counters, held, today = Counters(), Decimal(0), 0
    counters.begin_day({}, "")
    for day, quantity in story:
        while today < day:
            today += 1
            counters.begin_day({}, f"2024-01-{max(today - 4, 0):02}")
        counters.trade("ABC", held, Decimal(quantity), f"2024-01-{today:02}")
        held += quantity
    return counters


@pytest.mark.parametrize(
    ("story", "day_trades"),
    [
        ([(1, 100), (1, -100)], 1),
        ([(1, 100), (1, -50), (1, -50)], 1),  # in two parts: still one
        ([(1, 60), (1, 40), (1, -100)], 1),
        ([(1, 100), (1, -100), (1, 100), (1, -100)], 2),
        ([(1, 100), (1, -50), (1, 50), (1, -100)], 2),
        ([(1, -100), (1, 100)], 1),  # sold short and bought back
        ([(1, 100), (2, -100)], 0),  # held overnight
        ([(1, 100), (2, -100), (2, 100)], 0),  # sold prior to any new purchase
        ([(1, 100), (2, -100), (2, 100), (2, -100)], 1),
        ([(1, 100), (2, 10), (2, -10)], 1),  # bought more today: what is sold is that
        ([(1, 100), (1, -150)], 1),  # through zero: the close is one, and what is open now is new
        ([(1, 100), (1, -150), (1, 50)], 2),
        ([(1, 100), (2, -150), (2, 50)], 1),
        ([(1, 100), (1, 100)], 0),
    ],
)
def test_day_trades_are_counted_as_finra_does(story: list[tuple[int, int]], day_trades: int) -> None:
    """Opened and closed on one day; parts of one close are one; what was held overnight is none."""
    assert len(trades(*story).day_trades) == day_trades


def test_a_day_trade_is_forgotten_after_five_days() -> None:
    """It counts on its own day and the four after it."""
    assert trades((1, 100), (1, -100), (5, 10)).day_trades == ["2024-01-01"]
    assert trades((1, 100), (1, -100), (6, 10)).day_trades == []


def round_trip(account: Account, first: int, entry: float, out: float, symbol: str = "ABC", quantity: int = 10) -> None:
    """A person buys at one price and sells at another; each order fills at the last close."""
    account.closes(first, entry, symbol=symbol)
    account.place(Action.BUY, quantity, symbol)
    account.closes(first + 1, out, symbol=symbol)
    account.place(Action.SELL, quantity, symbol)
    assert account.position(MANUAL, symbol) == 0


def test_losing_round_trips_in_a_row_are_counted_until_one_loses_nothing() -> None:
    """Two lost, one broken even, one lost: the row is 0, 1, 2, 0, 1, for the strategy and for the account."""
    account = Account()
    rows = []
    for number, out in enumerate((110.0, 90.0, 99.99, 100.0, 99.0)):
        round_trip(account, 10 * number + 1, 100.0, out)
        rows.append((account.state.counters.loss_streaks[MANUAL], account.state.counters.loss_streaks[ACCOUNT]))
    assert rows == [(0, 0), (1, 1), (2, 2), (0, 0), (1, 1)]


def test_a_row_ends_with_the_trading_day() -> None:
    """What was lost yesterday bars no entry today: a limit on the row would otherwise hold for ever."""
    counters = Counters()
    counters.end_trip(S0, "ABC", Money(Decimal(-5)))
    counters.begin_day({}, "")
    assert counters.loss_streaks == {}


def test_each_strategy_has_a_row_of_its_own_and_the_account_all_of_them() -> None:
    """What one strategy wins leaves another's row standing; the account's row is broken by it."""
    counters = Counters()
    counters.end_trip(S0, "ABC", Money(Decimal(-5)))
    counters.end_trip(S1, "ABC", Money(Decimal(7)))
    counters.end_trip(S0, "XYZ", Money(Decimal(-1)))
    assert counters.loss_streaks == {S0: 2, S1: 0, ACCOUNT: 1}
    counters.end_trip(S0, "ABC", Money(Decimal(-5)))  # no more, no less than before: this trip broke even
    assert counters.loss_streaks == {S0: 0, S1: 0, ACCOUNT: 0}


def test_fees_make_a_trip_lose() -> None:
    """Out at a little more than it went in, and more than the little is paid for it."""
    account = Account(venue=VenueSettings(commission=PerOrder(amount=Decimal(1))))
    round_trip(account, 1, 100.0, 100.21)
    assert account.state.counters.loss_streaks[MANUAL] == 0
    round_trip(account, 4, 100.0, 100.19)
    assert account.state.counters.loss_streaks[MANUAL] == 1


def test_a_trip_whose_execution_is_undone_is_neither_won_nor_lost() -> None:
    """The only execution of an entry is undone: flat again, and the next trip is judged by its own result."""
    account = Account().closes(1, 100.0)
    account.place(Action.BUY, 10)
    account.closes(2, 100.0)
    (fill,) = account.of(OrderFilled)
    bust = FillBusted(fill.client_order_id, fill.execution_id, "ABC", fill.side, fill.quantity, fill.price, fill.fee)
    account.take(Report(account.state.now_ns, bust))
    assert account.position(MANUAL) == 0
    assert account.state.counters.loss_streaks == {}
    round_trip(account, 3, 100.0, 101.0)
    assert account.state.counters.loss_streaks[MANUAL] == 0


@pytest.mark.parametrize("amount", [20_000, -20_000])
def test_money_from_outside_is_neither_a_gain_nor_a_loss_of_the_day(amount: int) -> None:
    """The day's first equity and the peak move with a deposit and a withdrawal; the next day begins with what there is."""
    account = Account().closes(1, 100.0)
    account.place(Action.BUY, 100)
    account.closes(2, 100.0, 110.0)
    turn = Turn(account.state, "test")
    turn.record(CashDeposited(Money(Decimal(amount))))
    account.closes(61, 110.0)
    assert account.state.day_start_equity == 100_000 + amount
    assert account.state.counters.peak_equity == 101_000 + amount
    assert account.of(PnlSnapshot)[-1].day_start_equity == 100_000 + amount
    account.run(bar(60 * 24 + 1, 110.0))
    assert account.of(TradingDayStarted)[-1].day_start_equity == 101_000 + amount


def test_a_new_day_forgets_what_was_opened_and_remembers_day_trades() -> None:
    """Counted through the engine: a day trade of today is there tomorrow, with the date of its day."""
    account = Account()
    round_trip(account, 1, 100.0, 101.0)
    account.place(Action.BUY, 5)
    account.closes(5, 101.0)
    assert account.state.counters.opened_today == {"ABC": Decimal(5)}
    account.run(bar(60 * 24 + 1, 101.0))
    assert account.state.now_ns > START_NS + DAY_NS
    assert account.state.counters.opened_today == {}
    assert account.state.counters.day_trades == ["day 0"]
    assert account.of(TradingDayStarted)[-1].day_trades_from == "day -1"
