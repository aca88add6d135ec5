"""Metrics of the journal's database: how long commits take, what was slow, who waited for whom."""

import threading
from collections import deque

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from holdfast.observe.metrics import quantile

log = structlog.get_logger(__name__)

SLOW_S = 0.2
"""A statement or commit that takes longer, in seconds, is counted as slow and logged: a hundred times what it usually takes."""

REMEMBERED = 1000
"""How many of the last commits the summary's percentiles are of."""

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class JournalMetrics:
    """Counts for one open database. Used by all threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)
        self._counts = dict.fromkeys(("commits", "slow", "lock_waits", "deadlocks"), 0)
        self._time = Histogram(
            "holdfast_journal_commit_seconds",
            "From the transaction's begin until it is durable",
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._slow = Counter(
            "holdfast_journal_slow_statements", "Statements over the bound", ("statement",), registry=self.registry
        )
        self._contended = Counter(
            "holdfast_journal_contention", "Lock waits given up, and deadlocks", ("kind",), registry=self.registry
        )

    def committed(self, seconds: float) -> None:
        """A commit of the writer's has returned after ``seconds``."""
        self._time.observe(seconds)
        with self._lock:
            self._seconds.append(seconds)
            self._counts["commits"] += 1

    def took(self, statement: str, seconds: float) -> None:
        """A statement, or the commit itself, has returned after ``seconds``; of its text only the first words are kept."""
        if seconds <= SLOW_S:
            return
        name = " ".join(statement.split()[:3])
        self._slow.labels(name).inc()
        with self._lock:
            self._counts["slow"] += 1
        log.warning("the journal's database is slow", statement=name, seconds=round(seconds, 3))

    def contended(self, kind: str) -> None:
        """The database gave up a wait for a lock (``lock_waits``), or broke a deadlock (``deadlocks``)."""
        self._contended.labels(kind).inc()
        with self._lock:
            self._counts[kind] += 1
        log.warning("sessions of the journal's database are in each other's way", kind=kind)

    def summary(self) -> dict[str, float | None]:
        """The counts for people.

        ``commits``, ``slow`` statements, ``lock_waits``, ``deadlocks``; ``p50_s`` and ``p99_s`` of the last thousand commits, in
        seconds, None where there was none.
        """
        with self._lock:
            ordered = sorted(self._seconds)
            counts: dict[str, float | None] = dict(self._counts)
        return counts | {"p50_s": quantile(ordered, 0.50), "p99_s": quantile(ordered, 0.99)}
