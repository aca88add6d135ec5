"""A flatten goes on until everything is closed, step by step."""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.core import drafts
from holdfast.core.codec import is_external
from holdfast.core.engine.operations import cancel, on_signal
from holdfast.core.exposure import held
from holdfast.core.messages import Action, Flattened, Signal
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import closing_side
from holdfast.core.protection.policy import LOOK_NS
from holdfast.core.state import EngineState, Key
from holdfast.core.turn import Turn
from holdfast.core.types import OrderRole, OrderType, Quantity, Side, StrategyId

FLATTEN_TRIES = 3
"""How often flatten orders a position closed that won't close before it leaves the rest to a person."""


def go_on(state: EngineState, turn: Turn) -> None:
    """Go on with a flatten: once no order is live, close what is held; when nothing more can be closed, it is over.

    When the time has come, ask for the cancel of what still holds it up; one that was refused is asked for again.
    """
    if not state.flattening:
        return
    if turn.is_due:
        for order in list(state.orders.live.values()):
            if not _closes(state, order):
                cancel(turn, order, "flatten")
    if not state.orders.live:
        _close_all(state, turn, turn.resume())


def due_ns(state: EngineState) -> int | None:
    """When a flatten looks for what holds it up next."""
    return state.now_ns + LOOK_NS if state.flattening else None


def _close_all(state: EngineState, turn: Turn, cause: str) -> None:
    left = []
    for signal in list(_wanted(state)):
        strategy, symbol = signal.strategy, signal.symbol
        tried = state.flatten_tries.get((strategy, symbol), 0)
        draft = drafts.draft_alone(state, signal, reduce_only=True) if tried < FLATTEN_TRIES else None
        if draft is None or on_signal(state, turn, signal, draft, "flatten", cause) is None:
            left.append((strategy, symbol))
    left += [key for key in _not_there(state) if key not in left]
    if not state.orders.live:
        turn.record(Flattened(tuple(f"{strategy}:{symbol}" for strategy, symbol in left)), cause)
        for _, symbol in left:
            turn.touch(symbol, cause)


def _wanted(state: EngineState) -> Iterator[Signal]:
    """What closes everything. Where the books are known to be wrong the broker's position is what there is to close."""
    for strategy, symbol, _ in state.portfolio.open_ledgers():
        if symbol not in state.gaps:
            yield drafts.close_signal(strategy, symbol)
    for symbol, gap in state.gaps.items():
        there = state.portfolio.quantity(symbol) + gap
        side = closing_side(there)
        rest = abs(there)
        for strategy, name, ledger in state.portfolio.open_ledgers():
            part = min(rest, -ledger.quantity * side.sign)
            if name == symbol and part > 0 and strategy != EXTERNAL:
                rest -= part
                yield _close_so_much(strategy, symbol, side, part)
        if rest:  # what nobody here is known to have bought
            yield _close_so_much(EXTERNAL, symbol, side, rest)


def _close_so_much(strategy: StrategyId, symbol: str, side: Side, quantity: Decimal) -> Signal:
    return Signal(strategy, symbol, Action.SELL if side is Side.SELL else Action.BUY, side, Quantity(quantity))


def _not_there(state: EngineState) -> Iterator[Key]:
    """Positions in the books that the broker is known not to have: nothing can be closed, and a person has to say what is right."""
    for strategy, symbol, ledger in state.portfolio.open_ledgers():
        if symbol in state.gaps and not held(state, symbol, closing_side(ledger.quantity)):
            yield strategy, symbol


def _closes(state: EngineState, order: Order) -> bool:
    """Whether an order does what the flatten is for, as the flatten's own do."""
    terms = order.terms
    held = -state.portfolio.strategy_quantity(terms.strategy, terms.symbol) * terms.side.sign
    is_market = terms.role is OrderRole.REGULAR and terms.order_type is OrderType.MARKET
    is_of_flatten = terms.symbol in state.gaps and not is_external(terms.client_order_id)
    return is_market and (order.outstanding <= held or is_of_flatten)
