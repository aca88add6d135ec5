"""Instruments, quotes and candles through the SDK."""

import datetime as dt

import pytest
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException

from tests.local_kite import LocalKite


def test_the_dump_of_instruments(kite: KiteConnect) -> None:
    """The SDK reads every row: numbers are numbers, and the token's last byte is the segment."""
    rows = kite.instruments()
    assert [row["tradingsymbol"] for row in rows] == ["AVANTI", "BHARAVI"]
    assert {row["instrument_token"] & 0xFF for row in rows} == {1}
    assert {(row["tick_size"], row["lot_size"]) for row in rows} == {(0.05, 1)}
    assert kite.instruments("NSE") == rows
    assert kite.instruments("BSE") == []


def test_quotes_agree_with_each_other(server: LocalKite, kite: KiteConnect) -> None:
    """Three ways to ask, one price; what nobody knows is left out."""
    names = ["NSE:AVANTI", "NSE:NOBODY"]
    full, ohlc, ltp = kite.quote(names), kite.ohlc(names), kite.ltp(names)
    assert set(full) == set(ohlc) == set(ltp) == {"NSE:AVANTI"}
    prices = {answer["NSE:AVANTI"]["last_price"] for answer in (full, ohlc, ltp)}
    assert prices == {server.world.market.price("NSE:AVANTI")}
    one = full["NSE:AVANTI"]
    assert one["lower_circuit_limit"] < one["last_price"] < one["upper_circuit_limit"]
    assert len(one["depth"]["buy"]) == len(one["depth"]["sell"]) == 5
    assert isinstance(one["timestamp"], dt.datetime)


def test_candles(server: LocalKite, kite: KiteConnect) -> None:
    """Minutes of yesterday's session are those of the day's candle."""
    token = kite.instruments()[0]["instrument_token"]
    day = dt.date(2024, 7, 9)
    minutes = kite.historical_data(token, day, day + dt.timedelta(days=1), "minute")
    (whole,) = kite.historical_data(token, day, day, "day")
    assert len(minutes) == 375
    assert (whole["open"], whole["close"]) == (minutes[0]["open"], minutes[-1]["close"])
    assert (whole["high"], whole["low"]) == (max(m["high"] for m in minutes), min(m["low"] for m in minutes))
    assert whole["volume"] == sum(m["volume"] for m in minutes)
    assert minutes[0]["date"].isoformat() == "2024-07-09T09:15:00+05:30"
    with pytest.raises(InputException, match="max limit"):
        kite.historical_data(token, dt.date(2024, 1, 1), day, "minute")
    with pytest.raises(InputException, match="interval"):
        kite.historical_data(token, day, day, "2minute")
