"""What the broker has closed by itself is closed in the books of those who held it."""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.messages import Envelope, OrderFilled
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.session.square_off import is_for_the_day, square_off
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Quantity, StrategyId

SQUARED_OFF = "squared off by the broker"
"""The reason of the booking that gives a strategy what the broker has closed of its position."""


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
