"""Metrics of the journal's database: how long commits take, what was slow, who waited for whom."""

import threading
from collections import deque

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from holdfast.telemetry.metrics import quantile

log = structlog.get_logger(__name__)

SLOW_S = 0.2
"""A statement or commit that takes longer, in seconds, is counted as slow and logged: a hundred times what it usually takes."""

WAITED_S = 0.05
"""A lock that was there only after longer, in seconds, was waited for; on a machine that is too busy to run us that is counted too."""

REMEMBERED = 1000
"""How many of the last commits the summary's percentiles are of."""

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BUCKETS_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000)
BUCKETS_BYTES = (256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)


class JournalMetrics:
    """Counts for one open database. Used by all threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)
        self._counts = dict.fromkeys(("commits", "records", "bytes", "slow", "waited", "lock_waits", "deadlocks"), 0)
        self._slowest = "", 0.0
        self._time = Histogram(
            "holdfast_journal_commit_seconds",
            "From the transaction's begin until it is durable",
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._records = Histogram(
            "holdfast_journal_commit_records", "Records of a commit", buckets=BUCKETS_RECORDS, registry=self.registry
        )
        self._bytes = Histogram(
            "holdfast_journal_commit_bytes",
            "Size of the bodies of a commit's records",
            buckets=BUCKETS_BYTES,
            registry=self.registry,
        )
        self._slow = Counter(
            "holdfast_journal_slow_statements", "Statements over the bound", ("statement",), registry=self.registry
        )
        self._contended = Counter(
            "holdfast_journal_contention",
            "Locks waited for, given up, and deadlocks",
            ("kind",),
            registry=self.registry,
        )

    def committed(self, seconds: float, records: int = 0, size: int = 0) -> None:
        """A commit of the writer's has returned after ``seconds``: so many ``records``, with bodies of ``size`` characters in all."""
        self._time.observe(seconds)
        self._records.observe(records)
        self._bytes.observe(size)
        with self._lock:
            self._seconds.append(seconds)
            self._counts["commits"] += 1
            self._counts["records"] += records
            self._counts["bytes"] += size

    def took(self, statement: str, seconds: float) -> None:
        """A statement, or the commit itself, has returned after ``seconds``; of its text only the first words are kept."""
        if seconds <= SLOW_S:
            return
        name = " ".join(statement.split()[:3])
        self._slow.labels(name).inc()
        with self._lock:
            self._counts["slow"] += 1
            self._slowest = max(self._slowest, (name, seconds), key=lambda one: one[1])
        log.warning("the journal's database is slow", statement=name, seconds=round(seconds, 3))

    def locked(self, seconds: float) -> None:
        """A commit has its locks after ``seconds``, in however many tries: a wait that ended well is counted as ``waited``."""
        if seconds >= WAITED_S:
            self._contended.labels("waited").inc()
            with self._lock:
                self._counts["waited"] += 1

    @property
    def slowest(self) -> tuple[str, float]:
        """The first words of the slowest statement over the bound, and its seconds; empty and 0 where there was none."""
        return self._slowest

    def contended(self, kind: str) -> None:
        """The database gave up a wait for a lock (``lock_waits``), or broke a deadlock (``deadlocks``)."""
        self._contended.labels(kind).inc()
        with self._lock:
            self._counts[kind] += 1
        log.warning("sessions of the journal's database are in each other's way", kind=kind)

    def summary(self) -> dict[str, float | None]:
        """The counts for people.

        ``commits``, their ``records`` and the ``bytes`` of those, ``slow`` statements, locks ``waited`` for, ``lock_waits`` given up, ``deadlocks``;
        ``p50_s`` and ``p99_s`` of the last thousand commits, in seconds, None where there was none.
        """
        with self._lock:
            seconds, counts = list(self._seconds), dict[str, float | None](self._counts)
        ordered = sorted(seconds)
        return counts | {"p50_s": quantile(ordered, 0.50), "p99_s": quantile(ordered, 0.99)}
