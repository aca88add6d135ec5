"""How orders and numbers look in JSON. Alpaca: amounts are strings, times UTC with ``Z`` and up to nine digits."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web

from holdfast.core.types import OrderType, iso_time, plain
from holdfast.sim.alpaca.trading.order import Order

Json = dict[str, Any]

DISPLAY_STEP = Decimal("0.000000001")
"""To which figures that are divided for display are rounded."""

encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def time_text(time_ns: int) -> str:
    """A time on the wire."""
    return iso_time(time_ns)


def time_or_none(time_ns: int | None) -> str | None:
    """A time on the wire, or null."""
    return None if time_ns is None else time_text(time_ns)


def text_or_none(value: Decimal | None) -> str | None:
    """An amount on the wire, or null."""
    return None if value is None else plain(value)


def rounded(value: Decimal) -> str:
    """A figure that came out of a division, for display."""
    return plain(value.quantize(DISPLAY_STEP, rounding=ROUND_HALF_EVEN))


def average_price(order: Order) -> str | None:
    """The average price of an order's fills; null before the first."""
    if not order.filled_qty:
        return None
    return rounded(order.filled_cost / order.filled_qty)


def order_json(order: Order, legs: Iterable[Order] | None = None) -> Json:
    """The order object. ``legs`` None is null; legs have no legs of their own."""
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": time_text(order.created_ns),
        "updated_at": time_text(order.updated_ns),
        "submitted_at": time_text(order.created_ns),
        "filled_at": time_or_none(order.filled_ns),
        "expired_at": time_or_none(order.expired_ns),
        "expires_at": time_text(order.expires_ns),
        "cancel_requested_at": time_or_none(order.cancel_requested_ns),
        "canceled_at": time_or_none(order.canceled_ns),
        "failed_at": time_or_none(order.failed_ns),
        "replaced_at": time_or_none(order.replaced_ns),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": order.asset_id,
        "symbol": order.symbol,
        "asset_class": order.asset_class,
        "notional": text_or_none(order.notional),
        "qty": text_or_none(order.qty),
        "filled_qty": plain(order.filled_qty),
        "filled_avg_price": average_price(order),
        "order_class": order.order_class.value,
        "order_type": order.type.value,
        "type": order.type.value,
        "side": order.side.value,
        "position_intent": order.position_intent,
        "time_in_force": order.time_in_force.value,
        "limit_price": text_or_none(order.limit_price if order.type in _LIMITED else None),
        "stop_price": text_or_none(order.stop_price),
        "status": order.status.value,
        "extended_hours": order.extended_hours,
        "legs": None if legs is None else [order_json(leg) for leg in legs],
        "trail_percent": text_or_none(order.trail_percent),
        "trail_price": text_or_none(order.trail_price),
        "hwm": text_or_none(order.hwm),
        "subtag": None,
        "source": None,
    }


_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


def answer(body: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=encode(body), status=status, content_type="application/json")
