"""The JSON and MessagePack shapes of market data."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.types import SECOND_NS, iso_time
from holdfast.sim.chassis.market.columns import Bars, Floats, Integers, Quotes, Trades

EXCHANGE = "V"
TAPE = "A"
REGULAR: list[str] = ["@"]
"""A regular sale: the data don't say more."""
QUOTE_CONDITIONS: list[str] = ["R"]
_TIMESTAMP = struct.Struct(">Q")
_LONG_TIMESTAMP = struct.Struct(">Iq")

Row = dict[str, Any]


def number(value: float) -> float | int:
    """Whole numbers without the point, as Alpaca writes volumes and sizes of shares."""
    return int(value) if value == int(value) else value


def iso_times(stamps: Integers) -> list[str]:
    """RFC 3339 in UTC with as many decimals as are needed."""
    texts: list[str] = np.datetime_as_string(stamps.astype("M8[ns]"), unit="ns").tolist()
    return [(text[:19] if text.endswith(".000000000") else text.rstrip("0")) + "Z" for text in texts]


def bar_rows(bars: Bars, is_crypto: bool) -> list[Row]:
    """Bars as history shows them."""
    columns = [_plain(column) for column in (bars.open, bars.high, bars.low, bars.close)]
    volumes = bars.volume.tolist() if is_crypto else _numbers(bars.volume)
    rest = volumes, bars.count.astype(np.int64).tolist(), bars.vwap.tolist()
    return [
        {"t": t, "o": o, "h": h, "l": low, "c": c, "v": v, "n": n, "vw": vw}
        for t, o, h, low, c, v, n, vw in zip(iso_times(bars.start), *columns, *rest, strict=True)
    ]


def trade_rows(trades: Trades, ids: Integers, is_crypto: bool) -> list[Row]:
    """Trades as history shows them; an id is the trade's place among all of the symbol, from 1."""
    rows = zip(iso_times(trades.ts), trades.price.tolist(), _numbers(trades.size), ids.tolist(), strict=True)
    if is_crypto:
        return [{"t": t, "p": p, "s": s, "i": i, "tks": "B"} for t, p, s, i in rows]
    return [{"t": t, "x": EXCHANGE, "p": p, "s": s, "c": REGULAR, "i": i, "z": TAPE} for t, p, s, i in rows]


def quote_rows(quotes: Quotes, is_crypto: bool) -> list[Row]:
    """Quotes as history shows them."""
    sides = [quotes.bid.tolist(), _numbers(quotes.bid_size), quotes.ask.tolist(), _numbers(quotes.ask_size)]
    rows = zip(iso_times(quotes.ts), *sides, strict=True)
    if is_crypto:
        return [{"t": t, "bp": bp, "bs": bs, "ap": ap, "as": size} for t, bp, bs, ap, size in rows]
    return [
        {
            "t": t,
            "ax": EXCHANGE,
            "ap": ap,
            "as": size,
            "bx": EXCHANGE,
            "bp": bp,
            "bs": bs,
            "c": QUOTE_CONDITIONS,
            "z": TAPE,
        }
        for t, bp, bs, ap, size in rows
    ]


def orderbook(quote: Quote) -> Row:
    """A book of one level: all that quotes tell of it."""
    bids = [{"p": quote.bid, "s": quote.bid_size}] if quote.bid else []
    asks = [{"p": quote.ask, "s": quote.ask_size}] if quote.ask else []
    return {"t": iso_time(quote.time_ns), "b": bids, "a": asks}


def _plain(column: Floats) -> list[float]:
    values: list[float] = column.tolist()
    return values


def _numbers(column: Floats) -> list[float | int]:
    return [number(value) for value in column.tolist()]


# --- streams ---------------------------------------------------------------------------------------------------------

Stamp = Callable[[int], Any]
"""How a time is written on a stream."""


def ext_timestamp(time_ns: int) -> msgspec.msgpack.Ext:
    """MessagePack's timestamp (ext type -1), in the 8-byte form that Alpaca sends wherever that can carry it."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    if 0 <= seconds < 1 << 34:
        return msgspec.msgpack.Ext(-1, _TIMESTAMP.pack(rest_ns << 34 | seconds))
    return msgspec.msgpack.Ext(-1, _LONG_TIMESTAMP.pack(rest_ns, seconds))


def trade_message(trade: Trade, trade_id: int, stamp: Stamp) -> Row:
    """A trade, as data streams tell it."""
    head = {"T": "t", "S": trade.symbol, "i": trade_id}
    tail = {"p": trade.price, "s": number(trade.size), "t": stamp(trade.time_ns)}
    if "/" in trade.symbol:
        return head | tail | {"tks": "B"}
    return head | {"x": EXCHANGE, "c": REGULAR, "z": TAPE} | tail


def quote_message(quote: Quote, stamp: Stamp) -> Row:
    """A quote, as data streams tell it."""
    sides = {"bp": quote.bid, "bs": number(quote.bid_size), "ap": quote.ask, "as": number(quote.ask_size)}
    message = {"T": "q", "S": quote.symbol, **sides, "t": stamp(quote.time_ns)}
    if "/" in quote.symbol:
        return message
    return message | {"bx": EXCHANGE, "ax": EXCHANGE, "c": QUOTE_CONDITIONS, "z": TAPE}


def bar_message(kind: str, bar: Bar, count: int | None, vwap: float | None, stamp: Stamp) -> Row:
    """A bar, as data streams tell it: ``kind`` is b (minute), u (updated) or d (the day so far)."""
    prices = {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": number(bar.volume)}
    return {"T": kind, "S": bar.symbol, **prices, "n": count, "vw": vwap, "t": stamp(bar.start_ns)}


def orderbook_message(quote: Quote, stamp: Stamp) -> Row:
    """The whole book, of one level: it replaces what was told before (``r``)."""
    return {"T": "o", "S": quote.symbol, **orderbook(quote), "t": stamp(quote.time_ns), "r": True}


def packed_array(messages: Sequence[bytes]) -> bytes:
    """MessagePack's array of values that are encoded already."""
    count = len(messages)
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return head + b"".join(messages)


def json_array(messages: Sequence[bytes]) -> bytes:
    """JSON's array of values that are encoded already."""
    return b"[" + b",".join(messages) + b"]"
