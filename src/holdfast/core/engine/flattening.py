"""Closes everything there is, step by step."""

from holdfast.core import wishes
from holdfast.core.engine.acts import cancel, on_signal
from holdfast.core.engine.protecting import protect, settle
from holdfast.core.messages import Flattened
from holdfast.core.orders.order import Order
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import OrderRole, OrderType

FLATTEN_TRIES = 3
"""How often flatten orders a position closed that won't close before it leaves the rest to a person."""


def flatten(state: EngineState, turn: Turn, cause: str) -> None:
    """Go on with a flatten: once no order is live, close what is held; when nothing more can be closed, it is over."""
    if state.orders.live:
        return
    left = []
    for strategy, symbol, _ in list(state.portfolio.open_ledgers()):
        signal = wishes.close_signal(strategy, symbol)
        tried = state.flatten_tries.get((strategy, symbol), 0)
        draft = wishes.draft_alone(state, signal, way_out=True) if tried < FLATTEN_TRIES else None
        if draft is None or on_signal(state, turn, signal, draft, "flatten", cause) is None:
            left.append((strategy, symbol))
    if not state.orders.live:
        turn.record(Flattened(tuple(f"{strategy}:{symbol}" for strategy, symbol in left)), cause)
        for _, symbol in left:
            protect(state, turn, symbol, cause)
        settle(state, turn)


def press(state: EngineState, turn: Turn) -> None:
    """Ask for the cancel of what still holds a flatten up; one that was refused is asked for again."""
    for order in list(state.orders.live.values()):
        if not _closes(state, order):
            cancel(turn, order, "flatten")


def _closes(state: EngineState, order: Order) -> bool:
    """Whether an order does what the flatten is for, as the flatten's own do."""
    terms = order.terms
    held = -state.portfolio.strategy_quantity(terms.strategy, terms.symbol) * terms.side.sign
    is_market = terms.role is OrderRole.ENTRY and terms.order_type is OrderType.MARKET
    return is_market and order.outstanding <= held
