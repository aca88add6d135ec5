"""Round trips out of a journal, against those of a backtest, sums of cash by other arithmetic, and stories that the real core has lived."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from holdfast.assembly import build_feed
from holdfast.backtesting.run import Backtest
from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.messages import Action, OrderFilled, Report
from holdfast.core.types import MANUAL, MINUTE_NS, Money, Quantity, StrategyId
from holdfast.errors import InvalidValue
from holdfast.journal.reader import FillRow, Reader
from holdfast.runtime.compose import open_engine
from holdfast.views.trips import Trip, risk_of, trip_of, trips
from tests.scenario.account import Account, bar, price
from tests.scenario.kept import bust_of, kept, seen

CONFIG = """
[feed]
kind = "synthetic"
seed = 7
symbols = ["AVOR"]
days = 1
history_days = 0

[venue]
commission = { type = "per_share", rate = "0.005", minimum = "1" }

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = { fast = 5, slow = 15, quantity = 10, allow_short = true }
exits = { stop_loss_pct = 0.2 }
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A paper run that is over: longs and shorts, turned round and stopped out, with commissions."""
    path = tmp_path_factory.mktemp("trips") / "holdfast.toml"
    path.write_text(CONFIG)
    found = load_config(path)
    session = Session(found)
    with open_engine(found, session.watch) as engine:
        session.run(engine, None, session.news.clear)
    return found


@pytest.fixture
def reader(config: Config) -> Iterator[Reader]:
    """Its journal."""
    with Reader.open(config.journal.url) as opened:
        yield opened


def test_trips_are_those_of_the_same_backtest(config: Config, reader: Reader, tmp_path: Path) -> None:
    """Side, times, prices, profit and R of each: what statistics makes of a run is what a journal tells of it."""
    run = Backtest(config, config.accounts[0], build_feed(config), tmp_path)
    run.run()
    theirs = list(run.recorder.trips.rows())
    ours = [trip for trip in trips(reader, "house", "ema", "AVOR") if trip.is_over]
    assert len(ours) == len(theirs) > 20
    assert {trip.side for trip in ours} == {"long", "short"}
    for mine, entry in zip(ours, theirs, strict=True):
        assert (mine.side, mine.quantity) == (entry.side, entry.quantity)
        assert mine.exit_ns is not None
        assert 0 <= mine.exit_ns - entry.exit_ns <= MINUTE_NS  # an execution at a bar's open is recorded at its end
        assert (mine.profit, mine.fees) == (entry.profit, entry.fees)
        assert float(mine.entry_price) == pytest.approx(entry.entry_price)
        assert mine.exit_price is not None
        assert float(mine.exit_price) == pytest.approx(entry.exit_price)
        risk = risk_of(reader, mine)
        assert (risk is None) is (entry.risk is None)
        if risk is not None:
            assert float(risk) == pytest.approx(entry.risk)
    assert any(entry.risk for entry in theirs)


def by_cash(rows: list[FillRow]) -> Iterator[Fraction]:
    """What each stretch from flat to flat has brought in cash: no ledger, no cost, exact fractions. One that turns round is cut in two."""
    held = cash = Fraction(0)
    for row in rows:
        quantity, at = Fraction(row.quantity) * row.side.sign, Fraction(row.price)
        closing = -held if held * quantity < 0 and abs(quantity) > abs(held) else quantity
        cash -= closing * at + Fraction(row.fee) * closing / quantity
        held += closing
        if not held:
            yield cash
            held = quantity - closing
            cash = -held * at - Fraction(row.fee) * held / quantity


def test_profits_are_the_cash_that_came(reader: Reader) -> None:
    """Over every stretch from flat to flat, whatever it turned into."""
    rows = reader.fills_of("house", "ema", "AVOR")
    ours = [Fraction(trip.profit) for trip in trips(reader, "house", "ema", "AVOR") if trip.is_over]
    assert [round(profit, 8) for profit in ours] == [round(cash, 8) for cash in by_cash(rows)]


def test_all_trips_add_up_to_the_ledger(reader: Reader) -> None:
    """What the strategy has realised, less its fees."""
    (row,) = [row for row in reader.positions("house") if row.strategy == "ema"]
    assert sum(trip.profit for trip in trips(reader, "house", "ema", "AVOR")) == row.realised - row.fees


def story(account: Account, folder: Path, strategy: StrategyId = MANUAL, symbol: str = "ABC") -> list[Trip]:
    """What the journal of an account says of a strategy's trips."""
    with kept(account, folder) as reader:
        return trips(reader, "main", strategy, symbol)


def traded(*deals: tuple[Action, object, float], symbol: str = "ABC") -> Account:
    """A person's market orders, each filled at its price."""
    account = Account(symbols=(symbol,))
    for number, (action, quantity, at) in enumerate(deals, 1):
        account.run(bar(number, at, symbol=symbol))
        account.place(action, quantity, symbol=symbol)
    return account


def test_a_part_that_was_closed_has_its_own_profit(tmp_path: Path) -> None:
    """Of ten, four are sold at a gain; the trip is open, and only those four have made something."""
    account = traded((Action.BUY, 10, 100.0), (Action.SELL, 4, 110.0))
    with kept(account, tmp_path) as reader:
        orders = [row.client_order_id for row in reversed(reader.orders("main"))]
        trip = trip_of(reader, orders[1])
    assert trip is not None
    assert seen(trip.held, trip.quantity, trip.profit, trip.is_over) == (6, 10, 40, False)
    assert [seen(deal.opens, deal.quantity, deal.realised) for deal in trip.deals] == [(True, 10, 0), (False, 4, 40)]
    assert trip.of(orders[1]) == [trip.deals[1]]


def test_an_order_that_turns_a_position_round_is_of_two_trips(tmp_path: Path) -> None:
    """It ends one and begins the other; asked for the order, the one that it ended is told."""
    account = traded((Action.BUY, 10, 100.0), (Action.SELL, 25, 90.0), (Action.BUY, 15, 80.0))
    with kept(account, tmp_path) as reader:
        orders = [row.client_order_id for row in reversed(reader.orders("main"))]
        found = [trip_of(reader, order) for order in orders]
        first, second = trips(reader, "main", MANUAL, "ABC")
    assert found == [first, first, second]
    assert seen(first.side, first.profit, first.exit_price) == ("long", -100, 90)
    assert seen(second.side, second.quantity, second.profit) == ("short", 15, 150)


def test_an_entry_that_was_undone_was_never_there(tmp_path: Path) -> None:
    """Bought twice, one execution undone, the rest sold: the trip has the other's price and profit, as cash has it."""
    account = traded((Action.BUY, 10, 100.0), (Action.BUY, 10, 120.0))
    fill = account.of(OrderFilled)[1]
    account.take(Report(account.state.now_ns, bust_of(fill)))
    account.run(bar(3, 110.0))
    account.place(Action.SELL, 10)
    (trip,) = story(account, tmp_path)
    assert seen(trip.entry_price, trip.exit_price, trip.quantity, trip.profit) == (100, 110, 10, 100)
    assert account.state.portfolio.ledgers[MANUAL, "ABC"].earned == 100


def test_a_trip_whose_exit_was_undone_is_open_again(tmp_path: Path) -> None:
    """It is the same trip, with its entry; the books have a trade of its own for the undoing."""
    account = traded((Action.BUY, 10, 100.0), (Action.SELL, 10, 120.0))
    fill = account.of(OrderFilled)[1]
    with kept(account, tmp_path) as reader:
        assert [trip.profit for trip in trips(reader, "main", MANUAL, "ABC")] == [200]
    account.take(Report(account.state.now_ns, bust_of(fill)))
    with kept(account, tmp_path) as reader:
        (trip,) = trips(reader, "main", MANUAL, "ABC")
        assert trip_of(reader, fill.client_order_id) is None
    assert seen(trip.is_over, trip.held, trip.entry_price, trip.profit) == (False, 10, 100, 0)


def adjusted(account: Account, kind: AdjustmentKind, **said: object) -> None:
    """Let the account's books hear of a split or a dividend."""
    from holdfast.core.turn import Turn

    change = LedgerChange(MANUAL, Quantity(said.pop("quantity", Decimal(0))), Money(said.pop("amount", Decimal(0))))  # type: ignore[arg-type]
    turn = Turn(account.state)
    turn.record(AccountAdjusted(kind, "ABC", (change,), **said))  # type: ignore[arg-type]
    account._work(turn)


def test_a_split_and_a_dividend_belong_to_the_trip(tmp_path: Path) -> None:
    """Two for one halves the entry's price, and what was paid while it was held is earned."""
    account = traded((Action.BUY, 10, 100.0))
    adjusted(account, AdjustmentKind.SPLIT, quantity=Decimal(10), price=price(50), new=2, old=1)
    adjusted(account, AdjustmentKind.DIVIDEND, amount=Decimal(7))
    account.run(bar(2, 55.0))
    account.place(Action.SELL, 20)
    (trip,) = story(account, tmp_path)
    assert seen(trip.quantity, trip.opened, trip.entry_price, trip.exit_price) == (20, 20, 50, 55)
    assert trip.profit == 107


def test_strategies_and_symbols_are_kept_apart(tmp_path: Path) -> None:
    """One journal's trips are those of the strategy and the symbol that is asked for."""
    account = traded((Action.BUY, 10, 100.0), (Action.SELL, 10, 101.0))
    assert story(account, tmp_path, StrategyId("s0")) == []
    assert [trip.profit for trip in story(account, tmp_path, MANUAL)] == [10]


def test_an_order_that_is_not_there_is_named(reader: Reader) -> None:
    """With what lists those that are."""
    with pytest.raises(InvalidValue, match="no order 'nope'; `holdfast orders`"):
        trip_of(reader, "nope")


def test_a_trip_without_a_stop_has_no_risk(tmp_path: Path) -> None:
    """And one of which every entry had one has the sum of what they would have lost."""
    account = Account().run(bar(1, 100.0))
    account.place(Action.BUY, 10, stop_loss=price(98))
    account.run(bar(2, 101.0))
    account.place(Action.BUY, 10, stop_loss=price(99))
    with kept(account, tmp_path) as reader:
        (trip,) = trips(reader, "main", MANUAL, "ABC")
        assert risk_of(reader, trip) == 10 * 2 + 10 * 2
    account.run(bar(3, 102.0))
    account.place(Action.BUY, 1)
    with kept(account, tmp_path) as reader:
        (trip,) = trips(reader, "main", MANUAL, "ABC")
        assert risk_of(reader, trip) is None


def test_counted_by_symbol(reader: Reader) -> None:
    """No execution is lost: each is in one trip, or cut in two parts that add up."""
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for trip in trips(reader, "house", "ema", "AVOR"):
        for deal in trip.deals:
            quantities[deal.client_order_id] += deal.quantity
    assert quantities == {
        row.client_order_id: row.filled_quantity for row in reader.orders("house") if row.filled_quantity
    }
