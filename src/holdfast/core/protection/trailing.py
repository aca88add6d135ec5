"""Where a stop that follows the market is to stand."""

from decimal import Decimal

from holdfast.core.exits import Exits
from holdfast.core.instruments import Instrument
from holdfast.core.protection.cover import closing_side
from holdfast.core.protection.legs import Guard
from holdfast.core.protection.policy import MOVE_SHARE
from holdfast.core.types import ZERO, Price

TRAIL, BREAK_EVEN = "trail", "break_even"


def next_stop(
    guard: Guard, position: Decimal, average_price: Price, price: Price, instrument: Instrument
) -> tuple[Price, str] | None:
    """The stop's next price and why it goes there; None while it stays where it is.

    ``position`` is signed, ``price`` the market's. A stop moves nearer to the market only, never to its other side. The nearest
    of the two levels counts: ``price`` less the trailing distance, and the average price once break-even was reached.
    """
    if guard.exits is None or not position:
        return None
    sign = 1 if position > 0 else -1
    best: tuple[Price, str] | None = None
    for level, reason, step in _levels(guard.exits, sign, average_price, price):
        stop = instrument.stop_price(level, closing_side(position))
        is_step = guard.stop_loss is None or (stop - guard.stop_loss) * sign >= max(step, instrument.tick(stop))
        is_nearest = best is None or (stop - best[0]) * sign > 0
        if is_step and is_nearest and (price - stop) * sign > 0:
            best = stop, reason
    return best


def _levels(exits: Exits, sign: int, average_price: Price, price: Price) -> list[tuple[Decimal, str, Decimal]]:
    """The levels that the stop may go to, each with its reason and the least step."""
    found: list[tuple[Decimal, str, Decimal]] = []
    distance = exits.distance(price)
    if distance:
        found.append((price - distance * sign, TRAIL, distance / MOVE_SHARE))
    if exits.break_even_at is not None and (price - exits.break_even_at) * sign >= 0:
        found.append((average_price, BREAK_EVEN, ZERO))
    return found
