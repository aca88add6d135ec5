"""What strategies are shown of their own: positions, orders, timers."""

import msgspec

from holdfast.core.orders.order import OrderState
from holdfast.core.types import NO_MONEY, ClientOrderId, Money, OrderRole, OrderType, Price, Quantity, Side


class Position(msgspec.Struct, frozen=True):
    """A strategy's own position: signed ``quantity``, ``average_price`` (0 when flat), ``realised`` profit before fees.

    Money is in the instrument's currency. ``cost`` is what was paid for it, signed as the quantity is. ``unrealised`` is what it would
    earn at the last price, before fees; 0 while no price is known.
    """

    symbol: str
    quantity: Quantity
    average_price: Price
    realised: Money
    cost: Money = NO_MONEY
    unrealised: Money = NO_MONEY


class OrderView(msgspec.Struct, frozen=True):
    """A live order of the strategy, as it stands. ``intent_id`` is the id that `Context.buy` and its like gave back; empty for others."""

    client_order_id: ClientOrderId
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Quantity
    filled_quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    state: OrderState
    role: OrderRole
    tag: str
    intent_id: str = ""


class Timer(msgspec.Struct, frozen=True):
    """A timer that is due."""

    name: str
    time_ns: int
