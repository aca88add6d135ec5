"""Orders that may still trade, as far as the monitor needs them: since when each waits, and for what."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.findings import OrderLost, OrderOverdue
from holdfast.core.messages import (
    AnyBody,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
)
from holdfast.core.types import OrderType, TimeInForce

MOST = 100_000
"""Orders that are kept at once; the oldest is forgotten first. Nobody has so many open."""
ENDS = (OrderCanceled, OrderExpired, OrderRejected, OrderFailed, OrderNotSent)
"""After these an order trades no more."""
CONTINUOUS = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
"""Orders that don't wait for an auction."""


class Waits(StrEnum):
    """What an order waits for."""

    RELEASE = "release"
    ANSWER = "answer"
    PROOF = "proof"
    """UNKNOWN: somebody has to find out."""
    FILL = "fill"


class OpenOrder(msgspec.Struct):
    """An order that may still trade."""

    waits: Waits
    since_ns: int
    """Since when it waits for that."""
    quantity: Decimal
    is_market: bool
    """Whether it should fill at once."""
    market_ns: int = 0
    """When the market event was that led to it; 0 when none did."""
    released_ns: int = 0
    accepted_ns: int = 0
    filled: Decimal = Decimal(0)
    is_overdue: bool = False
    is_lost: bool = False


class OpenOrders:
    """By client order id."""

    def __init__(self) -> None:
        self.open: dict[str, OpenOrder] = {}

    def take(self, record: Envelope, market_ns: int) -> OpenOrder | None:
        """Take a record in; the order that it is about, if it was open. ``market_ns`` is when the chain's market event was, 0 for none."""
        body = record.body
        if isinstance(body, OrderPrepared | OrderAdopted):
            self._begin(record, body.terms, market_ns, is_known=isinstance(body, OrderAdopted))
            return None
        key = getattr(body, "client_order_id", None)
        order = self.open.get(key) if isinstance(key, str) else None
        if order is None or key is None:
            return None
        self._move(order, body, record.time_ns)
        if isinstance(body, ENDS) or (isinstance(body, OrderFilled) and order.filled >= order.quantity):
            del self.open[key]
        return order

    def add(self, key: str, order: OpenOrder) -> None:
        """Take over an order whose records weren't read; what is known already stays."""
        self.open.setdefault(key, order)

    def _begin(self, record: Envelope, terms: OrderTerms, market_ns: int, *, is_known: bool) -> None:
        waits = Waits.FILL if is_known else Waits.RELEASE
        order = OpenOrder(waits, record.time_ns, Decimal(terms.quantity), is_at_market(terms), market_ns)
        if isinstance(record.body, OrderAdopted):
            order.filled = Decimal(record.body.filled_quantity)
            order.is_market = False  # somebody else's
        self.open[terms.client_order_id] = order
        if len(self.open) > MOST:
            del self.open[next(iter(self.open))]

    def _move(self, order: OpenOrder, body: AnyBody, time_ns: int) -> None:
        if isinstance(body, OrderReleased):
            order.released_ns = time_ns
            order.is_overdue = False
            self._wait(order, Waits.ANSWER, time_ns)
        elif isinstance(body, OrderAccepted):
            order.accepted_ns = order.accepted_ns or time_ns
            order.is_overdue = order.is_lost = False
            self._wait(order, Waits.FILL, time_ns)
        elif isinstance(body, OrderUnknown):
            self._wait(order, Waits.PROOF, time_ns)
        elif isinstance(body, OrderOverdue):
            order.is_overdue = True
        elif isinstance(body, OrderLost):
            order.is_lost = True
        elif isinstance(body, OrderFilled):
            order.filled += body.quantity
            order.is_overdue = order.is_lost = False
            self._wait(order, Waits.FILL, time_ns)
        elif isinstance(body, FillBusted):
            order.filled -= body.quantity
        elif isinstance(body, OrderReplaced):
            order.quantity = Decimal(body.quantity)

    @staticmethod
    def _wait(order: OpenOrder, waits: Waits, time_ns: int) -> None:
        if order.waits is not waits or waits is Waits.ANSWER:
            order.waits, order.since_ns = waits, time_ns


def is_at_market(terms: OrderTerms) -> bool:
    """Whether an order should fill at once while the exchange is open."""
    return terms.order_type is OrderType.MARKET and terms.time_in_force in CONTINUOUS
