"""What a strategy is told of its orders. It is made from records, so a restart tells the same in the same order."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.messages import (
    CancelRefused,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderUnknown,
    RiskRefused,
    WishOver,
    WishWaits,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order
from holdfast.core.types import NO_QUANTITY, ZERO, ClientOrderId, OrderRole, Quantity, Side, StrategyId


class OrderStatus(StrEnum):
    """What has happened to an order, or to the intent for one."""

    WAITING = "waiting"  # another order has to end first
    REFUSED = "refused"  # by risk: nothing was sent
    ACCEPTED = "accepted"  # the broker has it
    UNRESOLVED = "unresolved"  # it was sent, and the broker has given no definite answer: it may fill
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    BUSTED = "busted"  # the exchange has undone an execution
    REPLACED = "replaced"  # the broker has changed its quantity
    CANCEL_REFUSED = "cancel_refused"  # the broker would not cancel it
    REJECTED = "rejected"  # by the broker
    CANCELED = "canceled"
    EXPIRED = "expired"
    NOT_SENT = "not_sent"  # it is proven that it never reached the broker
    FAILED = "failed"  # it could not be placed

    @property
    def is_final(self) -> bool:
        """No fill of this order is expected any more."""
        return self in _FINAL


_FINAL = frozenset(
    {
        OrderStatus.REFUSED,
        OrderStatus.FILLED,
        OrderStatus.REJECTED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.NOT_SENT,
        OrderStatus.FAILED,
    }
)

STATUS_OF: dict[type, OrderStatus] = {
    OrderAccepted: OrderStatus.ACCEPTED,
    OrderUnknown: OrderStatus.UNRESOLVED,
    FillBusted: OrderStatus.BUSTED,
    OrderReplaced: OrderStatus.REPLACED,
    CancelRefused: OrderStatus.CANCEL_REFUSED,
    OrderRejected: OrderStatus.REJECTED,
    OrderCanceled: OrderStatus.CANCELED,
    OrderExpired: OrderStatus.EXPIRED,
    OrderNotSent: OrderStatus.NOT_SENT,
    OrderFailed: OrderStatus.FAILED,
}
"""What a record about an order tells. A fill's depends on how much is filled by then."""


class OrderUpdate(msgspec.Struct, frozen=True):
    """Something has happened to one of a strategy's orders.

    ``intent_id`` is the id that `Context.buy`, `Context.sell`, `Context.target` or `Context.close` gave back; a protective order
    has that of the entry it guards; empty for an order that the engine or a person made. ``client_order_id`` is the order's own
    id; None where there is no order: a refusal, or an intent that waits. An intent may lead to more than one order. ``quantity`` is
    positive; None where its size was left to risk, or is not settled. ``filled_quantity`` is what has filled in all. ``rule`` is the
    risk rule that refused.
    """

    intent_id: str
    status: OrderStatus
    symbol: str
    time_ns: int
    client_order_id: ClientOrderId | None = None
    side: Side | None = None
    quantity: Quantity | None = None
    filled_quantity: Quantity = NO_QUANTITY
    reason: str = ""
    rule: str = ""
    role: OrderRole = OrderRole.REGULAR
    tag: str = ""


NO_ORDER = ClientOrderId("")
Told = tuple[StrategyId, OrderUpdate]
"""Whom to tell, and what."""


def with_later(records: Sequence[Envelope]) -> Iterator[tuple[Envelope, Decimal]]:
    """Each record with how much of its order the ones after it have filled."""
    later: dict[ClientOrderId, Decimal] = {}
    for record in records:
        fill = record.body
        if isinstance(fill, OrderFilled | FillBusted):
            later[fill.client_order_id] = later.get(fill.client_order_id, ZERO) + _filled_by(fill)
    for record in records:
        body = record.body
        if isinstance(body, OrderFilled | FillBusted):
            later[body.client_order_id] -= _filled_by(body)
        yield record, later.get(getattr(body, "client_order_id", None) or NO_ORDER, ZERO)


def _filled_by(body: OrderFilled | FillBusted) -> Decimal:
    return body.quantity if isinstance(body, OrderFilled) else -body.quantity


def update_of(orders: OrderBook, envelope: Envelope, later: Decimal = ZERO) -> Told | None:
    """What a record that is applied tells of an order, and to which strategy; None for nothing.

    ``later`` is how much of it was filled by records after this one, where those are applied too.
    """
    body = envelope.body
    kind = type(body)
    if kind is OrderFilled or kind in STATUS_OF:
        order = orders.find(body.client_order_id)  # type: ignore[union-attr, arg-type]
        return None if order is None else _of_order(orders, order, envelope, later)
    if isinstance(body, RiskRefused) and body.intent_id:
        refused = OrderUpdate(
            intent_id=body.intent_id,
            status=OrderStatus.REFUSED,
            symbol=body.symbol,
            time_ns=envelope.time_ns,
            side=body.side,
            quantity=body.quantity,
            reason=body.text,
            rule=body.rule,
        )
        return body.strategy, refused
    if isinstance(body, WishWaits) and body.signal.intent_id:
        signal = body.signal
        return signal.strategy, _of_intent(signal.intent_id, OrderStatus.WAITING, signal.symbol, envelope, body.reason)
    if isinstance(body, WishOver) and body.intent_id:
        return body.strategy, _of_intent(body.intent_id, OrderStatus.CANCELED, body.symbol, envelope, body.reason)
    return None


def _of_order(orders: OrderBook, order: Order, envelope: Envelope, later: Decimal) -> Told:
    body, terms = envelope.body, order.terms
    entry = order if terms.parent is None else orders.find(terms.parent)
    filled = Quantity(order.filled_quantity - later)
    status = STATUS_OF.get(type(body))
    if status is None:
        is_whole = filled >= order.quantity
        status = OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED
    update = OrderUpdate(
        intent_id="" if entry is None else entry.terms.intent_id,
        status=status,
        symbol=terms.symbol,
        time_ns=envelope.time_ns,
        client_order_id=terms.client_order_id,
        side=terms.side,
        quantity=order.quantity,
        filled_quantity=filled,
        reason=getattr(body, "reason", ""),
        role=terms.role,
        tag=terms.tag,
    )
    return terms.strategy, update


def _of_intent(intent_id: str, status: OrderStatus, symbol: str, envelope: Envelope, reason: str) -> OrderUpdate:
    return OrderUpdate(intent_id=intent_id, status=status, symbol=symbol, time_ns=envelope.time_ns, reason=reason)
