"""Runs for reports, made up: the same on every machine."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.calendars import trading_calendar
from holdfast.core.types import DAY_NS, HOUR_NS
from holdfast.report import Candles, Counts, Indicator, Part, Run, Trade
from holdfast.statistics import Benchmark, Curve, daily, summarize
from holdfast.statistics.record import Floats

DEPOSIT = 100_000.0
CALENDAR = trading_calendar("XNYS")
FIRST = next(place for place, day in enumerate(CALENDAR.days) if day.date >= "2019-01-01")


def run(
    *,
    name: str = "EmaCross on SPY",
    sessions: int = 60,
    trades: int = 40,
    symbols: Sequence[str] = ("SPY",),
    strategy: str = "EmaCross",
    seed: int = 7,
    equity: Sequence[float] | None = None,
    bars: int | None = None,
    **said: Any,
) -> Run:
    """A run of some sessions with a mark at each one's close, as many round trips, and daily candles of each symbol (or ``bars`` by minute)."""
    draw = random.Random(seed)
    days = CALENDAR.days[FIRST : FIRST + sessions]
    times = np.array([day.start_ns + 16 * HOUR_NS for day in days], dtype=np.int64)
    walk = np.cumprod([1 + draw.gauss(0.0004, 0.01) for _ in days]) * DEPOSIT
    worth: Floats = np.array(walk if equity is None else equity, dtype=np.float64)
    curve = Curve(times, worth, worth * 0.5)
    made = [_trade(draw, times, symbols[place % len(symbols)], strategy) for place in range(trades)]
    statistics = summarize(
        curve,
        made,
        deposit=DEPOSIT,
        fees=12.5,
        slippage=None,
        borrow=0.0,
        turnover=1e6,
        calendar=CALENDAR,
        benchmark=said.get("benchmark"),
        resamples=20,
    )
    facts: dict[str, Any] = {
        "counts": Counts(bars=sessions, orders=2 * trades, fills=2 * trades),
        "facts": {"Holdfast": "0.1.0", "Data": "made up"},
        "fine_print": ["market orders fill at the open of the next bar (fill = next_open)"],
        "fill": "next_open",
        "parameters": {strategy: {"fast": 10, "slow": 30}},
        "parts": [Part(strategy=strategy, orders=2 * trades, fills=2 * trades, net=1.0, unrealised=0.0, fees=12.5)],
        "candles": {symbol: _candles(draw, times, bars) for symbol in symbols},
    }
    return Run(
        name=name,
        statistics=statistics,
        curve=curve,
        sessions=daily(curve, CALENDAR, DEPOSIT),
        session_starts_ns=np.array([day.start_ns for day in days], dtype=np.int64),
        trades=made,
        **{**facts, **said},
    )


def benchmark(sessions: int = 60, name: str = "buy and hold SPY") -> Benchmark:
    """Rises by one a session."""
    days = CALENDAR.days[FIRST : FIRST + sessions]
    return Benchmark(name, np.array([day.start_ns for day in days]), np.arange(100.0, 100.0 + len(days)))


def indicator(symbol: str = "SPY", strategy: str = "EmaCross", name: str = "EMA(10)", count: int = 50) -> Indicator:
    """A line over the candles."""
    times = np.array([day.start_ns for day in CALENDAR.days[FIRST : FIRST + count]], dtype=np.int64)
    return Indicator(strategy, symbol, name, "value", "price", times, np.linspace(99, 101, count))


def _trade(draw: random.Random, times: Any, symbol: str, strategy: str) -> Trade:
    entry_ns = int(times[draw.randrange(len(times))])
    profit = round(draw.gauss(20, 300), 2)
    return Trade(
        strategy=strategy,
        symbol=symbol,
        side=draw.choice(("long", "short")),
        quantity=100.0,
        entry_ns=entry_ns,
        entry_price=round(draw.uniform(90, 110), 2),
        exit_ns=entry_ns + draw.randrange(1, 5) * DAY_NS,
        exit_price=round(draw.uniform(90, 110), 2),
        profit=profit,
        fees=1.0,
        worst=min(profit, -draw.uniform(0, 200)),
        best=max(profit, draw.uniform(0, 200)),
        risk=draw.choice((None, 150.0)),
        bars=3,
        exit_role=draw.choice(("entry", "stop_loss")),
    )


def _candles(draw: random.Random, times: Any, bars: int | None) -> Candles:
    if bars is not None:
        times = times[0] + np.arange(bars, dtype=np.int64) * 60_000_000_000
    closes = np.round(100 * np.cumprod([1 + draw.gauss(0, 0.01 if bars is None else 0.0005) for _ in times]), 2)
    opens = np.concatenate(([100.0], closes))[:-1]
    return Candles(times, opens, np.maximum(opens, closes) + 0.25, np.minimum(opens, closes) - 0.25, closes)
