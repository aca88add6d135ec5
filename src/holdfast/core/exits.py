"""Exits of a position besides a stop and a target at fixed prices: a part of `messages.py`."""

from decimal import Decimal

import msgspec

from holdfast.core.ranges import Percent, Ranged, Seconds
from holdfast.core.types import SECOND_NS, Price, Side


class Exits(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an entry asks for beside ``stop_loss`` and ``take_profit``.

    ``trail_amount`` (price) or ``trail_percent``: the stop follows the best price since the fill at this distance.
    ``break_even_at``: once the market has been there, the stop moves to the position's average price. ``hold_ns``: the position
    is closed this long after the entry's first fill.
    """

    trail_amount: Price | None = None
    trail_percent: Decimal | None = None
    break_even_at: Price | None = None
    hold_ns: int | None = None

    @property
    def moves_stop(self) -> bool:
        """Whether the market moves the stop."""
        return self.break_even_at is not None or self.trails

    @property
    def trails(self) -> bool:
        """Whether the stop follows the market."""
        return self.trail_amount is not None or self.trail_percent is not None

    def distance(self, price: Decimal) -> Decimal:
        """How far a trailing stop stays behind ``price``, in price units; 0 when it doesn't trail."""
        if self.trail_amount is not None:
            return self.trail_amount
        return price * (self.trail_percent or Decimal(0)) / 100


class ExitRules(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exits that a strategy's entries get where they ask for none themselves, as its configuration says.

    ``stop_loss_pct``, ``take_profit_pct`` and ``break_even_pct`` are distances from the price that the entry is decided on, in percent
    of it; ``trail_percent`` is that of a stop which follows the market; the position is closed after ``hold_s``.
    """

    stop_loss_pct: Percent | None = None
    take_profit_pct: Percent | None = None
    trail_percent: Percent | None = None
    break_even_pct: Percent | None = None
    hold_s: Seconds | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a distance or a time that can't be."""
        super().__post_init__()
        if self.stop_loss_pct is not None and self.trail_percent is not None:
            raise ValueError("a stop stays where it is or trails: give stop_loss_pct or trail_percent")

    def stop_loss(self, price: Decimal, side: Side) -> Price | None:
        """Where the stop of an entry at a price lies."""
        return self._at(price, self.stop_loss_pct, -side.sign)

    def take_profit(self, price: Decimal, side: Side) -> Price | None:
        """Where its target lies."""
        return self._at(price, self.take_profit_pct, side.sign)

    def exits(self, price: Decimal, side: Side, *, has_stop: bool) -> Exits | None:
        """The other exits of an entry at a price. One that ``has_stop`` of its own gets no trailing one."""
        trail = None if has_stop else self.trail_percent
        even = self._at(price, self.break_even_pct, side.sign)
        hold_ns = None if self.hold_s is None else int(self.hold_s * SECOND_NS)
        found = Exits(trail_percent=trail, break_even_at=even, hold_ns=hold_ns)
        return None if found == Exits() else found

    @staticmethod
    def _at(price: Decimal, distance_pct: Decimal | None, way: int) -> Price | None:
        return None if distance_pct is None else Price(price + price * distance_pct / 100 * way)


def fault_of_percent(distance: Decimal | None, name: str) -> str:
    """What is wrong with a distance in percent of a price; empty for nothing, and for none."""
    return "" if distance is None or 0 < distance < 100 else f"{name} must be above 0 and below 100, not {distance}"


def fault_of_exits(exits: Exits) -> str:
    """What is wrong with the values of these exits; empty for nothing."""
    if exits.trail_amount is not None and exits.trail_percent is not None:
        return "a trailing stop takes either an amount or a percentage, not both"
    fault = fault_of_percent(exits.trail_percent, "trail_stop_percent")
    if fault:
        return fault
    if exits.hold_ns is not None and exits.hold_ns <= 0:
        return "hold_s must be above zero: it is how long the position is held"
    for name, price in (("trail_stop", exits.trail_amount), ("break_even_at", exits.break_even_at)):
        if price is not None and price <= 0:
            return f"{name} must be above zero, not {price}"
    return ""
