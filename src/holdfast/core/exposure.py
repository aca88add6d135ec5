"""What an account holds and may come to hold, added up as it changes.

A walk over all symbols for every order would make each order dearer with each symbol held. Instead each symbol's part of the sums is
worked out anew when something of it has changed and a sum is asked for. The sums are exact and are written in one way only, so
that they are the walk's to the last digit whatever led there: restarted or not, the records are the same.
"""

from collections import Counter
from decimal import ROUND_UP, Context, Decimal, Inexact
from typing import TYPE_CHECKING

from holdfast.core.adjustments import CASH
from holdfast.core.instruments import AssetClass
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import Valuation
from holdfast.core.protection.legs import at_work
from holdfast.core.risk.view import Holding, Others
from holdfast.core.types import NO_QUANTITY, ONE, ZERO, Money, OrderRole, Price, Quantity, Side, StrategyId

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

UNPRICED = Price(Decimal(1))
"""What a unit counts for where no price is known: then there is nothing but orders of others, whose amounts of money stay right so."""

EXACT = Context(prec=200, traps=[Inexact])
"""Sums of parts of up to 28 digits, anywhere between 1e-60 and 1e100, are exact in it; one that is not would raise."""

_add, _subtract = EXACT.add, EXACT.subtract
Part = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]
"""A symbol's part of each sum: market value, cost, gross value; exposure, long, short and cash needed, as `Holding` has them."""

NOTHING: Part = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
_ONE, _TEN = Decimal(1), Decimal(10)


class Exposure:
    """One account's sums.

    ``priced`` are the symbols whose price has changed since they were last worked out, ``moved`` those of which the broker is known to
    have another quantity; orders and positions note their own.
    """

    def __init__(self) -> None:
        self.moved: set[str] = set()
        self.priced: set[str] = set()
        self._parts: dict[str, Part] = {}
        self._exposures: dict[str, Money] = {}
        self._sums: tuple[Decimal, ...] = NOTHING
        self._classes: Counter[AssetClass] = Counter()
        self._worth: Money | None = None

    def value(self, state: "EngineState") -> Valuation:
        """The account at the last prices; a symbol without a price counts at its cost."""
        total, worth = state.portfolio.total, self._value(state)
        cost, gross = written(self._sums[1]), written(self._sums[2])
        equity, unrealised = Money(total.cash + worth), Money(worth - cost)
        return Valuation(equity, total.cash, total.realised, unrealised, total.fees, gross, state.portfolio.balances)

    def equity(self, state: "EngineState") -> Money:
        """Cash and positions at the last prices, as :meth:`value` has it."""
        return Money(state.portfolio.total.cash + self._value(state))

    def committed(self, state: "EngineState") -> Money:
        """What all positions come to, each at its largest if open orders fill."""
        self._renew(state)
        return written(self._sums[3])

    def others(self, state: "EngineState", symbol: str) -> Others:
        """What all symbols but one add up to."""
        self._renew(state)
        part = self._parts.get(symbol)
        sums = self._sums if part is None else tuple(map(_less, self._sums, part))
        exposure, long, short, needed = map(Money, sums[3:])
        classes = dict(self._classes)
        if part is not None:
            classes[_asset(state, symbol)] -= 1
        count = len(self._parts) - (part is not None)
        return Others(count, exposure, long, short, needed, classes, self._exposures, symbol)

    def _value(self, state: "EngineState") -> Money:
        self._renew(state)
        if self._worth is None:
            self._worth = written(self._sums[0])
        return self._worth

    def _renew(self, state: "EngineState") -> None:
        for moved in (self.moved, state.orders.moved, state.portfolio.moved):
            if moved:
                for symbol in moved:
                    self._renew_symbol(state, symbol)
                moved.clear()
        if self.priced:
            for symbol in self.priced & self._parts.keys():  # a price alone gives no symbol a part
                self._renew_symbol(state, symbol)
            self.priced.clear()

    def _renew_symbol(self, state: "EngineState", symbol: str) -> None:
        before, part = self._parts.get(symbol), _part_of(state, symbol)
        if part == before:
            return
        self._worth = None
        if part is None:
            del self._parts[symbol], self._exposures[symbol]
            self._classes[_asset(state, symbol)] -= 1
        else:
            self._parts[symbol], self._exposures[symbol] = part, Money(part[3])
            if before is None:
                self._classes[_asset(state, symbol)] += 1
        self._sums = tuple(map(_moved, self._sums, part or NOTHING, before or NOTHING))


def _asset(state: "EngineState", symbol: str) -> AssetClass:
    return state.instrument_of(symbol).asset_class


def _less(total: Decimal, part: Decimal) -> Decimal:
    return _subtract(total, part) if part else total


def _moved(total: Decimal, part: Decimal, before: Decimal) -> Decimal:
    return total if part == before else _add(total, _subtract(part, before))


def written(total: Decimal) -> Money:
    """A sum in the one way to write it: without zeros at the end of its decimals."""
    short = total.normalize(EXACT)
    return Money(short if EXACT.remainder(short, _TEN) else short.quantize(_ONE, context=EXACT))


def _part_of(state: "EngineState", symbol: str) -> Part | None:
    """A symbol that is held or may come to be; None for one that is flat, with nothing open."""
    line = state.portfolio.lines.get(symbol)
    position = NO_QUANTITY if line is None else line.quantity
    most, least = worst_case(state, symbol)
    if not (position or most or least):
        return None
    known = state.price(symbol)
    value = cost = ZERO
    if line is not None and position:
        cost = line.cost
        value = cost if known is None else line.worth(position, known)
    price, portfolio = known or UNPRICED, state.portfolio
    if symbol in portfolio.terms:
        currency = portfolio.terms[symbol].currency
        value, cost = portfolio.rates.in_base(value, currency), portfolio.rates.in_base(cost, currency)
        price = Price(price * portfolio.unit(symbol))
    if position == most == least:  # nothing is open, as nearly always
        worth = price * position
        return value, cost, abs(value), abs(worth), worth, worth, max(-worth, ZERO)
    holding = Holding(symbol, price, position, Quantity(most), Quantity(least))
    return value, cost, abs(value), holding.exposure, holding.long, holding.short, holding.cash_needed


def worst_case(state: "EngineState", symbol: str) -> tuple[Decimal, Decimal]:
    """The account's position in a symbol if every open buy filled, and if every open sell did.

    Where the books are known to differ from the broker's the position is any between the two.
    """
    position = state.portfolio.quantity(symbol)
    bought = state.orders.open_buys.get(symbol)
    sold = state.orders.open_sells.get(symbol)
    worst_long, worst_short = position + bought if bought else position, position - sold if sold else position
    if symbol in state.gaps:
        gap = state.gaps[symbol]
        worst_long, worst_short = worst_long + max(gap, ZERO), worst_short + min(gap, ZERO)
    for order in state.orders.by_notional.values():  # orders of others: hardly ever any
        if order.terms.symbol == symbol:
            units = _units_of(order, state.portfolio.worth(symbol, ONE, state.price(symbol) or UNPRICED))
            worst_long, worst_short = worst_long + max(units, ZERO), worst_short + min(units, ZERO)
    return worst_long, worst_short


def held(state: "EngineState", symbol: str, side: Side) -> Decimal:
    """What a way out on a side may close: of what the account holds as much as the books and the broker agree on.

    Of coins just bought the broker may have taken a fee that the books don't know yet: they are held without it, in whole steps.
    """
    sign = -side.sign
    ours = state.portfolio.quantity(symbol) * sign
    gap = state.gaps.get(symbol)
    if gap is not None:
        return max(ZERO, min(ours, ours + gap * sign))
    fee = unsettled_fee(state, symbol)
    return state.instrument_of(symbol).steps(max(ZERO, ours - fee)) if fee else max(ZERO, ours)


def unsettled_fee(state: "EngineState", symbol: str) -> Decimal:
    """How many of a symbol's units the broker may have taken as a fee that is not booked yet."""
    return state.activities.room_of(symbol) if symbol != CASH else ZERO


def uncommitted(state: "EngineState", symbol: str, side: Side, besides: StrategyId | None = None) -> Decimal:
    """What of that no order on its way out may take yet; below zero where they may take more than is there.

    Exits count, but for those of the strategy ``besides``.
    """
    orders = state.orders
    going = (orders.open_buys if side is Side.BUY else orders.open_sells).get(symbol, ZERO)
    live = list(orders.live.values())
    legs = [order for order in live if (order.terms.symbol, order.terms.side) == (symbol, side)]
    exits = (leg for leg in legs if leg.terms.role is not OrderRole.REGULAR and leg.terms.strategy != besides)
    return held(state, symbol, side) - going - at_work(exits)


def _units_of(order: Order, price: Money) -> Decimal:
    """What an order for an amount of money may still trade, signed, at what a unit costs; a hundredth more, lest that has moved.

    Without a price a unit counts as `UNPRICED`, and so the amount as what it is.
    """
    units = order.open_notional * order.terms.side.sign * Decimal("1.01") / price
    return units.quantize(Decimal("1e-9"), rounding=ROUND_UP)
