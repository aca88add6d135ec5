"""What a report is made from."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.errors import InvalidValue
from holdfast.report import words
from holdfast.statistics import Benchmark, Curve, RoundTrip, Sessions, Statistics
from holdfast.statistics.record import Floats, Times


class Trade(RoundTrip, frozen=True):
    """A round trip with what its orders said. One that ``is_open`` ends with the run, at the last price."""

    exit_role: str = ""
    tag: str = ""
    is_open: bool = False


class Candles(msgspec.Struct, frozen=True, eq=False):
    """The prices of a symbol in order of time; ``time_ns`` is when each begins."""

    time_ns: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats


class Indicator(msgspec.Struct, frozen=True, eq=False):
    """What an indicator of a strategy showed over time; ``panel`` is ``price`` (drawn over the candles) or ``own``."""

    strategy: str
    symbol: str
    name: str
    output: str
    panel: str
    time_ns: Times
    values: Floats


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's part of a run, in money; ``stopped`` says why it was, if it was."""

    strategy: str
    orders: int
    fills: int
    net: float
    unrealised: float
    fees: float
    stopped: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted. ``refusals`` are by risk's rule, ``unfilled`` ended orders that did not fill whole, by state and reason.

    ``decided_bars`` are those within which a stop or target filled, ``ambiguous_bars`` those of them that leave open what came first.
    """

    bars: int
    orders: int
    fills: int
    open_orders: int = 0
    decided_bars: int = 0
    ambiguous_bars: int = 0
    anomalies: int = 0
    refusals: Mapping[str, int] = {}
    refusal_words: Mapping[str, str] = {}
    orders_by_state: Mapping[str, int] = {}
    unfilled: Mapping[str, int] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One run.

    ``session_starts_ns`` are when the ``sessions`` begin. ``trades`` are those that are over and those still open. ``fine_print`` says what the result rests on, ``notes`` what was said of the
    data before. ``facts`` are shown as they are (data, versions), ``parameters`` by strategy, ``settings`` by section; ``again`` is how to run it
    once more.
    """

    name: str
    statistics: Statistics
    curve: Curve
    sessions: Sessions
    session_starts_ns: Times
    trades: Sequence[Trade] = ()
    candles: Mapping[str, Candles] = {}
    indicators: Sequence[Indicator] = ()
    benchmark: Benchmark | None = None
    parts: Sequence[Part] = ()
    counts: Counts
    fill: str = ""
    fine_print: Sequence[str] = ()
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = {}
    parameters: Mapping[str, Mapping[str, Any]] = {}
    settings: Mapping[str, Any] = {}
    again: str = ""

    def session_of(self, time_ns: int) -> str:
        """The date of the session that a mark belongs to. What ends as a day begins (a daily bar) belongs to the day before."""
        place = int(np.searchsorted(self.session_starts_ns, time_ns, side="left")) - 1
        dates = self.sessions.dates
        return dates[min(max(place, 0), len(dates) - 1)] if len(dates) else words.day(time_ns)


class Sweep(msgspec.Struct, frozen=True):
    """A figure of many runs by two of their parameters.

    ``values`` has a row for each of ``ys`` and in it a value for each of ``xs``; None where there was no run. ``chosen`` is the x and y of the
    run that is reported. ``said`` is what to know beside it, as how many runs a cell stands for. Raises
    :class:`~holdfast.errors.InvalidValue` for a table of another shape.
    """

    figure: str
    x: str
    y: str
    xs: Sequence[str]
    ys: Sequence[str]
    values: Sequence[Sequence[float | None]]
    chosen: tuple[str, str] | None = None
    said: str = ""

    def __post_init__(self) -> None:
        if len(self.values) != len(self.ys) or any(len(row) != len(self.xs) for row in self.values):
            raise InvalidValue(f"sweep: the table is not {len(self.ys)} rows of {len(self.xs)} values")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A page: one run in full, or several side by side. Raises :class:`~holdfast.errors.InvalidValue` for none, and for two of one name."""

    title: str
    runs: Sequence[Run]
    sweep: Sweep | None = None

    def __post_init__(self) -> None:
        names = [run.name for run in self.runs]
        if not names:
            raise InvalidValue("a report needs a run")
        if len(set(names)) < len(names):
            raise InvalidValue(f"two runs have the same name; give each its own: {', '.join(names)}")
