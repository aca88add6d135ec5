"""What Alpaca's market data streams say, from MessagePack to our events.

Each frame is an array of messages told apart by their key ``T`` (Alpaca: documented). A frame is decoded in one go; only
when something in it can't be understood is it taken apart, so that one bad message costs nobody else.

Times come as MessagePack timestamps with nanoseconds. Their bytes are kept raw and read by `read_time_ns`: of the
ways to keep all nanoseconds the fastest (0.27 microseconds for a message with its time; with msgspec's own Ext 0.31, with the msgpack library 0.77
before the time is looked at).
"""

from collections.abc import Sequence
from struct import Struct, error
from typing import Annotated, Any, TypeVar

import msgspec

from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.live import Stream

Kind = Stream
"""What a feed can carry: Alpaca's channels have the same names."""

Key = tuple[object, ...]
"""Tells events of one symbol, kind and time apart, so that the same one is known when it comes again."""
Item = tuple[MarketEvent, Key]

_Price = Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
_Size = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]  # also a price in a quote, where 0 says that there is none

_TIME_64 = Struct(">HQ").unpack_from
_TIME_64_HEAD = 0xD7FF
_TIME_32 = Struct(">xxI").unpack
_TIME_32_HEAD = b"\xd6\xff"
_TIME_96 = Struct(">xxxIq").unpack
_TIME_96_HEAD = b"\xc7\x0c\xff"
_SECONDS = (1 << 34) - 1


def read_time_ns(raw: msgspec.Raw) -> int:
    """Nanoseconds since the epoch of a MessagePack timestamp (any of its three lengths) or of RFC 3339 text.

    Raises ValueError for anything else.
    """
    try:
        head, both = _TIME_64(raw)
        if head == _TIME_64_HEAD:
            return int((both & _SECONDS) * SECOND_NS + (both >> 34))
    except error:
        pass  # shorter than that one
    return _rare_time_ns(bytes(raw))


def _rare_time_ns(data: bytes) -> int:
    try:
        if data.startswith(_TIME_32_HEAD):
            return int(_TIME_32(data)[0]) * SECOND_NS
        if data.startswith(_TIME_96_HEAD):
            nanoseconds, seconds = _TIME_96(data)
            return int(seconds * SECOND_NS + nanoseconds)
        return parse_time_ns(msgspec.msgpack.decode(data, type=str))
    except (InvalidValue, msgspec.MsgspecError, error) as problem:
        raise ValueError(f"no time: {problem}") from None


# --- messages --------------------------------------------------------------------------------------------------------


class TradeMessage(
    msgspec.Struct,
    tag_field="T",
    tag="t",
    gc=False,
    rename={"symbol": "S", "id": "i", "price": "p", "size": "s", "time": "t", "exchange": "x"},
):
    """A trade. Ids are unique within one exchange and symbol; crypto names no exchange."""

    symbol: str
    id: int
    price: _Price
    size: _Size
    time: msgspec.Raw
    exchange: str = ""

    def item(self) -> Item:
        """The event and its key. Raises ValueError for a time that is none."""
        return Trade(self.symbol, read_time_ns(self.time), self.price, self.size), (self.id, self.exchange)


class QuoteMessage(
    msgspec.Struct,
    tag_field="T",
    tag="q",
    gc=False,
    rename={"symbol": "S", "bid": "bp", "bid_size": "bs", "ask": "ap", "ask_size": "as", "time": "t"},
):
    """The best bid and ask. Quotes have no ids: a second one with the same time and figures says nothing new."""

    symbol: str
    bid: _Size
    bid_size: _Size
    ask: _Size
    ask_size: _Size
    time: msgspec.Raw

    def item(self) -> Item:
        """The event and its key. Raises ValueError for a time that is none."""
        key = (self.bid, self.bid_size, self.ask, self.ask_size)
        return Quote(self.symbol, read_time_ns(self.time), *key), key


class BarMessage(
    msgspec.Struct,
    tag_field="T",
    tag="b",
    gc=False,
    rename={"symbol": "S", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "start": "t"},
):
    """A bar of one minute, stamped with its start."""

    symbol: str
    open: _Price
    high: _Price
    low: _Price
    close: _Price
    volume: _Size
    start: msgspec.Raw

    def item(self) -> Item:
        """The event, a minute after the bar's start, and its key. Raises ValueError for a time that is none."""
        prices = self.open, self.high, self.low, self.close
        return _bar(self.symbol, read_time_ns(self.start), prices, self.volume)


class Correction(msgspec.Struct, tag_field="T", tag="c", gc=False, rename={"symbol": "S", "price": "cp", "size": "cs"}):
    """A trade was not as it had been told: what it is now."""

    symbol: str = ""
    price: float | None = None
    size: float | None = None


class Cancellation(msgspec.Struct, tag_field="T", tag="x", gc=False, rename={"symbol": "S", "price": "p", "size": "s"}):
    """A trade that had been told was none."""

    symbol: str = ""
    price: float | None = None
    size: float | None = None


class Success(msgspec.Struct, tag_field="T", tag="success", gc=False, rename={"text": "msg"}):
    """``connected`` or ``authenticated``."""

    text: str = ""


class Problem(msgspec.Struct, tag_field="T", tag="error", gc=False, rename={"text": "msg"}):
    """The server's no."""

    code: int = 0
    text: str = ""


class Subscription(msgspec.Struct, tag_field="T", tag="subscription", gc=False):
    """All that is subscribed to now."""

    trades: list[str] = []
    quotes: list[str] = []
    bars: list[str] = []


MarketMessage = TradeMessage | QuoteMessage | BarMessage
Message = MarketMessage | Correction | Cancellation | Success | Problem | Subscription


class _Head(msgspec.Struct):
    T: Annotated[str, msgspec.Meta(max_length=32)]


_KNOWN = frozenset({"t", "q", "b", "c", "x", "success", "error", "subscription"})
_decode_frame = msgspec.msgpack.Decoder(list[Message]).decode
_decode_pieces = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_piece = msgspec.msgpack.Decoder(Message).decode
_decode_head = msgspec.msgpack.Decoder(_Head).decode


class Frame(msgspec.Struct, frozen=True):
    """A frame's messages, how many were of a type we don't know, and how many made no sense."""

    messages: Sequence[Message]
    unknown: int = 0
    bad: int = 0


def read_frame(data: bytes) -> Frame:
    """Everything in a frame that can be understood. A frame that is no array of messages counts as one bad message."""
    try:
        return Frame(_decode_frame(data))
    except msgspec.MsgspecError:
        return _read_pieces(data)


def _read_pieces(data: bytes) -> Frame:
    try:
        pieces = _decode_pieces(data)
    except msgspec.MsgspecError:
        return Frame((), bad=1)
    messages: list[Message] = []
    unknown = bad = 0
    for piece in pieces:
        try:
            messages.append(_decode_piece(piece))
        except msgspec.MsgspecError:
            if _is_unknown(piece):
                unknown += 1
            else:
                bad += 1
    return Frame(messages, unknown, bad)


def _is_unknown(piece: msgspec.Raw) -> bool:
    try:
        return _decode_head(piece).T not in _KNOWN
    except msgspec.MsgspecError:
        return False


# --- rows of the history ---------------------------------------------------------------------------------------------


class _TradeRow(msgspec.Struct):
    t: str
    i: int
    p: _Price
    s: _Size
    x: str = ""
    u: str = ""

    def item(self, symbol: str) -> Item | None:
        if self.u in ("canceled", "incorrect"):
            return None
        return Trade(symbol, parse_time_ns(self.t), self.p, self.s), (self.i, self.x)


class _QuoteRow(msgspec.Struct, rename={"ask_size": "as"}):
    t: str
    bp: _Size
    bs: _Size
    ap: _Size
    ask_size: _Size

    def item(self, symbol: str) -> Item | None:
        key = (self.bp, self.bs, self.ap, self.ask_size)
        return Quote(symbol, parse_time_ns(self.t), *key), key


class _BarRow(msgspec.Struct):
    t: str
    o: _Price
    h: _Price
    l: _Price  # noqa: E741  Alpaca's name
    c: _Price
    v: _Size

    def item(self, symbol: str) -> Item | None:
        return _bar(symbol, parse_time_ns(self.t), (self.o, self.h, self.l, self.c), self.v)


_Row = TypeVar("_Row", _TradeRow, _QuoteRow, _BarRow)
_ROWS: dict[Kind, type[_TradeRow | _QuoteRow | _BarRow]] = {
    Kind.TRADES: _TradeRow,
    Kind.QUOTES: _QuoteRow,
    Kind.BARS: _BarRow,
}


def read_row(kind: Kind, symbol: str, row: Any) -> Item | None:
    """The event of one row of REST's history, and its key; None for a trade that was taken back since.

    Raises ValueError when it makes no sense.
    """
    try:
        return msgspec.convert(row, _ROWS[kind]).item(symbol)
    except (msgspec.ValidationError, InvalidValue) as problem:
        raise ValueError(f"{symbol}: {problem}") from None


def _bar(symbol: str, start_ns: int, prices: tuple[float, float, float, float], volume: float) -> Item:
    _, high, low, _ = prices
    if high < max(prices) or low > min(prices):
        raise ValueError(f"{symbol}: a bar whose high {high} and low {low} are not its highest and lowest")
    return Bar(symbol, start_ns + MINUTE_NS, start_ns, *prices, volume), ()
