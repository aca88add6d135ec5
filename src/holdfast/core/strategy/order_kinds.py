"""What a strategy asks for, as values: the kind of an order, and the exits of the position that it opens.

Each value is checked as it is made, so a mistake is told at the line that made it.
"""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from holdfast.core.arithmetic import EXACT
from holdfast.core.exits import Exits as ExitTerms
from holdfast.core.exits import fault_of_exits, fault_of_percent
from holdfast.core.types import (
    SECOND_NS,
    OrderType,
    Price,
    Side,
    TimeInForce,
    plain,
    to_decimal,
    to_price,
)
from holdfast.errors import InvalidValue

Number = int | float | str | Decimal
"""How a strategy may write a quantity or a price; floats are taken as the shortest decimal they print as."""

Word = TypeVar("Word", bound=StrEnum)


class OrderKind(msgspec.Struct, frozen=True, kw_only=True):
    """When an order may trade, and for how long: `Market`, `Limit`, `Stop`, `StopLimit` or `TrailingStop`.

    ``time_in_force``: ``day``, ``gtc``, ``ioc``, ``fok``, ``opg`` or ``cls``. ``time_to_live_s``: it is not sent when it is older than
    this. Raises :class:`~holdfast.errors.InvalidValue` for a value that can't be.
    """

    time_in_force: TimeInForce | str = TimeInForce.DAY
    time_to_live_s: Number | None = None

    def __post_init__(self) -> None:
        self.terms()

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        lives_ns = to_nanoseconds(self.time_to_live_s, "time_to_live_s")
        if lives_ns is not None and lives_ns <= 0:
            raise InvalidValue(f"time_to_live_s must be above zero, not {self.time_to_live_s}")
        return {
            "time_in_force": to_word(TimeInForce, self.time_in_force, "time_in_force"),
            "time_to_live_ns": lives_ns,
        }


class Market(OrderKind, frozen=True):
    """At the best price there is."""


class Limit(OrderKind, frozen=True):
    """At ``price`` or a better one."""

    price: Number

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        return {**super().terms(), "order_type": OrderType.LIMIT, "limit_price": to_price(self.price, "limit_price")}


class Stop(OrderKind, frozen=True):
    """At the market, once it has traded at ``price`` or beyond: above the market for a buy, below it for a sale."""

    price: Number

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        return {**super().terms(), "order_type": OrderType.STOP, "stop_price": to_price(self.price, "stop_price")}


class StopLimit(OrderKind, frozen=True):
    """At ``limit`` or a better price, once the market has traded at ``stop`` or beyond."""

    stop: Number
    limit: Number

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        prices = {"stop_price": to_price(self.stop, "stop_price"), "limit_price": to_price(self.limit, "limit_price")}
        return {**super().terms(), "order_type": OrderType.STOP_LIMIT, **prices}


class TrailingStop(OrderKind, frozen=True, kw_only=True):
    """A stop that follows the best price at a distance: ``amount`` in price units, or ``percent``."""

    amount: Number | None = None
    percent: Number | None = None

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        if (self.amount is None) == (self.percent is None):
            raise InvalidValue("a trailing stop takes either an amount or a percentage: TrailingStop(percent=1)")
        distances = {
            "trail_amount": to_optional_price(self.amount, "trail_amount"),
            "trail_percent": to_optional_price(self.percent, "trail_percent"),
        }
        fault = fault_of_percent(distances["trail_percent"], "trail_percent")
        if fault:
            raise InvalidValue(fault)
        return {**super().terms(), "order_type": OrderType.TRAILING_STOP, **distances}


class Exits(msgspec.Struct, frozen=True, kw_only=True):
    """The exits of a position that an order asks for.

    ``stop_loss`` and ``take_profit`` are prices. ``trail_stop`` (price units) or ``trail_stop_percent`` is how far a stop stays behind
    the best price since the fill. Once the market has been at ``break_even_at`` the stop goes to the average price. After
    ``hold_s`` seconds the position is closed. Raises :class:`~holdfast.errors.InvalidValue` for a value that can't be.
    """

    stop_loss: Number | None = None
    take_profit: Number | None = None
    trail_stop: Number | None = None
    trail_stop_percent: Number | None = None
    break_even_at: Number | None = None
    hold_s: Number | None = None

    def __post_init__(self) -> None:
        self.terms()

    def terms(self) -> dict[str, Any]:
        """The fields of a signal that say so."""
        return {
            "stop_loss": to_optional_price(self.stop_loss, "stop_loss"),
            "take_profit": to_optional_price(self.take_profit, "take_profit"),
            "exits": exit_terms(self.trail_stop, self.trail_stop_percent, self.break_even_at, self.hold_s),
        }


def exit_terms(
    trail: Number | None, trail_percent: Number | None, break_even_at: Number | None, hold_s: Number | None
) -> ExitTerms | None:
    """The exits besides two prices; None for none. Raises :class:`~holdfast.errors.InvalidValue` for what can't be."""
    if (trail, trail_percent, break_even_at, hold_s) == (None, None, None, None):
        return None
    terms = ExitTerms(
        to_optional_price(trail, "trail_stop"),
        None if trail_percent is None else to_decimal(trail_percent, "trail_stop_percent"),
        to_optional_price(break_even_at, "break_even_at"),
        to_nanoseconds(hold_s, "hold_s"),
    )
    fault = fault_of_exits(terms)
    if fault:
        raise InvalidValue(fault)
    return terms


def order_type(limit: object, stop: object, trail_amount: object, trail_percent: object) -> OrderType:
    """The order type that the prices given amount to. Raises :class:`~holdfast.errors.InvalidValue` for a contradiction."""
    if trail_amount is not None or trail_percent is not None:
        if limit is not None or stop is not None or (trail_amount is not None and trail_percent is not None):
            raise InvalidValue("a trailing stop takes either trail_amount or trail_percent, and no limit or stop price")
        return OrderType.TRAILING_STOP
    if limit is not None:
        return OrderType.LIMIT if stop is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if stop is None else OrderType.STOP


def check_sides(side: Side, order: Mapping[str, Any], exits: Mapping[str, Any]) -> None:
    """Raise :class:`~holdfast.errors.InvalidValue` for exits on a side on which they can't be, whatever the market does.

    ``order`` and ``exits`` are the fields of a signal that say what it asks for. What depends on where the market is, risk decides (the
    rule ``protection_side``).
    """
    limit, stop = order.get("limit_price"), order.get("stop_price")
    loss, profit = exits["stop_loss"], exits["take_profit"]
    even = None if exits["exits"] is None else exits["exits"].break_even_at
    kind, below, above = ("buy", "below", "above") if side is Side.BUY else ("sale", "above", "below")
    pairs = (
        ("stop_loss", loss, below, "take_profit", profit),
        ("stop_loss", loss, below, "limit", limit),
        ("take_profit", profit, above, "stop", stop),
        ("break_even_at", even, above, "stop_loss", loss),
        ("break_even_at", even, above, "stop", stop),
    )
    for name, price, where, other, bound in pairs:
        if price is None or bound is None:
            continue
        if not (price < bound if where == "below" else price > bound):
            raise InvalidValue(
                f"a {kind}'s {name} must be {where} its {other} of {plain(bound)}, and {plain(price)} is not"
            )


def to_optional_price(value: object, name: str) -> Price | None:
    """A price above zero, or None. Raises :class:`~holdfast.errors.InvalidValue`."""
    return None if value is None else to_price(value, name)


def to_nanoseconds(seconds: object, name: str) -> int | None:
    """Seconds as nanoseconds, or None. Raises :class:`~holdfast.errors.InvalidValue`."""
    return None if seconds is None else int(EXACT.multiply(to_decimal(seconds, name), Decimal(SECOND_NS)))


def to_word(kind: type[Word], value: object, name: str) -> Word:
    """One of the words of a list. Raises :class:`~holdfast.errors.InvalidValue` with the nearest right one."""
    if isinstance(value, kind):
        return value
    try:
        return kind(str(value))
    except ValueError:
        words = [word.value for word in kind]
        near = get_close_matches(str(value).lower(), words, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(words)}"
        raise InvalidValue(f"{name} can't be {value!r}; {hint}") from None
