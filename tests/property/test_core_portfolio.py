"""Properties of the books: they balance to the last digit, whatever is traded at whatever price."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.messages import OrderFilled
from holdfast.core.portfolio.ledger import COST_STEP, Ledger
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side, StrategyId, from_float
from tests.budget import examples

ticks = st.integers(1, 10**8).map(lambda number: Decimal(number) / 10_000)
measured = st.floats(0.0001, 99_999.0).map(from_float)  # as a quote prints it: up to seventeen digits
prices = st.one_of(ticks, measured)
quantities = st.one_of(
    st.integers(1, 100_000).map(Decimal), st.integers(1, 10**13).map(lambda number: Decimal(number) / 10**9)
)
fees = st.one_of(st.just(Decimal(0)), st.integers(-100, 10**6).map(lambda number: Decimal(number) / 10**6))
deals = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2", "s3"]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(list(Side)),
        quantities,
        prices,
        fees,
    ),
    max_size=25,
)


def fill(symbol: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal = Decimal(0)) -> OrderFilled:
    return OrderFilled(ClientOrderId("h"), "x", symbol, side, Quantity(quantity), Price(price), Money(fee))


def booked(deposit: Decimal, story: list[Any]) -> Portfolio:
    portfolio = Portfolio()
    portfolio.deposit(Money(deposit))
    for strategy, *deal in story:
        portfolio.book(StrategyId(strategy), fill(*deal))
    return portfolio


@settings(max_examples=examples())
@given(st.integers(0, 10**11).map(lambda number: Decimal(number) / 100), deals, prices, prices)
@pytest.mark.proves("I6")
def test_the_books_balance_exactly(deposit: Decimal, story: list[Any], mark_a: Decimal, mark_b: Decimal) -> None:
    """Cash + positions = deposits + realised + unrealised - fees, to the last digit, after every fill at any mark."""
    portfolio = booked(deposit, [])
    marks = {"A": Price(mark_a), "B": Price(mark_b)}
    for strategy, *deal in story:
        portfolio.book(StrategyId(strategy), fill(*deal))
        for price_of in (marks.get, lambda _: None, {"A": Price(mark_a)}.get):
            value = portfolio.value(price_of)
            right = [portfolio.deposits, value.realised, value.unrealised, -value.fees]
            assert Fraction(value.equity) == sum(map(Fraction, right))


@settings(max_examples=examples())
@given(deals)
def test_cash_is_what_changed_hands(story: list[Any]) -> None:
    """Cash is deposits less all that was bought, plus all that was sold, less fees: to half a step of 10**-10 a fill."""
    portfolio = booked(Decimal("123456.78"), story)
    flows = [Fraction(deal[3]) * Fraction(deal[4]) * deal[2].sign for deal in story]
    exact = Fraction(Decimal("123456.78")) - sum(flows) - sum(Fraction(deal[5]) for deal in story)
    assert abs(Fraction(portfolio.cash) - exact) <= Fraction(len(story), 2 * 10**10)
    assert portfolio.fees == sum((deal[5] for deal in story), Decimal(0))


@settings(max_examples=examples())
@given(deals)
def test_the_strategies_add_up_to_the_account(story: list[Any]) -> None:
    """Quantities and fees of the ledgers sum to the account's, and so does realised profit less the cost still held."""
    portfolio = booked(Decimal(0), story)
    for symbol, line in portfolio.lines.items():
        ledgers = [ledger for (_, traded), ledger in portfolio.ledgers.items() if traded == symbol]
        assert sum(Fraction(ledger.quantity) for ledger in ledgers) == Fraction(line.quantity)
        assert sum(Fraction(ledger.fees) for ledger in ledgers) == Fraction(line.fees)
        split = sum(Fraction(ledger.realised) - Fraction(ledger.cost) for ledger in ledgers)
        assert split == Fraction(line.realised) - Fraction(line.cost)
    assert Fraction(portfolio.realised) == sum(Fraction(line.realised) for line in portfolio.lines.values())


@settings(max_examples=examples())
@given(deals)
@pytest.mark.proves("I6")
def test_a_position_is_the_sum_of_its_fills(story: list[Any]) -> None:
    """Quantity is signed fills summed; a flat position has cost and average price zero; cost has the position's sign."""
    portfolio = booked(Decimal(0), story)
    held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for strategy, symbol, side, quantity, _, _ in story:
        held[strategy, symbol] += quantity * side.sign
    for (strategy, symbol), quantity in held.items():
        ledger = portfolio.ledgers[StrategyId(strategy), symbol]
        assert ledger.quantity == quantity
        assert quantity or (ledger.cost == 0 and ledger.average_price == 0)
        assert ledger.cost * quantity.compare(0) >= -COST_STEP


@given(quantities, ticks, ticks, st.sampled_from(list(Side)))
def test_a_round_trip_earns_the_difference(quantity: Decimal, entry: Decimal, out: Decimal, side: Side) -> None:
    """One way in and the same reduce-only order realise (exit - entry) x quantity x direction, and leave nothing."""
    ledger = Ledger()
    ledger.book(quantity * side.sign, Price(entry), Money(Decimal(0)))
    ledger.book(-quantity * side.sign, Price(out), Money(Decimal(0)))
    exact = (Fraction(out) - Fraction(entry)) * Fraction(quantity) * side.sign
    assert abs(Fraction(ledger.realised) - exact) <= Fraction(1, 10**10)
    assert ledger.quantity == 0
    assert ledger.cost == 0


@given(st.lists(st.integers(1, 500), min_size=1, max_size=10), ticks, ticks, st.sampled_from(list(Side)))
def test_partial_closes_realise_their_share(parts: list[int], entry: Decimal, out: Decimal, side: Side) -> None:
    """Where the average cost divides evenly, each part closed realises (exit - entry) x part x direction."""
    ledger, whole = Ledger(), sum(parts)
    ledger.book(Decimal(whole * side.sign), Price(entry), Money(Decimal(0)))
    closed = 0
    for part in parts:
        ledger.book(Decimal(-part * side.sign), Price(out), Money(Decimal(0)))
        closed += part
        assert ledger.realised == (out - entry) * closed * side.sign
        assert ledger.cost == entry * (whole - closed) * side.sign


@given(st.integers(1, 500), st.integers(1, 500), ticks, ticks, st.sampled_from(list(Side)))
def test_through_zero_the_rest_opens_at_the_new_price(
    held: int, beyond: int, entry: Decimal, out: Decimal, side: Side
) -> None:
    """A fill larger than the position closes it whole and opens the rest at the fill's price."""
    ledger = Ledger()
    ledger.book(Decimal(held * side.sign), Price(entry), Money(Decimal(0)))
    ledger.book(Decimal(-(held + beyond) * side.sign), Price(out), Money(Decimal(0)))
    assert ledger.realised == (out - entry) * held * side.sign
    assert ledger.quantity == -beyond * side.sign
    assert ledger.cost == -beyond * side.sign * out
    assert ledger.average_price == out
