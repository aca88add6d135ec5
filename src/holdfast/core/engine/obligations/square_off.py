"""What is held for the day alone is no longer opened, then closed, before the broker does it."""

from holdfast.core import drafts
from holdfast.core.engine.obligations.closing import close_position
from holdfast.core.engine.operations import cancel
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.session.square_off import is_for_the_day, square_off
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import iso_time


def look(state: EngineState, turn: Turn) -> None:
    """Call back entries that would open something so late, and begin to close what is open when its time has come."""
    times = square_off(state) if turn.is_due else None
    if times is None or not times.last_entry_ns <= state.now_ns < times.end_ns:
        return
    for order in list(state.orders.live.values()):
        terms = order.terms
        if terms.strategy != EXTERNAL and is_for_the_day(state, terms.symbol) and drafts.raises(state, order):
            cancel(turn, order, f"the broker closes positions of the day at {iso_time(times.at_ns)}")
    if times.closes_ns is None or state.now_ns < times.closes_ns or state.flattening:
        return
    for strategy, symbol, _ in list(state.portfolio.open_ledgers()):
        if strategy != EXTERNAL and is_for_the_day(state, symbol):
            reason = f"it is held for the day, and the broker would close it at {iso_time(times.at_ns)}"
            close_position(state, turn, (strategy, symbol), reason)
