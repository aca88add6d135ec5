"""The decoder, against what the SDK's own client makes of the same bytes."""

import datetime as dt
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from holdfast.adapters.zerodha.market_data.ticks import Frame, Mode, Tick, read_frame

SDK = KiteTicker("key", "token")
SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)
LENGTHS = (8, 28, 32, 44, 184)

tokens = st.builds(lambda number, segment: number << 8 | segment, st.integers(0, 2**24 - 1), st.sampled_from(SEGMENTS))
packets = st.builds(
    lambda token, length, body: struct.pack(">I", token) + body[: length - 4],
    tokens,
    st.sampled_from(LENGTHS),
    st.binary(min_size=180, max_size=180),
)


def framed(given: list[bytes]) -> bytes:
    """Packets as a frame."""
    return struct.pack(">H", len(given)) + b"".join(struct.pack(">H", len(one)) + one for one in given)


def as_sdk(tick: Tick) -> dict[str, Any]:
    """A tick with the SDK's names, without what it works out itself."""
    shown: dict[str, Any] = {
        "tradable": not tick.is_index,
        "mode": str(tick.mode),
        "instrument_token": tick.token,
        "last_price": tick.last_price,
    }
    if tick.mode is not Mode.LTP:
        shown["ohlc"] = {"open": tick.open, "high": tick.high, "low": tick.low, "close": tick.close}
    return shown


def more_of_sdk(tick: Tick) -> dict[str, Any]:
    """What only packets of traded instruments have."""
    shown: dict[str, Any] = {
        "last_traded_quantity": tick.last_quantity,
        "average_traded_price": tick.average_price,
        "volume_traded": tick.volume,
        "total_buy_quantity": tick.buy_quantity,
        "total_sell_quantity": tick.sell_quantity,
    }
    if tick.mode is Mode.FULL:
        depth = {
            side: [{"price": one.price, "quantity": one.quantity, "orders": one.orders} for one in levels]
            for side, levels in (("buy", tick.bids), ("sell", tick.asks))
        }
        shown |= {"oi": tick.oi, "oi_day_high": tick.oi_high, "oi_day_low": tick.oi_low, "depth": depth}
    return shown


def local(seconds: int) -> dt.datetime:
    """The machine's own time, as the SDK has it."""
    return dt.datetime.fromtimestamp(seconds)  # noqa: DTZ006


@given(st.lists(packets, max_size=4))
def test_each_packet_is_what_the_sdk_says(some: list[bytes]) -> None:
    """In every mode, of every segment, whatever the numbers."""
    data = framed(some)
    ticks, bad = read_frame(data)
    theirs = SDK._parse_binary(data)
    assert bad == 0
    assert len(ticks) == len(theirs)
    for ours, other, packet in zip(ticks, theirs, some, strict=True):
        other.pop("change", None)
        exchange = other.pop("exchange_timestamp", None)
        last_trade = other.pop("last_trade_time", None)
        if ours.mode is Mode.FULL:
            assert local(ours.exchange_s) == exchange
        if last_trade is not None:
            assert local(ours.last_trade_s) == last_trade
        assert as_sdk(ours) | (more_of_sdk(ours) if len(packet) in (44, 184) else {}) == other


@given(st.lists(packets, min_size=1, max_size=3), st.integers(0, 400))
def test_a_frame_that_is_cut_gives_what_is_whole(some: list[bytes], cut: int) -> None:
    """And counts the rest; a heartbeat is nothing."""
    whole = framed(some)
    data = whole[: max(0, len(whole) - cut)]
    ticks, bad = read_frame(data)
    assert len(ticks) + bad == (len(some) if len(data) >= 2 else 0)
    assert [tick.token for tick in ticks] == [struct.unpack(">I", one[:4])[0] for one in some[: len(ticks)]]
    assert read_frame(b"\x00") == Frame(())


def test_prices_are_the_nearest_to_what_was_sent() -> None:
    """Five paise are 0.05 as people write it, and currencies have seven decimals."""
    frame = framed([struct.pack(">II", 1 << 8 | 1, 24_605), struct.pack(">II", 1 << 8 | 3, 835_025_000)])
    assert [tick.last_price for tick in read_frame(frame).ticks] == [246.05, 83.5025]
    assert read_frame(framed([b"x" * 9])) == Frame([], 1)
