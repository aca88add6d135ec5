"""One order as the local Alpaca holds it, and the states it goes through."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.types import ZERO, OrderType, Side, TimeInForce


class Status(StrEnum):
    """Where an order is in its life. Alpaca: documented."""

    ACCEPTED = "accepted"  # received; the session it waits for has not begun
    PENDING_NEW = "pending_new"  # received, on its way to the exchange
    NEW = "new"  # at the exchange
    HELD = "held"  # an exit that waits for its entry to fill whole, and the stop-loss of a pair until it fires
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"


ENDED = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REPLACED, Status.REJECTED})
"""No fill comes any more."""
UNSENT = frozenset({Status.ACCEPTED, Status.PENDING_NEW, Status.PENDING_CANCEL, Status.PENDING_REPLACE})
"""A replacement is refused here. Alpaca: documented, and its words too (options' errors, 2026-09)."""


class OrderClass(StrEnum):
    """Whether an order comes with others. A simple one is called ``""`` on the wire (observed)."""

    SIMPLE = ""
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"


class Role(StrEnum):
    """What an order is for within its class."""

    ALONE = "alone"
    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


EXITS = frozenset({Role.TAKE_PROFIT, Role.STOP_LOSS})


class Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An order; times are UTC nanoseconds of market time, amounts exact.

    ``created_ns`` is its own among the account's orders, and so can be microseconds ahead of the market's time (see
    `Orders.next_created_ns`); none of its other times is before it.

    ``sequence`` is the place in the account's order of arrival. ``filled_cost`` is the sum of price times quantity over the
    fills. ``reserve_price`` is what one unit takes from the buying power while the order is open: nothing for one that
    closes. ``waits`` says that the order is not at the exchange: for a session to begin, or, in the middle of a fill,
    for the next event. ``sends`` counts how often it was given to the exchange. ``is_dead`` says that a fault keeps it from it
    for ever.
    """

    id: str
    client_order_id: str
    sequence: int
    asset_id: str
    symbol: str
    asset_class: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    created_ns: int
    updated_ns: int
    expires_ns: int
    position_intent: str
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.SIMPLE
    role: Role = Role.ALONE
    parent_id: str | None = None
    leg_ids: list[str] = msgspec.field(default_factory=list)
    status: Status = Status.ACCEPTED
    filled_qty: Decimal = ZERO
    filled_cost: Decimal = ZERO
    filled_ns: int | None = None
    expired_ns: int | None = None
    cancel_requested_ns: int | None = None
    canceled_ns: int | None = None
    failed_ns: int | None = None
    replaced_ns: int | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    reserve_price: Decimal = ZERO
    waits: bool = False
    sends: int = 0
    is_dead: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status not in ENDED

    @property
    def is_crypto(self) -> bool:
        """Whether it trades around the clock."""
        return self.asset_class == "crypto"

    @property
    def remaining(self) -> Decimal:
        """Units still to be filled; zero for an order in money, whose units are known when it fills."""
        return ZERO if self.qty is None else self.qty - self.filled_qty

    @property
    def is_stop_of_pair(self) -> bool:
        """Whether it is the stop-loss beside a take-profit.

        Alpaca: such a stop is at work and ``held``, and no list of open orders shows it, until it fires (Alpaca's staff,
        forum.alpaca.markets/t/3697; alpaca-trade-api-python#322; of an OCO too).
        """
        return self.role is Role.STOP_LOSS and self.order_class in (OrderClass.BRACKET, OrderClass.OCO)

    @property
    def opens(self) -> bool:
        """Whether it adds to a position, or makes one."""
        return self.position_intent.endswith("open")

    @property
    def reserved(self) -> Decimal:
        """Buying power it takes while it is open."""
        if not self.opens:
            return ZERO
        return self.notional if self.notional is not None else self.remaining * self.reserve_price
