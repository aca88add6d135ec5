"""Which of the broker's positions have no stop there, or one that is too small. What the broker has decides, not the books."""

from collections.abc import Sequence, Set
from decimal import Decimal

import msgspec

from holdfast.brokers.port import BrokerOrder, BrokerPosition
from holdfast.core.types import ZERO, OrderType, Price, Quantity, Side, plain

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
CLOSES = frozenset({OrderType.MARKET})
"""What closes a position already: it may wait for the market to open."""


class Gap(msgspec.Struct, frozen=True):
    """A position of signed ``quantity`` of which only ``covered`` (unsigned) has an order that gets it out.

    ``price`` is the market's as the broker shows it with the position.
    """

    symbol: str
    quantity: Quantity
    covered: Quantity
    price: Price | None

    @property
    def text(self) -> str:
        """As people are told."""
        return f"{plain(self.quantity)} {self.symbol} held, stops for {plain(self.covered)}"


def unprotected(positions: Sequence[BrokerPosition], orders: Sequence[BrokerOrder]) -> tuple[Gap, ...]:
    """The positions that are not covered by stops and closes, by symbol. ``orders`` are those that work, legs included."""
    return _gaps(positions, orders, STOPS | CLOSES)


def open_still(positions: Sequence[BrokerPosition], orders: Sequence[BrokerOrder]) -> tuple[Gap, ...]:
    """The positions that are not being closed, by symbol."""
    return _gaps(positions, orders, CLOSES)


def _gaps(positions: Sequence[BrokerPosition], orders: Sequence[BrokerOrder], kinds: Set[OrderType]) -> tuple[Gap, ...]:
    return tuple(
        Gap(row.symbol, row.quantity, covered, row.current_price)
        for row in sorted(positions, key=lambda row: row.symbol)
        if (covered := _covered(row, orders, kinds)) < abs(row.quantity)
    )


def _covered(position: BrokerPosition, orders: Sequence[BrokerOrder], kinds: Set[OrderType]) -> Quantity:
    closing = Side.SELL if position.quantity > 0 else Side.BUY
    left = (
        order.quantity - order.filled_quantity
        for order in orders
        if (order.symbol, order.side) == (position.symbol, closing) and order.order_type in kinds
    )
    return Quantity(sum(left, Decimal(ZERO)))
