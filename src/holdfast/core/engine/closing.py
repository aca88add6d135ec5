"""Closes single positions: because their time is over, protection can't be had, or PRESERVATION is to."""

from collections.abc import Iterator

from holdfast.core import wishes
from holdfast.core.engine.acts import cancel, drop_waiting, note_blocked, on_signal
from holdfast.core.exposure import held, uncommitted, unsettled_fee, worst_case
from holdfast.core.messages import Action, OrderTerms, Signal
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import Closing, Key, closing_side, is_covered
from holdfast.core.protection.policy import CLOSE_TRIES, LOOK_NS, Preservation
from holdfast.core.protection.records import PositionClosing, PositionLeft
from holdfast.core.session.causes import FIRST_BAR_NS, OF_THE_MARKET, Acts, rule_of
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, ClientOrderId, OrderRole, OrderType, Quantity, Side
from holdfast.core.waiting import blockers, may_be_canceled

SOURCE = "protection"


def close_position(
    state: EngineState, turn: Turn, key: Key, reason: str, cause: str = "", causes: tuple[str, ...] = ()
) -> None:
    """Begin to close a strategy's position in a symbol: its orders are canceled first, then exactly what is open is closed."""
    drop_waiting(state, turn, key, "the engine closes the position")
    record = turn.record(PositionClosing(*key, reason, causes), cause, SOURCE)
    go_on_closing(state, turn, key, record.id)


def go_on_closing(state: EngineState, turn: Turn, key: Key, cause: str) -> bool:
    """Take the next step: once no other order of the position is live, one order closes it. A few tries, then a person's help.

    False while the broker would take no order that closes it: until that is over its exits stand.
    """
    closing = state.closing[key]
    if is_barred(state, turn, key, cause):
        return False
    _close(state, turn, key, closing, cause)
    return True


def is_barred(state: EngineState, turn: Turn, key: Key, cause: str, terms: OrderTerms | None = None) -> bool:
    """Whether orders on the other side keep a way out from being taken; what may be is canceled for it, and others' are named.

    ``terms``: the way out; an order at the market, where none is given.
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
        signal = Signal(*key, Action.SELL if side is Side.SELL else Action.BUY, side, quantity)
        draft = wishes.draft_alone(state, signal, way_out=True)
        if draft is not None and on_signal(state, turn, signal, draft, SOURCE, cause) is not None:
            return
    why_not = "" if quantity else _why_not(state, turn, key, side)
    if not quantity and not why_not:
        return  # the orders of others have it; their end is heard of
    reason = why_not or f"{closing.tries} orders did not close it"
    turn.record(PositionLeft(*key, position, f"{closing.reason}, and {reason}"), cause, SOURCE)


def clear_the_way(state: EngineState, turn: Turn, symbol: str, side: Side) -> None:
    """Cancel what works on the other side of a way out that was refused: a broker may take it for a wash trade (Alpaca does)."""
    for order in list(state.orders.live.values()):
        terms = order.terms
        is_in_the_way = terms.role is OrderRole.ENTRY and (terms.symbol, terms.side) == (symbol, side.opposite)
        if is_in_the_way and terms.strategy != EXTERNAL:
            cancel(turn, order, "a position can't be protected or closed while it works")


def _to_close(state: EngineState, key: Key, side: Side) -> Quantity:
    """As much of a position as the account holds and no other order is about to close."""
    long, short = worst_case(state, key[1])
    rest = short if side is Side.SELL else -long
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
        is_in_the_way = terms.role is OrderRole.ENTRY and (terms.symbol, terms.side) == (key[1], side)
        if not is_in_the_way or terms.order_type is OrderType.MARKET or order.cancel_released_ns:
            continue
        if terms.strategy == EXTERNAL:
            return f"order {order.broker_order_id} of somebody else has it"
        cancel(turn, order, f"it has what {key[0]} is to close")
    return ""


def withdraw(state: EngineState, turn: Turn, symbol: str, cause: str) -> None:
    """Cancel the ways out that are for more than the books and the broker agree on, the newest first.

    Not a flatten's own, which go by the broker's position, nor those of somebody else. `protect` sees to stops and targets.
    """
    if state.flattening or symbol not in state.gaps:
        return
    live = [order for order in state.orders.live.values() if order.terms.symbol == symbol]
    for side in Side:
        there = held(state, symbol, side)
        going = [order for order in live if order.terms.side is side and order.terms.role is OrderRole.ENTRY]
        gone = sum((order.outstanding for order in going), ZERO)
        ours = [order for order in going if order.terms.strategy != EXTERNAL and is_way_out(state, order)]
        while gone > there and ours:
            order = ours.pop()
            gone -= order.outstanding
            cancel(turn, order, "it is for more than the broker has of it", cause)


def is_way_out(state: EngineState, order: Order) -> bool:
    """Whether an order takes from what the books say is held, and not only adds to the other side."""
    return state.portfolio.quantity(order.terms.symbol) * order.terms.side.sign < 0


def retreat(state: EngineState, turn: Turn) -> None:
    """What PRESERVATION asks for: entries that would add risk are canceled, and what the account's policy calls risky is closed."""
    for order in list(state.orders.live.values()):
        if not order.cancel_released_ns and wishes.raises(state, order):
            cancel(turn, order, "the account is in PRESERVATION")
    causes = tuple(cause for cause in _that_close(state) if _acts_ns(state, cause) <= state.now_ns)
    for key, due_ns in list(_risky(state)):
        if state.now_ns >= due_ns:
            close_position(state, turn, key, f"the account is in PRESERVATION ({', '.join(causes)})", causes=causes)


def _risky(state: EngineState) -> Iterator[tuple[Key, int]]:
    """The positions that the account's policy calls risky, and from when on; none while nothing is missing that may close any."""
    policy = state.protection.preservation
    acts_ns = min((_acts_ns(state, cause) for cause in _that_close(state)), default=None)
    if policy is Preservation.HOLD or acts_ns is None:
        return
    for strategy, symbol, _ in state.portfolio.open_ledgers():
        key = (strategy, symbol)
        due_ns = 0 if policy is Preservation.CLOSE_ALL else _unprotected_ns(state, key)
        if key not in state.closing and due_ns is not None:
            yield key, max(due_ns, acts_ns)


def _that_close(state: EngineState) -> Iterator[str]:
    """The causes for which positions may be closed."""
    return (cause for cause in state.impairments if rule_of(cause).closes)


def _acts_ns(state: EngineState, cause: str) -> int:
    """From when on a cause acts. One that may pass is given its time, counted from when it was last found missing."""
    since_ns = max(state.preserved_ns, state.impaired_ns.get(cause, 0))
    if rule_of(cause).acts is Acts.AT_ONCE:
        return since_ns
    acts_ns = since_ns + state.protection.preservation_after_ns
    return max(acts_ns, state.listening_ns + FIRST_BAR_NS) if cause in OF_THE_MARKET else acts_ns


def _unprotected_ns(state: EngineState, key: Key) -> int | None:
    """From when on a position of ours counts as one without a stop that the broker has confirmed; None: it has one.

    A stop that is on its way, or is being moved, is waited for as long as a connection is. What others hold is theirs.
    """
    if key[0] == EXTERNAL:
        return None
    guard = state.guards.get(key)
    if guard is None or guard.stop_loss is None:
        return 0
    since_ns = state.covers[key].since_ns
    return None if is_covered(state, key) else since_ns + state.protection.preservation_after_ns


def retreat_begins_ns(state: EngineState) -> int | None:
    """From when on PRESERVATION acts: at once, or when it is only something that may pass, if that lasts. None outside of it."""
    if not state.preserved_ns or not state.impairments:
        return None
    return min(_acts_ns(state, cause) for cause in state.impairments)


def retreat_ns(state: EngineState) -> int | None:
    """When PRESERVATION has something to do next; None: nothing as things stand, or the account is not in it.

    What comes after it began (an entry fills before its cancel takes hold, or turns up again) is dealt with as it comes.
    """
    begins_ns = retreat_begins_ns(state)
    if begins_ns is None or state.now_ns < begins_ns:
        return begins_ns
    entries = (order for order in state.orders.live.values() if not order.cancel_released_ns)
    due_ns = [order.updated_ns + LOOK_NS for order in entries if wishes.raises(state, order)]
    return min([*due_ns, *(from_ns for _, from_ns in _risky(state))], default=None)
