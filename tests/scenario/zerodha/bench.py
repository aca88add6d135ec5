"""An engine at a local Kite that goes on from one fault to the next."""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import requests

from holdfast.core.types import MINUTE_NS
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.times import ist
from tests.local_kite import LocalKite, local_kite
from tests.scenario.alpaca.engine import Running, check_blind_times
from tests.scenario.zerodha.engine import Theirs, agree_in_the_end, check_no_twins, engine_on, log_in

SPEED = 600.0
"""Ten minutes of market in a second."""
LATE = dt.time(14, 30)
"""After this a day has too little left: the next case begins another."""


class Bench:
    """A server and an engine, made anew after a case that failed, and when the day is nearly over."""

    def __init__(self, folder: Path) -> None:
        self.server: LocalKite
        self.running: Running
        self.is_good = False
        self._folder = folder
        self._days = 0
        self._open = contextlib.ExitStack()
        self._before: Counter[StrEnum] = Counter()

    def begin(self) -> None:
        """Have an engine that trades; the case says in ``is_good`` that it leaves it well."""
        if not self.is_good or ist(self.server.world.clock.now_ns).time() > LATE:
            self.end()
            self._days += 1
            self.server = self._open.enter_context(local_kite(speed=SPEED))
            self.server.play(40)
            self.running = self._open.enter_context(engine_on(self.server, self._folder / str(self._days)))
        self.is_good = False

    def end(self) -> None:
        """Stop both."""
        self._open.close()

    def trade(self, minutes: int) -> None:
        """Let the market go on for so long."""
        clock = self.server.world.clock
        until_ns = self.server.call(lambda: clock.now_ns) + minutes * MINUTE_NS
        self.server.call(clock.resume)
        self.wait_for(lambda: clock.now_ns >= until_ns, "the market to go on")
        self.server.call(clock.pause)

    def post(self, specs: Sequence[Mapping[str, Any]]) -> None:
        """Ask for faults."""
        self._before = self.server.call(self.server.world.faults.fired.copy)
        post(self.server, specs)

    def have_fired(self, names: Collection[str], minutes: int) -> bool:
        """Whether each of these faults has; else the market goes on for a while: a busy machine trades less in its minutes."""
        self.trade(minutes)
        counts = self.server.call(self.server.world.faults.fired.copy)
        return all(counts[FaultName(name)] > self._before[FaultName(name)] for name in names)

    def disarm(self) -> None:
        """No fault any more."""
        requests.delete(f"{self.server.url}/_sim/faults", timeout=10).raise_for_status()

    def log_in(self) -> None:
        """A person logs in again."""
        log_in(self.server, self.running.config)

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Until something is so."""
        self.running.wait_for(condition, what)

    def agree(self) -> None:
        """The books are the server's, no intent has two orders, nothing risky was sent while blind."""
        theirs = Theirs(self.server)
        agree_in_the_end(self.running, theirs)
        check_no_twins(theirs)
        check_blind_times(self.running)


def post(server: LocalKite, specs: Sequence[Mapping[str, Any]]) -> None:
    """Ask for faults, the restart last: it may take the answer with it."""
    for spec in sorted(specs, key=lambda spec: spec["name"] == FaultName.RESTART):
        try:
            answer = requests.post(f"{server.url}/_sim/faults", json=[spec], timeout=10)
        except requests.ConnectionError:
            assert spec["name"] == FaultName.RESTART
        else:
            assert answer.status_code == 200, answer.text
