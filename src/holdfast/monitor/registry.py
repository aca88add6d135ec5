"""The one register of stages and metric keys. Who writes a figure and who reads it name it by the same `Key`; there is no other door.

A monitor whose writers and readers agree by spelling alone reads what nobody writes, and cries. Here a figure is kept in a `Book`, which takes
nothing that isn't in the register, at a stage that doesn't have it, or by the method of another kind; and the metrics that are exported are those
of the register, each of them.
"""

from collections.abc import Iterator
from enum import Enum, StrEnum
from typing import NamedTuple

from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.monitor.histogram import Histogram

LONGEST_WINDOW_S = 3600
"""So long the counts of each second are kept."""


class Stage(StrEnum):
    """A step on the way from the market to what the account holds, in its order."""

    MARKET = "market data"
    SIGNAL = "signals"
    RISK = "risk"
    ORDER = "orders"
    FILL = "fills"
    PORTFOLIO = "portfolio"


class Kind(StrEnum):
    """What is kept under a key, and so by which of a book's methods it is written and read."""

    COUNT = "count"
    """How often: `Book.count`, read by `Book.total` and `Book.recent`."""
    TIME = "time"
    """When last, in nanoseconds since 1970: `Book.stamp`, read by `Book.at`."""
    DURATION = "duration"
    """How long: `Book.measure`, read by `Book.durations`."""


class Metric(NamedTuple):
    """What a key means. ``name`` is its own in Prometheus, without the ending that its kind gives it."""

    name: str
    kind: Kind
    stages: tuple[Stage, ...]
    text: str


class Key(Enum):
    """Every figure there is."""

    EVENTS = Metric("holdfast_pipeline_events", Kind.COUNT, tuple(Stage), "Events of the stage")
    LAST = Metric("holdfast_pipeline_last_event_seconds", Kind.TIME, tuple(Stage), "When the stage's last event was")
    STEP = Metric(
        "holdfast_pipeline_step_seconds",
        Kind.DURATION,
        (Stage.SIGNAL, Stage.RISK, Stage.ORDER, Stage.FILL),
        "From the stage before, by trace: market event, signal, decision; release to acknowledgement; to the fill of an order at the market",
    )
    WAY = Metric(
        "holdfast_pipeline_market_to_fill_seconds",
        Kind.DURATION,
        (Stage.FILL,),
        "From the market event to the first fill of an order at the market, by trace",
    )
    REFUSED = Metric("holdfast_pipeline_refused", Kind.COUNT, (Stage.RISK,), "Signals that risk refused")
    ACCEPTED = Metric("holdfast_pipeline_accepted", Kind.COUNT, (Stage.ORDER,), "Orders that the broker took")
    FAILED = Metric(
        "holdfast_pipeline_failed", Kind.COUNT, (Stage.ORDER,), "Orders that the broker rejected or that failed"
    )
    UNKNOWN = Metric("holdfast_pipeline_unknown", Kind.COUNT, (Stage.ORDER,), "Orders that had no definite answer")
    TOLD = Metric(
        "holdfast_pipeline_told", Kind.COUNT, (Stage.ORDER, Stage.FILL), "Reports that the broker brought by itself"
    )
    ASKED = Metric(
        "holdfast_pipeline_asked", Kind.COUNT, (Stage.ORDER, Stage.FILL), "Reports that asking the broker brought"
    )
    MISSED = Metric(
        "holdfast_pipeline_missed",
        Kind.COUNT,
        (Stage.ORDER, Stage.FILL),
        "Reports that asking brought and the broker's stream, though it was said to be well, never did",
    )

    @property
    def metric(self) -> Metric:
        """What it means."""
        found: Metric = self.value
        return found


PAIRS = frozenset((key, stage) for key in Key for stage in key.metric.stages)
"""Every figure at every stage that has it."""


class Book:
    """The figures of one account. Raises :class:`~holdfast.errors.InvalidValue` for what isn't in the register."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Key, Stage], int] = {}
        self._seconds: dict[tuple[Key, Stage], dict[int, int]] = {}
        """Of each second how many; no older than `LONGEST_WINDOW_S`."""
        self._times: dict[tuple[Key, Stage], int] = {}
        self._durations: dict[tuple[Key, Stage], Histogram] = {}

    # --- writing ------------------------------------------------------------------------------------------------------

    def count(self, key: Key, stage: Stage, time_ns: int) -> None:
        """One more, at a time."""
        pair = self._pair(key, stage, Kind.COUNT)
        self._counts[pair] = self._counts.get(pair, 0) + 1
        seconds = self._seconds.setdefault(pair, {})
        second = time_ns // SECOND_NS
        seconds[second] = seconds.get(second, 0) + 1
        while len(seconds) > 1 and (oldest := next(iter(seconds))) <= second - LONGEST_WINDOW_S:
            del seconds[oldest]

    def stamp(self, key: Key, stage: Stage, time_ns: int) -> None:
        """It happened at a time."""
        pair = self._pair(key, stage, Kind.TIME)
        self._times[pair] = max(time_ns, self._times.get(pair, 0))

    def measure(self, key: Key, stage: Stage, duration_ns: int) -> None:
        """It took so long."""
        pair = self._pair(key, stage, Kind.DURATION)
        self._durations.setdefault(pair, Histogram()).add(duration_ns)

    def forget_counts(self) -> None:
        """Begin to count and to measure anew: what is exported may not rise by what is read again after a restart. Times and rates stay."""
        self._counts.clear()
        self._durations.clear()

    # --- reading ------------------------------------------------------------------------------------------------------

    def total(self, key: Key, stage: Stage) -> int:
        """How often so far."""
        return self._counts.get(self._pair(key, stage, Kind.COUNT), 0)

    def recent(self, key: Key, stage: Stage, now_ns: int, window_s: int) -> int:
        """How often in the last seconds, the one that ``now_ns`` is in being the last of ``window_s``."""
        since = now_ns // SECOND_NS - window_s
        seconds = self._seconds.get(self._pair(key, stage, Kind.COUNT), {})
        return sum(number for second, number in seconds.items() if second > since)

    def at(self, key: Key, stage: Stage) -> int | None:
        """When last, in nanoseconds since 1970; None when never."""
        return self._times.get(self._pair(key, stage, Kind.TIME))

    def durations(self, key: Key, stage: Stage) -> Histogram:
        """How long it took."""
        return self._durations.get(self._pair(key, stage, Kind.DURATION), Histogram())

    def written(self) -> Iterator[tuple[Key, Stage]]:
        """Every figure that something was written to."""
        yield from self._seconds.keys() | self._times.keys() | self._durations.keys()

    @staticmethod
    def _pair(key: Key, stage: Stage, kind: Kind) -> tuple[Key, Stage]:
        if (key, stage) not in PAIRS:
            raise InvalidValue(f"the monitor's register has no {key} at {stage}")
        if key.metric.kind is not kind:
            raise InvalidValue(f"{key} is a {key.metric.kind}, not a {kind}")
        return key, stage
