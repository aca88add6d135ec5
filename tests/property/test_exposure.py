"""The account's sums are those of a walk over orders, ledgers and prices, whatever happened to them."""

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core import snapshot
from holdfast.core.messages import Action, CashDeposited, OrderFilled, PnlSnapshot, PositionAdopted, Report
from holdfast.core.orders.order import Order
from holdfast.core.risk.view import Others
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, Money, OrderRole, Price, Quantity, Side
from tests.budget import examples
from tests.property.test_order_cache import HAPPENINGS, LIMITS, SCRIPTS, SYMBOLS, Player
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, Scripted, new_state

D = Decimal
AWKWARD = st.tuples(
    st.just("adopt"), st.sampled_from([*SYMBOLS, "B/U"]), st.sampled_from(["3", "-7.000000001", "0.123456789"]),
    st.sampled_from(["0.0000101234", "98.7654321", "431000"]),
)  # fmt: skip
LONG_SCRIPTS = st.tuples(SCRIPTS, st.lists(st.one_of(AWKWARD, HAPPENINGS), max_size=25)).map(
    lambda parts: [*parts[0], *parts[1]]
)


class Walked(Player):
    """Walks over everything after each thing that happens."""

    def happen(self, script: list[tuple[Any, ...]]) -> None:
        for number, happening in enumerate(script):
            super().happen([happening])
            if number % 3 == 0:  # in between several things move before a sum is asked for
                self.look()

    def do_adopt(self, symbol: str, units: str, price: str) -> None:
        turn = Turn(self.account.state)
        turn.record(PositionAdopted(symbol, Quantity(D(units)), Price(D(price))))
        turn.record(CashDeposited(Money(D("0.01"))))

    def look(self) -> None:
        state = self.account.state
        assert state.exposure.value(state) == state.portfolio.value(state.price)
        assert state.equity == state.portfolio.value(state.price).equity
        for symbol in (*SYMBOLS, "B/U", "NONE"):
            found = state.exposure.others(state, symbol)
            assert shape(found) == self.walk(symbol)
            assert found.exposure_of(SYMBOLS) == sum(self.exposures(set(SYMBOLS) - {symbol}), ZERO)
        self.check_restarted()

    def check_restarted(self) -> None:
        """What is worked out anew from a snapshot is written in the same digits."""
        again = new_state(LIMITS)
        snapshot.restore(again, snapshot.take(self.account.state))
        assert repr(again.exposure.value(again)) == repr(self.account.state.exposure.value(self.account.state))

    def worst(self) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
        """Position and worst cases of each symbol, from ledgers and live orders alone."""
        state = self.account.state
        held: defaultdict[str, Fraction] = defaultdict(Fraction)
        buys: defaultdict[str, Fraction] = defaultdict(Fraction)
        sells: defaultdict[str, Fraction] = defaultdict(Fraction)
        for (_, symbol), ledger in state.portfolio.ledgers.items():
            held[symbol] += Fraction(ledger.quantity)
        for order in state.orders.live.values():
            if order.terms.role is OrderRole.REGULAR:
                side = buys if order.terms.side is Side.BUY else sells
                side[order.terms.symbol] += open_of(order)
        symbols = {symbol for part in (held, buys, sells) for symbol, units in part.items() if units}
        return {symbol: (held[symbol], held[symbol] + buys[symbol], held[symbol] - sells[symbol]) for symbol in symbols}

    def price(self, symbol: str) -> Fraction:
        return Fraction(self.account.state.price(symbol) or 1)

    def exposures(self, symbols: set[str]) -> list[Decimal]:
        worst = self.worst()
        state = self.account.state
        parts = [(state.price(symbol) or D(1), worst[symbol]) for symbol in symbols if symbol in worst]
        return [price * max(abs(exact(most)), abs(exact(least))) for price, (_, most, least) in parts]

    def walk(self, left_out: str) -> tuple[object, ...]:
        others = {symbol: found for symbol, found in self.worst().items() if symbol != left_out}
        sums = [Fraction(0)] * 4
        for symbol, (held, most, least) in others.items():
            price = self.price(symbol)
            parts = (max(abs(most), abs(least)), most, least, max(most - held, -held, Fraction(0)))
            sums = [total + price * part for total, part in zip(sums, parts, strict=True)]
        classes = Counter("crypto" if "/" in symbol else "stock" for symbol in others)
        return len(others), sums, {kind: number for kind, number in classes.items() if number}


def open_of(order: Order) -> Fraction:
    """What may still fill of an order, and of the one that follows it."""
    return Fraction(order.quantity) - Fraction(order.filled_quantity) + Fraction(order.terms.then or 0)


def exact(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def shape(found: Others) -> tuple[object, ...]:
    """The same figures as a walk's."""
    sums = [Fraction(value) for value in (found.exposure, found.long, found.short, found.cash_needed)]
    return found.count, sums, {kind.value: number for kind, number in found.classes.items() if number}


@settings(max_examples=examples(40, campaign=500))
@given(LONG_SCRIPTS)
def test_the_sums_are_those_of_a_walk(script: list[tuple[Any, ...]]) -> None:
    """After intents, fills, busts, replacements, cancels, adopted positions and prices: value, equity and every sum of the other symbols."""
    Walked(Account(Scripted({}), Scripted({}), limits=LIMITS, exchange=Silent())).play(script)


def test_what_comes_with_an_order_still_open_counts_at_once() -> None:
    """A symbol is first asked about when a part of its order has filled: the account's worth has it, as the walk does."""
    account = Account(Scripted({}), limits=LIMITS, exchange=Silent())
    state = account.state
    account.closes(0, 100.0)
    assert state.equity == state.portfolio.cash
    account.place(Action.BUY, 10)
    (order,) = state.orders.live.values()
    fill = OrderFilled(order.terms.client_order_id, "e1", "ABC", Side.BUY, Quantity(D(4)), Price(D(100)))
    account.take(Report(state.now_ns, fill))
    assert state.orders.live
    assert state.equity == state.portfolio.cash + 400 == state.portfolio.value(state.price).equity
    assert account.of(PnlSnapshot)[-1].equity == state.equity
