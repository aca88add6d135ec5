"""Rules that don't depend on size: each looks at a draft and gives a refusal or None. They are asked before the caps, in this order."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from holdfast.core.messages import OrderTerms
from holdfast.core.risk.limits import MarketHours, RiskLimits
from holdfast.core.risk.view import Case, Refusal, RiskView
from holdfast.core.types import Price, Side, iso_time, many, plain

_ANY: Final = MarketHours.ANY
_BUY: Final = Side.BUY

Rule = Callable[[Case], Refusal | None]
AccountRule = Callable[[Case, RiskLimits], Refusal | None]


def first_refusal(case: Case, account: RiskLimits | None) -> Refusal | None:
    """The first rule that the draft breaks. ``account`` is given where the account is what is judged."""
    if account is not None:
        for account_rule in ACCOUNT_RULES:
            refusal = account_rule(case, account)
            if refusal is not None:
                return refusal
    for rule in RULES:
        refusal = rule(case)
        if refusal is not None:
            return refusal
    return None


def entry_price(case: Case) -> Price:
    """Where a draft trades at worst: what its exits are measured from.

    That is the price it is judged by, but for a short that is entered by a stop: it sells below the market, at its stop or
    wherever the market then is, down to its limit.
    """
    terms = case.terms
    if terms.side is _BUY or terms.stop_price is None:
        return case.price
    if terms.limit_price is not None:
        return terms.limit_price
    return case.price if case.view.mark is None else min(terms.stop_price, case.view.mark)


def stop_distance(case: Case) -> Decimal | None:
    """How far from its entry a stop-loss or trail is, in price units; None where neither is asked for."""
    terms, exits = case.terms, case.terms.exits
    if terms.stop_loss is not None:
        return abs(entry_price(case) - terms.stop_loss)
    if exits is None:
        return None
    if exits.trail_amount is not None:
        return exits.trail_amount
    return None if exits.trail_percent is None else entry_price(case) * exits.trail_percent / 100


def asks_pair(terms: OrderTerms) -> bool:
    """Whether an entry asks for a stop-loss and a take-profit at once, or will when its stop has moved."""
    has_stop = terms.stop_loss is not None or (terms.exits is not None and terms.exits.moves_stop)
    return has_stop and terms.take_profit is not None


def pair_step(terms: OrderTerms, view: RiskView) -> Decimal | None:
    """What a position has to be a multiple of for the broker to hold the exits that an entry asks for; None: of nothing."""
    return view.held_exits.step if asks_pair(terms) else None


def not_whole(terms: OrderTerms, view: RiskView) -> Refusal | None:
    """The exits that it asks for are such as the broker holds for the quantity that its strategy would then have."""
    step = pair_step(terms, view)
    if step is None:
        return None
    then = view.own + terms.quantity * terms.side.sign
    if not then % step:
        return None
    text = (
        f"{plain(abs(then))} {terms.symbol} would be held, and the broker holds a stop-loss and a take-profit at once for multiples of"
        f" {plain(step)} only: ask for such a quantity, or for one of the two"
    )
    return Refusal("protectable", plain(abs(then)), f"multiples of {plain(step)}", text)


def differing(view: RiskView, symbol: str) -> Refusal:
    """The refusal of what can't be right whichever of the two is, where the books and the broker differ in a symbol."""
    ours = view.account.position
    figures = f"{plain(ours)} in the books, {plain(ours + view.gap)} at the broker"
    text = f"{symbol}: {figures}; no more may leave than both have, and nothing new is taken (`holdfast reconcile` shows both)"
    return Refusal("books", figures, "the same", text)


# --- the account's ----------------------------------------------------------------------------------------------------


def _account_takes_risk(case: Case, _limits: RiskLimits) -> Refusal | None:
    state = case.view.state
    if state.takes_risk:
        return None
    return Refusal(
        "account_state", state.value, "IDLE", f"the account is {state.value}: nothing that raises risk is sent"
    )


def _rates_are_known(case: Case, _limits: RiskLimits) -> Refusal | None:
    missing = case.view.unrated
    if not missing:
        return None
    text = f"no rate is known now of {missing}, so the account can't be valued: give one in [rates], or wait for its symbol's data"
    return Refusal("rate_known", "none", "a rate", text)


def _is_tradable(case: Case, _limits: RiskLimits) -> Refusal | None:
    symbol = case.terms.symbol
    if symbol not in case.view.permits.untradable:
        return None
    return Refusal("not_tradable", symbol, "tradable", f"the broker takes no orders for {symbol}")


def _symbol_is_explained(case: Case, _limits: RiskLimits) -> Refusal | None:
    order = case.view.unexplained
    if order is None:
        return None
    text = f"order {order} in {case.terms.symbol} is not explained yet: the symbol takes no new risk"
    return Refusal("quarantine", order, "none", text)


def _books_agree(case: Case, _limits: RiskLimits) -> Refusal | None:
    return differing(case.view, case.terms.symbol) if case.view.gap else None


def _protection_side(case: Case, _limits: RiskLimits) -> Refusal | None:
    """A stop-loss lies on the losing side of the entry, a take-profit and a break-even price on the winning one; else it would act at once."""
    terms = case.terms
    if terms.stop_loss is None and terms.take_profit is None and terms.exits is None:
        return None
    sign, entry = terms.side.sign, entry_price(case)
    through = terms.stop_price is None and terms.limit_price is not None and case.view.mark is not None
    stopped = min(entry, case.view.mark or entry) if through and terms.side is _BUY else entry
    even = None if terms.exits is None else terms.exits.break_even_at
    ways = (
        ("stop_loss", terms.stop_loss, stopped, -sign),
        ("take_profit", terms.take_profit, entry, sign),
        ("break_even_at", even, entry, sign),
    )
    for name, level, price, way in ways:
        if level is not None and (level - price) * way <= 0:
            where = "above" if way > 0 else "below"
            text = f"a {terms.side}'s {name} must be {where} {plain(price)}, not {plain(level)}"
            return Refusal("protection_side", plain(level), f"{where} {plain(price)}", text)
    return None


def _protectable(case: Case, _limits: RiskLimits) -> Refusal | None:
    """Before anything is bought: the exits that it asks for are such as the broker holds."""
    if case.view.held_exits.pairs or not asks_pair(case.terms):
        return None
    text = (
        f"the broker holds a stop-loss or a take-profit for {case.terms.symbol}, not both: ask for the stop alone and close at the"
        " target by another order"
    )
    return Refusal("protectable", "stop-loss and take-profit", "one of them", text)


def _data_is_fresh(case: Case, limits: RiskLimits) -> Refusal | None:
    view, symbol = case.view, case.terms.symbol
    if view.is_stale:
        return Refusal("stale_data", "stale", "fresh", f"the data of {symbol} has gone silent while its market is open")
    most = limits.max_data_age_s
    if most is None or (view.data_age_s is not None and view.data_age_s <= most):
        return None
    age = "unknown" if view.data_age_s is None else f"{view.data_age_s:.1f} s"
    return Refusal("stale_data", age, f"{most:g} s", f"the age of {symbol}'s last data is {age}; {most:g} s is allowed")


def _market_hours(case: Case, limits: RiskLimits) -> Refusal | None:
    if limits.market_hours is _ANY or case.view.is_open:
        return None
    return Refusal("market_hours", "closed", "regular", f"{case.terms.symbol} is entered in regular hours only")


def _square_off(case: Case, _limits: RiskLimits) -> Refusal | None:
    """What the broker closes before long is not opened."""
    at_ns = case.view.squared_off_ns
    if at_ns is None:
        return None
    text = f"the broker closes {case.terms.symbol} at {iso_time(at_ns)}, as it is held for the day: nothing is opened so shortly before"
    return Refusal("square_off", "too late", iso_time(at_ns), text)


def _drawdown(case: Case, limits: RiskLimits) -> Refusal | None:
    most, drawdown = limits.max_drawdown_pct, case.view.drawdown_pct
    if most is None or drawdown < most:
        return None
    text = f"the account is {drawdown:.2f}% below its peak; {plain(most)}% is allowed"
    return Refusal("drawdown", f"{drawdown:.2f}%", f"{plain(most)}%", text)


def _day_trades(case: Case, _limits: RiskLimits) -> Refusal | None:
    known = case.view.day_trades
    if known is None or case.view.equity >= known.rule.equity:
        return None
    rule, then = known.rule, known.made + known.opened + 1
    if then <= rule.most:
        return None
    text = (
        f"{many(known.made, 'day trade')} in {many(rule.days, 'day')} and {known.opened} more possible: leaving {case.terms.symbol} today could be"
        f" one too many below {rule.equity:,} of equity"
    )
    return Refusal("day_trades", str(then), str(rule.most), text)


def _duplicate_intent(case: Case, _limits: RiskLimits) -> Refusal | None:
    if case.view.twin is None:
        return None
    text = f"the same order is there, or was just made, as {case.view.twin}: cancel that one, or allow equal orders by risk duplicate_window_s = 0"
    return Refusal("duplicate_intent", case.view.twin, "none", text)


def _wash_trade(case: Case, _limits: RiskLimits) -> Refusal | None:
    other = case.view.opposite
    if other is None:
        return None
    text = f"it could trade with {other}, a live order of this account on the other side"
    return Refusal("wash_trade", other, "none", text)


def _price_collar(case: Case, limits: RiskLimits) -> Refusal | None:
    terms, market = case.terms, case.view.touch or case.view.mark
    if terms.limit_price is None or market is None:
        return None
    through = (terms.limit_price - market) * terms.side.sign * 100 / market
    if through <= limits.price_collar_pct:
        return None
    allowed = plain(limits.price_collar_pct)
    where = f"{terms.limit_price} is {through:.1f}% through the market at {plain(market)}"
    return Refusal("price_collar", f"{through:.2f}%", f"{allowed}%", f"the limit {where}; {allowed}% is allowed")


def _volume_is_known(case: Case, limits: RiskLimits) -> Refusal | None:
    """A share of nothing known is not a bound: no bar of the symbol, no entry."""
    if limits.max_volume_pct is None or case.view.bar_volume is not None:
        return None
    allowed = f"{plain(limits.max_volume_pct)}%"
    return Refusal("volume_share", "unknown", allowed, f"no strategy has seen a bar of {case.terms.symbol} yet")


# --- the account's and a strategy's -----------------------------------------------------------------------------------


def _daily_loss(case: Case) -> Refusal | None:
    limit, loss = case.limits.daily_loss_pct, case.scope.day_loss_pct
    if limit is None or loss < limit:
        return None
    text = f"{_whose_day(case)} has lost {loss:.2f}%; {limit}% is allowed"
    return Refusal("daily_loss", f"{loss:.2f}%", f"{limit}%", text)


def _whose_day(case: Case) -> str:
    return "the day" if case.scope is case.view.account else f"the day of {case.scope.who}"


def _loss_streak(case: Case) -> Refusal | None:
    limit, streak = case.limits.max_loss_streak, case.scope.loss_streak
    if limit is None or streak < limit:
        return None
    return Refusal(
        "loss_streak",
        str(streak),
        str(limit),
        f"{case.scope.who} has lost {streak} trades in a row today; {limit} is the end for the day",
    )


def _min_confidence(case: Case) -> Refusal | None:
    least, confidence = case.limits.min_confidence, case.view.confidence
    if least is None or confidence >= least:
        return None
    text = f"the signal's confidence is {confidence:g}; {least} is asked for"
    return Refusal("min_confidence", f"{confidence:g}", str(least), text)


def _stop(case: Case) -> Refusal | None:
    limits = case.limits
    if not limits.require_stop and limits.min_stop_pct is None and limits.max_stop_pct is None:
        return None
    distance = stop_distance(case)
    if distance is None:
        if not limits.require_stop:
            return None
        return Refusal("require_stop", "none", "a stop", "an entry needs a stop_loss or a trail here")
    percent = distance * 100 / entry_price(case)
    for limit, beyond, words in (
        (limits.min_stop_pct, -1, "at least {}% is required"),
        (limits.max_stop_pct, 1, "at most {}% is allowed"),
    ):
        if limit is not None and (percent - limit) * beyond > 0:
            text = f"the stop is {percent:.2f}% from {plain(entry_price(case))}; {words.format(plain(limit))}"
            return Refusal("stop_distance", f"{percent:.2f}%", f"{plain(limit)}%", text)
    return None


def _open_orders(case: Case) -> Refusal | None:
    open_then, limit = case.scope.open_orders + 1, case.limits.max_open_orders
    if limit is None or open_then <= limit:
        return None
    return _too_many("open_orders", open_then, limit, "entries would be open")


def _order_rate(case: Case) -> Refusal | None:
    made, limit = case.scope.orders_last_minute + 1, case.limits.max_orders_per_minute
    if limit is None or made <= limit:
        return None
    return _too_many("order_rate", made, limit, "entries would be made within a minute")


def _positions(case: Case) -> Refusal | None:
    limit, by_class = case.limits.max_positions, case.limits.max_positions_by_class
    if limit is None and by_class is None:
        return None
    held = case.scope.others.count + 1
    if limit is not None and held > limit:
        return _too_many("positions", held, limit, "symbols would be held")
    asset = case.view.instrument.asset_class
    limit = (by_class or {}).get(asset)
    held = case.scope.others.classes.get(asset, 0) + 1
    if limit is None or held <= limit:
        return None
    return _too_many(f"positions_{asset}", held, limit, f"symbols of class {asset} would be held")


def _too_many(rule: str, figure: int, limit: int, what: str) -> Refusal:
    return Refusal(rule, str(figure), str(limit), f"{figure} {what}; {limit} are allowed")


ACCOUNT_RULES: tuple[AccountRule, ...] = (
    _account_takes_risk,
    _rates_are_known,
    _is_tradable,
    _symbol_is_explained,
    _books_agree,
    _protection_side,
    _protectable,
    _data_is_fresh,
    _market_hours,
    _square_off,
    _drawdown,
    _day_trades,
    _duplicate_intent,
    _wash_trade,
    _price_collar,
    _volume_is_known,
)
RULES: tuple[Rule, ...] = (
    _daily_loss,
    _loss_streak,
    _min_confidence,
    _stop,
    _open_orders,
    _order_rate,
    _positions,
)
