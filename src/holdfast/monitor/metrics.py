"""The monitor's figures and verdicts for Prometheus: every key of the register, and how each stage is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.core.types import SECOND_NS
from holdfast.monitor.registry import Book, Key, Kind, Stage
from holdfast.monitor.verdicts import Level

if TYPE_CHECKING:
    from prometheus_client import Metric

    from holdfast.monitor.monitor import StageState

LABELS = ("account", "broker", "stage")
BOUNDS_NS = tuple(
    int(seconds * SECOND_NS)
    for seconds in (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
)
"""The ends of the exported buckets."""
LEVEL = "holdfast_pipeline_level"
AGE = "holdfast_pipeline_age_seconds"


def of_book(account: str, broker: str, book: Book) -> "Iterator[Metric]":
    """Every figure of an account's book."""
    for key in Key:
        yield _family(account, broker, book, key)


def of_states(states: "list[StageState]") -> "Iterator[Metric]":
    """How each stage is: 1 for the level that it has, 0 for the others; and how long ago its last event is."""
    from prometheus_client.core import GaugeMetricFamily

    levels = GaugeMetricFamily(LEVEL, "1 for the verdict on the stage, 0 for the others", labels=(*LABELS, "level"))
    ages = GaugeMetricFamily(AGE, "How long ago the stage's last event is, by the account's clock", labels=LABELS)
    for state in states:
        labels = [state.account, state.broker, state.stage.value]
        for level in Level:
            levels.add_metric([*labels, level.value], float(state.level is level))
        if state.age_s is not None:
            ages.add_metric(labels, state.age_s)
    yield levels
    yield ages


def _family(account: str, broker: str, book: Book, key: Key) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    metric = key.metric
    if metric.kind is Kind.COUNT:
        counter = CounterMetricFamily(metric.name, metric.text, labels=LABELS)
        for stage in metric.stages:
            counter.add_metric([account, broker, stage.value], book.total(key, stage))
        return counter
    if metric.kind is Kind.TIME:
        gauge = GaugeMetricFamily(metric.name, metric.text, labels=LABELS)
        for stage in metric.stages:
            time_ns = book.at(key, stage)
            if time_ns is not None:
                gauge.add_metric([account, broker, stage.value], time_ns / SECOND_NS)
        return gauge
    histogram = HistogramMetricFamily(metric.name, metric.text, labels=LABELS)
    for stage in metric.stages:
        histogram.add_metric([account, broker, stage.value], *_buckets(book, key, stage))
    return histogram


def _buckets(book: Book, key: Key, stage: Stage) -> tuple[list[tuple[str, float]], float]:
    found = book.durations(key, stage)
    counts = zip(BOUNDS_NS, found.at_most(BOUNDS_NS), strict=True)
    buckets = [(f"{bound_ns / SECOND_NS:g}", float(count)) for bound_ns, count in counts]
    return [*buckets, ("+Inf", float(found.count))], found.sum_ns / SECOND_NS
