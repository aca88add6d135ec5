"""What a client sends to make or change an order, read from JSON.

Alpaca documents numbers as strings; its own SDK sends JSON numbers. Both are taken, and numbers by their own text, so that
nothing passes through a float.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from holdfast.core.types import LARGEST, OrderType, Side, TimeInForce
from holdfast.sim.alpaca.errors import ApiError, forbidden, invalid, undecodable, unprocessable
from holdfast.sim.alpaca.trading.order import OrderClass

LONGEST_ID = 128
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})

E = TypeVar("E", OrderType, Side, TimeInForce, OrderClass)


class ExitTerms(msgspec.Struct, frozen=True):
    """A take-profit (limit only) or a stop-loss (stop, and with a limit a stop-limit)."""

    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class OrderRequest(msgspec.Struct, kw_only=True):
    """A new order as asked for, every part of the right kind but no rule checked."""

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    client_order_id: str | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: ExitTerms | None = None
    stop_loss: ExitTerms | None = None
    position_intent: str | None = None

    @property
    def is_fractional(self) -> bool:
        """Whether it is for money or for a part of a unit."""
        return self.qty is None or self.qty % 1 != 0


class ReplaceRequest(msgspec.Struct, kw_only=True, frozen=True):
    """What to change of an order; None leaves it."""

    qty: Decimal | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    client_order_id: str | None = None


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object with its decimal numbers exact; an empty body is an empty object. Raises `ApiError`."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise undecodable() from None
    if not isinstance(value, dict):
        raise undecodable("an object is expected")
    return value


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def read_order(body: Mapping[str, Any]) -> OrderRequest:
    """A new order's request. Raises `ApiError` for what is missing or of the wrong kind, and for what is not built."""
    order_class = _choice(body, "order_class", OrderClass, {"simple": OrderClass.SIMPLE}) or OrderClass.SIMPLE
    side = _choice(body, "side", Side)
    order_type = _choice(body, "type", OrderType)
    time_in_force = _choice(body, "time_in_force", TimeInForce)
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise invalid("symbol is required")
    if side is None:
        raise invalid("side is required")
    if time_in_force is None:
        raise invalid("time_in_force is required")
    if order_type is None and order_class is OrderClass.OCO:
        order_type = OrderType.LIMIT
    if order_type is None:
        raise invalid("type is required")
    return OrderRequest(
        symbol=symbol,
        side=side,
        type=order_type,
        time_in_force=time_in_force,
        qty=number(body, "qty"),
        notional=number(body, "notional"),
        limit_price=number(body, "limit_price"),
        stop_price=number(body, "stop_price"),
        trail_price=number(body, "trail_price"),
        trail_percent=number(body, "trail_percent"),
        extended_hours=flag(body.get("extended_hours"), "extended_hours"),
        client_order_id=client_order_id(body),
        order_class=order_class,
        take_profit=_exit(body, "take_profit"),
        stop_loss=_exit(body, "stop_loss"),
        position_intent=body.get("position_intent") or None,
    )


def read_replace(body: Mapping[str, Any]) -> ReplaceRequest:
    """A change of an order. Raises `ApiError`."""
    if body.get("notional") is not None:
        raise unprocessable("notional can only be replaced for IPO orders, which are not available here")
    return ReplaceRequest(
        qty=number(body, "qty"),
        time_in_force=_choice(body, "time_in_force", TimeInForce),
        limit_price=number(body, "limit_price"),
        stop_price=number(body, "stop_price"),
        trail=number(body, "trail"),
        client_order_id=client_order_id(body),
    )


def number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A number, or text that is one; None when it is missing or null. Raises `ApiError`."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise undecodable(f"{name} must be a number")
    try:
        parsed = Decimal(value)
    except InvalidOperation:
        raise undecodable(f"{name} must be a number") from None
    if not parsed.is_finite() or abs(parsed) >= LARGEST:
        raise invalid(f"invalid {name}")
    return parsed


def flag(value: object, name: str) -> bool:
    """A boolean in any spelling that clients use: ``true``, ``True``, ``"true"``, ``1``. Raises `ApiError`."""
    if isinstance(value, bool):
        return value
    text = "" if value is None else str(value).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise invalid(f"invalid {name}")


def client_order_id(body: Mapping[str, Any]) -> str | None:
    """The client's own id of an order, if it gave one. Raises `ApiError`."""
    value = body.get("client_order_id")
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise undecodable("client_order_id must be a string")
    if len(value) > LONGEST_ID:
        raise invalid(f"client_order_id must be no more than {LONGEST_ID} characters")
    return value


def _choice(body: Mapping[str, Any], name: str, kind: type[E], aliases: Mapping[str, E] | None = None) -> E | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if aliases and isinstance(value, str) and value in aliases:
        return aliases[value]
    try:
        return kind(value)
    except ValueError:
        raise _unknown(name, value) from None


def _unknown(name: str, value: object) -> ApiError:
    if name == "order_class" and value == "mleg":
        return forbidden("submit mleg order is disabled")
    if name == "type":
        return invalid("invalid order type")
    return invalid(f"invalid {name}")


def _exit(body: Mapping[str, Any], name: str) -> ExitTerms | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise undecodable(f"{name} must be an object")
    return ExitTerms(number(value, "limit_price"), number(value, "stop_price"))
