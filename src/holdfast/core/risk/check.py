"""Judging an order before it exists. Strategies, people and protection all come through :func:`check`.

Each rule is a small function that looks at the draft and the view of the account and gives a refusal or None. The first
refusal counts. Rules about new risk are not asked when the order can only lower risk, so a way out is never barred.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from holdfast.core.messages import OrderTerms, RiskApproved, RiskRefused
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.types import Money, OrderRole, OrderType, Price, Quantity, Side, notional, plain


class RiskView(msgspec.Struct, frozen=True, gc=False):
    """What risk sees of the account when it judges one draft. Money in the account's currency; quantities in units.

    ``position`` is the account's, ``worst_long`` and ``worst_short`` what it would be if every open buy, or every open sell,
    filled. ``others_exposure`` is the worst case of all other symbols.
    """

    state: AccountState
    mark: Price | None
    position: Quantity
    worst_long: Quantity
    worst_short: Quantity
    others_exposure: Money
    equity: Money
    day_start_equity: Money
    open_orders: int
    orders_last_minute: int
    twin: str | None
    quantity_increment: Decimal


class Refusal(msgspec.Struct, frozen=True):
    """Which rule, what it saw, what it allows."""

    rule: str
    figure: str
    limit: str
    text: str


class _Case(msgspec.Struct, frozen=True, gc=False):
    terms: OrderTerms
    view: RiskView
    limits: RiskLimits
    price: Price
    exposure: Money  # the symbol's worst case with this order


Rule = Callable[[_Case], Refusal | None]


def raises_risk(side: Side, quantity: Quantity, view: RiskView) -> bool:
    """Whether an order could add to the position, or carry it through zero, if all that is open on its side filled too."""
    if side is Side.BUY:
        return view.worst_long + quantity > max(Decimal(0), view.position)
    return quantity - view.worst_short > max(Decimal(0), -view.position)


def check(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, *, way_out: bool = False
) -> RiskApproved | RiskRefused:
    """Approve a draft or refuse it with the first rule it breaks. A ``way_out`` is known not to raise risk."""
    price = reference_price(terms, view.mark)
    if price is None:
        return _refused(terms, Refusal("price_known", "none", "a price", f"no price of {terms.symbol} is known yet"))
    refusal = _lot(terms, view)
    raising = not way_out and terms.role is OrderRole.ENTRY and raises_risk(terms.side, terms.quantity, view)
    if refusal is None and raising:
        worth = price if view.mark is None else max(price, view.mark)  # what is held is worth the market's price
        case = _Case(terms, view, limits, price, notional(worth, _worst_after(terms, view)))
        for rule in RULES:
            refusal = rule(case)
            if refusal is not None:
                break
    if refusal is not None:
        return _refused(terms, refusal)
    return RiskApproved(terms, price, notional(price, terms.quantity), raising)


def reference_price(terms: OrderTerms, mark: Price | None) -> Price | None:
    """The price an order is judged by: the highest it can be expected to trade at.

    A buy with a limit never pays more than that. Any other order that names a price trades there or at the market's, and a
    stop on the wrong side of the market trades at the market's at once.
    """
    limited = terms.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    own = terms.limit_price if limited else terms.stop_price if terms.order_type is OrderType.STOP else mark
    if own is None or mark is None or (limited and terms.side is Side.BUY):
        return own
    return max(own, mark)


def daily_loss_pct(equity: Money, day_start_equity: Money) -> Decimal:
    """What has been lost since the trading day began, in percent of the equity then; below zero for a gain."""
    return (day_start_equity - equity) * 100 / day_start_equity if day_start_equity > 0 else Decimal(0)


def _refused(terms: OrderTerms, refusal: Refusal) -> RiskRefused:
    return RiskRefused(
        strategy=terms.strategy,
        symbol=terms.symbol,
        side=terms.side,
        quantity=terms.quantity,
        rule=refusal.rule,
        figure=refusal.figure,
        limit=refusal.limit,
        text=refusal.text,
    )


def _worst_after(terms: OrderTerms, view: RiskView) -> Quantity:
    if terms.side is Side.BUY:
        return Quantity(max(abs(view.worst_long + terms.quantity), abs(view.worst_short)))
    return Quantity(max(abs(view.worst_long), abs(view.worst_short - terms.quantity)))


def _lot(terms: OrderTerms, view: RiskView) -> Refusal | None:
    step = view.quantity_increment
    if terms.quantity % step:
        return Refusal(
            "quantity_increment", plain(terms.quantity), plain(step), f"quantity is no multiple of {plain(step)}"
        )
    return None


def _account_takes_risk(case: _Case) -> Refusal | None:
    state = case.view.state
    if state.takes_risk:
        return None
    return Refusal(
        "account_state", state.value, "IDLE", f"the account is {state.value}: nothing that raises risk is sent"
    )


def _duplicate_intent(case: _Case) -> Refusal | None:
    if case.view.twin is None:
        return None
    return Refusal("duplicate_intent", case.view.twin, "none", f"the same order was just made as {case.view.twin}")


def _open_orders(case: _Case) -> Refusal | None:
    open_then, limit = case.view.open_orders + 1, case.limits.max_open_orders
    return None if open_then <= limit else _too_many("open_orders", open_then, limit, "entries would be open")


def _order_rate(case: _Case) -> Refusal | None:
    made, limit = case.view.orders_last_minute + 1, case.limits.max_orders_per_minute
    return None if made <= limit else _too_many("order_rate", made, limit, "entries would be made within a minute")


def _price_collar(case: _Case) -> Refusal | None:
    terms, mark = case.terms, case.view.mark
    if terms.limit_price is None or mark is None:
        return None
    through = (terms.limit_price - mark) * terms.side.sign * 100 / mark
    if through <= case.limits.price_collar_pct:
        return None
    allowed = plain(case.limits.price_collar_pct)
    where = f"{terms.limit_price} is {through:.1f}% through the market at {plain(mark)}"
    return Refusal("price_collar", f"{through:.2f}%", f"{allowed}%", f"the limit {where}; {allowed}% is allowed")


def _position_value(case: _Case) -> Refusal | None:
    limit = case.limits.max_position_value
    if limit is None or case.exposure <= limit:
        return None
    return _too_much("position_value", case.exposure, limit, f"{case.terms.symbol} could reach")


def _gross_exposure(case: _Case) -> Refusal | None:
    gross, limit = Money(case.view.others_exposure + case.exposure), case.limits.max_gross_exposure
    if limit is None or gross <= limit:
        return None
    return _too_much("gross_exposure", gross, limit, "all positions could reach")


def _buying_power(case: _Case) -> Refusal | None:
    gross, power = Money(case.view.others_exposure + case.exposure), Money(case.view.equity * case.limits.leverage)
    return None if gross <= power else _too_much("buying_power", gross, power, "all positions could reach")


def _daily_loss(case: _Case) -> Refusal | None:
    limit = case.limits.daily_loss_pct
    if limit is None:
        return None
    loss = daily_loss_pct(case.view.equity, case.view.day_start_equity)
    if loss < limit:
        return None
    return Refusal("daily_loss", f"{loss:.2f}%", f"{limit}%", f"the day has lost {loss:.2f}%; {limit}% is allowed")


def _protection_side(case: _Case) -> Refusal | None:
    """A stop-loss lies on the losing side of the entry, a take-profit on the winning one; else it would close at once."""
    terms, sign = case.terms, case.terms.side.sign
    for name, level, way in (("stop_loss", terms.stop_loss, -sign), ("take_profit", terms.take_profit, sign)):
        if level is not None and (level - case.price) * way <= 0:
            where = "above" if way > 0 else "below"
            text = f"a {terms.side}'s {name} must be {where} {plain(case.price)}, not {plain(level)}"
            return Refusal("protection_side", plain(level), f"{where} {plain(case.price)}", text)
    return None


RULES: tuple[Rule, ...] = (
    _account_takes_risk,
    _protection_side,
    _daily_loss,
    _duplicate_intent,
    _open_orders,
    _order_rate,
    _price_collar,
    _position_value,
    _gross_exposure,
    _buying_power,
)


def _too_many(rule: str, figure: int, limit: int, what: str) -> Refusal:
    return Refusal(rule, str(figure), str(limit), f"{figure} {what}; {limit} are allowed")


def _too_much(rule: str, figure: Money, limit: Money, what: str) -> Refusal:
    return Refusal(rule, f"{figure:.2f}", f"{limit:.2f}", f"{what} {figure:,.2f}; {limit:,.2f} is allowed")
