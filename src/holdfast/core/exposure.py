"""What an account holds and may come to hold, added up as it changes.

A walk over all symbols for every order would make each order dearer with each symbol held. Instead each symbol's part of the sums is
worked out anew when something of it has changed and a sum is asked for. The sums are exact and are written in one way only, so
that they are the walk's to the last digit whatever led there: restarted or not, the records are the same.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, Inexact
from typing import TYPE_CHECKING, Final

from holdfast.core.adjustments import CASH
from holdfast.core.instruments import AssetClass
from holdfast.core.orders.order import Order
from holdfast.core.parts import Exposures, Part, Plain
from holdfast.core.portfolio.ledger import COST_STEP
from holdfast.core.portfolio.money import Valuation
from holdfast.core.protection.legs import at_work
from holdfast.core.risk.view import NO_OTHERS, Holding, Others
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ONE, ZERO, Money, OrderRole, Price, Quantity, Side, StrategyId

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

_REGULAR: Final = OrderRole.REGULAR
_BUY: Final = Side.BUY

UNPRICED = Price(Decimal(1))
"""What a unit counts for where no price is known: then there is nothing but orders of others, whose amounts of money stay right so."""

EXACT = Context(prec=200, traps=[Inexact])
"""Sums of parts of up to 28 digits, anywhere between 1e-60 and 1e100, are exact in it; one that is not would raise."""

_add, _subtract = EXACT.add, EXACT.subtract
NOTHING: Part = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
_ONE, _TEN = Decimal(1), Decimal(10)
NEVER_PLAIN = Decimal("1e-11")
"""A worth that needs rounding to be money: that of a symbol whose price says nothing."""


class Exposure:
    """One account's sums.

    ``priced`` are the symbols whose price has changed since they were last worked out, ``moved`` those of which the broker is known to
    have another quantity; orders and positions note their own. Most symbols are ``_plain``: held, with no order open, paid in the
    account's own currency, and worth no more digits than money has. What is long and what is short of those is all that there is to add up.
    """

    def __init__(self) -> None:
        self.moved: set[str] = set()
        self.priced: set[str] = set()
        self._plain: dict[str, Plain] = {}
        self._long = self._short = self._cost = ZERO
        self._parts: dict[str, Part] = {}
        self._sums: Part = NOTHING
        self._class_of: dict[str, AssetClass] = {}
        self._classes: Counter[AssetClass] = Counter()
        self._exposures = Exposures(self._plain, self._parts)
        self._worth: Money | None = None

    def value(self, state: "EngineState") -> Valuation:
        """The account at the last prices; a symbol without a price counts at its cost."""
        portfolio = state.portfolio
        total, worth = portfolio.total, self._value(state)
        if self._parts:
            cost = written(_add(self._cost, self._sums[1]))
            gross = written(_add(_subtract(self._long, self._short), self._sums[2]))
        else:
            cost = written(self._cost) if self._cost else NO_MONEY
            gross = written(_subtract(self._long, self._short)) if self._short else worth
        equity, unrealised = Money(total.cash + worth), Money(worth - cost)
        return Valuation(equity, total.cash, total.realised, unrealised, total.fees, gross, portfolio.balances)

    def equity(self, state: "EngineState") -> Money:
        """Cash and positions at the last prices, as :meth:`value` has it."""
        return Money(state.portfolio.total.cash + self._value(state))

    def committed(self, state: "EngineState") -> Money:
        """What all positions come to, each at its largest if open orders fill."""
        self._renew(state)
        return written(_add(_subtract(self._long, self._short), self._sums[3]))

    def others(self, state: "EngineState", symbol: str) -> Others:
        """What all symbols but one add up to."""
        self._renew(state)
        asset = self._class_of.get(symbol)
        if len(self._class_of) == (asset is not None):
            return NO_OTHERS
        long, short = self._long, self._short
        sums: Sequence[Decimal] = self._sums
        classes = dict(self._classes)
        if asset is not None:
            classes[asset] -= 1
            plain = self._plain.get(symbol)
            if plain is None:
                sums = tuple(map(_subtract, sums, self._parts[symbol]))
            elif plain[0] > 0:
                long = _subtract(long, plain[0])
            else:
                short = _subtract(short, plain[0])
        net = _add(long, short)
        return Others(
            len(self._class_of) - (asset is not None),
            Money(_add(_subtract(long, short), sums[-4])),
            Money(_add(net, sums[-3])),
            Money(_add(net, sums[-2])),
            Money(_subtract(sums[-1], short)),
            classes,
            self._exposures,
            symbol,
        )

    def _value(self, state: "EngineState") -> Money:
        self._renew(state)
        if self._worth is None:
            net = _add(self._long, self._short)
            self._worth = written(_add(net, self._sums[0]) if self._parts else net)
        return self._worth

    def _renew(self, state: "EngineState") -> None:
        moved = self.moved
        for found in (state.orders.moved, state.portfolio.moved):
            if found:
                moved |= found
                found.clear()
        if moved:
            for symbol in moved:
                self._renew_symbol(state, symbol)
            self.priced -= moved
            moved.clear()
        if self.priced:
            self._reprice(state)
            self.priced.clear()

    def _reprice(self, state: "EngineState") -> None:
        """Prices alone have changed, for many symbols at an instant perhaps: in one loop, without a call for each."""
        known, lines, price_of = self._plain, state.portfolio.lines, state.price
        long, short = self._long, self._short
        others: list[str] = []
        for symbol in self.priced:
            plain = known.get(symbol)
            if plain is None:
                if symbol in self._parts:  # a price alone gives no symbol a part
                    others.append(symbol)
                continue
            before, price = plain[0], price_of(symbol)
            worth = price * lines[symbol].quantity if price is not None and price > 0 else NEVER_PLAIN
            if worth != worth.quantize(COST_STEP, ROUND_HALF_EVEN):
                others.append(symbol)
                continue
            if worth > 0 or before > 0:  # it is held on one side: see `_change`
                long = _add(long, _subtract(worth, before))
            else:
                short = _add(short, _subtract(worth, before))
            known[symbol] = worth, plain[1]
            self._worth = None
        self._long, self._short = long, short
        for symbol in others:
            self._renew_symbol(state, symbol)

    def _change(self, worth: Decimal, before: Decimal) -> None:
        """A symbol that is held on one side is worth so much now, or as it came or goes: then one of both is zero."""
        self._worth = None
        if worth > 0 or before > 0:
            self._long = _add(self._long, _subtract(worth, before))
        else:
            self._short = _add(self._short, _subtract(worth, before))

    def _renew_symbol(self, state: "EngineState", symbol: str) -> None:
        self._forget(symbol)
        plain = _plain_of(state, symbol)
        if plain is not None:
            self._plain[symbol] = plain
            self._change(plain[0], ZERO)
            self._cost = _add(self._cost, plain[1])
        else:
            part = _part_of(state, symbol)
            if part is None:
                return
            self._worth = None
            self._parts[symbol] = part
            self._sums = tuple(map(_add, self._sums, part))  # type: ignore[assignment]
        asset = self._class_of[symbol] = _asset(state, symbol)
        self._classes[asset] += 1

    def _forget(self, symbol: str) -> None:
        asset = self._class_of.pop(symbol, None)
        if asset is None:
            return
        self._classes[asset] -= 1
        plain = self._plain.pop(symbol, None)
        if plain is not None:
            self._change(ZERO, plain[0])
            self._cost = _subtract(self._cost, plain[1])
        else:
            self._worth = None
            self._sums = tuple(map(_subtract, self._sums, self._parts.pop(symbol)))  # type: ignore[assignment]


def _asset(state: "EngineState", symbol: str) -> AssetClass:
    return state.instrument_of(symbol).asset_class


def _worth_of(price: Price | None, quantity: Quantity) -> Decimal | None:
    """What is held is worth, where that is above zero for a long position and needs no rounding to be money; None otherwise."""
    if price is None or price <= 0:
        return None
    worth = price * quantity
    return worth if worth == worth.quantize(COST_STEP, rounding=ROUND_HALF_EVEN) else None


def _plain_of(state: "EngineState", symbol: str) -> Plain | None:
    """A symbol of which no more than what is held matters; None for any other."""
    portfolio, orders = state.portfolio, state.orders
    line = portfolio.lines.get(symbol)
    if line is None or not line.quantity or symbol in portfolio.terms:
        return None
    if symbol in orders.open_buys or symbol in orders.open_sells or symbol in state.gaps or orders.by_notional:
        return None
    worth = _worth_of(state.price(symbol), line.quantity)
    return None if worth is None else (worth, line.cost)


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
    """What a reduce-only order on a side may close: of what the account holds as much as the books and the broker agree on.

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
    """What of that no closing order has taken yet; below zero where they may take more than is there.

    Exits count, but for those of the strategy ``besides``.
    """
    orders = state.orders
    going = (orders.open_buys if side is _BUY else orders.open_sells).get(symbol, ZERO)
    live = list(orders.live.values())
    legs = [order for order in live if (order.terms.symbol, order.terms.side) == (symbol, side)]
    exits = (leg for leg in legs if leg.terms.role is not _REGULAR and leg.terms.strategy != besides)
    return held(state, symbol, side) - going - at_work(exits)


def _units_of(order: Order, price: Money) -> Decimal:
    """What an order for an amount of money may still trade, signed, at what a unit costs; a hundredth more, lest that has moved.

    Without a price a unit counts as `UNPRICED`, and so the amount as what it is.
    """
    units = order.open_notional * order.terms.side.sign * Decimal("1.01") / price
    return units.quantize(Decimal("1e-9"), rounding=ROUND_UP)
