"""Strategies that know what they can't know are caught, by whichever way they know it; those that don't are let through."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdfast.strategies as shipped
from holdfast import Bar, Context, Ema, Parameters, Strategy, lookahead
from holdfast.bias.verdict import Report
from holdfast.calendars import trading_calendar
from holdfast.errors import InvalidValue
from holdfast.feeds.synthetic import SyntheticFeed
from tests.scenario.test_backtest_in_python import prices

FRAME = prices(300, seed=3)
"""What the peeking strategies below read beside what they are shown."""
BEFORE = FRAME.copy(deep=True)
NEXT = (FRAME["Close"].shift(-1) > FRAME["Close"]).to_dict()
KNOWN = FRAME["Close"].shift(-1)
FILE = Path("peek.csv")


def start_of(bar: Bar) -> pd.Timestamp:
    return pd.Timestamp(bar.start_ns, tz="UTC")


class Trend(Strategy):
    """Honest: above or below the average of the last bars it was shown."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        closes = [each.close for each in context.history(bar.symbol, 10)]
        if len(closes) == 10:
            context.target(bar.symbol, 10 if bar.close > sum(closes) / 10 else 0)


class PeeksAtStart(Strategy):
    """Reads tomorrow's close from the frame as it starts."""

    def on_start(self, context: Context) -> None:
        self.rises = (FRAME["Close"].shift(-1) > FRAME["Close"]).to_dict()

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if self.rises.get(start_of(bar)) else 0)


class PeeksInBetween(Strategy):
    """Reads the next close from the frame at each bar, beside what it is shown."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        later = FRAME["Close"].loc[start_of(bar) :].head(2)
        context.target(bar.symbol, 10 if later.iloc[-1] > bar.close else 0)


class Centred(Strategy):
    """A rolling mean that is centred: half of its window is the future."""

    def on_start(self, context: Context) -> None:
        self.mean = FRAME["Close"].rolling(21, center=True, min_periods=1).mean().to_dict()

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if bar.close < self.mean[start_of(bar)] else 0)


class Normalised(Strategy):
    """Compares with the mean and deviation of the whole frame."""

    def on_start(self, context: Context) -> None:
        self.mean, self.deviation = FRAME["Close"].mean(), FRAME["Close"].std()

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if (bar.close - self.mean) / self.deviation < -0.1 else 0)


class Prepared(Strategy):
    """Goes by signals that were made before any run, and looks at nothing else."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if NEXT.get(start_of(bar)) else 0)


class PreparedAndShown(Strategy):
    """Goes by a column that was made before any run, and by the price it is shown."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if KNOWN.get(start_of(bar), 0.0) > bar.close else 0)


class ReadsFile(Strategy):
    """Reads the whole file by itself, and goes by the price it is shown too."""

    def on_start(self, context: Context) -> None:
        rows = pd.read_csv(FILE, index_col=0, parse_dates=True)["Close"]
        self.high = float(rows.max())

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if bar.close < self.high * 0.995 else 0)


class Hasty(Strategy):
    """Goes by a long average from its first bar on, as if that had been warm."""

    average = 0.0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.average = self.average + 0.01 * (bar.close - self.average) if self.average else bar.close
        context.target(bar.symbol, 10 if bar.close > self.average else -10)


class NeverForgets(Strategy):
    """Goes by the mean of all bars since its start."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.closes: list[float] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.closes.append(bar.close)
        context.target(bar.symbol, 10 if bar.close > sum(self.closes) / len(self.closes) else 0)


class Warm(Strategy):
    """The same idea as `Hasty`, by an indicator that says when it is warm."""

    class Params(Parameters, frozen=True):
        length: int = 12

    params: Params

    def on_start(self, context: Context) -> None:
        self.average = context.indicator(Ema(self.params.length))

    def on_bar(self, context: Context, bar: Bar) -> None:
        if self.average.ready:
            context.target(bar.symbol, 10 if bar.close > (self.average.value or 0.0) else 0)


class Idle(Strategy):
    """Decides nothing."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.log("nothing to do")


def checked(strategy: Any, **said: Any) -> Report:
    report = lookahead(strategy, FRAME, symbol="AA", **said)
    pd.testing.assert_frame_equal(FRAME, BEFORE)
    return report


@pytest.mark.parametrize("strategy", [PeeksAtStart, PeeksInBetween, Centred, Normalised])
def test_who_reads_the_frame_looks_ahead(strategy: type[Strategy]) -> None:
    """A decision that changed with what came after it is told with its time, and the frame is as it was afterwards."""
    report = checked(strategy)
    found = report.looks_ahead
    assert found is not None
    assert found.time_ns <= found.changed_ns
    assert found.decided != found.instead
    assert not report.passed
    assert "it looks ahead" in str(report)


def test_signals_that_were_made_before_do_not_react() -> None:
    """Decisions that stay the same when all prices are others are no decisions on what is shown."""
    report = checked(Prepared)
    assert report.reacts is False
    assert "it does not react" in str(report)


@pytest.mark.parametrize(
    ("strategy", "word"),
    [(PreparedAndShown, "KNOWN, which is a Series of 300 rows"), (PeeksInBetween, "FRAME, which is a DataFrame")],
)
def test_data_from_elsewhere_is_named(strategy: type[Strategy], word: str) -> None:
    """A frame or column that the code names is told, also where its values could not be changed."""
    report = checked(strategy)
    assert word in str(report)
    assert not report.passed


def test_a_file_that_a_strategy_reads_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is opened while the strategy runs is data that the engine can't answer for."""
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv(FILE)
    report = checked(ReadsFile)
    assert "opens peek.csv" in str(report)
    assert not report.passed


@pytest.mark.parametrize("strategy", [Hasty, NeverForgets])
def test_who_decides_before_it_is_warm_is_told(strategy: type[Strategy]) -> None:
    """A decision that more history changes is told with its time; how much is needed, or that there is never enough."""
    report = checked(strategy)
    assert report.looks_ahead is None
    assert report.history is not None
    assert "it needs more warm-up: with " in str(report)
    if strategy is NeverForgets:
        assert report.needed is None
        assert "or it never forgets" in str(report)


def test_the_warm_up_that_is_given_is_what_is_judged() -> None:
    """With as many bars as it needs the same strategy passes, with fewer it does not."""
    assert not checked(Warm, length=40, warm_up=5).passed
    assert checked(Warm, length=12, warm_up=150).passed


@pytest.mark.parametrize("strategy", [Trend, Warm])
def test_who_goes_by_what_it_is_shown_passes(strategy: type[Strategy]) -> None:
    """Nothing is found, and that there was something to look at is told."""
    report = checked(strategy)
    assert report.faults == []
    assert report.passed
    assert report.decisions > 10
    assert report.reacts
    assert report.warm_up is not None


PARAMS: dict[str, dict[str, Any]] = {
    "EmaCross": {"fast": 3, "slow": 8},
    "Pairs": {"window": 20},
    "MonthlyRotation": {"months": 1, "hold": 1},
}


def days_of(seed: int) -> pd.DataFrame:
    """Two years of days."""
    chance = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.02, 520))), 2)
    index = pd.bdate_range("2022-01-03", periods=520, name="date")
    return pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1_000_000}, index=index)


@pytest.mark.parametrize("name", sorted(set(shipped.__all__)))
def test_every_strategy_that_ships_passes(name: str) -> None:
    """On a made-up market each decides something, nothing of it changes with what comes after, and none has data from elsewhere."""
    minutes = SyntheticFeed(5, trading_calendar("XNYS"), symbols=["AVOR", "BRYX"], days=3)
    data = {"AVOR": days_of(1), "BRYX": days_of(2)} if name == "MonthlyRotation" else minutes
    said: dict[str, Any] = {"calendar": "24/5"} if name == "MonthlyRotation" else {}
    report = lookahead(name, data, cuts=3, **said, **PARAMS.get(name, {}))
    assert report.decisions > 0
    assert report.faults == []


def test_nothing_decided_is_nothing_shown() -> None:
    """A strategy that never trades does not pass for an honest one."""
    report = checked(Idle)
    assert not report.passed
    assert "it decided nothing" in str(report)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"cuts": 0}, "cuts must be"),
        ({"warm_up": 0}, "warm_up must be"),
        ({"cats": 3}, "lookahead has no argument 'cats'"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: dict[str, Any], word: str) -> None:
    """One line."""
    with pytest.raises(InvalidValue, match=word):
        checked(Trend, **said)


def test_arrays_of_settings_are_no_data() -> None:
    """A buffer that is empty yet, and a list of a few thresholds, are not told."""

    class Buffers(Trend):
        LEVELS = (0.1, 0.2, 0.3)

        def on_start(self, context: Context) -> None:
            self.buffer = np.zeros(500)

    assert checked(Buffers).outside == ()
