"""What an engine notices of being watched: from a tick to the commit of its order, with nothing of it on, and with everything.

``python -m bench observe`` in less than five minutes; ``python -m bench.observe_bench --parts`` takes it apart besides, in twice that. On is: logs at debug into a file, metrics that
are read every second, errors to Sentry and traces by OTLP to addresses where nobody is, and `holdfast observe` with all its rules. Strangers are a process
that takes as much of the processors as the observer does, in bursts, and touches nothing of ours: what they cost is the price of sharing a machine.

One engine trades all the time, and the conditions take turns of two seconds in one order and the other, so that whatever the machine does meanwhile
falls on all of them. The log's level is set in the engine, the observer is stopped and let go on by signals. First the engine has a processor
for itself and everybody else is on the others, then all share all. The ticks and the witness are those of `web_ticks.py`.
"""

import argparse
import logging
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from bench.web_bench import BURN
from bench.web_ticks import METRICS, WATCHED, Sample, Ticking, ticking

TICKS_PER_S = 100
ROUNDS, TURN_S, SKIPPED_S = 20, 2.0, 0.4
"""How often each condition has its turn, for how long, and what of it is left out after the change."""
SETTLE_S = 3.0
SCRAPED_S = 1.0
DRAWN = 400
"""How often the rounds are drawn anew, to see how far a figure is from certain."""
NOTHING, EVERYTHING, STRANGERS = "nothing", "everything", "strangers"
PARTS: dict[str, frozenset[str]] = {
    NOTHING: frozenset(),
    EVERYTHING: frozenset(("log", "metrics", "observer")),
    STRANGERS: frozenset(("strangers",)),
    "log alone": frozenset(("log",)),
    "metrics alone": frozenset(("metrics",)),
    "observer alone": frozenset(("observer",)),
}
ASKED = (NOTHING, EVERYTHING, STRANGERS)


class Turn(NamedTuple):
    """One condition for some seconds: what came of it."""

    took_ms: list[float]
    """From each tick to the commit of its order."""
    loop_s: float
    """Processor time of the engine's loop."""
    engine_s: float
    """Processor time of the whole engine."""
    observer_s: float


class Machine:
    """The engine, and all that may be beside it."""

    def __init__(
        self, engine: Ticking, observer: "subprocess.Popen[bytes]", stranger: "subprocess.Popen[bytes]"
    ) -> None:
        self.engine = engine
        self._observer, self._stranger = observer, stranger
        self._scrapes = threading.Event()
        threading.Thread(target=self._scrape, daemon=True).start()

    def set(self, on: frozenset[str]) -> None:
        """Have these on and nothing else."""
        self.engine.log_from(logging.DEBUG if "log" in on else logging.ERROR)
        for name, process in (("observer", self._observer), ("strangers", self._stranger)):
            process.send_signal(signal.SIGCONT if name in on else signal.SIGSTOP)
        (self._scrapes.set if "metrics" in on else self._scrapes.clear)()

    def used_s(self) -> tuple[float, float, float]:
        """Processor time so far: of the engine's loop, of the engine, of the observer."""
        return (
            on_processor_s(self.engine.pid, only_main=True),
            on_processor_s(self.engine.pid),
            on_processor_s(self._observer.pid),
        )

    def _scrape(self) -> None:
        while self._scrapes.wait():
            with suppress(OSError):
                urlopen(METRICS, timeout=5).read()  # noqa: S310 - our own
            time.sleep(SCRAPED_S)


def threads(pid: int) -> list[Path]:
    """What the system says of each thread of a process."""
    return list(Path(f"/proc/{pid}/task").iterdir())


def on_processor_s(pid: int, *, only_main: bool = False) -> float:
    """Processor time of a process's threads that are there, or of its first alone."""
    total = 0
    for thread in threads(pid):
        with suppress(OSError):
            total += (
                int((thread / "schedstat").read_text().split()[0]) if int(thread.name) == pid or not only_main else 0
            )
    return total / 1e9


@contextmanager
def machine(folder: Path, share: float, own: set[int], others: set[int]) -> Iterator[Machine]:
    """Everything started, the engine on the processors ``own`` and all else on the ``others``; strangers burn ``share`` of one."""
    os.sched_setaffinity(0, others)
    with ExitStack() as stack:
        engine = stack.enter_context(ticking(folder, WATCHED, TICKS_PER_S))
        for thread in threads(engine.pid):
            os.sched_setaffinity(int(thread.name), own)
        commands = ([sys.executable, "-m", "holdfast", "observe"], [sys.executable, "-c", BURN, str(share)])
        both = [
            subprocess.Popen(each, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for each in commands
        ]
        for each in both:
            stack.callback(each.wait)
            stack.callback(each.kill)
        yield Machine(engine, *both)


def turns(there: Machine, names: Sequence[str], rounds: int) -> dict[str, list[Turn]]:
    """The conditions in turns, there and back again; the engine's end gives what each tick took."""
    spans: list[tuple[str, int, int, list[float]]] = []
    for at in range(rounds):
        for name in names if at % 2 else names[::-1]:
            there.set(PARTS[name])
            time.sleep(SKIPPED_S)
            began_ns, before = time.time_ns(), there.used_s()
            time.sleep(TURN_S - SKIPPED_S)
            used = [now - then for now, then in zip(there.used_s(), before, strict=True)]
            spans.append((name, began_ns, time.time_ns(), used))
    there.set(PARTS[NOTHING])
    samples = there.engine.end()
    found: dict[str, list[Turn]] = {name: [] for name in names}
    for name, began_ns, ended_ns, used in spans:
        found[name].append(Turn(took_ms(samples, began_ns, ended_ns), *used))
    return found


def took_ms(samples: Sequence[Sample], began_ns: int, ended_ns: int) -> list[float]:
    """From arrival to durable, of what arrived in a span."""
    return [(one.durable_ns - one.arrived_ns) / 1e6 for one in samples if began_ns <= one.arrived_ns < ended_ns]


def percentile(percent: int) -> Callable[[Sequence[Turn]], float]:
    """Of all ticks of several turns."""
    return lambda some: statistics.quantiles([took for one in some for took in one.took_ms], n=100)[percent - 1]


def a_tick_us(of: Callable[[Turn], float]) -> Callable[[Sequence[Turn]], float]:
    """Processor time for each tick, in microseconds."""
    return lambda some: 1e6 * sum(map(of, some)) / sum(len(one.took_ms) for one in some)


FIGURES: dict[str, Callable[[Sequence[Turn]], float]] = {
    "p50, ms": percentile(50),
    "p99, ms": percentile(99),
    "loop, us a tick": a_tick_us(lambda one: one.loop_s),
    "engine, us a tick": a_tick_us(lambda one: one.engine_s),
}


def report(found: dict[str, list[Turn]]) -> None:
    """Each condition, and how much more than with nothing on: of all rounds, and how far that is from certain."""
    chance, alone = random.Random(1), found[NOTHING]  # noqa: S311 - it decides nothing but the error's last digit
    draws = [chance.choices(range(len(alone)), k=len(alone)) for _ in range(DRAWN)]
    for name, some in found.items():
        print(f"  {name:15}{sum(len(one.took_ms) for one in some):7,} ticks", end="")
        for what, figure in FIGURES.items():
            said = f"{figure(some):8.2f} {what}" if "ms" in what else f"{figure(some):6.0f} {what}"
            if name != NOTHING:
                more = [
                    100 * (figure([some[at] for at in drawn]) / figure([alone[at] for at in drawn]) - 1)
                    for drawn in draws
                ]
                said += f" ({100 * (figure(some) / figure(alone) - 1):+.1f} % +- {statistics.stdev(more):.1f})"
            print(f"; {said}", end="")
        print()


def observer_share(found: dict[str, list[Turn]]) -> float:
    """How much of a processor the observer takes."""
    return sum(one.observer_s for one in found[EVERYTHING]) / len(found[EVERYTHING]) / (TURN_S - SKIPPED_S)


def measure(title: str, names: Sequence[str], rounds: int, share: float, own: set[int], others: set[int]) -> float:
    """One report; gives the observer's share of a processor."""
    with tempfile.TemporaryDirectory() as name, machine(Path(name), share, own, others) as there:
        time.sleep(SETTLE_S)
        found = turns(there, names, rounds)
    print(
        f"{title}; load {os.getloadavg()[0]:.1f}; the observer takes {100 * observer_share(found):.1f} % of a core, strangers {100 * share:.1f} %:"
    )
    report(found)
    return observer_share(found)


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.observe_bench")
    parser.add_argument("--parts", action="store_true", help="each part alone besides: twice as long")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked, _ = parser.parse_known_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    names = list(PARTS) if asked.parts else list(ASKED)
    print(
        f"an engine at {TICKS_PER_S} ticks a second, {asked.rounds} turns of {TURN_S:g} s each; figures are from a tick to the commit of its order:"
    )
    every = os.sched_getaffinity(0)
    own = {min(every)}
    try:
        share = measure("a look at how much the observer takes", list(ASKED), 2, 0.1, every, every)
        if len(every) > 1:
            measure("the engine has a core of its own", names, asked.rounds, share, own, every - own)
        os.sched_setaffinity(0, every)
        measure(f"all share {len(every)} cores", names, asked.rounds, share, every, every)
    finally:
        os.sched_setaffinity(0, every)


if __name__ == "__main__":
    main()
