"""The numbers of a run: pure functions with written definitions (docs/statistics.md), of plain values, in numpy.

It knows no books, files or clocks: who has a curve and round trips from anywhere can ask.
"""

from holdfast.statistics.compare import buy_and_hold
from holdfast.statistics.record import (
    Benchmark,
    BenchmarkStatistics,
    CostStatistics,
    Curve,
    DrawdownStatistics,
    ExposureStatistics,
    Interval,
    Intervals,
    Period,
    RoundTrip,
    Sessions,
    Statistics,
    TripStatistics,
)
from holdfast.statistics.sessions import daily, sessions_per_year
from holdfast.statistics.summary import summarize

__all__ = [
    "Benchmark",
    "BenchmarkStatistics",
    "CostStatistics",
    "Curve",
    "DrawdownStatistics",
    "ExposureStatistics",
    "Interval",
    "Intervals",
    "Period",
    "RoundTrip",
    "Sessions",
    "Statistics",
    "TripStatistics",
    "buy_and_hold",
    "daily",
    "sessions_per_year",
    "summarize",
]
