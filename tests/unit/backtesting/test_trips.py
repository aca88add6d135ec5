"""Round trips from fills: profits by an independent sum of cash, and the worst and best of what each bar can say."""

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from holdfast.backtesting.trips import TripEntry, Trips, When
from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.messages import Bar, FillBusted, OrderFilled, OrderTerms, PositionChanged
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.portfolio.portfolio import reversal
from holdfast.core.types import ClientOrderId, Money, OrderRole, Price, Quantity, Side, StrategyId

ONE = StrategyId("one")


class Books:
    """Ledgers, and the trips that follow them."""

    def __init__(self, unit: str = "1") -> None:
        self.unit = Decimal(unit)
        self.over: list[TripEntry] = []
        self.trips = Trips(self.over.append, lambda _symbol: self.unit, lambda _symbol, amount: amount)
        self.ledgers: dict[tuple[StrategyId, str], Ledger] = defaultdict(lambda: Ledger(multiplier=self.unit))
        self.time_ns = 0

    def fill(
        self, quantity: str, price: str, *, fee: str = "0", strategy: StrategyId = ONE, symbol: str = "X",
        when: When = When.AFTER, instant: tuple[Bar, ...] = (), role: OrderRole = OrderRole.ENTRY, stop: str | None = None,
    ) -> OrderFilled:  # fmt: skip
        """Book so much, signed, and tell."""
        signed = Decimal(quantity)
        side = Side.BUY if signed > 0 else Side.SELL
        fill = OrderFilled(
            ClientOrderId("o"), "e", symbol, side, Quantity(abs(signed)), Price(Decimal(price)), Money(Decimal(fee))
        )
        terms = OrderTerms(
            ClientOrderId("o"),
            strategy,
            symbol,
            side,
            fill.quantity,
            role=role,
            stop_loss=None if stop is None else Price(Decimal(stop)),
        )
        self.book(fill, terms, when, instant)
        return fill

    def book(
        self, fill: OrderFilled, terms: OrderTerms, when: When = When.AFTER, instant: tuple[Bar, ...] = ()
    ) -> None:
        book = self.ledgers[terms.strategy, fill.symbol]
        book.book(fill.quantity * fill.side.sign, fill.price, fill.fee)
        none = (Quantity(Decimal(0)), Money(Decimal(0)))
        change = PositionChanged(terms.strategy, fill.symbol, book.quantity, book.cost, book.realised, book.fees, *none)
        self.time_ns += 1
        self.trips.filled(fill, terms, change, self.time_ns, when, instant)

    def bar(
        self, low: float, high: float, *, open_: float | None = None, close: float | None = None, symbol: str = "X"
    ) -> Bar:
        self.time_ns += 10
        begin = low if open_ is None else open_
        return Bar(symbol, self.time_ns, self.time_ns - 10, begin, high, low, high if close is None else close, 1.0)

    def see(self, *bars: Bar) -> None:
        self.trips.see(bars)

    def earned(self, prices: dict[str, Decimal]) -> Decimal:
        """Of all trips, over and open, at these prices."""
        return sum((trip.profit for trip in (*self.over, *self.trips.still_open(prices.get))), Decimal(0))


def figures(trip: TripEntry, names: str) -> list[object]:
    """Fields of a trip; what is exact as the float it is nearest to."""
    values = [getattr(trip, name) for name in names.split()]
    return [float(value) if isinstance(value, Decimal) else value for value in values]


def test_random_fills_add_up_exactly() -> None:
    """Three thousand fills of three strategies in two symbols: the sum of the trips is the cash that moved and what is held, to the last digit."""
    chance, books = random.Random(7), Books()
    cash = Fraction(0)
    held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for _ in range(3000):
        strategy, symbol = StrategyId(chance.choice("abc")), chance.choice("XY")
        goal = Fraction(chance.choice(["0", "1", "-1", "2.5", "-3", "7", "-8"]))
        quantity = str(float(goal - held[strategy, symbol]))
        if not float(quantity):
            continue
        price, fee = f"{chance.uniform(50, 150):.2f}", f"{chance.uniform(0, 2):.3f}"
        books.fill(quantity, price, fee=fee, strategy=strategy, symbol=symbol)
        books.see(books.bar(40, 160, symbol=symbol))
        cash -= Fraction(quantity) * Fraction(price) + Fraction(fee)
        held[strategy, symbol] = goal
    prices = {"X": Decimal("101.37"), "Y": Decimal("77.01")}
    worth = cash + sum(quantity * Fraction(prices[symbol]) for (_, symbol), quantity in held.items())
    assert Fraction(books.earned(prices)) == worth
    assert len(books.over) > 300
    assert all(trip.worst <= 0 <= trip.best for trip in books.over)


def test_a_position_that_turns_is_two_trips_and_its_fee_is_split() -> None:
    """Two long at 100, five sold at 110 for a fee of 5, the three short bought back at 105."""
    books = Books()
    books.fill("2", "100")
    books.fill("-5", "110", fee="5")
    books.fill("3", "105")
    long, short = books.over
    assert figures(long, "side quantity profit fees") == ["long", 2, 18, 2]
    assert figures(short, "side quantity profit fees") == ["short", 3, 12, 3]
    assert figures(short, "entry_price exit_price") == [110, 105]


def test_more_of_the_same_and_parts_are_one_trip() -> None:
    """One at 100 and three at 104, sold in halves: averages of what was opened and closed, and the largest that was held."""
    books = Books(unit="50")
    for quantity, price in (("1", "100"), ("3", "104"), ("-2", "105"), ("-2", "107")):
        books.fill(quantity, price)
    (trip,) = books.over
    assert figures(trip, "entry_price exit_price quantity profit") == [103, 106, 4, 600]


def test_what_was_undone_goes_back_into_the_trips() -> None:
    """The exit is busted: the position is open again, and the sum is that of the entry alone."""
    books = Books()
    books.fill("10", "100")
    gone = books.fill("-10", "120", fee="1")
    bust = FillBusted(gone.client_order_id, "e", "X", gone.side, gone.quantity, gone.price, gone.fee)
    terms = OrderTerms(ClientOrderId("o"), ONE, "X", Side.SELL, gone.quantity)
    books.book(reversal(bust), terms)
    assert books.earned({"X": Decimal(90)}) == -100


def test_dividends_and_splits_belong_to_the_trip() -> None:
    """Ten at 100, a dividend of 5 and two for one: sold at 55 each the trip has earned 105, and was had at 50."""
    books = Books()
    books.fill("10", "100")
    books.see(books.bar(100, 100))
    book = books.ledgers[ONE, "X"]
    for kind, quantity, amount in ((AdjustmentKind.DIVIDEND, 0, 5), (AdjustmentKind.SPLIT, 10, 0)):
        change = LedgerChange(ONE, Quantity(Decimal(quantity)), Money(Decimal(amount)))
        new = 2 if kind is AdjustmentKind.SPLIT else 1
        book.adjust(change.quantity, change.amount)
        books.trips.adjusted(AccountAdjusted(kind, "X", (change,), new=new), books.time_ns, 100 / new)
    books.see(books.bar(45, 56))
    books.fill("-20", "55")
    (trip,) = books.over
    assert figures(trip, "profit quantity entry_price exit_price") == [105, 20, 50, 55]
    assert figures(trip, "worst best") == pytest.approx([20 * 45 - 1000 + 5, 20 * 56 - 1000 + 5])


LONG: list[tuple[str, dict[str, Any], float, float]] = [
    # what the bar (open 100, high 110, low 90, close 105) says of 1 long or short that was had in it, or before
    ("had at its close", {"entry": ("1", "105", When.AFTER)}, 0, 0),
    ("had at its open", {"entry": ("1", "100", When.OPEN)}, -10, 10),
    ("had within it", {"entry": ("1", "95", When.WITHIN)}, -5, 10),
    ("short within it", {"entry": ("-1", "108", When.WITHIN)}, -2, 3),
    ("sold at its open", {"exit": ("-1", "100", When.OPEN)}, 0, 0),
    ("sold at its close", {"exit": ("-1", "105", When.AFTER)}, -10, 10),
    ("stopped within it", {"exit": ("-1", "96", When.WITHIN)}, -4, 0),
    ("sold at a target within it", {"exit": ("-1", "108", When.WITHIN)}, -10, 8),
    ("had at its open and stopped", {"entry": ("1", "100", When.OPEN), "exit": ("-1", "97", When.WITHIN)}, -3, 0),
    (
        "had at its open and sold at its close",
        {"entry": ("1", "100", When.OPEN), "exit": ("-1", "105", When.AFTER)},
        -10,
        10,
    ),
]


@pytest.mark.parametrize(("what", "fills", "worst", "best"), LONG, ids=[row[0] for row in LONG])
def test_a_bar_counts_as_far_as_it_can_be_told(what: str, fills: dict[str, Any], worst: float, best: float) -> None:
    """Where a bar can't say what came before a fill and what after, the worse counts."""
    books = Books()
    if "entry" not in fills:
        books.fill("1", "100")
        books.see(books.bar(100, 100))
    bar = books.bar(90, 110, open_=100, close=105)
    for name in ("entry", "exit"):
        if name in fills:
            quantity, price, when = fills[name]
            books.fill(quantity, price, when=when, instant=(bar,))
    books.see(bar)
    if "exit" not in fills:
        quantity, price, _ = fills["entry"]
        books.fill(str(-Decimal(quantity)), price, when=When.OPEN)
    (trip,) = books.over
    assert figures(trip, "worst best") == [worst, best]


def test_what_was_at_risk_is_by_the_stops_of_the_entries() -> None:
    """Two at 100 with a stop at 95 and one at 104 with one at 100 risk 14; an entry without a stop risks what nobody knows."""
    books = Books()
    books.fill("2", "100", stop="95")
    books.fill("1", "104", stop="100")
    books.fill("-3", "99", role=OrderRole.STOP_LOSS)
    books.fill("1", "100", stop="95")
    books.fill("1", "100")
    books.fill("-2", "101")
    assert [(trip.risk, trip.exit_role) for trip in books.over] == [(14, "stop_loss"), (None, "entry")]
