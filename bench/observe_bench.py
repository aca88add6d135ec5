"""What an engine notices of being watched: from a tick to the commit of its order, with everything of it off, and on.

``python -m bench observe``. On is: logs at debug into a file, metrics that are read every second, errors to Sentry and traces by OTLP to addresses
where nobody is, and `holdfast observe` beside the engine with all its rules. Two engines take turns of some seconds on a market of their own each, so that
whatever the machine does meanwhile falls on both; the ticks and the witness are those of `web_ticks.py`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from bench.web_ticks import METRICS, TICKS_PER_S, WATCHED, Sample, ticking

TURNS, TURN_S, SKIPPED_S = 8, 12.0, 3.0
"""How often each has its turn, for how long, and what of it is left out: a start and its first commits."""
SCRAPED_S = 1.0
OFF, ON = "off", "on"


@contextmanager
def observing(folder: Path) -> Iterator[None]:
    """`holdfast observe`, and somebody who reads the engine's metrics."""
    command = [sys.executable, "-m", "holdfast", "observe"]
    over = threading.Event()
    scraper = threading.Thread(target=_scrape, args=(over,), daemon=True)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as observer:
        scraper.start()
        try:
            yield
        finally:
            over.set()
            scraper.join()
            observer.terminate()


def _scrape(over: threading.Event) -> None:
    while not over.wait(SCRAPED_S):
        with suppress(OSError):
            urlopen(METRICS, timeout=5).read()  # noqa: S310 - our own


def turn(how: str) -> list[Sample]:
    """One engine's turn."""
    with tempfile.TemporaryDirectory() as name, ticking(Path(name), WATCHED if how == ON else "") as engine:
        if how == OFF:
            time.sleep(TURN_S)
            return engine.end()
        with observing(Path(name)):
            time.sleep(TURN_S)
            return engine.end()


def took_ms(samples: list[Sample]) -> list[float]:
    """Of the samples after the first seconds."""
    begins_ns = samples[0].arrived_ns + int(SKIPPED_S * 1e9)
    return [(one.durable_ns - one.arrived_ns) / 1e6 for one in samples if one.arrived_ns >= begins_ns]


def main() -> None:
    """Measure, and print the report."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(
        f"an engine at {TICKS_PER_S} ticks a second, watched by nothing and by everything; load {os.getloadavg()[0]:.1f}:"
    )
    found: dict[str, list[list[float]]] = {OFF: [], ON: []}
    for at in range(TURNS):  # there and back again: what changes all the time falls on both
        for how in (OFF, ON) if at % 2 else (ON, OFF):
            found[how].append(took_ms(turn(how)))
    for how, turns in found.items():
        every = [value for values in turns for value in values]
        print(
            f"  {how:3} {len(every):,} ticks that led to an order; p50 {share(every, 50):.2f} ms, p99 {share(every, 99):.2f} ms"
        )
    for what in (50, 99):
        pairs = [100 * (share(on, what) / share(off, what) - 1) for off, on in zip(found[OFF], found[ON], strict=True)]
        error = statistics.stdev(pairs) / len(pairs) ** 0.5
        print(f"  p{what}: pairs of turns {statistics.mean(pairs):+.1f} % +- {error:.1f} with everything on")


def share(values: list[float], percent: int) -> float:
    """A percentile."""
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main()
