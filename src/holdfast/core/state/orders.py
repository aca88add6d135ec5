"""Orders and intents: what the records of them make of the state."""

from typing import Any, Final

from holdfast.core.findings import OrderOverdue
from holdfast.core.intents import note_intent
from holdfast.core.messages import (
    CancelRefused,
    CancelReleased,
    Envelope,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderUnknown,
    RiskRefused,
    WishOver,
    WishWaits,
)
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.protection.cover import mind, note_end
from holdfast.core.state.account import Change, EngineState
from holdfast.core.types import (
    OrderRole,
)
from holdfast.core.waiting import forget, note

_REGULAR: Final = OrderRole.REGULAR
_UNKNOWN: Final = OrderState.UNKNOWN


def _order(state: EngineState, envelope: Envelope, body: Any) -> None:
    known = state.orders.live.get(body.client_order_id)
    was_unknown = known is not None and known.state is _UNKNOWN
    order = state.orders.apply(envelope)
    if state.overdue and order.state is not _UNKNOWN:
        state.overdue.pop(body.client_order_id, None)
    if state.guards and order.state in TERMINAL:
        _minded(state, envelope, order, was_unknown=was_unknown)


def _minded(state: EngineState, envelope: Envelope, order: Order, *, was_unknown: bool) -> None:
    """An order has ended: a protective one leaves a gap, and so does a reduce-only order that came to nothing."""
    terms = order.terms
    cover = state.covers.get((terms.strategy, terms.symbol))
    if cover is not None and terms.role is not _REGULAR:
        note_end(cover, order, envelope.time_ns, was_unknown=was_unknown)
    mind(state, terms.symbol, envelope.time_ns)


def _order_adopted(state: EngineState, envelope: Envelope, _body: OrderAdopted) -> None:
    terms = state.orders.apply(envelope).terms
    price = terms.limit_price or terms.stop_price
    if price is not None and terms.symbol not in state.marks:  # the only price known, and exposure needs one
        state.mark(terms.symbol, price)


def _overdue(state: EngineState, _envelope: Envelope, body: OrderOverdue) -> None:
    order = state.orders.find(body.client_order_id)
    if order is not None:
        state.overdue[body.client_order_id] = order.terms.symbol


def _prepared(state: EngineState, envelope: Envelope, body: OrderPrepared) -> None:
    terms = body.terms
    state.orders.apply(envelope)
    state.order_count += 1
    key = (terms.strategy, terms.symbol)
    if terms.role is not _REGULAR:
        return
    closing = state.closing.get(key)
    if closing is not None:
        closing.tries += 1
        closing.order = terms.client_order_id
    state.refusals.pop(key, None)
    state.entry_times.append(envelope.time_ns)
    note_intent(state, terms)
    if state.flattening:
        state.flatten_tries[key] = state.flatten_tries.get(key, 0) + 1


def _refused(state: EngineState, _envelope: Envelope, body: RiskRefused) -> None:
    state.refusals[body.strategy, body.symbol] = (body.side, body.quantity, body.rule)


def _waits_no_more(state: EngineState, envelope: Envelope, body: WishOver) -> None:
    forget(state.waiting, (body.strategy, body.symbol))
    mind(state, body.symbol, envelope.time_ns)


CHANGES: dict[type, Change] = {
    OrderPrepared: _prepared,
    OrderAdopted: _order_adopted,
    OrderOverdue: _overdue,
    RiskRefused: _refused,
    WishOver: _waits_no_more,
    WishWaits: note,
    **dict.fromkeys(
        (
            OrderReleased,
            OrderAccepted,
            OrderRejected,
            OrderUnknown,
            OrderReplaced,
            CancelReleased,
            CancelRefused,
            OrderCanceled,
            OrderExpired,
            OrderFailed,
            OrderNotSent,
        ),
        _order,
    ),
}
"""What each record changes here."""
