"""Frames and rows of Alpaca's market data, read into events."""

import math
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.alpaca.market_data.wire import (
    BarMessage,
    Cancellation,
    Correction,
    Frame,
    Kind,
    MarketMessage,
    QuoteMessage,
    Subscription,
    TradeMessage,
    read_frame,
    read_row,
    read_time_ns,
)
from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.types import MINUTE_NS
from tests.unit.adapters.alpaca.market_data.live_kit import stamp, trade

TIME_NS = 1_381_239_000_123_456_789
BAR = {"T": "b", "S": "IBM", "o": 10.5, "h": 12, "l": 10, "c": 11, "v": 500, "n": 3, "vw": 11.1, "t": stamp(TIME_NS)}
QUOTE = {"T": "q", "S": "IBM", "bx": "V", "bp": 10.1, "bs": 3, "ap": 10.2, "as": 4, "c": ["R"], "t": stamp(TIME_NS)}


def read(*messages: Any) -> Frame:
    return read_frame(msgpack.packb(list(messages)))


def only(*messages: Any) -> MarketMessage:
    (message,) = read(*messages).messages
    assert isinstance(message, TradeMessage | QuoteMessage | BarMessage)
    return message


@given(st.integers(min_value=-(2**40) * 10**9, max_value=2**36 * 10**9))
def test_time_keeps_every_nanosecond(time_ns: int) -> None:
    """A MessagePack timestamp of any of its three lengths is read exactly."""
    assert read_time_ns(msgspec.Raw(msgpack.packb(stamp(time_ns)))) == time_ns


def test_time_may_be_text() -> None:
    """A time written as RFC 3339 text, as in the JSON streams, is understood too."""
    assert read_time_ns(msgspec.Raw(msgpack.packb("2013-10-08T13:30:00.123456789Z"))) == TIME_NS


@pytest.mark.parametrize("value", [None, 5, "soon", [1], msgpack.ExtType(7, b"12345678")])
def test_time_that_is_none(value: object) -> None:
    """What is no time raises ValueError, whatever it is."""
    with pytest.raises(ValueError, match="no time"):
        read_time_ns(msgspec.Raw(msgpack.packb(value)))


def test_trade() -> None:
    """A trade's event has its time, price and size; its key tells the exchange too."""
    assert only(trade(5, TIME_NS)).item() == (Trade("IBM", TIME_NS, 105.0, 10.0), (5, "V"))


def test_crypto_trade() -> None:
    """A crypto trade names no exchange and has fractions."""
    message = {"T": "t", "S": "BTC/USD", "p": 30_000.5, "s": 0.0001, "t": stamp(TIME_NS), "i": 7, "tks": "B"}
    assert only(message).item() == (Trade("BTC/USD", TIME_NS, 30_000.5, 0.0001), (7, ""))


def test_quote_with_one_side() -> None:
    """A side that isn't quoted is 0, as in our own quotes."""
    event, _ = only(QUOTE | {"ap": 0, "as": 0}).item()
    assert event == Quote("IBM", TIME_NS, 10.1, 3.0, 0.0, 0.0)


def test_bar_is_an_event_at_its_end() -> None:
    """A bar is stamped with its start, and known a minute later."""
    event, _ = only(BAR).item()
    assert event == Bar("IBM", TIME_NS + MINUTE_NS, TIME_NS, 10.5, 12.0, 10.0, 11.0, 500.0)


def test_extra_keys_change_nothing() -> None:
    """Keys that Alpaca adds are not looked at."""
    assert only(trade(5, TIME_NS, r=stamp(TIME_NS), extra={"a": [1]})).item()[0].time_ns == TIME_NS


@pytest.mark.parametrize(
    "bad",
    [
        {"p": 0},
        {"p": -1.0},
        {"p": math.nan},
        {"p": math.inf},
        {"p": "10"},
        {"p": None},
        {"s": -1},
        {"S": 5},
        {"i": "a"},
        {"T": 5},
    ],
)
def test_bad_message_costs_only_itself(bad: dict[str, Any]) -> None:
    """A message that makes no sense is counted, and those around it are read."""
    frame = read(trade(1, TIME_NS), trade(2, TIME_NS) | bad, trade(3, TIME_NS))
    assert [message.id for message in frame.messages if isinstance(message, TradeMessage)] == [1, 3]
    assert (frame.bad, frame.unknown) == (1, 0)


def test_unknown_type_costs_only_itself() -> None:
    """A type we don't know is counted as that, and those around it are read."""
    frame = read(trade(1, TIME_NS), {"T": "zz", "S": "IBM"}, {"T": "u", "S": "IBM"}, trade(3, TIME_NS))
    assert (len(frame.messages), frame.unknown, frame.bad) == (2, 2, 0)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xc1", msgpack.packb({"T": "t"}), msgpack.packb([trade(1, 1)])[:-3]])
def test_frame_that_is_none(data: bytes) -> None:
    """A frame that is no array of messages counts as one that makes no sense."""
    frame = read_frame(data)
    assert (len(frame.messages), frame.bad) == (0, 1)


@pytest.mark.parametrize("prices", [{"h": 10.9}, {"l": 10.6}])
def test_bar_whose_high_is_not_highest(prices: dict[str, float]) -> None:
    """A bar that contradicts itself is refused."""
    with pytest.raises(ValueError, match="high"):
        only(BAR | prices).item()


def test_corrections_are_told_apart() -> None:
    """Corrections and cancels are known, though they lead to no event."""
    frame = read(
        {"T": "c", "S": "IBM", "op": 1, "cp": 2.0, "cs": 3}, {"T": "x", "S": "IBM", "p": 1.0, "s": 2, "a": "C"}
    )
    assert [type(message) for message in frame.messages] == [Correction, Cancellation]


def test_subscription_lists_channels() -> None:
    """An acknowledgement says what each channel carries; channels it doesn't name carry nothing."""
    (message,) = read({"T": "subscription", "trades": ["IBM"], "statuses": []}).messages
    assert message == Subscription(trades=["IBM"])


def test_rows_give_the_same_items_as_messages() -> None:
    """An event of REST's history has the key that the stream gives it, or it could not be known again."""
    time = "2013-10-08T13:30:00.123456789Z"
    rows: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
        (Kind.TRADES, {"t": time, "x": "V", "p": 105, "s": 10, "c": ["@"], "i": 5, "z": "A"}, trade(5, TIME_NS)),
        (Kind.QUOTES, {"t": time, "bp": 10.1, "bs": 3, "ap": 10.2, "as": 4}, QUOTE),
        (Kind.BARS, {"t": time, "o": 10.5, "h": 12, "l": 10, "c": 11, "v": 500, "n": 3, "vw": 11}, BAR),
    ]
    for kind, row, message in rows:
        assert read_row(kind, "IBM", row) == only(message).item()


def test_row_of_a_trade_taken_back() -> None:
    """A trade that the history marks as canceled or incorrect is no event."""
    row = {"t": "2013-10-08T13:30:00Z", "x": "V", "p": 105, "s": 10, "i": 5, "u": "canceled"}
    assert read_row(Kind.TRADES, "IBM", row) is None


@pytest.mark.parametrize("row", [None, 5, {}, {"t": "soon", "p": 1, "s": 1, "i": 1}, {"t": 5, "p": 1, "s": 1, "i": 1}])
def test_bad_row(row: object) -> None:
    """A row that makes no sense raises ValueError."""
    with pytest.raises(ValueError, match="IBM"):
        read_row(Kind.TRADES, "IBM", row)
