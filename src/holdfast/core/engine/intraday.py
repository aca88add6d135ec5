"""What is held for the day alone: no longer opened, then closed, before the broker does it; and what the broker has closed is whose it was."""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.core import drafts
from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.engine.obligations.closing import close_position
from holdfast.core.engine.operations import cancel
from holdfast.core.messages import Envelope, OrderFilled
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.session.square_off import is_for_the_day, square_off
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Quantity, StrategyId, iso_time

SQUARED_OFF = "squared off by the broker"
"""The reason of the booking that gives a strategy what the broker has closed of its position."""


def look(state: EngineState, turn: Turn) -> None:
    """Call back entries that would open something so late, and begin to close what is open when its time has come."""
    times = square_off(state)
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


def attribute(state: EngineState, turn: Turn, fill: OrderFilled, record: Envelope) -> None:
    """Book what an order of the broker's own has closed to the strategies that held it, at the price that it got."""
    times = square_off(state) if is_for_the_day(state, fill.symbol) else None
    if times is None or not times.at_ns <= state.now_ns:
        return
    changes = tuple(_shares(state, fill))
    if not changes:
        return
    back = LedgerChange(EXTERNAL, Quantity(-sum((each.quantity for each in changes), Decimal(0))))
    turn.record(
        AccountAdjusted(AdjustmentKind.TRANSFER, fill.symbol, (*changes, back), fill.price, reason=SQUARED_OFF),
        record.id,
        "reconciler",
        record.correlation_id,
    )


def _shares(state: EngineState, fill: OrderFilled) -> Iterator[LedgerChange]:
    """Of each strategy that held on the other side as much as the order has closed, in the order of their names."""
    left = fill.quantity
    held = sorted(
        (name, book.quantity) for name, symbol, book in state.portfolio.open_ledgers() if symbol == fill.symbol
    )
    for strategy, quantity in held:
        part = min(left, max(-quantity * fill.side.sign, Decimal(0)))
        if strategy != EXTERNAL and part:
            left = Quantity(left - part)
            yield LedgerChange(StrategyId(strategy), Quantity(part * fill.side.sign))
