"""Where a stop that follows the market is to stand."""

from collections.abc import Sequence
from decimal import Decimal

from holdfast.core.exits import Exits
from holdfast.core.instruments import Instrument
from holdfast.core.messages import Bar, MarketEvent, Trade
from holdfast.core.protection.cover import closing_side
from holdfast.core.protection.legs import Guard
from holdfast.core.protection.policy import MOVE_SHARE
from holdfast.core.types import ZERO, Price, from_float

TRAIL, BREAK_EVEN = "trail", "break_even"


def next_stop(
    guard: Guard,
    position: Decimal,
    average_price: Price,
    price: Price,
    instrument: Instrument,
    *,
    at_broker: bool = False,
) -> tuple[Price, str] | None:
    """The stop's next price and why it goes there; None while it stays where it is.

    ``position`` is signed, ``price`` the market's. A stop moves nearer to the market only, never to its other side. The nearest
    of the two levels counts: ``price`` less the trailing distance, and the average price once break-even was reached.
    ``at_broker``: the order there has moved by itself, so no step is too small to note.
    """
    if guard.exits is None or not position:
        return None
    sign = 1 if position > 0 else -1
    best: tuple[Price, str] | None = None
    for level, reason, step in _levels(guard.exits, sign, average_price, price):
        stop = instrument.stop_price(level, closing_side(position))
        is_step = guard.stop_loss is None or (stop - guard.stop_loss) * sign >= max(
            ZERO if at_broker else step, instrument.tick(stop)
        )
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


def best_price(events: Sequence[MarketEvent], symbol: str, position: Decimal, opened_ns: int) -> Price | None:
    """The price furthest in favour of a position that the events of an instant show; None when they show none.

    Of a bar that had begun before the position was opened only the close is certain to have come after.
    """
    sign = 1 if position > 0 else -1
    prices = [_favourable(event, sign, opened_ns) for event in events if event.symbol == symbol]
    known = [price for price in prices if price]
    return Price(from_float(max(known, key=lambda price: price * sign))) if known else None


def _favourable(event: MarketEvent, sign: int, opened_ns: int) -> float:
    if isinstance(event, Bar):
        if event.start_ns < opened_ns:
            return event.close
        return event.high if sign > 0 else event.low
    if isinstance(event, Trade):
        return event.price
    return event.bid if sign > 0 else event.ask
