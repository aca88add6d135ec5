"""PRESERVATION: no new risk is taken, and what the account's policy calls risky is closed; what need not be any more is kept."""

from collections.abc import Iterator

from holdfast.core import drafts
from holdfast.core.engine.obligations.closing import SOURCE, close_position
from holdfast.core.engine.operations import cancel
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import Key, is_covered
from holdfast.core.protection.policy import LOOK_NS, Preservation
from holdfast.core.protection.records import PositionKept
from holdfast.core.session.causes import FIRST_BAR_NS, OF_THE_MARKET, Acts, rule_of
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn

NEVER = 1 << 63


def keep(state: EngineState, turn: Turn) -> None:
    """Keep what PRESERVATION was closing if nothing it was for is left, and all of that was of the kind that passes.

    An order that has left to close it is asked back; if that fills all the same, it is closed.
    """
    for key, closing in list(state.closing.items()):
        is_over = closing.causes and not any(cause in state.impairments for cause in closing.causes)
        if closing.is_left or not is_over or any(rule_of(each).acts is Acts.AT_ONCE for each in closing.causes):
            continue
        kept = turn.record(
            PositionKept(*key, f"it was to be closed for {', '.join(closing.causes)}, and that is over"), source=SOURCE
        )
        order = state.orders.live.get(closing.order)
        if order is not None:
            cancel(turn, order, "its position is kept")
        turn.touch(key[1], kept.id)


def reduce_risk(state: EngineState, turn: Turn) -> None:
    """Do what PRESERVATION asks for: cancel entries that would add risk, and begin to close what the account's policy calls risky.

    When the account was touched or the time has come; a cancel that was refused is not asked for again at every report.
    """
    if not state.impairments:
        return
    turn.finish()  # it acts from when the account is in it
    begins_ns = _begins_ns(state)
    if begins_ns is None or state.now_ns < begins_ns:
        return
    if turn.is_due or turn.account_is_touched or (due_ns(state) or NEVER) <= state.now_ns:
        _reduce_risk(state, turn)


def _reduce_risk(state: EngineState, turn: Turn) -> None:
    for order in list(state.orders.live.values()):
        if not order.cancel_released_ns and drafts.raises(state, order):
            cancel(turn, order, "the account is in PRESERVATION")
    causes = tuple(cause for cause in _that_close(state) if _acts_ns(state, cause) <= state.now_ns)
    for key, from_ns in list(_risky(state)):
        if state.now_ns >= from_ns:
            close_position(state, turn, key, f"the account is in PRESERVATION ({', '.join(causes)})", causes=causes)


def _risky(state: EngineState) -> Iterator[tuple[Key, int]]:
    """The positions that the account's policy calls risky, and from when on; none while nothing is missing that may close any."""
    policy = state.protection.preservation
    acts_ns = min((_acts_ns(state, cause) for cause in _that_close(state)), default=None)
    if policy is Preservation.HOLD or acts_ns is None:
        return
    for strategy, symbol, _ in state.portfolio.open_ledgers():
        key = (strategy, symbol)
        from_ns = 0 if policy is Preservation.CLOSE_ALL else _unprotected_ns(state, key)
        if key not in state.closing and from_ns is not None:
            yield key, max(from_ns, acts_ns)


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


def _begins_ns(state: EngineState) -> int | None:
    """From when on PRESERVATION acts: at once, or when it is only something that may pass, if that lasts. None outside of it."""
    if not state.preserved_ns or not state.impairments:
        return None
    return min(_acts_ns(state, cause) for cause in state.impairments)


def due_ns(state: EngineState) -> int | None:
    """When PRESERVATION has something to do next; None: nothing as things stand, or the account is not in it.

    What comes after it began (an entry fills before its cancel takes hold, or turns up again) is dealt with as it comes.
    """
    begins_ns = _begins_ns(state)
    if begins_ns is None or state.now_ns < begins_ns:
        return begins_ns
    entries = (order for order in state.orders.live.values() if not order.cancel_released_ns)
    again_ns = [order.updated_ns + LOOK_NS for order in entries if drafts.raises(state, order)]
    return min([*again_ns, *(from_ns for _, from_ns in _risky(state))], default=None)
