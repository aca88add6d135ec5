"""Ledgers against an oracle that matches each unit by hand: what a round trip earns, and whose it is."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import Side, StrategyId
from tests.budget import examples
from tests.property.test_core_portfolio import fill

whole = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(list(Side)),
        st.integers(1, 60),
        st.integers(1, 40_000).map(lambda cents: Decimal(cents) / 100),
        st.integers(0, 200).map(lambda cents: Decimal(cents) / 100),
    ),
    max_size=20,
)


class Oracle:
    """One position, average-cost method, in fractions: realised = (exit - entry) x quantity x sign, fees apart."""

    def __init__(self) -> None:
        self.held = self.entry = self.realised = Fraction(0)

    def trade(self, signed: int, price: Fraction) -> None:
        """One execution: what closes realises its difference, what opens moves the average entry."""
        sign = 1 if self.held > 0 else -1
        closing = min(abs(self.held), Fraction(abs(signed))) if self.held * signed < 0 else Fraction(0)
        self.realised += (price - self.entry) * closing * sign
        opening = abs(signed) - closing
        kept = abs(self.held) - closing
        if opening:
            self.entry = (self.entry * kept + price * opening) / (kept + opening)
        self.held += signed


@settings(max_examples=examples())
@given(whole)
def test_realised_profit_is_what_each_close_earned_and_ledgers_sum_at_every_step(story: list[Any]) -> None:
    """Long, short and through zero: after every fill each ledger is the oracle's, fees apart, and all sum to the line."""
    portfolio = Portfolio()
    oracles = {name: Oracle() for name in ("one", "two", "three")}
    for number, (name, side, quantity, price, fee) in enumerate(story, 1):
        ledger = portfolio.book(StrategyId(name), fill("ABC", side, Decimal(quantity), price, fee))
        oracle = oracles[name]
        oracle.trade(quantity * side.sign, Fraction(price))
        assert Fraction(ledger.quantity) == oracle.held
        assert abs(Fraction(ledger.realised) - oracle.realised) <= Fraction(number, 10**9)
        ledgers = [portfolio.strategy_quantity(StrategyId(who), "ABC") for who in oracles]
        assert sum(ledgers, Decimal(0)) == portfolio.quantity("ABC")
    assert portfolio.fees == sum((deal[4] for deal in story), Decimal(0))
