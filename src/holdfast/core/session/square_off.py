"""When a broker closes by itself what is held for the day alone (MIS), and what the account does before that."""

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.core.instruments import Product
from holdfast.core.types import MINUTE_NS

if TYPE_CHECKING:
    from holdfast.core.state import EngineState


class IntradayPolicy(msgspec.Struct, frozen=True, gc=False):
    """What is configured for an account.

    ``square_off_ns``: how long before the end of the session the broker closes what is held for the day (None: as its rules say).
    From ``last_entry_ns`` before that on nothing is opened that it would close; ``close_ns`` before it the account closes that by itself
    (None: it is left to the broker, who may charge for it).
    """

    square_off_ns: int | None = None
    last_entry_ns: int = 15 * MINUTE_NS
    close_ns: int | None = 5 * MINUTE_NS


class SquareOff(NamedTuple):
    """The times of a day, in UTC nanoseconds. ``closes_ns`` is None where it is left to the broker; the session ends at ``end_ns``."""

    last_entry_ns: int
    closes_ns: int | None
    at_ns: int
    end_ns: int


def square_off(state: "EngineState") -> SquareOff | None:
    """Those of the day that is on; None where the broker closes nothing by itself."""
    policy = state.intraday
    before_ns = state.rules.square_off_ns if policy.square_off_ns is None else policy.square_off_ns
    if before_ns is None:
        return None
    end_ns = state.calendar.day_at(state.now_ns).close_ns
    at_ns = end_ns - before_ns
    return SquareOff(
        at_ns - policy.last_entry_ns, None if policy.close_ns is None else at_ns - policy.close_ns, at_ns, end_ns
    )


def is_for_the_day(state: "EngineState", symbol: str) -> bool:
    """Whether the broker closes a symbol's position before the day ends."""
    return state.instrument_of(symbol).product is Product.MIS


def ends_soon(state: "EngineState", symbol: str) -> int | None:
    """When the broker closes a symbol's position, if nothing may be opened in it any more before that; None: it may, or it doesn't."""
    times = square_off(state) if is_for_the_day(state, symbol) else None
    return None if times is None or not times.last_entry_ns <= state.now_ns < times.end_ns else times.at_ns


def next_ns(state: "EngineState") -> int:
    """When something of this is to be looked at next on the day that is on; 0: not any more, or never."""
    if not any(instrument.product is Product.MIS for instrument in state.register.named.values()):
        return 0
    times = square_off(state)
    if times is None or state.now_ns >= times.end_ns:
        return 0
    if state.now_ns < times.last_entry_ns:
        return times.last_entry_ns
    again_ns = state.now_ns + MINUTE_NS
    return again_ns if times.closes_ns is None or state.now_ns >= times.closes_ns else min(again_ns, times.closes_ns)
