"""Judging an order before it exists. Strategies, people and protection all come through :func:`check` or :func:`fit`.

Two kinds of rules: those of `rules.py` don't depend on size and are asked first; those of `caps.py` each give the greatest quantity
they allow. :func:`check` refuses a quantity above a cap, :func:`fit` cuts a size down to the smallest one: what one accepts the other
fills, and the reverse. Neither kind is asked about what can only lower risk, so a reduce-only order is never barred.
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from holdfast.core.instruments import Instrument
from holdfast.core.messages import OrderTerms, RiskApproved, RiskRefused
from holdfast.core.risk.cap import Cap
from holdfast.core.risk.caps import caps, free_quantity
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.risk.rules import first_refusal, not_whole, pair_step
from holdfast.core.risk.view import Case, Judged, Refusal, RiskView, Scope
from holdfast.core.types import (
    LARGEST,
    NO_QUANTITY,
    ZERO,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Rounding,
    Side,
    notional,
    plain,
    round_to,
)

_REGULAR: Final = OrderRole.REGULAR
_LIMIT: Final = OrderType.LIMIT
_STOP: Final = OrderType.STOP
_STOP_LIMIT: Final = OrderType.STOP_LIMIT
_BUY: Final = Side.BUY


def raises_risk(side: Side, quantity: Decimal, scope: Scope) -> bool:
    """Whether an order could add to the position, or carry it through zero, if all that is open on its side filled too."""
    return quantity > free_quantity(side, scope)


def check(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, *, reduce_only: bool = False
) -> RiskApproved | RiskRefused:
    """Approve a draft or refuse it with the first rule it breaks. A ``reduce_only`` is known not to raise risk."""
    price = reference_price(terms, view.mark)
    if price is None:
        return refused(terms, _no_price(terms))
    refusal = _step(terms, view)
    if reduce_only or terms.role is not _REGULAR:
        return refused(terms, refusal) if refusal is not None else _approved(terms, view, price, raising=False)
    scopes = _scopes(terms, view, price, limits)
    raising = terms.quantity > scopes[0].free
    if refusal is None and raising:
        refusal = _too_small(terms, view, price) or not_whole(terms, view)
    for scope in scopes:
        if refusal is None and terms.quantity > scope.free:
            refusal = first_refusal(scope.case, scope.account) or _above_a_cap(scope, terms.quantity)
    return refused(terms, refusal) if refusal is not None else _approved(terms, view, price, raising)


def fit(
    terms: OrderTerms,
    view: RiskView,
    limits: RiskLimits,
    intent: Decimal,
    lot: Decimal,
    closing: Quantity = NO_QUANTITY,
) -> OrderTerms | RiskRefused:
    """Give a draft the quantity it asks for, or the greatest that every rule allows where that is less.

    ``closing`` is what it closes first, exactly; what it opens beyond that is cut to the caps and to whole lots. Refused when nothing
    is left: by the rule that allows none, or by ``size``, which says what made it zero.
    """
    most, refusal = room(terms, view, limits)
    opening = _opening(terms, view, min(intent, most - closing, LARGEST - 1), lot, closing)
    quantity = Quantity(closing + opening if opening else min(closing, max(ZERO, most)))
    if quantity:
        return replace(terms, quantity=quantity)
    return refused(terms, refusal if refusal is not None and intent > most else _no_size(intent, lot))


def _opening(terms: OrderTerms, view: RiskView, most: Decimal, lot: Decimal, closing: Quantity) -> Decimal:
    """As many lots as there is room for; where its exits are held for whole steps only, as many as make the position one.

    What raises no risk needs no exits, and may be of any size.
    """
    step = pair_step(terms, view)
    if step is None:
        return max(ZERO, round_to(most, lot, Rounding.DOWN))
    begun = (view.own * terms.side.sign + closing) % step  # of a step, by what is held
    begun += step if begun < 0 else ZERO
    whole = round_to(most + begun, lot if not lot % step else step, Rounding.DOWN) - begun
    free = min(most, free_quantity(terms.side, view.account) - closing)
    return max(ZERO, whole, round_to(free, lot, Rounding.DOWN))


def room(terms: OrderTerms, view: RiskView, limits: RiskLimits) -> tuple[Decimal, Refusal | None]:
    """The greatest quantity that :func:`check` approves, steps and smallest orders apart, and what refuses any more."""
    price = reference_price(terms, view.mark)
    if price is None:
        return ZERO, _no_price(terms)
    most, refusal = LARGEST, None
    for scope in _scopes(terms, view, price, limits):
        allowed, why = _allowed(scope)
        if allowed < most:
            most, refusal = allowed, why
    return most, refusal


def reference_price(terms: OrderTerms, mark: Price | None) -> Price | None:
    """The price an order is judged by: the highest it can be expected to trade at.

    A buy with a limit never pays more than that. Any other order that names a price trades there or at the market's, and a
    stop on the wrong side of the market trades at the market's at once.
    """
    limited = terms.order_type in (_LIMIT, _STOP_LIMIT)
    own = terms.limit_price if limited else terms.stop_price if terms.order_type is _STOP else mark
    if own is None or mark is None or (limited and terms.side is _BUY):
        return own
    return max(own, mark)


def loss_pct(loss: Money, equity: Money) -> Decimal:
    """A loss in percent of the equity that a day began with; zero where there was none."""
    return loss * 100 / equity if equity > 0 else ZERO


def refused(terms: OrderTerms, refusal: Refusal) -> RiskRefused:
    """The record of a refusal."""
    return RiskRefused(
        strategy=terms.strategy,
        symbol=terms.symbol,
        side=terms.side,
        quantity=terms.quantity,
        rule=refusal.rule,
        figure=refusal.figure,
        limit=refusal.limit,
        text=refusal.text,
        intent_id=terms.intent_id,
    )


def _scopes(terms: OrderTerms, view: RiskView, price: Price, limits: RiskLimits) -> list[Judged]:
    """The account, and the draft's strategy where that has limits."""
    worth = Price(
        (price if view.mark is None else max(price, view.mark)) * view.unit
    )  # what is held is worth the market's price
    account, own = view.account, view.strategy
    judged = [Judged(Case(terms, view, account, limits, price, worth), free_quantity(terms.side, account), limits)]
    if own is not None and view.strategy_limits is not None:
        case = Case(terms, view, own, view.strategy_limits, price, worth)
        judged.append(Judged(case, free_quantity(terms.side, own), None))
    return judged


def _above_a_cap(scope: Judged, quantity: Decimal) -> Refusal | None:
    for cap in caps(scope.case, scope.account):
        if quantity > cap.most:
            return cap.refusal(quantity)
    return None


def _allowed(scope: Judged) -> tuple[Decimal, Refusal | None]:
    """The greatest quantity that one set of limits allows, and what refuses any more."""
    refusal = first_refusal(scope.case, scope.account)
    if refusal is not None:
        return scope.free, refusal
    smallest: Cap | None = None
    most = LARGEST
    for cap in caps(scope.case, scope.account):
        if cap.most < most:
            smallest, most = cap, cap.most
    if smallest is None:
        return LARGEST, None
    if most <= scope.free:
        return scope.free, _cut(smallest)
    return most, _cut(smallest)


def _cut(cap: Cap) -> Refusal:
    """What is said when a cap leaves less than a lot."""
    left = plain(max(ZERO, cap.most))
    return Refusal("size", "0", "one lot", f"{cap.rule} leaves room for {left}, less than one lot")


def _no_size(intent: Decimal, lot: Decimal) -> Refusal:
    return Refusal("size", "0", "one lot", f"the method asks for {intent:.6g}, less than one lot of {plain(lot)}")


def _no_price(terms: OrderTerms) -> Refusal:
    return Refusal("price_known", "none", "a price", f"no price of {terms.symbol} is known yet")


def _approved(terms: OrderTerms, view: RiskView, price: Price, raising: bool) -> RiskApproved:
    return RiskApproved(terms, price, notional(Price(price * view.unit), terms.quantity), raising)


def _step(terms: OrderTerms, view: RiskView) -> Refusal | None:
    step = view.instrument.quantity_increment
    if terms.quantity % step:
        return Refusal(
            "quantity_increment", plain(terms.quantity), plain(step), f"quantity is no multiple of {plain(step)}"
        )
    return None


def _too_small(terms: OrderTerms, view: RiskView, price: Price) -> Refusal | None:
    rules: Instrument = view.instrument
    if not rules.is_too_small(terms.quantity, price):
        return None
    worth, least = notional(Price(price * rules.multiplier), terms.quantity), rules.minimum_value
    text = f"{plain(terms.quantity)} {terms.symbol} is worth {worth:.4f}; no order below {plain(least)} is taken"
    return Refusal("minimum_value", f"{worth:.4f}", plain(least), text)
