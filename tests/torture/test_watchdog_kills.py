"""Engines killed between an entry's fill and its protection, and never started again: how long until the watchdog has the exits there."""

import json
import logging
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

from holdfast.core.protection.records import ProtectionFailed
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.books import ACCOUNT, compare
from holdfast.torture.processes.programs import Program, Spawner, send
from tests.budget import by_tier
from tests.torture.arena import PATIENCE_S, Arena, arena
from tests.torture.test_protection_kills import POINTS, buy, exits, held, minute_goes_by, sees_the_market

log = logging.getLogger(__name__)

KILLS = by_tier(test=1, campaign=50)
"""How many engines are killed; docs/watchdog.md shows what they come to."""
SILENT_S, CHECK_S = 5.5, 0.5
AT_BROKER = f"{CrashPoint.ANSWERED}:2"
"""Where the engine dies the broker has the exits already: the watchdog finds that, and touches nothing."""
WATCHDOG_POINTS = (
    f"{CrashPoint.BEFORE_APPEND}:2",  # it has the account, and its recovery has nothing on the disk
    f"{CrashPoint.RECOVERING}:1",  # the journal is applied, the broker not asked
    f"{CrashPoint.COMMITTED}:2",  # what it has begun is durable, and nobody was told
    f"{CrashPoint.RELEASED}:1",  # its first leg is about to be handed to the broker
    f"{CrashPoint.SENDING}:1",  # the pair's request is about to leave
    f"{CrashPoint.ANSWERED}:1",  # the broker has the pair, and nobody here knows
)
EVERY = by_tier(test=1, campaign=5)
"""Of so many watchdogs one is killed as well, while it has the account."""


class Round:
    """One engine's death, and what the watchdogs do about it."""

    def __init__(self, where: Arena, number: int) -> None:
        self.point = POINTS[number % len(POINTS)]
        is_killed = number % EVERY == EVERY - 1 and self.point != AT_BROKER
        self.watchdog_point = WATCHDOG_POINTS[number // EVERY % len(WATCHDOG_POINTS)] if is_killed else ""
        self.took_s = 0.0
        self._where = where
        self._bought = number + 1
        self._output = where.folder / f"watchdog-{number}.txt"

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "a watchdog killed as it acts, and another" if self.watchdog_point else f"engine killed at {self.point}"

    def run(self) -> None:
        """Let an engine buy and die; wait until the broker has exits for all that is held, and for the account to be given back."""
        where = self._where
        self._die(where)
        began_s = time.monotonic()
        watchdog = self._second() if self.watchdog_point else self._first
        wanted = [self._bought, self._bought]
        where.until(lambda: exits(where) == wanted, f"exits for {self._bought}, not {exits(where)}; {self._said()}")
        self.took_s = time.monotonic() - began_s
        where.until(lambda: self._heard("protected"), f"the watchdog to be content; {self._said()}")
        if self.point != AT_BROKER:
            self._agree()
        assert exits(where) == wanted
        send(watchdog, signal.SIGTERM)
        assert watchdog.ended(PATIENCE_S) == 0, self._said()

    def _die(self, where: Arena) -> None:
        since = where.watch.where()[1]
        doomed = where.start(HOLDFAST_CRASH_AT=self.point)
        where.until(lambda: where.watch.is_ready(since) or doomed.ended() is not None, "the engine")
        where.until(lambda: sees_the_market(where, since), "the market data")
        if self._bought > 1:
            self._agree()
        self._first = self._watchdog(**({"HOLDFAST_CRASH_AT": self.watchdog_point} if self.watchdog_point else {}))
        where.until(lambda: self._heard("ready"), f"the watchdog; {self._said()}")
        buy(where)
        where.until(lambda: doomed.ended() is not None or not minute_goes_by(where), f"the kill at {self.point}")
        assert where.ended(doomed) == -signal.SIGKILL
        where.watch.let_go()
        assert held(where) == self._bought

    def _second(self) -> Program:
        """The first dies while it has the account."""
        assert self._first.ended(PATIENCE_S) == -signal.SIGKILL, f"{self.watchdog_point} never came; {self._said()}"
        assert self._heard("taken")
        self._where.watch.let_go()
        return self._watchdog()

    def _watchdog(self, **extra: str) -> Program:
        return self._where.watchdog(self._output, **extra)

    def _agree(self) -> None:
        where = self._where
        where.until(lambda: compare(where.watch.reader(), where.broker.truth()).problems == [], "the books to agree")

    def _said(self) -> str:
        return self._output.read_text() if self._output.exists() else "nothing"

    def _heard(self, event: str) -> bool:
        return any(json.loads(line)["event"] == event for line in self._said().splitlines() if line.startswith("{"))


def table(rounds: list[Round]) -> str:
    """Seconds from the engine's death until the broker has the exits, by what was killed where."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for each in rounds:
        found[each.name].append(each.took_s)
    lines = [f"{'':<45}{'kills':>6}{'p50':>8}{'p95':>8}{'longest':>9}"]
    for name, took_s in sorted(found.items()):
        took_s.sort()
        p50, p95 = took_s[len(took_s) // 2], took_s[-1 - len(took_s) // 20]
        lines.append(f"{name:<45}{len(took_s):>6}{p50:>6.1f} s{p95:>6.1f} s{took_s[-1]:>7.1f} s")
    return "\n".join(lines)


@pytest.mark.process
@pytest.mark.proves("K7", "K8")
def test_the_watchdog_closes_the_gap_of_each_engine_that_is_killed(tmp_path: Path, spawner: Spawner) -> None:
    """Nobody starts the engine again: what is held has its exits, none is there twice, the books agree; the log says how soon."""
    with arena(tmp_path, spawner) as where:
        path = tmp_path / "holdfast.toml"
        settings = path.read_text().replace("params = { seed", "params = { idle_in = 10, seed")
        path.write_text(f"{settings}\n[watchdog]\nsilent_after_s = {SILENT_S}\ncheck_every_s = {CHECK_S}\n")
        minute_goes_by(where)
        rounds = [Round(where, number) for number in range(KILLS)]
        for each in rounds:
            each.run()
        assert where.watch.reader().last_record(ACCOUNT, ProtectionFailed.__name__) is None
        where.heal()
    log.info("%d kills\n%s", KILLS, table(rounds))
