"""One order as Kite holds it, and its statuses.

A status that is on the way (``VALIDATION PENDING`` and the like) is passed through as the order management system and the exchange take
the order; ``UPDATE`` is only ever pushed (Kite Connect, "Orders"; Zerodha's forum for the rest).
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from holdfast.core.types import MINUTE_NS, ZERO, Side


class Status(StrEnum):
    """Where an order stands."""

    PUT_RECEIVED = "PUT ORDER REQ RECEIVED"
    VALIDATION_PENDING = "VALIDATION PENDING"
    OPEN_PENDING = "OPEN PENDING"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER PENDING"
    MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
    MODIFY_PENDING = "MODIFY PENDING"
    MODIFIED = "MODIFIED"
    CANCEL_PENDING = "CANCEL PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


OVER = frozenset({Status.COMPLETE, Status.CANCELLED, Status.REJECTED})
"""After which nothing happens to an order."""


class OrderType(StrEnum):
    """How it meets the market. SL is a stop with a limit, SL-M a stop that becomes a market order."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"


class Product(StrEnum):
    """What it is held as: to keep (CNC), for the day on margin (MIS), derivatives to keep (NRML)."""

    CNC = "CNC"
    MIS = "MIS"
    NRML = "NRML"


class Variety(StrEnum):
    """Which way an order takes."""

    REGULAR = "regular"
    ICEBERG = "iceberg"


class Terms(msgspec.Struct, frozen=True):
    """What is asked for. ``market_protection`` is in percent; -1 leaves it to the broker, None is none."""

    exchange: str
    tradingsymbol: str
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    variety: Variety = Variety.REGULAR
    validity: str = "DAY"
    validity_ttl: int = 0
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    disclosed_quantity: int = 0
    market_protection: Decimal | None = None
    tag: str | None = None


class Order(msgspec.Struct, kw_only=True):
    """An order in the book of the day. Times are UTC nanoseconds. ``rests_as`` is what it is at the exchange."""

    order_id: str
    sequence: int
    symbol: str
    token: int
    terms: Terms
    rests_as: OrderType
    limit: Decimal
    status: Status = Status.PUT_RECEIVED
    status_message: str | None = None
    order_ns: int = 0
    exchange_ns: int | None = None
    exchange_order_id: str | None = None
    filled_quantity: int = 0
    filled_value: Decimal = ZERO
    cancelled_quantity: int = 0
    modifications: int = 0
    sends: int = 0
    tags: list[str] = msgspec.field(default_factory=list)
    is_tag_hidden: bool = False
    meta: dict[str, Any] = msgspec.field(default_factory=dict)
    parent_id: str | None = None
    history: list[dict[str, Any]] = msgspec.field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.status in OVER

    @property
    def ends_ns(self) -> int | None:
        """When an order that is valid for some minutes is over; None for others."""
        terms = self.terms
        return self.order_ns + terms.validity_ttl * MINUTE_NS if terms.validity == "TTL" else None

    @property
    def pending_quantity(self) -> int:
        """How much is still to be traded."""
        return 0 if self.is_over else self.terms.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal:
        """What it traded at, 0 before it did."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO


class Trade(msgspec.Struct, frozen=True):
    """One execution."""

    trade_id: str
    order_id: str
    exchange_order_id: str
    symbol: str
    exchange: str
    tradingsymbol: str
    token: int
    product: Product
    side: Side
    quantity: int
    price: Decimal
    time_ns: int
    order_ns: int


def trade_of(order: Order, number: int, quantity: int, price: Decimal, time_ns: int) -> Trade:
    """An execution of an order, under a number of its own."""
    return Trade(
        trade_id=f"{number:08d}",
        order_id=order.order_id,
        exchange_order_id=order.exchange_order_id or "",
        symbol=order.symbol,
        exchange=order.terms.exchange,
        tradingsymbol=order.terms.tradingsymbol,
        token=order.token,
        product=order.terms.product,
        side=order.terms.side,
        quantity=quantity,
        price=price,
        time_ns=time_ns,
        order_ns=order.order_ns,
    )


def replaced(terms: Terms, quantity: int) -> Terms:
    """The same for another quantity: one slice of an order, or one leg of an iceberg."""
    return msgspec.structs.replace(terms, quantity=quantity)


def slices(quantity: int, most: int) -> Sequence[int]:
    """An order in parts that are allowed."""
    whole, rest = divmod(quantity, most)
    return [most] * whole + ([rest] if rest else [])
