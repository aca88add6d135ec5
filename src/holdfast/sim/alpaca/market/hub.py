"""Tells clients of the data streams what happened: gathered, encoded once for each format, sent in batches."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import iso_time
from holdfast.sim.alpaca.market import wire
from holdfast.sim.alpaca.market.subscriptions import SLOW_CLIENT, Subscriptions
from holdfast.sim.chassis.faults.frames import FrameFilter
from holdfast.sim.chassis.market.store import Store, bar_events

MOST_MESSAGES = 1_000
"""Of a frame. A message is below 300 bytes, so a frame stays well below the 1 MiB that clients take."""
MOST_FRAMES = 256
"""That wait for a client before it counts as slow: a few seconds of a busy market."""
ABORT_AFTER_S = 10.0


class Encoding(msgspec.Struct, frozen=True):
    """MessagePack or JSON."""

    is_binary: bool

    def encode(self, message: Any) -> bytes:
        """One message."""
        return msgspec.msgpack.encode(message) if self.is_binary else msgspec.json.encode(message)

    def array(self, messages: Sequence[bytes]) -> bytes:
        """A frame."""
        return wire.packed_array(messages) if self.is_binary else wire.json_array(messages)

    def stamp(self, time_ns: int) -> Any:
        """A time."""
        return wire.ext_timestamp(time_ns) if self.is_binary else iso_time(time_ns)


MSGPACK = Encoding(is_binary=True)
JSON = Encoding(is_binary=False)


class Client:
    """One connection: what it wants, and the frames on their way to it. None among them is the end.

    ``abort`` cuts the connection of a client that was given up and does not even read that it was.
    """

    def __init__(
        self,
        encoding: Encoding,
        subscriptions: Subscriptions,
        faults: FrameFilter[bytes],
        abort: Callable[[], None],
    ) -> None:
        self.encoding = encoding
        self.subscriptions = subscriptions
        self.faults = faults
        self._abort = abort
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_FRAMES)
        self._is_ended = False

    def say(self, *messages: Any) -> None:
        """Queue a frame; a client whose queue is full is given up, after being told why (Alpaca, documented: 407)."""
        self._put(self.encoding.array([self.encoding.encode(message) for message in messages]))

    async def send(self, messages: Sequence[bytes], *, must_wait: bool) -> None:
        """Queue a frame of market data, which faults may bite; with ``must_wait`` not before there is room."""
        for frame in self.faults.pass_on(self.encoding.array(messages)):
            if must_wait and not self._is_ended:
                await self.frames.put(frame)
            else:
                self._put(frame)

    def end(self) -> None:
        """The connection is gone, or is to go once what is queued has been sent. Nothing is queued any more."""
        self._is_ended = True
        if self.frames.full():
            self.frames.get_nowait()
        self.frames.put_nowait(None)

    def forget(self) -> None:
        """The connection is gone: whoever waits for room need not."""
        self._is_ended = True
        while not self.frames.empty():
            self.frames.get_nowait()

    def _put(self, frame: bytes) -> None:
        if self._is_ended:
            return
        if self.frames.full():
            self.forget()
            self.frames.put_nowait(self.encoding.array([self.encoding.encode(error_message(*SLOW_CLIENT))]))
            self.end()
            asyncio.get_running_loop().call_later(ABORT_AFTER_S, self._abort)
        else:
            self.frames.put_nowait(frame)


def error_message(code: int, text: str) -> dict[str, Any]:
    """An error frame's only message."""
    return {"T": "error", "code": code, "msg": text}


class _Told:
    """An event on its way, with what was made of it so far."""

    def __init__(self, event: MarketEvent, trade_id: int) -> None:
        self.event = event
        self.trade_id = trade_id
        self.channels = _CHANNELS[type(event)]
        self.encoded: dict[tuple[str, bool], bytes] = {}


_CHANNELS: dict[type, tuple[str, ...]] = {
    Trade: ("trades",),
    Quote: ("quotes", "orderbooks"),
    Bar: ("bars", "dailyBars"),
}


class Hub:
    """All ``clients`` that want to be told of the market. What `tell` is given leaves with the next `flush`.

    ``connected`` are all that have a connection to any data stream.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._untold: list[_Told] = []
        self._trade_ids: dict[str, int] = {}
        self.connected: set[Client] = set()
        self.clients: set[Client] = set()

    def close(self) -> None:
        """Every connection ends, in order."""
        for client in tuple(self.connected):
            client.end()

    def tell(self, event: MarketEvent) -> None:
        """Something happened."""
        if isinstance(event, Trade):
            self._trade_ids[event.symbol] = self._next_id(event)
        if self.clients:
            self._untold.append(_Told(event, self._trade_ids.get(event.symbol, 0)))

    async def flush(self, must_wait: bool) -> None:
        """Send what was told; with ``must_wait`` no client is given up, however slow."""
        all_told, self._untold = self._untold, []
        for client in tuple(self.clients):
            messages = [
                self._encoded(told, channel, client.encoding)
                for told in all_told
                for channel in told.channels
                if client.subscriptions.wants(channel, told.event.symbol)
            ]
            for start in range(0, len(messages), MOST_MESSAGES):
                await client.send(messages[start : start + MOST_MESSAGES], must_wait=must_wait)

    def _next_id(self, trade: Trade) -> int:
        """Ids are places in the history, so that history and stream speak of the same trade."""
        known = self._trade_ids.get(trade.symbol)
        return self._store.trades_before(trade.symbol, trade.time_ns) + 1 if known is None else known + 1

    def _encoded(self, told: _Told, channel: str, encoding: Encoding) -> bytes:
        key = channel, encoding.is_binary
        encoded = told.encoded.get(key)
        if encoded is None:
            encoded = told.encoded[key] = encoding.encode(self._message(told, channel, encoding))
        return encoded

    def _message(self, told: _Told, channel: str, encoding: Encoding) -> wire.Row:
        event, stamp = told.event, encoding.stamp
        if isinstance(event, Trade):
            return wire.trade_message(event, told.trade_id, stamp)
        if isinstance(event, Quote):
            make = wire.quote_message if channel == "quotes" else wire.orderbook_message
            return make(event, stamp)
        if channel == "bars":
            vwap, count = self._store.bar_at(event.symbol, event.start_ns)
            return wire.bar_message("b", event, count, vwap, stamp)
        return self._day_so_far(event, encoding)

    def _day_so_far(self, bar: Bar, encoding: Encoding) -> wire.Row:
        days = self._store.last_days(bar.symbol, bar.time_ns)
        day = bar_events(bar.symbol, days)[-1] if len(days) else bar
        count, vwap = (int(days.count[-1]), float(days.vwap[-1])) if len(days) else (None, None)
        return wire.bar_message("d", day, count, vwap, encoding.stamp)
