"""What the time brings to guarded positions: alarms that are due, positions held long enough, and exits to be tried again."""

from collections.abc import Iterator

from holdfast.core.engine.obligations.closing import close_position
from holdfast.core.engine.obligations.protection import SOURCE, fail, passed_limit
from holdfast.core.protection.cover import Key, confirmed, to_protect
from holdfast.core.protection.policy import PASSED_NS
from holdfast.core.protection.records import ProtectionLate
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Quantity, plain


def look(state: EngineState, turn: Turn) -> None:
    """Raise alarms that are due, begin to close what is to be held no longer, and have what was put off tried again."""
    if not turn.is_due:
        return
    for key, guard in state.guards.items():
        cover, closes_ns = state.covers[key], guard.closes_ns
        if cover.since_ns and not cover.is_late and state.now_ns >= cover.since_ns + state.protection.late_after_ns:
            held = Quantity(to_protect(state, key))
            covered = Quantity(confirmed(state, key, guard, held))
            turn.record(ProtectionLate(*key, held, covered, state.now_ns - cover.since_ns), source=SOURCE)
        if state.flattening:
            continue
        if cover.passed_ns and state.now_ns >= cover.passed_ns + PASSED_NS:
            _give_up_passed(state, turn, key)
        if closes_ns is not None and state.now_ns >= closes_ns and key not in state.closing:
            close_position(state, turn, key, "it was to be held no longer")
        elif cover.since_ns and cover.retry_ns and key[1] not in turn.touched:
            turn.touch(key[1])


def _give_up_passed(state: EngineState, turn: Turn, key: Key) -> None:
    """A stop-limit that the market has jumped over: it stays open, and the position with it."""
    price = state.price(key[1])
    limit = None if price is None else passed_limit(state, key, price)
    if limit is None or price is None or state.covers[key].has_failed or key in state.closing:
        return
    text = f"the market is at {plain(price)}, beyond {plain(limit)}, the limit of its stop, which is open still"
    fail(state, turn, key, text)


def due_ns(state: EngineState) -> int | None:
    """When the time brings something next."""
    return min(_times(state), default=None)


def _times(state: EngineState) -> Iterator[int]:
    for key, guard in state.guards.items():
        cover = state.covers[key]
        if guard.closes_ns is not None and key not in state.closing:
            yield guard.closes_ns
        if cover.since_ns and not cover.is_late:
            yield cover.since_ns + state.protection.late_after_ns
        if cover.since_ns and cover.retry_ns > state.now_ns:
            yield cover.retry_ns
        if cover.passed_ns and cover.passed_ns + PASSED_NS > state.now_ns:
            yield cover.passed_ns + PASSED_NS
