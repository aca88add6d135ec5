"""Books and broker differ in a symbol: no more goes out of it than both have."""

from holdfast.core.engine.operations import cancel
from holdfast.core.exposure import held
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, OrderRole, Side


def withdraw(state: EngineState, turn: Turn) -> None:
    """Cancel the orders that close more than the books and the broker agree on, the newest first.

    Not a flatten's own, which go by the broker's position, nor those of somebody else. Stops and targets are `protection`'s.
    """
    if state.flattening or not state.gaps:
        return
    for symbol, cause in turn.each_touched():
        if symbol in state.gaps:
            _withdraw(state, turn, symbol, cause)


def _withdraw(state: EngineState, turn: Turn, symbol: str, cause: str) -> None:
    live = [order for order in state.orders.live.values() if order.terms.symbol == symbol]
    for side in Side:
        there = held(state, symbol, side)
        going = [order for order in live if order.terms.side is side and order.terms.role is OrderRole.REGULAR]
        gone = sum((order.outstanding for order in going), ZERO)
        ours = [order for order in going if order.terms.strategy != EXTERNAL and is_reduce_only(state, order)]
        while gone > there and ours:
            order = ours.pop()
            gone -= order.outstanding
            cancel(turn, order, "it is for more than the broker has of it", cause)


def is_reduce_only(state: EngineState, order: Order) -> bool:
    """Whether an order takes from what the books say is held, and not only adds to the other side."""
    return state.portfolio.quantity(order.terms.symbol) * order.terms.side.sign < 0
