"""Writes the board from a thread of its own: market time and last prices, twice a second, for people who look (`journal/board.py`).

Trading neither waits for it nor knows of it. The thread copies what it needs in one step each, so it never sees half of a change; a disk that
is full, slow or not to be written to costs the board alone.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from holdfast.core.state import EngineState
from holdfast.journal.board import VERSION, Board, Commits, FeedBoard, write
from holdfast.runtime.groups import Group, Groups
from holdfast.telemetry.journal_metrics import JournalMetrics

EVERY_S = 0.5
"""How often it is written."""
COMMITS_S = 2.0
"""How often the figures of the commits are made anew."""
END_S = 1.0
"""How long the end of an engine waits for a write that is under way."""

log = structlog.get_logger(__name__)


class BoardWriter:
    """Keeps the board of an engine's groups while it is entered; afterwards there is none.

    ``names`` are the feeds' in the configuration, one for each of the loop's groups; ``metrics`` those of the journal's commits. ``beats`` counts the signs of life of
    the loop that trades: this thread has a life of its own, and must not speak for a loop that is stuck.
    """

    def __init__(
        self,
        path: Path,
        process: str,
        names: Sequence[str],
        loop: Groups,
        beats: Callable[[], int],
        metrics: JournalMetrics | None = None,
    ) -> None:
        self.path = path
        self._process = process
        self._loop = loop
        self._names = names
        self._beats = beats
        self._turned = beats(), time.time_ns()
        self._metrics = metrics
        self._commits: tuple[float, Commits | None] = -COMMITS_S, None
        self._over = threading.Event()
        self._was_told = False
        self._thread = threading.Thread(target=self._keep, name="board", daemon=True)

    def __enter__(self) -> "BoardWriter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(END_S)
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _keep(self) -> None:
        while True:
            self.write()
            if self._over.wait(EVERY_S):
                return

    def write(self) -> None:
        """Write it once. What can't be written is told once: trading goes on without, and so does trying."""
        try:
            write(self.path, self._board())
        except OSError as error:
            if not self._was_told:
                self._was_told = True
                log.warning(
                    "last prices can't be written for those who look; trading is not affected", reason=str(error)
                )

    def _board(self) -> Board:
        feeds = tuple(_feed(name, group) for name, group in zip(self._names, self._loop.groups, strict=True))
        failures = {name: str(error) for name, error in self._loop.failures.items()}
        now_ns, beats = time.time_ns(), self._beats()
        if beats != self._turned[0]:
            self._turned = beats, now_ns
        return Board(VERSION, self._process, now_ns, self._turned[1], feeds, self._commits_now(), failures)

    def _commits_now(self) -> Commits | None:
        now_s = time.monotonic()
        if self._metrics is not None and now_s - self._commits[0] >= COMMITS_S:
            self._commits = now_s, commits_of(self._metrics)
        return self._commits[1]


def commits_of(metrics: JournalMetrics) -> Commits:
    """What the metrics of a journal's database say of its commits."""
    found, slowest = metrics.summary(), metrics.slowest
    number = {name: int(found[name] or 0) for name in ("commits", "slow", "waited", "lock_waits", "deadlocks")}
    records, size = (round((found[name] or 0) / max(1, number["commits"]), 1) for name in ("records", "bytes"))
    return Commits(
        number["commits"], found["p50_s"], found["p99_s"], records, size,
        number["slow"], *slowest, number["waited"], number["lock_waits"], number["deadlocks"],
    )  # fmt: skip


def _feed(name: str, group: Group) -> FeedBoard:
    states = [account.state for account in group.accounts if account.name not in group.failures]
    feed = group.feed
    time_ns = max((state.now_ns for state in states), default=0)
    accounts = tuple(state.account for state in states)
    return FeedBoard(name, feed.kind, feed.name, time_ns, group.recovered.is_set(), accounts, _prices(states))


def _prices(states: Sequence[EngineState]) -> dict[str, tuple[float, int]]:
    """By symbol the price that was heard of last by any of the accounts."""
    found: dict[str, tuple[float, int]] = {}
    for state in states:
        seen: Mapping[str, int] = state.seen_ns.copy()  # each in one step, whatever the loop does meanwhile
        for symbol, price in state.marks.copy().items():
            time_ns = seen.get(symbol, 0)
            if symbol not in found or time_ns >= found[symbol][1]:
                found[symbol] = price, time_ns
    return found
