"""From an intent to a draft of an order that risk has judged: sizes, sides, prices on the tick."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from holdfast.core.exits import fault_of_exits, fault_of_percent
from holdfast.core.exposure import held, uncommitted, unsettled_fee
from holdfast.core.messages import Action, OrderTerms, RiskApproved, RiskRefused, Signal
from holdfast.core.orders.order import Order
from holdfast.core.risk.check import check, fit, raises_risk, reference_price, refused
from holdfast.core.risk.rules import differing, stop_distance
from holdfast.core.risk.sizing import Basis, Method, Sizing, Unsized, wanted_size
from holdfast.core.risk.view import Case, RiskView
from holdfast.core.state import EngineState
from holdfast.core.strategy.order_kinds import order_type
from holdfast.core.types import (
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
from holdfast.core.views import exposure_of, risk_view, unexplained, volatility_of
from holdfast.core.waiting import contrary, obstacle
from holdfast.core.waits import Wait
from holdfast.errors import InvalidValue

_ACTION_BUY: Final = Action.BUY
_CLOSE: Final = Action.CLOSE
_ACTION_SELL: Final = Action.SELL
_TARGET: Final = Action.TARGET
_REGULAR: Final = OrderRole.REGULAR
_SIDE_BUY: Final = Side.BUY
_SIDE_SELL: Final = Side.SELL
_POSITIONS: Final = (Action.TARGET, Action.CLOSE)

__all__ = [
    "close_signal",
    "draft",
    "draft_alone",
    "fault_of",
    "follow_up",
    "is_repeated",
    "live_regular",
    "raises",
    "refusal",
    "risk_view",
    "unexplained",
]


def draft(state: EngineState, signal: Signal) -> RiskApproved | RiskRefused | Wait | None:
    """What a signal comes to: an approved order, a refusal, orders that have to be over first, or None when it is already fulfilled."""
    if state.price(signal.symbol) is not None:
        wait = contrary(state, signal)
        if wait is not None:
            return wait
    answer = draft_alone(state, signal)
    if not isinstance(answer, RiskApproved):
        return answer
    wait = obstacle(state, answer.terms)
    if wait is None:
        return answer
    left_out = answer.left_out.quantity if answer.left_out is not None else None
    parts = (answer.terms.quantity, answer.terms.then, left_out)
    return wait._replace(quantity=Quantity(sum((part for part in parts if part is not None), ZERO)))


def draft_alone(state: EngineState, signal: Signal, *, reduce_only: bool = False) -> RiskApproved | RiskRefused | None:
    """What a signal comes to where no order of its strategy in the symbol can be in its way.

    ``reduce_only``: it is one of the orders that together bring the account to zero, so none of them raises risk, even where
    strategies hold opposite sides of a symbol and the first close alone would carry the account through zero.
    """
    price = state.price(signal.symbol)
    if price is None:
        return refusal(signal, "price_known", "none", "a price", f"no price of {signal.symbol} is known yet")
    wanted = _wanted(state, signal, signal.limit_price or signal.stop_price or price)
    if wanted is None:
        return None
    side, quantity = wanted
    quantity = None if quantity is None else _without_fee(state, signal.symbol, side, quantity)
    signal = _with_exits(state, signal, side, price)
    if needs_tick(signal) and not state.instrument_of(signal.symbol).ticks:
        text = f"no tick of {signal.symbol} is known, so its price can't be rounded: [instruments.{signal.symbol}] tick = ..."
        return refusal(signal, "tick_known", "none", "a tick", text)
    terms = _terms(state, signal, side, NO_QUANTITY if quantity is None else quantity)
    if quantity is None:
        sized = _sized(state, signal, terms)
        if isinstance(sized, RiskRefused):
            return sized
        terms = sized
    elif not quantity:
        return refusal(signal, "size", "0", "one lot", "the amount of money comes to less than the smallest step")
    return _judged(state, terms, signal, reduce_only)


def _without_fee(state: EngineState, symbol: str, side: Side, quantity: Quantity) -> Quantity:
    """A sale of all the coins that were bought is one of all that are there, without the fee that may have been taken of them."""
    fee = ZERO if side is _SIDE_BUY else unsettled_fee(state, symbol)
    if not fee:
        return quantity
    ours = state.portfolio.quantity(symbol)
    if not ours - fee < quantity <= ours:
        return quantity
    return Quantity(held(state, symbol, side))


def needs_tick(signal: Signal) -> bool:
    """Whether an order would have a price of its own, or exits that have one."""
    if signal.exits is not None and signal.exits.moves_stop:
        return True
    if signal.stop_loss is not None or signal.take_profit is not None:
        return True
    if signal.limit_price is not None or signal.stop_price is not None:
        return True
    return signal.trail_amount is not None or signal.trail_percent is not None


def _with_exits(state: EngineState, signal: Signal, side: Side, price: Price) -> Signal:
    """The signal with the exits that its strategy's configuration adds to those it asks for itself."""
    rules = state.exit_rules.get(signal.strategy)
    if rules is None or signal.action is _CLOSE:
        return signal
    entry = signal.limit_price or signal.stop_price or price
    has_stop = signal.stop_loss is not None
    return replace(
        signal,
        stop_loss=signal.stop_loss
        or (None if signal.exits else rules.stop_loss(_met(signal, side, entry, price), side)),
        take_profit=signal.take_profit or rules.take_profit(entry, side),
        exits=signal.exits or rules.exits(entry, side, has_stop=has_stop),
    )


def _met(signal: Signal, side: Side, entry: Price, price: Price) -> Price:
    """Where an entry is expected to trade: a limit through the market trades at the market."""
    if signal.limit_price is None or signal.stop_price is not None:
        return entry
    return min(entry, price) if side is _SIDE_BUY else max(entry, price)


def _wanted(state: EngineState, signal: Signal, price: Price) -> tuple[Side, Quantity | None] | None:
    """The side and quantity that fulfil a signal, the quantity None where it is left to risk; None when nothing is missing."""
    if signal.action in (_ACTION_BUY, _ACTION_SELL):
        side = _SIDE_BUY if signal.action is _ACTION_BUY else _SIDE_SELL
        if signal.notional is not None:
            return side, state.instrument_of(signal.symbol).steps(
                signal.notional / (price * state.instrument_of(signal.symbol).multiplier)
            )
        return side, signal.quantity
    coming = state.host.projected((signal.strategy, signal.symbol))
    if signal.quantity is None:
        side = signal.side or _SIDE_BUY
        return None if coming * side.sign > 0 else (side, None)
    missing = signal.quantity - coming
    if not missing:
        return None
    return (_SIDE_BUY if missing > 0 else _SIDE_SELL), Quantity(abs(missing))


def _sized(state: EngineState, signal: Signal, terms: OrderTerms) -> OrderTerms | RiskRefused:
    """The draft with the size that risk gives it. A target closes what is held on the other side as well."""
    sizing = _sizing(state, signal.strategy)
    view = risk_view(state, terms, signal.confidence)
    price = reference_price(terms, view.mark)
    if price is None:  # it can't be: the mark is known
        return refusal(signal, "price_known", "none", "a price", f"no price of {signal.symbol} is known yet")
    if not view.unit:  # no rate, no worth: of any size it is judged by that
        answer = check(replace(terms, quantity=view.instrument.lot), view, state.limits)
        return (
            answer
            if isinstance(answer, RiskRefused)
            else refusal(signal, "rate_known", "none", "a rate", "no rate is known")
        )
    size = wanted_size(sizing, _basis(state, signal, terms, view, price, sizing))
    if isinstance(size, Unsized):
        return refusal(signal, "size", "0", "a size", size.why)
    lot = sizing.lot or view.instrument.lot
    held = state.host.projected((signal.strategy, signal.symbol)) * -terms.side.sign
    closing = Quantity(max(ZERO, held) if signal.action is _TARGET else ZERO)
    return fit(terms, view, state.limits, size, lot, closing)


def _sizing(state: EngineState, strategy: StrategyId) -> Sizing:
    own = state.strategy_limits.get(strategy)
    return (own.sizing if own is not None else None) or state.limits.sizing or Sizing()


def _basis(
    state: EngineState, signal: Signal, terms: OrderTerms, view: RiskView, price: Price, sizing: Sizing
) -> Basis:
    account = view.account
    unit, worst = view.unit, max(abs(account.worst_long), abs(account.worst_short))
    used = account.others.exposure + (view.mark or price) * unit * worst
    moves = sizing.method is Method.VOLATILITY_TARGET
    distance = stop_distance(Case(terms, view, account, state.limits, price, price))
    return Basis(
        price=Price(price * unit),
        equity=view.equity,
        buying_power=Money(view.equity * view.permits.bounded(state.limits.leverage) - used),
        confidence=signal.confidence,
        stop_distance=None if distance is None else distance * unit,
        volatility=volatility_of(state, signal.strategy, signal.symbol, sizing) if moves else None,
        unit=unit,
    )


def _judged(state: EngineState, terms: OrderTerms, signal: Signal, reduce_only: bool) -> RiskApproved | RiskRefused:
    """Risk's answer to a draft. One that goes through zero closes first and opens then, unless one order may do both.

    What only closes is never held up by limits that bar the whole: it goes alone then, and the rest is refused.
    """
    if terms.symbol in state.gaps and not reduce_only:
        return _agreed_on(state, terms, signal)
    whole = check(terms, _view(state, terms, signal), state.limits, reduce_only=reduce_only)
    crosses = _closes(state, terms) > 0
    if not crosses or (state.rules.orders_cross_zero and isinstance(whole, RiskApproved)):
        return whole
    close = _up_to_zero(state, terms)
    if isinstance(whole, RiskApproved):
        return check(close, _view(state, close, signal), state.limits, reduce_only=reduce_only)
    close = replace(close, then=None)
    answer = check(close, _view(state, close, signal), state.limits, reduce_only=reduce_only)
    if isinstance(answer, RiskRefused):
        return whole
    return replace(answer, left_out=replace(whole, quantity=Quantity(terms.quantity - close.quantity)))


def _agreed_on(state: EngineState, terms: OrderTerms, signal: Signal) -> RiskApproved | RiskRefused:
    """Risk's answer where the books are known to be wrong: no more goes out than both they and the broker have."""
    rest = max(ZERO, uncommitted(state, terms.symbol, terms.side, besides=terms.strategy))
    part = replace(terms, quantity=Quantity(min(terms.quantity, rest)), then=None)
    view = _view(state, part, signal)
    left_out = refused(replace(terms, quantity=Quantity(terms.quantity - part.quantity)), differing(view, terms.symbol))
    if not part.quantity:
        return left_out
    answer = check(part, view, state.limits)
    return replace(answer, left_out=left_out) if isinstance(answer, RiskApproved) and left_out.quantity else answer


def _view(state: EngineState, terms: OrderTerms, signal: Signal) -> RiskView:
    """What risk sees. A target counts what is there and what is on its way, so what it asks for is no repeat of anything."""
    return risk_view(state, terms, signal.confidence, may_repeat=signal.action in _POSITIONS)


def _closes(state: EngineState, terms: OrderTerms) -> Decimal:
    """What a draft that goes through zero closes of the account's position; zero for one that doesn't."""
    position = state.portfolio.quantity(terms.symbol) + state.gaps.get(terms.symbol, ZERO)
    held = position * -terms.side.sign
    return held if 0 < held < terms.quantity else ZERO


def _up_to_zero(state: EngineState, terms: OrderTerms) -> OrderTerms:
    """Terms that bring the account's position to zero; the rest follows when they have filled."""
    held = _closes(state, terms)
    return replace(terms, quantity=Quantity(held), then=Quantity(terms.quantity - held))


def follow_up(state: EngineState, order: Order) -> RiskApproved | RiskRefused:
    """What is to follow an order that has brought the position to zero, as risk judges it now."""
    first = order.terms
    terms = replace(
        first, client_order_id=state.ids.order(state.order_count + 1), quantity=first.then or NO_QUANTITY, then=None
    )
    view = risk_view(state, terms, may_repeat=True)  # it may be as large as the first and is no repeat of it
    return check(terms, view, state.limits)


def _terms(state: EngineState, signal: Signal, side: Side, quantity: Quantity) -> OrderTerms:
    rules = state.instrument_of(signal.symbol)
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
        exits=signal.exits,
        intent_id=signal.intent_id,
        product=rules.product,
    )


def fault_of(signal: Signal) -> str:
    """What is wrong with the values of a person's signal; empty for nothing. A strategy's were checked as it asked."""
    try:
        if signal.quantity is not None:
            positive = signal.action in (_ACTION_BUY, _ACTION_SELL)
            (to_quantity if positive else to_decimal)(signal.quantity, "quantity")
        if signal.notional is not None:
            to_price(signal.notional, "notional")
            if signal.quantity is not None or signal.action not in (_ACTION_BUY, _ACTION_SELL):
                return "a notional amount takes the place of a quantity, to buy or to sell"
        for name in ("limit_price", "stop_price", "trail_amount", "trail_percent", "stop_loss", "take_profit"):
            value = getattr(signal, name)
            if value is not None:
                to_price(value, name)
        fault = fault_of_percent(signal.trail_percent, "trail_percent")
        fault = fault or (fault_of_exits(signal.exits) if signal.exits is not None else "")
        if fault:
            return fault
        kind = order_type(signal.limit_price, signal.stop_price, signal.trail_amount, signal.trail_percent)
    except InvalidValue as error:
        return str(error)
    if kind is not signal.order_type:
        return f"the prices given make it a {kind} order, not a {signal.order_type} order"
    return "" if 0 < signal.confidence <= 1 else f"confidence must be above 0 and at most 1, not {signal.confidence}"


def close_signal(strategy: StrategyId, symbol: str) -> Signal:
    """The intent to bring a ledger's position to zero."""
    return Signal(strategy=strategy, symbol=symbol, action=_CLOSE, quantity=NO_QUANTITY)


def raises(state: EngineState, order: Order) -> bool:
    """Whether a live order raises risk as things stand: what a halt goes by.

    What is open of it is part of the worst case already. While a flatten is on, an order whose cancel wasn't asked for is one
    of those that together bring the account to zero.
    """
    terms = order.terms
    if terms.role is not _REGULAR or (state.flattening and not order.cancel_released_ns):
        return False
    return raises_risk(terms.side, NO_QUANTITY, exposure_of(state, terms.symbol))


def is_repeated(state: EngineState, signal: Signal, answer: RiskApproved | RiskRefused | Wait) -> bool:
    """Whether a strategy was answered just so before, and nothing was let through since: no need to record it again.

    That is a refusal, or a target that waits already.
    """
    key = (signal.strategy, signal.symbol)
    if isinstance(answer, Wait):
        waiting = state.waiting.get(key, ())
        if len(waiting) != 1 or not waiting[0].is_target:
            return False
        return replace(waiting[0].signal, intent_id="") == replace(signal, intent_id="")
    return isinstance(answer, RiskRefused) and state.refusals.get(key) == (answer.side, answer.quantity, answer.rule)


def live_regular(state: EngineState, strategy: StrategyId, order_id: str | None = None) -> Iterator[Order]:
    """A strategy's live orders apart from protection; or those that an order's id or an intent's id names, of either kind."""
    for order in list(state.orders.live.values()):
        terms = order.terms
        mine = terms.strategy == strategy
        is_regular = terms.role is _REGULAR
        wanted = is_regular if order_id is None else order_id in (terms.client_order_id, terms.intent_id)
        if mine and wanted:
            yield order


def refusal(signal: Signal, rule: str, figure: str, limit: str, text: str) -> RiskRefused:
    """The record of an intent's refusal."""
    return RiskRefused(
        strategy=signal.strategy,
        symbol=signal.symbol,
        side=signal.side,
        quantity=signal.quantity,
        rule=rule,
        figure=figure,
        limit=limit,
        text=text,
        intent_id=signal.intent_id,
    )
