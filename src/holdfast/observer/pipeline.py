"""The pipeline monitor as a watcher: it follows the records, and has verdicts and figures for Prometheus (docs/monitor.md)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from holdfast.config import Config
from holdfast.core.messages import Envelope
from holdfast.core.types import SECOND_NS
from holdfast.journal.lists import ListReader
from holdfast.monitor.expected import expected
from holdfast.monitor.metrics import of_book, of_states
from holdfast.monitor.monitor import Monitor, StageState
from holdfast.monitor.reading import read_fold
from holdfast.observer.watcher import Moment
from holdfast.views.pipeline import pulse

if TYPE_CHECKING:
    import sqlalchemy as sa
    from prometheus_client import Metric

JUDGED_NS = SECOND_NS
"""How often verdicts are made anew."""


class PipelineWatcher:
    """The monitor of a configuration's accounts, and a collector of its metrics."""

    name = "pipeline"

    def __init__(self, config: Config) -> None:
        self._monitor = Monitor(expected(config))
        self._lock = threading.Lock()
        """Who reads the metrics has a thread of its own."""
        self._states: dict[str, list[StageState]] = {}
        self._judged_ns = 0
        self.on_work: list[Callable[[], None]] = []
        """Those who are told at each look of an observer that works."""

    def take(self, config: Config) -> None:
        """Judge by another configuration of the same accounts."""
        with self._lock:
            self._monitor.expect(expected(config))

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        """Read what stands at that record, and count what comes after it."""
        each = self._monitor.expected.get(account)
        if each is None:
            return
        fold = read_fold(reader, each, upto=sequence)
        fold.book.forget_counts()
        with self._lock:
            self._monitor.folds[account] = fold

    def on_records(self, account: str, records: Sequence[Envelope], kept: "sa.Connection") -> None:  # noqa: ARG002  nothing is kept
        """Take them in."""
        with self._lock:
            self._monitor.take(account, records)

    def on_time(self, moment: Moment) -> None:
        """Judge, once a second. A journal that can't be read leaves the verdicts as they were."""
        for tell in self.on_work:
            tell()
        if moment.reader is None or moment.now_ns - self._judged_ns < JUDGED_NS:
            return
        self._judged_ns = moment.now_ns
        known = {row.account for row in moment.reader.accounts()}
        pulses = {name: pulse(moment.reader, name) for name in self._monitor.expected if name in known}
        with self._lock:
            self._monitor.pass_time(moment.now_ns, pulses)
            self._states = {name: self._monitor.states(name, moment.now_ns, found) for name, found in pulses.items()}

    def collect(self) -> "Iterator[Metric]":
        """All figures and verdicts, as Prometheus takes them."""
        with self._lock:
            for name, each in self._monitor.expected.items():
                yield from of_book(name, each.broker, self._monitor.folds[name].book)
            yield from of_states([state for states in self._states.values() for state in states])
