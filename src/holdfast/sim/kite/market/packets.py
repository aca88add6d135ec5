"""Ticks as bytes: everything big-endian and unsigned, prices as whole paise (or finer, by segment).

A frame is the number of packets and of each its length and bytes. How long a packet is says what is in it: 8 the last price, 44 a quote,
184 all with depth; of indices 28 and 32, with high and low before open and close (Kite Connect, "WebSocket streaming").
"""

import struct
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from holdfast.sim.kite.market.instruments import SEGMENT_CODES, Instrument

HEARTBEAT = b"\x00"
DEPTH = 5
_DIVISORS = {SEGMENT_CODES["CDS"]: 10_000_000, SEGMENT_CODES["BCD"]: 10_000, SEGMENT_CODES["NCO"]: 10_000}
_LARGEST = 2**32 - 1


class Mode(StrEnum):
    """How much of an instrument is sent."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


class Level(msgspec.Struct, frozen=True):
    """One price of the book."""

    price: float
    quantity: int
    orders: int = 1


class Snapshot(msgspec.Struct, frozen=True):
    """An instrument as it stands. Times are UTC nanoseconds, the day's figures are since its session began."""

    last_price: float
    last_quantity: int
    average_price: float
    volume: int
    open: float
    high: float
    low: float
    close: float
    last_trade_ns: int
    time_ns: int
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()


def packet(instrument: Instrument, mode: Mode, now: Snapshot) -> bytes:
    """One instrument in one mode."""
    divisor = _DIVISORS.get(instrument.token & 0xFF, 100)

    def price(value: float) -> int:
        return min(max(round(value * divisor), 0), _LARGEST)

    head = struct.pack(">II", instrument.token, price(now.last_price))
    if mode is Mode.LTP:
        return head
    if instrument.is_index:
        change = price(abs(now.last_price - now.close))
        body = struct.pack(">IIIII", *map(price, (now.high, now.low, now.open, now.close)), change)
        return head + body + (struct.pack(">I", _seconds(now.time_ns)) if mode is Mode.FULL else b"")
    buying, selling = _total(now.bids), _total(now.asks)
    counts = (_count(now.last_quantity), price(now.average_price), _count(now.volume), buying, selling)
    body = struct.pack(">5I", *counts) + struct.pack(">4I", *map(price, (now.open, now.high, now.low, now.close)))
    if mode is Mode.QUOTE:
        return head + body
    body += struct.pack(">5I", _seconds(now.last_trade_ns), 0, 0, 0, _seconds(now.time_ns))
    for side in (now.bids, now.asks):
        for level in [*side, *[Level(0.0, 0, 0)] * DEPTH][:DEPTH]:
            body += struct.pack(">IIHxx", _count(level.quantity), price(level.price), min(level.orders, 65_535))
    return head + body


def frame(packets: Sequence[bytes]) -> bytes:
    """Packets as one message."""
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(one)) + one for one in packets)


def _seconds(time_ns: int) -> int:
    return _count(time_ns // 1_000_000_000)


def _count(value: int) -> int:
    return min(max(value, 0), _LARGEST)


def _total(levels: Sequence[Level]) -> int:
    return _count(sum(level.quantity for level in levels))
