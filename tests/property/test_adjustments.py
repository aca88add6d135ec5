"""Properties of what is booked without a trade: the books balance to the last digit, and each kind moves what it should."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import Money, Price, Quantity, Side, StrategyId
from tests.budget import examples
from tests.property.test_core_portfolio import booked, deals, prices

amounts = st.integers(-(10**8), 10**8).map(lambda number: Decimal(number) / 100)
adjustments = st.tuples(
    st.sampled_from(list(AdjustmentKind)),
    st.sampled_from(["A", "B", CASH]),
    st.sampled_from(["s1", "s2", "external"]),
    st.fractions(Fraction(-1), Fraction(3)),
    amounts,
    prices,
)


def adjust(portfolio: Portfolio, kind: AdjustmentKind, symbol: str, who: str, share: Fraction, *rest: Decimal) -> None:
    """Let a share of what a strategy holds come or go, and money."""
    amount, price = rest
    held = portfolio.strategy_quantity(StrategyId(who), symbol)
    quantity = (held * share.numerator / share.denominator).quantize(Decimal("1e-9"))
    change = LedgerChange(StrategyId(who), Quantity(quantity), Money(amount))
    portfolio.adjust(AccountAdjusted(kind, symbol, (change,), Price(price)))


@settings(max_examples=examples())
@given(deals, st.lists(adjustments, max_size=8), prices, prices)
def test_the_books_balance_exactly_with_adjustments(
    story: list[Any], more: list[Any], mark_a: Decimal, mark_b: Decimal
) -> None:
    """Cash + positions = deposits + realised + unrealised - fees, and the ledgers still add up to the account's lines."""
    portfolio = booked(Decimal(1_000_000), story)
    marks = {"A": Price(mark_a), "B": Price(mark_b)}
    for adjustment in more:
        adjust(portfolio, *adjustment)
        value = portfolio.value(marks.get)
        right = [portfolio.deposits, value.realised, value.unrealised, -value.fees]
        assert Fraction(value.equity) == sum(map(Fraction, right))
    for symbol, line in portfolio.lines.items():
        ledgers = [ledger for (_, traded), ledger in portfolio.ledgers.items() if traded == symbol]
        assert sum(Fraction(ledger.quantity) for ledger in ledgers) == Fraction(line.quantity)
        assert sum(Fraction(ledger.fees) for ledger in ledgers) == Fraction(line.fees)
        split = sum(Fraction(ledger.realised) - Fraction(ledger.cost) for ledger in ledgers)
        assert split == Fraction(line.realised) - Fraction(line.cost)
        assert line.quantity or not line.cost


def one(kind: AdjustmentKind, quantity: object = 0, amount: object = 0, price: object = None, symbol: str = "A") -> Any:
    """Ten bought at 100 by s1 with 5,000 in cash, and one adjustment after that."""
    portfolio = booked(Decimal(5_000), [("s1", "A", _BUY, Decimal(10), Decimal(100), Decimal(0))])
    change = LedgerChange(StrategyId("s1"), Quantity(Decimal(str(quantity))), Money(Decimal(str(amount))))
    at = None if price is None else Price(Decimal(str(price)))
    portfolio.adjust(AccountAdjusted(kind, symbol, (change,), at))
    value = portfolio.value({"A": Price(Decimal(110))}.get)
    ledger = portfolio.ledgers[StrategyId("s1"), symbol]
    return {
        "cash": value.cash,
        "deposits": portfolio.deposits,
        "realised": value.realised,
        "fees": value.fees,
        "held": portfolio.quantity("A"),
        "cost": portfolio.lines["A"].cost,
        "whose": (ledger.realised, ledger.fees),
    }


_BUY = Side.BUY
BEFORE = {"cash": 4_000, "deposits": 5_000, "realised": 0, "fees": 0, "held": 10, "cost": 1_000}


@pytest.mark.parametrize(
    ("kind", "asked", "changed"),
    [
        (
            "fee",
            {"amount": "-0.02"},
            {"cash": Decimal("3999.98"), "fees": Decimal("0.02"), "whose": (0, Decimal("0.02"))},
        ),
        # a quarter of a percent of the coins, at 110: they cost 2.50 and were worth 2.75
        (
            "fee",
            {"quantity": "-0.025", "price": 110},
            {
                "held": Decimal("9.975"),
                "cost": Decimal("997.5"),
                "fees": Decimal("2.75"),
                "realised": Decimal("0.25"),
                "whose": (Decimal("0.25"), Decimal("2.75")),
            },
        ),
        ("dividend", {"amount": 3}, {"cash": 4_003, "realised": 3, "whose": (3, 0)}),
        (
            "dividend",
            {"amount": "-0.9"},
            {"cash": Decimal("3999.1"), "realised": Decimal("-0.9"), "whose": (Decimal("-0.9"), 0)},
        ),
        ("interest", {"amount": 1, "symbol": CASH}, {"cash": 4_001, "realised": 1, "whose": (1, 0)}),
        ("transfer", {"amount": 500, "symbol": CASH}, {"cash": 4_500, "deposits": 5_500, "whose": (0, 0)}),
        ("transfer", {"quantity": 5, "price": 110}, {"held": 15, "cost": 1_550, "deposits": 5_550, "whose": (0, 0)}),
        ("split", {"quantity": 30, "price": "27.5"}, {"held": 40, "whose": (0, 0)}),
        # one for twenty: the half share that is left over is paid for, and what it cost goes with it
        (
            "split",
            {"quantity": -10, "amount": 990},
            {"held": 0, "cost": 0, "cash": 4_990, "realised": -10, "whose": (-10, 0)},
        ),
    ],
)
def test_each_kind_moves_what_it_should(kind: str, asked: dict[str, Any], changed: dict[str, Any]) -> None:
    """Figures reckoned by hand, of ten shares bought at 100 that stand at 110."""
    assert one(AdjustmentKind(kind), **asked) == BEFORE | changed
