"""The strategies that ship and rest on indicators, sessions and months, beside a few lines of numpy, pandas and TA-Lib."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import talib

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, OrderFilled
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.api import Strategy
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.strategies import MonthlyRotation, OpeningRange, Pairs, RsiAtr
from tests.scenario.account import Account
from tests.unit.core.test_strategy_buckets import at
from tests.unit.core.test_strategy_indicators import bars

UNITS = Decimal(7)
ALWAYS, NEW_YORK = trading_calendar("24/7"), trading_calendar("XNYS")


def held(strategy: Strategy, data: list[Bar], calendar: TradingCalendar, symbols: Iterable[str]) -> pd.DataFrame:
    """The positions after each time at which bars end, orders filling at the close."""
    account = Account(strategy, symbols=symbols, calendar=calendar)
    times: dict[int, list[Bar]] = {}
    for one in sorted(data, key=lambda one: (one.time_ns, one.symbol)):
        times.setdefault(one.time_ns, []).append(one)
    rows = {}
    for time_ns, instant in times.items():
        account.run(*instant)
        rows[time_ns] = {symbol: float(account.position("s0", symbol)) for symbol in symbols}
    return pd.DataFrame.from_dict(rows, orient="index")


def real(folder: Path, file: str, symbol: str, length_ns: int, first: str, last: str) -> list[Bar]:
    """A symbol's real bars of some dates."""
    table = pq.read_table(folder / f"{file}.parquet", filters=[("symbol", "=", symbol)]).sort_by("ts")
    table = table.set_column(table.schema.get_field_index("ts"), "ts", pc.cast(table["ts"], "int64"))
    rows = table.select(["ts", "open", "high", "low", "close", "volume"]).to_pylist()
    begin, end = at("24/7", first), at("24/7", last)
    return [
        Bar(symbol, ts + length_ns, ts, *(float(row[name]) for name in ("open", "high", "low", "close", "volume")))
        for row in rows
        if begin <= (ts := row["ts"]) < end
    ]


def frame_of(data: list[Bar]) -> pd.DataFrame:
    columns = ["time_ns", "start_ns", "open", "high", "low", "close", "volume"]
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in data], columns=columns)


# --- RSI with an ATR stop ---------------------------------------------------------------------------------------------


def rsi_atr(data: list[Bar], length: int, oversold: float, leave: float, stop_atr: float) -> list[float]:
    """Positions after each bar: what TA-Lib says, and a stop that the next bars' lows may reach."""
    frame = frame_of(data)
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    rsi, atr = talib.RSI(close, length), talib.ATR(high, low, close, length)
    inside, stop, armed, positions = False, 0.0, True, []
    for number in range(len(frame)):
        if inside and low[number] <= stop:
            inside = False
        if not np.isnan(rsi[number]) and not np.isnan(atr[number]):
            if inside and rsi[number] >= leave:
                inside = False
            elif not inside and armed and rsi[number] <= oversold:
                inside, stop = True, np.floor((close[number] - stop_atr * atr[number]) * 100) / 100
            armed = rsi[number] > oversold
        positions.append(7.0 if inside else 0.0)
    return positions


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rsi_atr(seed: int) -> None:
    """In on weakness, out on strength or at the stop, and not in again before the RSI has recovered."""
    data = bars(900, seed)
    params = RsiAtr.Params(length=7, oversold=28, exit=60, stop_atr=1.5, quantity=UNITS)
    found = held(RsiAtr(params), data, ALWAYS, ("ABC",))["ABC"].tolist()
    expected = rsi_atr(data, 7, 28, 60, 1.5)
    assert found == expected
    assert sum(one != other for one, other in pairwise(expected)) > 5


def test_rsi_atr_on_real_hours(shared_data: Path) -> None:
    """IBM by the hour over two years."""
    data = real(shared_data, "us_hour", "IBM", HOUR_NS, "2013-01-01", "2015-01-01")
    params = RsiAtr.Params(quantity=UNITS)
    found = held(RsiAtr(params), data, NEW_YORK, ("IBM",))["IBM"].tolist()
    assert found == rsi_atr(data, 14, 30, 55, 2.0)
    assert 7.0 in found


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(
    first: list[Bar], second: list[Bar], window: int, entry: float, leave: float, notional: float
) -> pd.DataFrame:
    """Positions after each time at which both have a bar."""
    both = frame_of(first).merge(frame_of(second), on="time_ns", suffixes=("_a", "_b"))
    ratio = (both.close_a / both.close_b).to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(ratio, window)
    scores = np.concatenate((np.full(window - 1, np.nan), (windows[:, -1] - windows.mean(1)) / windows.std(1)))
    a = b = 0.0
    rows = []
    for score, close_a, close_b in zip(scores, both.close_a, both.close_b, strict=True):
        if (a > 0 and score >= -leave) or (a < 0 and score <= leave):
            a = b = 0.0
        elif not a and abs(score) >= entry:
            side = 1 if score < 0 else -1
            a, b = side * (notional // close_a), -side * (notional // close_b)
        rows.append((a, b))
    return pd.DataFrame(rows, index=both.time_ns, columns=["a", "b"])


def test_pairs() -> None:
    """Long what is cheap and short what is dear, both out when the ratio is back; a bar that is missing changes nothing."""
    first, second = bars(800, 3), bars(800, 4, "XYZ", gaps=True)
    params = Pairs.Params(window=30, entry=1.8, exit=0.4, notional=Decimal(5000))
    found = held(Pairs(params), first + second, ALWAYS, ("ABC", "XYZ"))
    expected = pairs(first, second, 30, 1.8, 0.4, 5000)
    assert found.loc[expected.index].to_numpy().tolist() == expected.to_numpy().tolist()
    assert len(set(expected.a)) > 5


def test_pairs_on_real_days(shared_data: Path) -> None:
    """SPY against QQQ over six years."""
    first = real(shared_data, "us_daily", "QQQ", DAY_NS, "2010-01-01", "2016-01-01")
    second = real(shared_data, "us_daily", "SPY", DAY_NS, "2010-01-01", "2016-01-01")
    found = held(Pairs(Pairs.Params()), first + second, NEW_YORK, ("QQQ", "SPY"))
    expected = pairs(first, second, 60, 2.0, 0.5, 10_000)
    assert found.loc[expected.index].to_numpy().tolist() == expected.to_numpy().tolist()
    assert len(set(expected.a)) > 10


def test_pairs_take_two_symbols() -> None:
    """With one, or three, the strategy is stopped with what is wrong."""
    account = Account(Pairs(Pairs.Params()), symbols=("ABC",), calendar=ALWAYS).run(*bars(1))
    assert "a pair has two symbols, not 1: ABC" in str([record.body for record in account.records])


# --- monthly rotation -------------------------------------------------------------------------------------------------


def rotation(data: dict[str, list[Bar]], months: int, hold: int, notional: float, zone: str) -> pd.DataFrame:
    """Positions after each bar: chosen at the first bar that ends in a new month, of the months before it."""
    closes = pd.DataFrame({name: frame_of(rows).set_index("time_ns").close for name, rows in sorted(data.items())})
    starts = pd.Series({one.time_ns: one.start_ns for rows in data.values() for one in rows}).sort_index()
    month_of = pd.to_datetime(starts, utc=True).dt.tz_convert(zone).dt.strftime("%Y-%m")
    ends = pd.to_datetime(closes.index, utc=True).strftime("%Y-%m")
    held, known, rows, last = dict.fromkeys(closes, 0.0), closes.ffill(), [], ""
    for number, time_ns in enumerate(closes.index):
        if ends[number] != last:
            done = (
                closes[(month_of != month_of.get(time_ns)) & (closes.index <= time_ns)]
                if ends[number] == month_of[time_ns]
                else closes[closes.index <= time_ns]
            )
            monthly = {name: done[name].dropna().groupby(month_of).last() for name in closes}
            if any(len(one) for one in monthly.values()):
                last = ends[number]
                strength = {
                    name: one.iloc[-1] / one.iloc[-1 - months] - 1 if len(one) > months else 0.0
                    for name, one in monthly.items()
                }
                best = sorted((name for name in held if strength[name] > 0), key=lambda name: -strength[name])[:hold]
                for name in held:
                    if name not in best:
                        held[name] = 0.0
                    elif not held[name]:
                        held[name] = notional // known[name].iloc[number]
        rows.append(dict(held))
    return pd.DataFrame(rows, index=closes.index)


def test_monthly_rotation() -> None:
    """The strongest of three, by complete months, changed at the first bar that ends in a new month."""
    names = ("ABC", "MNO", "XYZ")
    first = at("24/7", "2022-01-10T00:00")
    data = {name: bars(700, seed, name, first, DAY_NS) for seed, name in enumerate(names)}
    params = MonthlyRotation.Params(months=3, hold=1, notional=Decimal(5000))
    found = held(MonthlyRotation(params), [one for rows in data.values() for one in rows], ALWAYS, names)
    expected = rotation(data, 3, 1, 5000, "UTC")
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_index_type=False)
    assert (expected.nunique() > 1).sum() >= 2


def test_monthly_rotation_on_real_days(shared_data: Path) -> None:
    """Four funds over eight years."""
    names = ("EEM", "IWM", "QQQ", "SPY")
    data = {name: real(shared_data, "us_daily", name, DAY_NS, "2010-01-01", "2018-01-01") for name in names}
    found = held(
        MonthlyRotation(MonthlyRotation.Params()), [one for rows in data.values() for one in rows], NEW_YORK, names
    )
    expected = rotation(data, 6, 2, 10_000, "America/New_York")
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_index_type=False)
    assert (expected.nunique() > 3).all()


# --- opening range ----------------------------------------------------------------------------------------------------


def opening_range(data: list[Bar], minutes: int, short: bool) -> tuple[list[float], int]:
    """Positions after each bar of full sessions that close at 16:00, and how many entries there were."""
    positions: list[float] = []
    day, low, high, stop, side, done, entries = "", np.inf, -np.inf, 0.0, 0, False, 0
    for one in data:
        start = pd.Timestamp(one.start_ns, tz="UTC").tz_convert("America/New_York")
        since = (start.hour * 60 + start.minute) - 570
        if str(start.date()) != day:
            day, low, high, done = str(start.date()), np.inf, -np.inf, False
        if side and since >= 385:  # the timer is due at 15:55, and the next bar brings it
            side, done = 0, True
        if side and (one.low <= stop if side > 0 else one.high >= stop):
            side = 0
        if 0 <= since < minutes:
            low, high = min(low, one.low), max(high, one.high)
        if minutes - 1 <= since < 385 and not done and high > -np.inf:
            if one.close > high:
                side, stop, done = 1, low, True
            elif short and one.close < low:
                side, stop, done = -1, high, True
            entries += done and side != 0 and positions[-1] == 0
        positions.append(7.0 * side)
    return positions, entries


@pytest.mark.parametrize("short", [False, True])
def test_opening_range(short: bool) -> None:
    """One entry a session at a close outside the range, out at the other side of it, and flat before the close."""
    sessions = ("2024-03-04", "2024-03-05", "2024-03-08", "2024-03-11", "2024-03-12")
    data = [
        one for seed, day in enumerate(sessions) for one in bars(440, seed + 20, start_ns=at("XNYS", f"{day}T09:10"))
    ]
    params = OpeningRange.Params(minutes=30, quantity=UNITS, allow_short=short)
    found = held(OpeningRange(params), data, NEW_YORK, ("ABC",))["ABC"].tolist()
    expected, entries = opening_range(data, 30, short)
    assert found == expected
    assert entries >= (5 if short else 2)
    assert all(position == 0 for one, position in zip(data, found, strict=True) if is_late(one))


def is_late(bar: Bar) -> bool:
    """It ends in the last minutes of the session or after it."""
    end = pd.Timestamp(bar.time_ns, tz="UTC").tz_convert("America/New_York")
    return bool(end.hour * 60 + end.minute > 955)


@pytest.mark.parametrize("symbol", ["SPY", "IBM", "AIG", "BAC"])
def test_opening_range_on_real_minutes(shared_data: Path, symbol: str) -> None:
    """A week of minutes with what trades before and after the session: flat overnight, each entry within the session."""
    data = real(shared_data, "us_minute_trades", symbol, MINUTE_NS, "2013-10-07", "2013-10-12")
    params = OpeningRange.Params(quantity=UNITS, allow_short=True)
    found = held(OpeningRange(params), data, NEW_YORK, (symbol,))[symbol].tolist()
    expected, entries = opening_range(data, 30, True)
    assert found == expected
    assert entries >= 3


def test_opening_range_ends_early_on_a_half_day() -> None:
    """The day after Thanksgiving closes at 13:00: it is flat from 12:55 on."""
    data = bars(240, 22, start_ns=at("XNYS", "2023-11-24T09:10"))
    account = Account(
        OpeningRange(OpeningRange.Params(minutes=5, quantity=UNITS, allow_short=True)),
        symbols=("ABC",),
        calendar=NEW_YORK,
    )
    account.run(*data)
    fills = [record for record in account.records if isinstance(record.body, OrderFilled)]
    assert len(fills) >= 2
    assert account.position() == 0
    assert all(record.time_ns <= at("XNYS", "2023-11-24T12:56") for record in fills)
