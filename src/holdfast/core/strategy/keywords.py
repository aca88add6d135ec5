"""The keywords that orders were asked for with before there were values for them. Here they become those values, and end."""

from difflib import get_close_matches
from typing import Any, TypedDict

from holdfast.core.strategy.order_kinds import (
    Exits,
    Limit,
    Market,
    Number,
    OrderKind,
    Stop,
    StopLimit,
    TrailingStop,
    order_type,
)
from holdfast.core.types import OrderType, TimeInForce
from holdfast.errors import InvalidValue


class Keywords(TypedDict, total=False):
    """Prices and times of an order, and of the exits of what it fills, one by one."""

    limit_price: Number | None
    stop_price: Number | None
    trail_amount: Number | None
    trail_percent: Number | None
    time_in_force: TimeInForce | str
    time_to_live_s: Number | None
    stop_loss: Number | None
    take_profit: Number | None
    trail_stop: Number | None
    trail_stop_percent: Number | None
    break_even_at: Number | None
    hold_s: Number | None


_OF_EXITS = Exits.__struct_fields__
_OF_ORDERS = tuple(word for word in Keywords.__annotations__ if word not in _OF_EXITS)
_NEW = ("quantity", "notional", "direction", "order", "exits", "confidence", "tag")


PLAIN: tuple[OrderKind, Exits | None] = (Market(), None)
"""A market order without exits."""


def values_of(order: OrderKind | None, exits: Exits | None, words: dict[str, Any]) -> tuple[OrderKind, Exits | None]:
    """The order and the exits that were asked for, in either way.

    Raises :class:`~holdfast.errors.InvalidValue` for an unknown keyword, and where both ways say something.
    """
    for word in words:
        if word not in Keywords.__annotations__:
            near = get_close_matches(word, [*_NEW, *Keywords.__annotations__], n=1)
            hint = f"did you mean {near[0]}?" if near else "orders take " + ", ".join(_NEW)
            raise InvalidValue(f"an order takes no {word!r}; {hint}")
    if not isinstance(order, OrderKind | None):
        raise InvalidValue(f"order can't be {order!r}; it is Market(), Limit(95), Stop(105) or another kind of order")
    if not isinstance(exits, Exits | None):
        raise InvalidValue(f"exits can't be {exits!r}; it is Exits(stop_loss=95) or the like")
    of_order = {word: value for word, value in words.items() if word in _OF_ORDERS and value is not None}
    of_exits = {word: value for word, value in words.items() if word in _OF_EXITS and value is not None}
    if of_order and order is not None:
        raise InvalidValue(f"{next(iter(of_order))} is part of the order: give it as order={type(order).__name__}(...)")
    if of_exits and exits is not None:
        raise InvalidValue(f"{next(iter(of_exits))} is one of the exits: give it as exits=Exits(...)")
    return order or _order(**of_order), Exits(**of_exits) if of_exits else exits


def _order(
    limit_price: Number | None = None,
    stop_price: Number | None = None,
    trail_amount: Number | None = None,
    trail_percent: Number | None = None,
    **times: Any,
) -> OrderKind:
    kind = order_type(limit_price, stop_price, trail_amount, trail_percent)
    if limit_price is not None and stop_price is not None:
        return StopLimit(stop_price, limit_price, **times)
    if limit_price is not None:
        return Limit(limit_price, **times)
    if stop_price is not None:
        return Stop(stop_price, **times)
    if kind is OrderType.TRAILING_STOP:
        return TrailingStop(amount=trail_amount, percent=trail_percent, **times)
    return Market(**times)
