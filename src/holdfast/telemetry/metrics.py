"""Metrics of the calls to a broker's API: for Prometheus, and a summary for people.

Each :class:`ApiMetrics` has a registry of its own, so that two engines in one process, and tests, don't share counts.
"""

import logging
import math
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

logger = logging.getLogger(__name__)

SLOW_S = 2.0
"""A call that takes longer, in seconds, is counted as slow and logged: five times what an order usually takes."""

REMEMBERED = 1000
"""How many of the last calls the summary's percentiles are of."""

MOST_PATHS = 60
"""How many different paths are told apart; each is a time series for ever. Beyond that they count as ``other``."""

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

NO_ANSWERS = (401, 407, 408, 429)
"""Statuses that say nothing of what was asked for: no access, too late, too many. 403 may be an order that is not taken."""

KEYED = ("orders", "positions", "assets", "watchlists")
"""Collections: all that follows in the path is a key into them."""

_WORD = re.compile(r"[a-z][a-z_:]*$|v\d+(beta\d+)?$")


class ApiCall(Protocol):
    """One request that was made. ``path`` has no query, ``status`` is 0 when no answer came."""

    @property
    def method(self) -> str:
        """GET, POST and so on."""

    @property
    def path(self) -> str:
        """Where to."""

    @property
    def status(self) -> int:
        """The answer's HTTP status."""

    @property
    def seconds(self) -> float:
        """How long it took."""


class SupervisorCounts(Protocol):
    """What one cycle of a supervisor did."""

    @property
    def errors(self) -> int:
        """Whether it went wrong."""

    @property
    def lock_skips(self) -> int:
        """Whether another process kept it from working."""


class ApiMetrics:
    """Counts calls, the calls that caches saved, and how long answers took. Used by all threads.

    ``slow_s`` is from when on a call counts as slow, in seconds.
    """

    def __init__(self, slow_s: float = SLOW_S) -> None:
        self.registry = CollectorRegistry()
        self._slow_s = slow_s
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)
        self._paths: set[str] = set()
        of_call = ("method", "path")
        self._calls = Counter(
            "holdfast_api_calls", "Requests made; status 0: no answer", (*of_call, "status"), registry=self.registry
        )
        self._slow = Counter(
            "holdfast_api_slow_calls", "Requests slower than the bound", of_call, registry=self.registry
        )
        self._time = Histogram(
            "holdfast_api_response_seconds",
            "From sending to the whole answer",
            of_call,
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._saved = Counter("holdfast_api_calls_saved", "Requests not made", ("cache",), registry=self.registry)
        self._hits = Counter("holdfast_cache_hits", "Answers from memory", ("cache",), registry=self.registry)
        self._misses = Counter(
            "holdfast_cache_misses", "Answers that took a request", ("cache",), registry=self.registry
        )
        self._cycles = Counter(
            "holdfast_supervisor_cycles", "Looks at pending orders", ("result",), registry=self.registry
        )
        self._pending = Counter(
            "holdfast_supervisor_orders", "What came of pending orders", ("result",), registry=self.registry
        )
        self._refusals = Counter(
            "holdfast_risk_refusals", "Orders that risk refused", ("rule",), registry=self.registry
        )
        self._alarms = Counter(
            "holdfast_protection_alarms", "Positions that were not protected", ("alarm",), registry=self.registry
        )
        self._unprotected = Histogram(
            "holdfast_unprotected_seconds",
            "From a fill, or an exit's end, to confirmed protection",
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._success = Gauge(
            "holdfast_api_last_success_seconds", "When a request was last answered well", registry=self.registry
        )
        self._failures = Gauge(
            "holdfast_api_failures_in_a_row", "Requests that failed since one was answered well", registry=self.registry
        )
        self._health = Gauge("holdfast_health", "1 well, 0 not", ("part",), registry=self.registry)

    def observe(self, call: ApiCall) -> None:
        """Take note of a request that was made."""
        path = self._known_path(path_template(call.path))
        self._calls.labels(call.method, path, str(call.status)).inc()
        self._time.labels(call.method, path).observe(call.seconds)
        if is_well(call.status):
            self._success.set_to_current_time()
            self._failures.set(0)
        else:
            self._failures.inc()
        with self._lock:
            self._seconds.append(call.seconds)
        if call.seconds > self._slow_s:
            self._slow.labels(call.method, path).inc()
            logger.warning("slow: %s %s took %.1f s (status %d)", call.method, path, call.seconds, call.status)

    def hit(self, cache: str) -> None:
        """An answer came from memory: a call was saved."""
        self._hits.labels(cache).inc()
        self._saved.labels(cache).inc()

    def joined(self, cache: str) -> None:
        """An answer came from the request that another caller had under way: a call was saved, and it was no hit."""
        self._misses.labels(cache).inc()
        self._saved.labels(cache).inc()

    def missed(self, cache: str) -> None:
        """An answer had to be asked for."""
        self._misses.labels(cache).inc()

    def observe_cycle(self, cycle: SupervisorCounts) -> None:
        """Take note of a supervisor's cycle."""
        result = "error" if cycle.errors else "locked" if cycle.lock_skips else "ok"
        self._cycles.labels(result).inc()
        for name in ("claimed", "submitted", "failed", "retryable", "skipped"):
            self._pending.labels(name).inc(getattr(cycle, name))

    def refused(self, rule: str) -> None:
        """Risk has refused an order by a rule."""
        self._refusals.labels(rule).inc()

    def protection_alarm(self, alarm: str) -> None:
        """A position is not protected as it should be: ``late``, ``failed``, or ``left`` when it would not close either."""
        self._alarms.labels(alarm).inc()

    def protected_after(self, seconds: float) -> None:
        """A position's protection is complete, after so many seconds without."""
        self._unprotected.observe(seconds)

    def set_health(self, part: str, well: bool) -> None:
        """Say how ``part`` (``trading``, ``market_data``, a stream) is."""
        self._health.labels(part).set(1 if well else 0)

    def summary(self) -> dict[str, float | None]:
        """The counts for people; None where there is nothing to count.

        ``calls``, of these ``failed`` (an error or no answer) and ``slow``; ``saved`` by caches and their ``hit_rate`` (0 to
        1); ``p50_s`` and ``p95_s`` of the last thousand answers, in seconds.
        """
        hits, misses = _total(self._hits), _total(self._misses)
        with self._lock:
            seconds = sorted(self._seconds)
        return {
            "calls": _total(self._calls),
            "failed": _total(self._calls, lambda labels: not 200 <= int(labels["status"]) < 400),
            "saved": _total(self._saved),
            "hit_rate": hits / (hits + misses) if hits + misses else None,
            "slow": _total(self._slow),
            "p50_s": quantile(seconds, 0.50),
            "p95_s": quantile(seconds, 0.95),
        }

    def _known_path(self, path: str) -> str:
        with self._lock:
            if path not in self._paths and len(self._paths) >= MOST_PATHS:
                return "other"
            self._paths.add(path)
        return path


def is_well(status: int) -> bool:
    """Whether an answer is one: that there is no such thing, or that an order is not taken, is what was asked for; no answer, no access, or too much is not."""
    return 200 <= status < 500 and status not in NO_ANSWERS


def path_template(path: str) -> str:
    """``path`` with ids and symbols taken out: ``/orders/{id}``, ``/stocks/{id}/bars``, ``/account/activities/{id}``."""
    parts: list[str] = []
    for part in path.partition("?")[0].strip("/").split("/"):
        after_collection = bool(parts) and parts[0] in KEYED
        word = part if _WORD.match(part) and not after_collection else "{id}"
        if word != "{id}" or parts[-1:] != ["{id}"]:
            parts.append(word)
    return "/" + "/".join(parts)


def _total(counter: Counter, where: Callable[[dict[str, str]], bool] = lambda labels: True) -> float:  # noqa: ARG005
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and where(sample.labels)
    )


def quantile(ordered: list[float], part: float) -> float | None:
    """The nearest-rank quantile."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None
