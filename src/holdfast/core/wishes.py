"""From a wish to a draft of an order that risk has judged: sizes, sides, prices on the tick, and what risk needs to see."""

from collections.abc import Iterator

from msgspec.structs import replace

from holdfast.core.messages import Action, OrderTerms, RiskApproved, RiskRefused, Signal
from holdfast.core.orders.order import Order
from holdfast.core.risk.check import RiskView, check, raises_risk
from holdfast.core.risk.sizing import sized_quantity
from holdfast.core.state import EngineState, intent_of, worst_case
from holdfast.core.strategy.context import order_type
from holdfast.core.types import (
    MINUTE_NS,
    NO_MONEY,
    NO_QUANTITY,
    ZERO,
    Money,
    OrderRole,
    Price,
    Quantity,
    Side,
    StrategyId,
    to_decimal,
    to_price,
    to_quantity,
)
from holdfast.errors import InvalidValue


def draft(state: EngineState, signal: Signal, *, way_out: bool = False) -> RiskApproved | RiskRefused | None:
    """What a signal comes to: an approved order, a refusal, or None when it is already fulfilled.

    ``way_out``: it is one of the orders that together bring the account to zero, so none of them raises risk, even where
    strategies hold opposite sides of a symbol and the first close alone would carry the account through zero.
    """
    price = state.price(signal.symbol)
    if price is None:
        return _refused(signal, "price_known", "none", "a price", f"no price of {signal.symbol} is known yet")
    wanted = _wanted(state, signal, signal.limit_price or signal.stop_price or price)
    if wanted is None:
        return None
    side, quantity = wanted
    if not quantity:
        return _refused(signal, "size", "0", "one lot", "the size left to risk comes to less than one lot")
    terms = _terms(state, signal, side, quantity)
    if not state.orders_cross_zero:
        terms = _up_to_zero(state, terms)
    return check(terms, risk_view(state, terms), state.limits, way_out=way_out)


def _wanted(state: EngineState, signal: Signal, price: Price) -> tuple[Side, Quantity] | None:
    """The side and quantity that fulfil a signal; None when nothing is missing."""
    if signal.action in (Action.BUY, Action.SELL):
        side = Side.BUY if signal.action is Action.BUY else Side.SELL
        if signal.notional is not None:
            return side, state.instrument.steps(signal.notional / price)
        return side, signal.quantity or _sized(state, signal, price)
    if signal.quantity is not None:
        target = signal.quantity
    else:
        direction = signal.side or Side.BUY
        target = Quantity(_sized(state, signal, price) * direction.sign)
        if not target:
            return direction, NO_QUANTITY
    missing = target - state.host.projected((signal.strategy, signal.symbol))
    if not missing:
        return None
    return (Side.BUY if missing > 0 else Side.SELL), Quantity(abs(missing))


def _up_to_zero(state: EngineState, terms: OrderTerms) -> OrderTerms:
    """Terms that bring the account's position to zero at most; the rest follows when they have filled."""
    held = abs(state.portfolio.quantity(terms.symbol))
    closes = state.portfolio.quantity(terms.symbol) * terms.side.sign < 0
    if not closes or terms.quantity <= held:
        return terms
    return replace(terms, quantity=held, then=Quantity(terms.quantity - held))


def follow_up(state: EngineState, order: Order) -> RiskApproved | RiskRefused:
    """What is to follow an order that has brought the position to zero, as risk judges it now."""
    first = order.terms
    terms = replace(
        first, client_order_id=state.ids.order(state.order_count + 1), quantity=first.then or NO_QUANTITY, then=None
    )
    view = replace(risk_view(state, terms), twin=None)  # it may be as large as the first and is no repeat of it
    return check(terms, view, state.limits)


def _sized(state: EngineState, signal: Signal, price: Price) -> Quantity:
    equity = state.portfolio.equity(state.price)
    return sized_quantity(equity, price, signal.confidence, state.limits, state.instrument)


def _terms(state: EngineState, signal: Signal, side: Side, quantity: Quantity) -> OrderTerms:
    rules = state.instrument
    limit, stop = signal.limit_price, signal.stop_price
    loss, profit = signal.stop_loss, signal.take_profit
    live_ns = signal.time_to_live_ns
    return OrderTerms(
        client_order_id=state.ids.order(state.order_count + 1),
        strategy=signal.strategy,
        symbol=signal.symbol,
        side=side,
        quantity=quantity,
        order_type=signal.order_type,
        time_in_force=signal.time_in_force,
        limit_price=None if limit is None else rules.limit_price(limit, side),
        stop_price=None if stop is None else rules.stop_price(stop, side),
        trail_amount=signal.trail_amount,
        trail_percent=signal.trail_percent,
        stop_loss=None if loss is None else rules.stop_price(loss, side.opposite),
        take_profit=None if profit is None else rules.limit_price(profit, side.opposite),
        expires_ns=None if live_ns is None else state.now_ns + live_ns,
        tag=signal.tag,
    )


def fault_of(signal: Signal) -> str:
    """What is wrong with the values of a person's signal; empty for nothing. A strategy's were checked as it wished."""
    try:
        if signal.quantity is not None:
            positive = signal.action in (Action.BUY, Action.SELL)
            (to_quantity if positive else to_decimal)(signal.quantity, "quantity")
        if signal.notional is not None:
            to_price(signal.notional, "notional")
            if signal.quantity is not None or signal.action not in (Action.BUY, Action.SELL):
                return "a notional amount takes the place of a quantity, to buy or to sell"
        for name in ("limit_price", "stop_price", "trail_amount", "trail_percent", "stop_loss", "take_profit"):
            value = getattr(signal, name)
            if value is not None:
                to_price(value, name)
        kind = order_type(signal.limit_price, signal.stop_price, signal.trail_amount, signal.trail_percent)
    except InvalidValue as error:
        return str(error)
    if kind is not signal.order_type:
        return f"the prices given make it a {kind} order, not a {signal.order_type} order"
    return "" if 0 < signal.confidence <= 1 else f"confidence must be above 0 and at most 1, not {signal.confidence}"


def close_signal(strategy: StrategyId, symbol: str) -> Signal:
    """The wish to bring a ledger's position to zero."""
    return Signal(strategy=strategy, symbol=symbol, action=Action.CLOSE, quantity=NO_QUANTITY)


def risk_view(state: EngineState, terms: OrderTerms) -> RiskView:
    """The account as risk sees it when it judges this draft. What only new risk is judged by is left out where there is none."""
    symbol = terms.symbol
    worst_long, worst_short = worst_case(state, symbol)
    full = terms.role is OrderRole.ENTRY
    return RiskView(
        state=state.account_state,
        mark=state.price(symbol),
        position=state.portfolio.quantity(symbol),
        worst_long=Quantity(worst_long),
        worst_short=Quantity(worst_short),
        others_exposure=_others_exposure(state, symbol) if full else NO_MONEY,
        equity=state.portfolio.equity(state.price) if full else NO_MONEY,
        day_start_equity=state.day_start_equity,
        open_orders=state.orders.live_entries,
        orders_last_minute=_entries_last_minute(state),
        twin=_twin(state, terms),
        quantity_increment=state.instrument.quantity_increment,
    )


def raises(state: EngineState, order: Order) -> bool:
    """Whether a live order raises risk as things stand: what a halt goes by.

    What is open of it is part of the worst case already. While a flatten is on, an order whose cancel wasn't asked for is one
    of those that together bring the account to zero.
    """
    terms = order.terms
    if terms.role is not OrderRole.ENTRY or (state.flattening and not order.cancel_released_ns):
        return False
    return raises_risk(terms.side, NO_QUANTITY, risk_view(state, terms))


def _others_exposure(state: EngineState, symbol: str) -> Money:
    """The worst case of every other symbol, at its last price."""
    lines, orders = state.portfolio.lines, state.orders
    total = ZERO
    for other in {*lines, *orders.open_buys, *orders.open_sells}:
        if other != symbol:
            worst = max(map(abs, worst_case(state, other)))
            if worst:
                total += worst * (state.price(other) or ZERO)
    return Money(total)


def _entries_last_minute(state: EngineState) -> int:
    times = state.entry_times
    while times and state.now_ns - times[0] >= MINUTE_NS:
        times.popleft()
    return len(times)


def _twin(state: EngineState, terms: OrderTerms) -> str | None:
    """An order like this one that is live, or so recent that this one must be a repeat."""
    known = state.intents.get(intent_of(terms))
    if known is None:
        return None
    made_ns, client_order_id = known
    recent = state.now_ns - made_ns < state.limits.duplicate_window_ns
    return client_order_id if recent or client_order_id in state.orders.live else None


def is_repeated(state: EngineState, refused: RiskRefused) -> bool:
    """Whether a strategy was refused just this before, and nothing was let through since: no need to record it again."""
    known = state.refusals.get((refused.strategy, refused.symbol))
    return known == (refused.side, refused.quantity, refused.rule)


def live_entries(state: EngineState, strategy: StrategyId, client_order_id: str | None = None) -> Iterator[Order]:
    """A strategy's live orders apart from protection; or the one named, of either kind."""
    for order in list(state.orders.live.values()):
        terms = order.terms
        mine = terms.strategy == strategy
        wanted = terms.role is OrderRole.ENTRY if client_order_id is None else terms.client_order_id == client_order_id
        if mine and wanted:
            yield order


def _refused(signal: Signal, rule: str, figure: str, limit: str, text: str) -> RiskRefused:
    return RiskRefused(
        strategy=signal.strategy,
        symbol=signal.symbol,
        side=signal.side,
        quantity=signal.quantity,
        rule=rule,
        figure=figure,
        limit=limit,
        text=text,
    )
