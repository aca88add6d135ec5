"""What stands in the way of an intent: orders whose end has to be known before it can be carried out safely.

Until an order is over it may fill whole, in part or not at all. An intent is carried out only when the position stays between what is
held, zero and what is asked for in each of these cases; otherwise what is in its way is canceled, and the intent waits.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from holdfast.core.messages import Action, Envelope, OrderTerms, Signal, WishWaits
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.legs import at_work
from holdfast.core.protection.policy import OnBlocked
from holdfast.core.types import ZERO, OrderRole, OrderType, Quantity, Side, StrategyId, plain
from holdfast.core.waits import Wait, Waiting

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

_ACTION_BUY: Final = Action.BUY
_CLOSE: Final = Action.CLOSE
_ACTION_SELL: Final = Action.SELL
_TARGET: Final = Action.TARGET
_REGULAR: Final = OrderRole.REGULAR
_PARTIALLY_FILLED: Final = OrderState.PARTIALLY_FILLED
_SUBMITTED: Final = OrderState.SUBMITTED
_MARKET: Final = OrderType.MARKET
_TRAILING_STOP: Final = OrderType.TRAILING_STOP
_SIDE_BUY: Final = Side.BUY
_SIDE_SELL: Final = Side.SELL

Key = tuple[StrategyId, str]
"""A strategy and a symbol."""

WAITS_NS = 60_000_000_000
"""An intent to buy or sell so much is dropped when it has waited for so long: it was decided at another price. A target holds until it is replaced."""
MOST_WAITING = 20
"""Intents of a strategy in a symbol that wait; one more is refused."""


def note(state: "EngineState", envelope: Envelope, body: WishWaits) -> None:
    """An intent waits from here on: called as its record is applied."""
    found = [state.orders.find(key) for key in body.until]
    waiting = Waiting(
        body.signal,
        body.until,
        body.goal,
        body.since_ns or envelope.time_ns,
        envelope.id,
        envelope.correlation_id,
        envelope.source,
        any(order is not None and order.terms.role is not _REGULAR for order in found),
    )
    state.waiting.setdefault((body.signal.strategy, body.signal.symbol), []).append(waiting)


def forget(waiting: dict[Key, list[Waiting]], key: Key) -> None:
    """The intent that has waited longest waits no more: called as its record is applied."""
    del waiting[key][0]
    if not waiting[key]:
        del waiting[key]


def contrary(state: "EngineState", signal: Signal) -> Wait | None:
    """The open entries of its own that a target can't be reached with: those that lead away from it, or beyond it, or are being canceled."""
    if signal.action in (_ACTION_BUY, _ACTION_SELL):
        return None
    sides = state.orders.open_sides
    if not sides:
        return None
    key = (signal.strategy, signal.symbol)
    if (*key, _SIDE_BUY) not in sides and (*key, _SIDE_SELL) not in sides:
        return None
    if signal.quantity is None:
        toward, room = signal.side or _SIDE_BUY, None
    else:
        missing = signal.quantity - state.portfolio.strategy_quantity(*key)
        toward, room = (_SIDE_BUY if missing > 0 else _SIDE_SELL), abs(missing)
    is_beyond = room is not None and sides.get((*key, toward), ZERO) > room
    found = [order for order in entries(state, signal.symbol) if order.terms.strategy == signal.strategy]
    wrong = tuple(o for o in found if is_beyond or o.terms.side is not toward or o.cancel_released_ns)
    if not wrong:
        return None
    return Wait(wrong, wrong, f"{_names(wrong)} may still fill, which is not what is asked for now")


def obstacle(state: "EngineState", terms: OrderTerms) -> Wait | None:
    """What has to be over before an order may leave.

    Exits that would close what it closes too; and orders that leave open on which side of zero the account is, where the broker
    takes no order through zero.
    """
    if not state.orders.live:
        return None
    if state.portfolio.strategy_quantity(terms.strategy, terms.symbol) * terms.side.sign < 0:
        barring = tuple(blockers(state, terms))
        if barring:
            return Wait(
                barring, may_be_canceled(state, barring), f"the broker takes no closing order beside {_names(barring)}"
            )
    legs = state.legs(terms.strategy, terms.symbol)
    if legs:
        held = max(ZERO, state.portfolio.strategy_quantity(terms.strategy, terms.symbol) * terms.side.sign)
        same = tuple(leg for leg in legs if leg.terms.side is terms.side)
        others = tuple(leg for leg in legs if leg.terms.side is not terms.side)
        doubled = (*same, *(others if at_work(others) > held else ()))
        if doubled:
            return Wait(doubled, doubled, f"{_names(doubled)} would close the same position")
    unsettled = _may_be_across(state, terms)
    if unsettled:
        return Wait(unsettled, (), f"{_names(unsettled)} decides on which side of zero the account is")
    return None


def blockers(state: "EngineState", terms: OrderTerms) -> Iterator[Order]:
    """The live orders on the other side because of which the broker would refuse a reduce-only order: it could trade with them."""
    if not state.rules.wash_trades:
        yield from opposites(state, terms)


def may_be_canceled(state: "EngineState", barring: Iterable[Order]) -> tuple[Order, ...]:
    """Those of the orders in the way that are canceled for it: what is held goes before what is wanted; others' as is configured."""
    spares = state.protection.on_blocked is OnBlocked.WAIT
    return tuple(order for order in barring if not (spares and order.terms.strategy == EXTERNAL))


def opposites(state: "EngineState", terms: OrderTerms) -> Iterator[Order]:
    """The live entries of the account that a draft could trade with.

    Two limits can where the buy's is no lower than the sell's; any other pair may, but for trailing stops and linked orders
    (some brokers refuse such an order).
    """
    if terms.oco_group is not None or terms.order_type is _TRAILING_STOP:
        return
    for order in list(entries(state, terms.symbol)):
        other = order.terms
        if other.side is terms.side or other.oco_group is not None or other.order_type is _TRAILING_STOP:
            continue
        if (
            terms.limit_price is None
            or other.limit_price is None
            or (terms.limit_price - other.limit_price) * terms.side.sign >= 0
        ):
            yield order


def entries(state: "EngineState", symbol: str) -> Iterable[Order]:
    """The live entries in a symbol, whoever's they are."""
    live = state.orders.live.values()
    return (order for order in live if order.terms.symbol == symbol and order.terms.role is _REGULAR)


def _may_be_across(state: "EngineState", terms: OrderTerms) -> tuple[Order, ...]:
    """The orders in flight that may put the account on the other side of zero, so that this one would go through it."""
    if state.rules.orders_cross_zero:
        return ()
    quantity = terms.quantity + (terms.then or ZERO)
    unsettled = tuple(order for order in entries(state, terms.symbol) if _is_unsettled(order))
    same = sum((order.outstanding for order in unsettled if order.terms.side is terms.side), ZERO)
    opposite = sum((order.outstanding for order in unsettled if order.terms.side is not terms.side), ZERO)
    across = opposite - state.portfolio.quantity(terms.symbol) * terms.side.sign
    return unsettled if across > 0 and quantity + same > across else ()


def _is_unsettled(order: Order) -> bool:
    """Whether an order fills or ends by itself within moments, or nobody knows how it stands."""
    at_rest = order.state in (_SUBMITTED, _PARTIALLY_FILLED)
    return not at_rest or order.terms.order_type is _MARKET or bool(order.cancel_released_ns)


def leaving(state: "EngineState", key: tuple[StrategyId, str]) -> Decimal:
    """How much of a position is about to be closed by an intent that waits for the end of its exits."""
    waiting = state.waiting.get(key)
    if not waiting or not waiting[-1].takes_exits:
        return ZERO
    position, last = state.portfolio.strategy_quantity(*key), waiting[-1]
    goal = (last.signal.quantity or ZERO) if last.is_target else last.goal or ZERO
    return abs(position) - min(abs(position), max(ZERO, goal if position > 0 else -goal))


def left_of(state: "EngineState", waiting: Waiting) -> Signal | None:
    """An intent that has waited, as it is worth carrying out now: without what was closed meanwhile, and the time that has gone by."""
    signal, waited_ns = waiting.signal, state.now_ns - waiting.since_ns
    live_ns = signal.time_to_live_ns
    if live_ns is not None and waited_ns > live_ns:
        return None
    if live_ns is not None:
        signal = msgspec.structs.replace(signal, time_to_live_ns=live_ns - waited_ns)
    if waiting.is_target:
        return signal
    if waited_ns > WAITS_NS:
        return None
    if waiting.goal is None or signal.quantity is None:
        return signal
    sign = 1 if signal.action is _ACTION_BUY else -1
    missing: Decimal = (waiting.goal - state.host.projected((signal.strategy, signal.symbol))) * sign
    return msgspec.structs.replace(signal, quantity=Quantity(min(signal.quantity, missing))) if missing > 0 else None


def _names(orders: Iterable[Order]) -> str:
    return ", ".join(name_of(order) for order in orders)


def name_of(order: Order) -> str:
    """An order in words: what it is, and whose."""
    terms = order.terms
    if terms.strategy != EXTERNAL:
        return f"{terms.role.value} {terms.client_order_id}"
    at = terms.limit_price or terms.stop_price
    where = "" if at is None else f" at {plain(at)}"
    return (
        f"order {order.broker_order_id} of somebody else ({terms.side} {plain(order.remaining)} {terms.symbol}{where})"
    )
