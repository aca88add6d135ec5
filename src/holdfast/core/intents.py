"""What orders are for: which draft would be a repeat of one that is there, or was just made. A part of `state.py`."""

from typing import TYPE_CHECKING, Any

from holdfast.core.messages import OrderTerms
from holdfast.core.orders.order import OrderState
from holdfast.core.types import ClientOrderId

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

RECENT_INTENTS = 1_000
"""How many different order intents are remembered to catch a duplicate; far more than any order rate allows in the window."""


def intent_of(terms: OrderTerms) -> tuple[Any, ...]:
    """What makes two orders the same intent."""
    return (
        terms.strategy,
        terms.symbol,
        terms.side,
        terms.quantity,
        terms.order_type,
        terms.time_in_force,
        terms.limit_price,
        terms.stop_price,
        terms.trail_amount,
        terms.trail_percent,
    )


def twin_of(state: "EngineState", terms: OrderTerms) -> ClientOrderId | None:
    """The latest order that a draft would be a repeat of: one like it that works, or was just made. None: it is no repeat.

    One whose cancel was asked for is none, and neither is one that has ended without a fill, unless it was refused: nothing is
    had twice. Without a window equal orders are meant.
    """
    if not state.limits.duplicate_window_ns:
        return None
    known = reversed(state.intents.get(intent_of(terms), ()))
    return next((key for key in known if _may_be_repeated(state, key)), None)


def _may_be_repeated(state: "EngineState", client_order_id: ClientOrderId) -> bool:
    order = state.orders.find(client_order_id)
    if order is None or order.cancel_released_ns:
        return False
    if order.is_live:
        return True
    if order.state in _CAME_TO_NOTHING and not order.filled_quantity:
        return False
    return state.now_ns - order.created_ns < state.limits.duplicate_window_ns


_CAME_TO_NOTHING = frozenset({OrderState.CANCELED, OrderState.EXPIRED, OrderState.NOT_SENT})


def note_intent(state: "EngineState", terms: OrderTerms) -> None:
    """Remember an order by what it is for, beside those like it that a draft could still repeat, now or if a cancel is refused."""
    intent = intent_of(terms)
    intents, live = state.intents, state.orders.live
    before = intents.pop(intent, ())
    kept = [key for key in before if key in live or _may_be_repeated(state, key)] if before else ()
    intents[intent] = (*kept, terms.client_order_id)
    if len(state.intents) > RECENT_INTENTS:
        state.intents.popitem(last=False)
