"""A poisoned future: what comes after a time changes nothing that was decided, shown or measured up to then."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, OrderFilled
from holdfast.core.milestones import StrategyStopped
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.types import DAY_NS
from holdfast.indicators import (
    Atr,
    Bollinger,
    Donchian,
    Ema,
    Lowest,
    Macd,
    RollingVolatility,
    Rsi,
    Sma,
    Vwap,
    Wma,
    ZScore,
)
from holdfast.strategies import EmaCross, MeanReversion, Momentum, MonthlyRotation, OpeningRange, Pairs, RsiAtr
from tests.scenario.account import Account
from tests.unit.core.test_strategy_buckets import at
from tests.unit.core.test_strategy_indicators import bars

SYMBOLS = ("ABC", "XYZ")
UNITS = Decimal(7)


class Everything(Strategy):
    """Notes all indicators on three timeframes and the longer bars, and decides from them."""

    timeframes = ("1Hour", "1Day")

    def __init__(self, params: Any = None) -> None:
        super().__init__(params)
        self.notes: list[tuple[int, Any]] = []

    def on_start(self, context: Context) -> None:
        makers: list[Callable[[], Any]] = [
            lambda: Sma(4), lambda: Ema(4), lambda: Wma(4), lambda: Rsi(4), lambda: Atr(4), lambda: Macd(2, 4, 2), lambda: Bollinger(4),
            lambda: Donchian(4), Vwap, lambda: ZScore(4), lambda: Lowest(4), lambda: RollingVolatility(4),
        ]  # fmt: skip
        self.all = [context.indicator(make(), timeframe=name) for make in makers for name in (None, "15Min", "1Hour")]

    def on_bar(self, context: Context, bar: Bar) -> None:
        values = [[getattr(one[bar.symbol], name) for name in one[bar.symbol].outputs] for one in self.all]
        longer = [context.history(bar.symbol, 99, name) for name in self.timeframes]
        self.notes.append((context.time_ns, (bar.symbol, values, longer, context.session_bars(bar.symbol))))
        hour = self.all[2][bar.symbol].value
        if hour is not None:
            context.target(bar.symbol, UNITS if bar.close > hour else -UNITS)


def minutes(seed: int) -> list[Bar]:
    """Two symbols over two sessions with what is traded before and after, some minutes missing."""
    made = []
    for number, symbol in enumerate(SYMBOLS):
        for day in ("2024-03-08", "2024-03-11"):
            made += bars(430, seed + number, symbol, at("XNYS", f"{day}T09:10"), gaps=True)
    return made


def days(seed: int) -> list[Bar]:
    """Two symbols over two years."""
    first = at("24/7", "2022-01-01T00:00")
    return [one for number, symbol in enumerate(SYMBOLS) for one in bars(700, seed + number, symbol, first, DAY_NS)]


CASES: dict[str, tuple[Callable[[], Strategy], Callable[[int], list[Bar]], str]] = {
    "everything": (Everything, minutes, "XNYS"),
    "ema": (lambda: EmaCross(EmaCross.Params(fast=3, slow=8, quantity=UNITS, allow_short=True)), minutes, "XNYS"),
    "momentum": (lambda: Momentum(Momentum.Params(lookback=9, threshold=0.1, quantity=UNITS)), minutes, "XNYS"),
    "reversion": (lambda: MeanReversion(MeanReversion.Params(window=9, quantity=UNITS, stop_pct=1)), minutes, "XNYS"),
    "rsi": (lambda: RsiAtr(RsiAtr.Params(length=5, oversold=40, quantity=UNITS)), minutes, "XNYS"),
    "pairs": (lambda: Pairs(Pairs.Params(window=20, notional=Decimal(900))), minutes, "XNYS"),
    "range": (lambda: OpeningRange(OpeningRange.Params(quantity=UNITS, allow_short=True)), minutes, "XNYS"),
    "rotation": (lambda: MonthlyRotation(MonthlyRotation.Params(months=2, hold=1, notional=Decimal(900))), days, "24/7"),
}  # fmt: skip


def outcome(make: Callable[[], Strategy], data: list[Bar], calendar: str) -> list[tuple[int, Any]]:
    """All that was recorded and noted, with its times."""
    strategy = make()
    account = Account(strategy, calendar=trading_calendar(calendar), symbols=SYMBOLS)
    account.run(*sorted(data, key=lambda one: (one.time_ns, one.symbol)))
    assert not [record for record in account.records if isinstance(record.body, StrategyStopped)]
    return [*[(one.time_ns, one.body) for one in account.records], *getattr(strategy, "notes", [])]


def until(found: list[tuple[int, Any]], time_ns: int) -> list[tuple[int, Any]]:
    return [one for one in found if one[0] <= time_ns]


@pytest.mark.parametrize("name", CASES)
def test_a_poisoned_future_changes_nothing(name: str) -> None:
    """With every later price another one, each decision, value and longer bar up to the cut is the same; so it is with none."""
    make, data_of, calendar = CASES[name]
    data, poison = data_of(1), {(one.symbol, one.time_ns): one for one in data_of(77)}
    times = sorted({one.time_ns for one in data})
    expected = outcome(make, data, calendar)
    assert any(isinstance(body, OrderFilled) for _, body in expected)
    for share, ends in ((0.3, False), (0.55, True), (0.8, False)):
        until_ns = times[int(len(times) * share)]
        later = [
            Bar(one.symbol, one.time_ns, one.start_ns, *prices, one.volume * 7)
            for one in data
            if one.time_ns > until_ns and not ends
            for prices in [prices_of(poison.get((one.symbol, one.time_ns), one))]
        ]
        found = outcome(make, [one for one in data if one.time_ns <= until_ns] + later, calendar)
        assert until(found, until_ns) == until(expected, until_ns)
        assert found != expected  # the future does decide what comes then


def prices_of(bar: Bar) -> tuple[float, float, float, float]:
    return bar.open * 3, bar.high * 3, bar.low * 3, bar.close * 3
