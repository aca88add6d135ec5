"""Intents that wait are carried out once what was in their way is over."""

from holdfast.core import drafts
from holdfast.core.engine.operations import answer, cancel, note_blocked, wait_for_others
from holdfast.core.messages import WishOver
from holdfast.core.protection.policy import LOOK_NS
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.waiting import left_of
from holdfast.core.waits import Wait, Waiting


def carry_out(state: EngineState, turn: Turn) -> None:
    """Carry out the intents in touched symbols that can be now; when the time has come, ask once more for cancels that came to nothing."""
    if not state.waiting:
        return
    for key in [key for key in state.waiting if turn.is_due or key[1] in turn.touched]:
        while key in state.waiting and _take_up(state, turn, state.waiting[key][0]):
            pass


def due_ns(state: EngineState) -> int | None:
    """When intents that wait are looked at next."""
    return state.now_ns + LOOK_NS if state.waiting else None


def _take_up(state: EngineState, turn: Turn, waiting: Waiting) -> bool:
    """Whether the intent that has waited longest is dealt with, and it is the next one's turn."""
    live = state.orders.live
    if not turn.is_due and all(key in live for key in waiting.until):
        return False
    signal = left_of(state, waiting)
    draft = None if signal is None else drafts.draft(state, signal)
    if isinstance(draft, Wait):
        _wait_on(state, turn, waiting, draft)
        return False
    key = (waiting.signal.strategy, waiting.signal.symbol)
    reason = "it is carried out" if draft is not None else "nothing is left to be done, or it is too old"
    before, turn.correlation_id = turn.correlation_id, waiting.correlation_id
    if draft is not None and signal is not None:
        answer(state, turn, signal, draft, waiting.record_id)
    turn.record(WishOver(*key, reason, "" if draft is not None else waiting.signal.intent_id), waiting.record_id)
    turn.correlation_id = before
    return True


def _wait_on(state: EngineState, turn: Turn, waiting: Waiting, wait: Wait) -> None:
    """Let it wait for those that are in its way still, and cancel the new ones among them."""
    signal = waiting.signal
    until = tuple(order.terms.client_order_id for order in wait.until)
    if not set(until) <= set(waiting.until):
        wait_for_others(turn, waiting, wait.reason, until)
        note_blocked(state, turn, (signal.strategy, signal.symbol), wait.until, waiting.record_id)
    for order in wait.cancel:
        if turn.is_due or order.terms.client_order_id not in waiting.until:
            cancel(turn, order, f"{signal.action} {signal.symbol} waits for its end", waiting.record_id)
