"""Money by currency: whatever is traded in whichever currency, each currency's books balance to the last digit, across restarts."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core import lifecycle, snapshot
from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.instruments import US_EQUITY
from holdfast.core.listings import CurrencyRate
from holdfast.core.messages import CashDeposited, PositionAdopted
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Money, Price, Quantity
from tests.budget import examples
from tests.scenario.account import new_state

SYMBOLS = {"OWN": ("", "1"), "AAPL": ("USD", "1"), "ES": ("USD", "50"), "7203": ("JPY", "1"), "OSE": ("JPY", "0.1")}
"""Currency and multiplier of each; an empty currency is the account's."""
CURRENCIES = ("", "USD", "JPY")

prices = st.decimals("0.0001", "99999", places=4)
quantities = st.decimals("-5000", "5000", places=3).filter(bool)
amounts = st.decimals("-9999", "9999", places=5).filter(bool)
fills = st.tuples(st.just("fill"), st.sampled_from(sorted(SYMBOLS)), quantities, prices)
deposits = st.tuples(st.just("deposit"), st.sampled_from(CURRENCIES), amounts, st.none())
bookings = st.tuples(st.sampled_from(["fee", "dividend"]), st.sampled_from(sorted(SYMBOLS)), amounts, st.none())
rates = st.tuples(st.just("rate"), st.sampled_from(CURRENCIES[1:]), st.decimals("0.000001", "200", places=6), st.none())
restarts = st.tuples(st.just("restart"), st.none(), st.none(), st.none())
stories = st.lists(fills | fills | fills | deposits | bookings | rates | restarts, max_size=40)


def offered() -> EngineState:
    """An account before its first record, with the rules of its instruments."""
    state = new_state(RiskLimits())
    rules = {
        symbol: US_EQUITY.but(currency=currency, multiplier=Decimal(multiplier))
        for symbol, (currency, multiplier) in SYMBOLS.items()
    }
    state.register.offer(rules, SYMBOLS, "test")
    return state


def opened() -> EngineState:
    """An account whose instruments are listed."""
    state = offered()
    lifecycle.start(state, 1, "test", "test")
    return state


def restarted(state: EngineState) -> EngineState:
    """The same from a snapshot."""
    new = offered()
    snapshot.restore(new, snapshot.take(state))
    return new


class Books:
    """The same books in fractions: cash by currency, and what every symbol has and costs."""

    def __init__(self) -> None:
        self.cash = dict.fromkeys(CURRENCIES, Fraction(0))
        self.deposits = dict.fromkeys(CURRENCIES, Fraction(0))
        self.quantity = dict.fromkeys(SYMBOLS, Fraction(0))


def happen(state: EngineState, books: Books, kind: str, name: str, amount: Decimal, price: Decimal) -> None:
    """One thing that happens to both."""
    turn, money = Turn(state), Money(amount)
    if kind == "fill":
        currency, multiplier = SYMBOLS[name]
        turn.record(PositionAdopted(name, Quantity(amount), Price(price)))
        books.quantity[name] += Fraction(amount)
        books.cash[currency] -= Fraction(amount) * Fraction(price) * Fraction(multiplier)
    elif kind == "deposit":
        turn.record(CashDeposited(money, "", name))
        books.cash[name] += Fraction(amount)
        books.deposits[name] += Fraction(amount)
    elif kind == "rate":
        turn.record(CurrencyRate(name, amount, "test"))
    else:
        changes = (LedgerChange(EXTERNAL, amount=money),)
        turn.record(AccountAdjusted(AdjustmentKind(kind), name, changes))
        books.cash[SYMBOLS[name][0]] += Fraction(amount)


@settings(max_examples=examples())
@given(story=stories, marks=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, prices)))
def test_each_currency_balances_exactly(
    story: list[tuple[str, str, Decimal, Decimal]], marks: dict[str, Decimal]
) -> None:
    """Cash + positions = deposits + realised + unrealised - fees with ``==``; and cash is what was paid, by fractions."""
    state, books = opened(), Books()
    for kind, name, amount, price in story:
        if kind == "restart":
            state = restarted(state)
        else:
            happen(state, books, kind, name, amount, price)
    portfolio = state.portfolio
    for currency in CURRENCIES:
        balance = portfolio.foreign.get(currency) if currency else portfolio.base
        mine = [symbol for symbol, (paid, _) in SYMBOLS.items() if paid == currency and symbol in portfolio.lines]
        if balance is None:
            assert not mine
            continue
        lines = {symbol: portfolio.lines[symbol] for symbol in mine}
        held = sum(Fraction(line.worth(line.quantity, marks[symbol])) for symbol, line in lines.items())
        unrealised = held - sum(Fraction(line.cost) for line in lines.values())
        right = Fraction(balance.deposits) + Fraction(balance.realised) + unrealised - Fraction(balance.fees)
        assert Fraction(balance.cash) + held == right
        assert Fraction(balance.cash) == books.cash[currency]
        assert Fraction(balance.deposits) == books.deposits[currency]
        assert {symbol: Fraction(line.quantity) for symbol, line in lines.items()} == {
            symbol: books.quantity[symbol] for symbol in mine
        }


@settings(max_examples=examples())
@given(story=stories)
def test_the_worth_in_the_accounts_currency(story: list[tuple[str, str, Decimal, Decimal]]) -> None:
    """Is each currency's at its rate, nothing where there is none; sums kept as they change and added up anew are the same."""
    state, books = opened(), Books()
    for kind, name, amount, price in story:
        if kind == "restart":
            state = restarted(state)
        else:
            happen(state, books, kind, name, amount, price)
            state.exposure.equity(state)
    portfolio = state.portfolio
    assert state.exposure.value(state) == portfolio.value(state.price)
    expected = Fraction(0)
    for currency, cash in books.cash.items():
        worth = cash
        for symbol, (paid, multiplier) in SYMBOLS.items():
            if paid == currency and books.quantity[symbol]:
                worth += books.quantity[symbol] * Fraction(state.price(symbol) or 0) * Fraction(multiplier)
        expected += worth * Fraction(portfolio.rates.of(currency))
    assert abs(Fraction(state.equity) - expected) <= Fraction(1, 10**7)
    missing = {
        currency
        for currency in CURRENCIES[1:]
        if currency not in portfolio.rates.known
        and (books.cash[currency] or any(books.quantity[s] for s, (paid, _) in SYMBOLS.items() if paid == currency))
    }
    assert set(portfolio.unrated()) == missing
