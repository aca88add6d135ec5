"""Kite's binary frames: everything big-endian and unsigned, prices as whole paise, or finer by segment.

A frame is a count of packets, and of each its length and bytes; the length says what is in it. Of indices high and low come before open and
close, of all else open comes first (Kite Connect, "WebSocket streaming").
"""

from collections.abc import Sequence
from enum import StrEnum
from struct import Struct
from typing import NamedTuple

import msgspec

INDEX_SEGMENT = 9
"""The last byte of an index's token."""
_DIVISORS = {3: 10_000_000, 6: 10_000, 12: 10_000}
"""Of the currency segments and of NCO, by the last byte of the token; all else counts in hundredths."""
_HUNDREDTHS = 100
SHORTEST = 2
"""Bytes of a frame with ticks in it; a heartbeat has one."""

_COUNT = Struct(">H").unpack_from
_LTP = Struct(">2I")
_INDEX_QUOTE = Struct(">6I4x")  # the change of price is left out: it has no sign
_INDEX_FULL = Struct(">6I4xI")
_QUOTE = Struct(">11I")
_FULL = Struct(">16I" + "IIHxx" * 10)
_LEVELS = 16
"""Where the depth begins among the values of a full packet."""
DEPTH = 5


class Mode(StrEnum):
    """How much of an instrument is told."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


class Level(NamedTuple):
    """One price of the book."""

    price: float
    quantity: int
    orders: int


class Tick(msgspec.Struct, gc=False):
    """An instrument as it stands. Quantities are units, times seconds since the epoch; what a mode doesn't tell is zero or empty."""

    token: int
    mode: Mode
    last_price: float
    last_quantity: int = 0
    average_price: float = 0.0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    last_trade_s: int = 0
    oi: int = 0
    oi_high: int = 0
    oi_low: int = 0
    exchange_s: int = 0
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()

    @property
    def is_index(self) -> bool:
        """Whether nothing of it is traded."""
        return self.token & 0xFF == INDEX_SEGMENT


class Frame(NamedTuple):
    """What a frame tells, and how many packets of it made no sense."""

    ticks: Sequence[Tick]
    bad: int = 0


def read_frame(data: bytes) -> Frame:
    """Everything in a frame that can be understood."""
    if len(data) < SHORTEST:
        return Frame(())
    ticks: list[Tick] = []
    at = SHORTEST
    for _ in range(count := _COUNT(data)[0]):
        if at + SHORTEST > len(data):
            break
        end = at + SHORTEST + _COUNT(data, at)[0]
        packet = data[at + SHORTEST : end]
        tick = _tick(packet) if end <= len(data) else None
        if tick is not None:
            ticks.append(tick)
        at = end
    return Frame(ticks, count - len(ticks))


def _tick(packet: bytes) -> Tick | None:
    """The tick of a packet; None for a length that is none of Kite's."""
    match len(packet):
        case _LTP.size:
            token, last = _LTP.unpack(packet)
            return Tick(token, Mode.LTP, last / _divisor(token))
        case _INDEX_QUOTE.size:
            return _index(Mode.QUOTE, *_INDEX_QUOTE.unpack(packet))
        case _INDEX_FULL.size:
            return _index(Mode.FULL, *_INDEX_FULL.unpack(packet))
        case _QUOTE.size:
            return _quote(Mode.QUOTE, _QUOTE.unpack(packet))
        case _FULL.size:
            return _full(_FULL.unpack(packet))
    return None


def _index(mode: Mode, token: int, last: int, high: int, low: int, first: int, close: int, exchange_s: int = 0) -> Tick:
    by = _divisor(token)
    return Tick(
        token,
        mode,
        last / by,
        open=first / by,
        high=high / by,
        low=low / by,
        close=close / by,
        exchange_s=exchange_s,
    )


def _quote(mode: Mode, values: Sequence[int]) -> Tick:
    token, last, last_quantity, average, volume, buying, selling, first, high, low, close = values[:11]
    by = _divisor(token)
    return Tick(
        token,
        mode,
        last / by,
        last_quantity,
        average / by,
        volume,
        buying,
        selling,
        first / by,
        high / by,
        low / by,
        close / by,
    )


def _full(values: Sequence[int]) -> Tick:
    tick = _quote(Mode.FULL, values)
    tick.last_trade_s, tick.oi, tick.oi_high, tick.oi_low, tick.exchange_s = values[11:_LEVELS]
    by = _divisor(tick.token)
    levels = [Level(values[at + 1] / by, values[at], values[at + 2]) for at in range(_LEVELS, _LEVELS + 6 * DEPTH, 3)]
    tick.bids, tick.asks = levels[:DEPTH], levels[DEPTH:]
    return tick


def _divisor(token: int) -> int:
    return _DIVISORS.get(token & 0xFF, _HUNDREDTHS)
