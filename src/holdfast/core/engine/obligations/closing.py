"""Single positions are closed: because their time is over, protection can't be had, or PRESERVATION asks for it."""

from typing import Final

from holdfast.core import drafts
from holdfast.core.engine.operations import cancel, drop_waiting, note_blocked, on_signal
from holdfast.core.exposure import held, uncommitted, unsettled_fee, worst_case
from holdfast.core.messages import Action, OrderTerms, Signal
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import Closing, Key, closing_side
from holdfast.core.protection.policy import CLOSE_TRIES, LOOK_NS
from holdfast.core.protection.records import PositionClosing, PositionLeft
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, ClientOrderId, OrderRole, OrderType, Quantity, Side, many
from holdfast.core.waiting import blockers, may_be_canceled

_BUY: Final = Action.BUY
_ACTION_SELL: Final = Action.SELL
_REGULAR: Final = OrderRole.REGULAR
_MARKET: Final = OrderType.MARKET
_SIDE_SELL: Final = Side.SELL

SOURCE = "protection"


def close_position(
    state: EngineState, turn: Turn, key: Key, reason: str, cause: str = "", causes: tuple[str, ...] = ()
) -> None:
    """Begin to close a strategy's position in a symbol, unless that is under way; :func:`go_on` does it."""
    if key in state.closing and not state.closing[key].is_left:
        return
    drop_waiting(state, turn, key, "the engine closes the position")
    record = turn.record(PositionClosing(*key, reason, causes), cause, SOURCE)
    turn.touch(key[1], record.id)


def go_on(state: EngineState, turn: Turn) -> None:
    """Take the next step with what is being closed: its orders are canceled first, then one order closes exactly what is open.

    While the broker would take no order that closes a position its exits stand. When the time has come a cancel that was refused
    is asked for again.
    """
    if state.flattening or not state.closing:
        return
    for key, closing in list(state.closing.items()):
        if not closing.is_left and (turn.is_due or key[1] in turn.touched):
            cause = turn.resume(key[1])
            if not is_barred(state, turn, key, cause):
                _close(state, turn, key, closing, cause)


def due_ns(state: EngineState) -> int | None:
    """When what is being closed is looked at next."""
    return state.now_ns + LOOK_NS if any(not closing.is_left for closing in state.closing.values()) else None


def is_barred(state: EngineState, turn: Turn, key: Key, cause: str, terms: OrderTerms | None = None) -> bool:
    """Whether orders on the other side keep a reduce-only order from being taken; what may be is canceled for it, and others' are named.

    ``terms``: the reduce-only order; an order at the market, where none is given.
    """
    position = state.portfolio.strategy_quantity(*key)
    if not position or state.rules.wash_trades:
        return False
    out = terms or OrderTerms(ClientOrderId(""), *key, closing_side(position), Quantity(abs(position)))
    barring = list(blockers(state, out))
    note_blocked(state, turn, key, barring, cause)
    for order in may_be_canceled(state, barring):
        cancel(turn, order, "a position can't be protected or closed while it works", cause)
    return bool(barring)


def _close(state: EngineState, turn: Turn, key: Key, closing: Closing, cause: str) -> None:
    live = [order for order in state.orders.live.values() if (order.terms.strategy, order.terms.symbol) == key]
    for order in live:
        if order.terms.client_order_id != closing.order:
            cancel(turn, order, "its position is being closed")
    position = state.portfolio.strategy_quantity(*key)
    if live or not position:
        return
    side = closing_side(position)
    quantity = _to_close(state, key, side)
    if closing.tries:
        clear_the_way(state, turn, key[1], side)
    if quantity and closing.tries < CLOSE_TRIES:
        signal = Signal(*key, _ACTION_SELL if side is _SIDE_SELL else _BUY, side, quantity)
        draft = drafts.draft_alone(state, signal, reduce_only=True)
        if draft is not None and on_signal(state, turn, signal, draft, SOURCE, cause) is not None:
            return
    why_not = "" if quantity else _why_not(state, turn, key, side)
    if not quantity and not why_not:
        return  # the orders of others have it; their end is heard of
    reason = why_not or f"{many(closing.tries, 'order')} did not close it"
    turn.record(PositionLeft(*key, position, f"{closing.reason}, and {reason}"), cause, SOURCE)
    turn.touch(key[1], cause)


def clear_the_way(state: EngineState, turn: Turn, symbol: str, side: Side) -> None:
    """Cancel what works on the other side of a reduce-only order that was refused: a broker may take it for a wash trade."""
    for order in list(state.orders.live.values()):
        terms = order.terms
        is_in_the_way = terms.role is _REGULAR and (terms.symbol, terms.side) == (symbol, side.opposite)
        if is_in_the_way and terms.strategy != EXTERNAL:
            cancel(turn, order, "a position can't be protected or closed while it works")


def _to_close(state: EngineState, key: Key, side: Side) -> Quantity:
    """As much of a position as the account holds and no other order is about to close."""
    long, short = worst_case(state, key[1])
    rest = short if side is _SIDE_SELL else -long
    if key[1] in state.gaps or unsettled_fee(state, key[1]):
        rest = min(rest, uncommitted(state, key[1], side))
    return Quantity(max(ZERO, min(abs(state.portfolio.strategy_quantity(*key)), rest)))


def _why_not(state: EngineState, turn: Turn, key: Key, side: Side) -> str:
    """Why nothing of a position can be closed; empty when others' orders have it and soon give it up, by their fill or their cancel.

    One that rests may have it for weeks: ours is canceled, somebody else's is for a person.
    """
    if not held(state, key[1], side):
        return "the account holds none of it" if key[1] not in state.gaps else "the broker has none of it"
    for order in list(state.orders.live.values()):
        terms = order.terms
        is_in_the_way = terms.role is _REGULAR and (terms.symbol, terms.side) == (key[1], side)
        if not is_in_the_way or terms.order_type is _MARKET or order.cancel_released_ns:
            continue
        if terms.strategy == EXTERNAL:
            return f"order {order.broker_order_id} of somebody else has it"
        cancel(turn, order, f"it has what {key[0]} is to close")
    return ""
