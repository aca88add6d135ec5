"""One order as the venue holds it."""

from math import inf
from typing import Final

import msgspec

from holdfast.core.messages import MarketEvent, OrderTerms
from holdfast.core.types import NO_QUANTITY, ZERO, ClientOrderId, OrderType, Price, Quantity, Side, TimeInForce
from holdfast.venue.path import Point

_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_TRAILING_STOP: Final = OrderType.TRAILING_STOP
_BUY: Final = Side.BUY

NEVER_NS = (1 << 63) - 1
"""Later than any time there is."""

AUCTION_ONLY = frozenset({TimeInForce.OPG, TimeInForce.CLS})
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})

_NO_PRICE = Price(ZERO)
_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NEEDS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_HAS_STOP = _NEEDS_STOP | {OrderType.TRAILING_STOP}
_AUCTION_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
_TRIGGERED = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.TRAILING_STOP: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
}


class VenueOrder(msgspec.Struct, eq=False):
    """An accepted order. Only the exchange changes it; everyone else reads.

    ``working`` is the type it trades as now: a triggered stop has become a market order, a triggered stop-limit a limit
    order. ``limit`` and ``stop`` are ``limit_price`` and ``stop_price`` as floats, to be compared with market data. A
    trailing stop follows the best price so far, ``extreme``; before there is one that is out of reach, and so is the
    stop unless its terms say where it begins. ``met`` says that a market has been seen since it was accepted. ``arrived_on`` is the market data it met on arrival, kept until the next
    of its symbol, and ``offered`` where in the last bar it could trade; only a restart sets them.
    """

    terms: OrderTerms
    broker_order_id: str
    released_ns: int
    accepted_ns: int
    opens_ns: int
    expires_ns: int
    quantity: Quantity
    working: OrderType
    sign: int
    limit: float
    limit_price: Price
    stop: float
    stop_price: Price
    extreme: float
    filled: Quantity = NO_QUANTITY
    fills: int = 0
    met: bool = False
    done: bool = False
    arrived_on: MarketEvent | None = None
    offered: Point | None = None

    @property
    def remaining(self) -> Quantity:
        """What is still to be filled."""
        return Quantity(self.quantity - self.filled)

    @property
    def rank(self) -> int:
        """Worse for the trader first: 0 for market and stop orders, 1 for limit orders."""
        return 1 if self.terms.order_type is _LIMIT else 0

    def trigger(self) -> None:
        """A stop was reached: from now on a market order, or a limit order."""
        self.working = _TRIGGERED[self.working]


class InFlight(msgspec.Struct, frozen=True):
    """An order, or a cancel (``terms`` None), on its way to the venue."""

    arrival_ns: int
    released_ns: int
    client_order_id: ClientOrderId
    terms: OrderTerms | None


def new_order(
    terms: OrderTerms, broker_order_id: str, released_ns: int, accepted_ns: int, opens_ns: int, expires_ns: int
) -> VenueOrder:
    """An order just accepted, that has met no market yet."""
    sign = 1 if terms.side is _BUY else -1
    limit_price, stop_price = terms.limit_price, terms.stop_price
    out_of_reach = sign * inf
    return VenueOrder(
        terms,
        broker_order_id,
        released_ns,
        accepted_ns,
        opens_ns,
        expires_ns,
        terms.quantity,
        terms.order_type,
        sign,
        0.0 if limit_price is None else float(limit_price),
        _NO_PRICE if limit_price is None else limit_price,
        out_of_reach if stop_price is None or terms.order_type not in _HAS_STOP else float(stop_price),
        _NO_PRICE if stop_price is None else stop_price,
        out_of_reach,
    )


def fault_of(terms: OrderTerms) -> str:
    """Why no exchange could work such an order; empty when nothing is wrong with it."""
    order_type = terms.order_type
    if terms.quantity <= 0:
        return f"quantity must be above zero, not {terms.quantity}"
    if order_type is _MARKET:
        return ""
    if order_type in _NEEDS_LIMIT and terms.limit_price is None:
        return f"a {order_type} order needs limit_price"
    if order_type in _NEEDS_STOP and terms.stop_price is None:
        return f"a {order_type} order needs stop_price"
    if order_type is _TRAILING_STOP and not _has_trail(terms):
        return "a trailing_stop order needs either trail_amount above zero or trail_percent between 0 and 100"
    if terms.time_in_force in AUCTION_ONLY and order_type not in _AUCTION_TYPES:
        return f"{terms.time_in_force} takes market and limit orders, not {order_type}"
    return ""


def _has_trail(terms: OrderTerms) -> bool:
    if terms.trail_amount is not None:
        return terms.trail_percent is None and terms.trail_amount > 0
    return terms.trail_percent is not None and 0 < terms.trail_percent < 100
