"""From an event of Alpaca's stream to what the sender and the core are told."""

from collections.abc import Sequence
from typing import Any

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.trading.wire import ENDINGS, decimal_of, execution_key
from holdfast.brokers.transport import OrderEvent
from holdfast.core.messages import (
    BrokerReport,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from holdfast.core.types import ClientOrderId, Price, Quantity, Side

_ENDED: dict[str, type[OrderCanceled | OrderExpired | OrderRejected]] = {
    "canceled": OrderCanceled,
    "expired": OrderExpired,
    "rejected": OrderRejected,
}
_FILLS = ("fill", "partial_fill")
_UNDOING = ("trade_bust", "trade_correct")


def event_of(update: dict[str, Any]) -> OrderEvent:
    """An update of the stream. Raises KeyError, ValueError and their like for one that can't be read."""
    order = update["order"]
    key = ClientOrderId(str(order.get("client_order_id") or ""))
    is_several = not (order.get("symbol") and order.get("side"))  # several options in one order: not ours
    filled = decimal_of(order.get("filled_qty"))
    return OrderEvent(
        broker_order_id=str(order["id"]),
        client_order_id=key,
        symbol=canonical_symbol(str(order.get("symbol") or "")),
        side=None if is_several else Side(order["side"]),
        quantity=Quantity(decimal_of(order["qty"]) if order.get("qty") else filled),
        filled=None if undoes(update) else Quantity(filled),
        time_ns=parse_time_ns(str(update["timestamp"])) if update.get("timestamp") else None,
        is_over=order.get("status") in ENDINGS,
        reports=() if is_several else tuple(reports_of(key, update)),
    )


def reports_of(key: ClientOrderId, update: dict[str, Any]) -> Sequence[BrokerReport]:
    """The reports that an event comes to; none for one that changes nothing here (``new``, ``pending_cancel``).

    That an order was replaced ends it: its successor has an id that is not ours.
    """
    event, order = str(update["event"]), update["order"]
    broker_id = str(order["id"])
    if event in _FILLS:
        return [_fill(key, update, execution_key(broker_id, decimal_of(order["filled_qty"])))]
    if event in _ENDED:
        return [_ENDED[event](key, str(update.get("reason") or order.get("status") or event))]
    if event == "replaced":
        return [OrderCanceled(key, f"replaced at the broker by {order.get('replaced_by')}")]
    return ()


def _fill(key: ClientOrderId, update: dict[str, Any], execution_id: str) -> OrderFilled:
    order = update["order"]
    return OrderFilled(
        key,
        execution_id,
        canonical_symbol(str(order["symbol"])),
        Side(order["side"]),
        Quantity(decimal_of(update["qty"])),
        Price(decimal_of(update["price"])),
        broker_order_id=str(order["id"]),
    )


def undoes(update: dict[str, Any]) -> bool:
    """Whether an event says that executions are not what they were told to be: what they are now has to be asked."""
    return update["event"] in _UNDOING
