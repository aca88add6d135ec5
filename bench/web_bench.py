"""The web process and its page over a long journal, with a crowd that looks, and what the engine notices of it.

``python -m bench web`` measures all; ``python -m bench.web_bench --only page`` (``crowds``, ``ticks``) a part, ``--records`` of another length.

**Page**: a made-up market is traded flat out for some seconds and the journal lengthened (`long_journal.py`); a writer in the engine's place has the
account and adds an order five times a second. Cold is a web process that has just been started and a browser that has never seen the
page, the journal in the system's cache; warm is the same browser opening it again. Chromium (`web_page.py`) says when.

**Crowds**: dashboards (`web_crowd.py`) on a demo's engine; memory and processor are the web process's own.

**Ticks**: one engine on live market data and one web process all the time; nobody, twenty dashboards, and strangers that take as much of the
processors and nothing else, take turns of a few seconds, so that whatever the machine does meanwhile falls on all (`web_ticks.py`).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from bench.long_journal import lengthen, writing
from bench.web_crowd import Crowd
from bench.web_page import Drawn, Tab, browsing, filters, middle
from bench.web_ticks import TICKS_PER_S, Sample, ticking
from holdfast.cli.demo_config import CONFIG, ONE_FEED

HOLDFAST = [sys.executable, "-m", "holdfast"]
RECORDS = 1_000_000
PORT = 8439
LISTENERS = (1, 20, 50)
LISTEN_S = 15.0
SETTLE_S = 3.0
TRADED_S = "15s"
OPENINGS = 5
"""How often the page is opened cold and warm."""
BLOCKS, BLOCK_S, SKIPPED_S = 10, 6.0, 1.0
"""How often nobody, twenty and strangers take turns, for how long, and what is left out after each change."""
BURN_SHARE = 0.3
BURN = """
import sys, time
share = float(sys.argv[1])
while True:
    ends_s = time.perf_counter() + 0.4 * share
    while time.perf_counter() < ends_s:
        pass
    time.sleep(0.4 * (1 - share))
"""
"""A share of a processor, in bursts."""
DASHBOARDS = 20
CROWD_NICE = 10
"""Whoever looks at a dashboard has a machine of their own; what stands for them here is not to take the engine's."""
TICKS = os.sysconf("SC_CLK_TCK")


def ask(path: str) -> tuple[float, int]:
    """Seconds and bytes of an answer."""
    began_s = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", PORT, timeout=120)
    try:
        connection.request("GET", f"/api/v1/{path}", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body[:200])
        return time.perf_counter() - began_s, len(body)
    finally:
        connection.close()


@contextmanager
def web(folder: Path) -> Iterator[tuple[int, float]]:
    """A web process in a folder: its id, and the seconds until it answered."""
    began_s = time.perf_counter()
    command = [*HOLDFAST, "web", "--port", str(PORT), "--no-open"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                assert process.poll() is None, "the web process ended: is the port taken?"
                try:
                    ask("version")
                    break
                except OSError:
                    time.sleep(0.02)
            yield process.pid, time.perf_counter() - began_s
        finally:
            process.terminate()


def run(folder: Path, *arguments: str) -> dict[str, object]:
    """A demo without a page, to its end."""
    done = subprocess.run([*HOLDFAST, "demo", *arguments, "--json"], cwd=folder, check=True, capture_output=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# --- the page ---------------------------------------------------------------------------------------------------------


def page(asked: argparse.Namespace) -> None:
    """Until it is drawn and live, and a filter."""
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        journal = folder / ".holdfast" / "demo.db"
        if not journal.exists():
            journal.parent.mkdir(parents=True, exist_ok=True)
            journal.with_name("demo.toml").write_text(flat_now_and_then())
            run(folder, "--for", TRADED_S, "--speed", "max")
            lengthen(journal, "demo", asked.records)
        there = lengthen(journal, "demo", 0)
        print(f"{there:,} records, {journal.stat().st_size / 1e6:,.0f} MB; load {os.getloadavg()[0]:.1f}")
        with writing(f"sqlite:///{journal}", "demo"), browsing() as browser:
            openings = [opening(folder, browser, at == OPENINGS - 1) for at in range(OPENINGS)]
    print(f"  until the web process answers     {middle([row.up_s for row in openings])} s")
    print(
        f"  drawn and live, cold              {middle([row.cold.live_s for row in openings])} s, {told([row.cold for row in openings])}"
    )
    print(f"  a new browser, the process warm   {middle([row.again.live_s for row in openings])} s")
    print(
        f"  drawn and live, warm              {middle([row.warm.live_s for row in openings])} s, {told([row.warm for row in openings])}"
    )
    print(
        f"  processor of the web process      {middle([row.cold_cpu_s for row in openings])} s from its start to the first page, {middle([row.warm_cpu_s for row in openings])} s for a warm one"
    )


def told(drawn: list[Drawn]) -> str:
    """What came over the wire, and what the page itself took."""
    least = min(drawn, key=lambda one: one.sent_kb)
    return f"{least.sent_kb:,.0f} kB in {least.requests} answers; of the page's own processor {middle([one.cpu_s for one in drawn])} s"


def flat_now_and_then() -> str:
    """The demo's configuration without the strategy that always holds something: what is repeated has to begin and end flat."""
    text = CONFIG.format(seed=1, **ONE_FEED)
    begins, ends = text.index('[[strategies]]\nid = "trend"'), text.index('[[strategies]]\nid = "revert"')
    return text[:begins] + text[ends:]


class Opening(NamedTuple):
    """One web process, and the page opened three times."""

    cold: Drawn
    again: Drawn
    """By another new browser."""
    warm: Drawn
    """By that browser once more."""
    up_s: float
    """Until the process answered."""
    cold_cpu_s: float
    """The process's own processor time from its start until the first page was live, whatever it did besides."""
    warm_cpu_s: float
    """The same for the last one."""


def opening(folder: Path, browser: Any, is_last: bool) -> Opening:
    """A web process and a browser that are new; then a new browser on the same process; then that browser again."""
    base = f"http://127.0.0.1:{PORT}"
    with web(folder) as (pid, up_s):
        first, second = browser.new_context(), browser.new_context()
        cold, cold_cpu_s = Tab(first, base).open("/"), cpu_s(pid)
        tab = Tab(second, base)
        again, before_s = tab.open("/"), cpu_s(pid)
        warm, warm_cpu_s = tab.open("/"), cpu_s(pid) - before_s
        if is_last:
            took, whole = filters(tab)
            print(f"  a filter, {whole}: key to paint {middle(took)} ms")
        first.close()
        second.close()
    return Opening(cold, again, warm, up_s, cold_cpu_s, warm_cpu_s)


# --- crowds -----------------------------------------------------------------------------------------------------------


def crowds() -> None:
    """The web process's own memory and processor time while people look."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "--for", "1s")
        print(f"a demo's engine at 120 x real time, and who looks; load {os.getloadavg()[0]:.1f}:")
        command = [*HOLDFAST, "demo", "--json"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as engine:
            try:
                with web(folder) as (pid, _):
                    time.sleep(SETTLE_S)
                    crowd_of(pid, 0)
                    for number in LISTENERS:
                        crowd_of(pid, number)
            finally:
                engine.terminate()


def crowd_of(pid: int, number: int) -> None:
    """What so many cost."""
    crowd = Crowd(PORT, "demo", number)
    time.sleep(SETTLE_S)
    began_s, used_s, heard, answered = time.perf_counter(), cpu_s(pid), crowd.received, crowd.answered
    time.sleep(LISTEN_S)
    lasted_s = time.perf_counter() - began_s
    share = 100 * (cpu_s(pid) - used_s) / lasted_s
    each = (crowd.received - heard) / max(1, number) / lasted_s / 1000
    answers = (crowd.answered - answered) / lasted_s
    print(
        f"  {number:3} dashboards: {share:5.1f} % of a core, {rss_mb(pid):.0f} MB; each hears {each:.1f} kB/s, {answers:.1f} answers/s, {crowd.late} late"
    )
    crowd.leave()


# --- ticks ------------------------------------------------------------------------------------------------------------


def ticks() -> None:
    """What an engine notices of twenty dashboards, and of anything else that takes as much of the processors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns: list[tuple[str, int, int]] = []
        with ticking(folder) as engine:
            with web(folder):
                os.nice(CROWD_NICE)
                time.sleep(SETTLE_S)
                print(f"an engine that trades at {TICKS_PER_S} ticks a second; load {os.getloadavg()[0]:.1f}:")
                who = list(CONDITIONS.items())
                for at in range(BLOCKS):  # there and back again: what grows all the time falls on all
                    turns += [turn(*each) for each in (who if at % 2 else who[::-1])]
            samples = engine.end()
    report(samples, turns)


def nobody() -> Callable[[], None]:
    """No one looks."""
    return lambda: None


def dashboards() -> Callable[[], None]:
    """Twenty look; gives what ends it."""
    return Crowd(PORT, "ticks", DASHBOARDS).leave


def strangers() -> Callable[[], None]:
    """Two processes that burn as much as the web process and its twenty dashboards do, in bursts, and touch nothing of ours."""
    burning = [subprocess.Popen([sys.executable, "-c", BURN, str(BURN_SHARE)]) for _ in range(2)]

    def leave() -> None:
        for each in burning:
            each.kill()
            each.wait()

    return leave


CONDITIONS: dict[str, Callable[[], Callable[[], None]]] = {
    "nobody": nobody,
    "20 dashboards": dashboards,
    "strangers": strangers,
}


def turn(name: str, begin: Callable[[], Callable[[], None]]) -> tuple[str, int, int]:
    """One condition for some seconds: from when to when it counts."""
    leave = begin()
    time.sleep(SKIPPED_S)
    began_ns = time.time_ns()
    time.sleep(BLOCK_S - SKIPPED_S)
    ended_ns = time.time_ns()
    leave()
    return name, began_ns, ended_ns


def report(samples: list[Sample], turns: list[tuple[str, int, int]]) -> None:
    """The conditions beside each other, and how far blocks of the same condition differ."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in CONDITIONS:
        blocks = [
            [(one.durable_ns - one.arrived_ns) / 1e6 for one in samples if began <= one.arrived_ns < ended]
            for who, began, ended in turns
            if who == name
        ]
        every = [value for block in blocks for value in block]
        p50s, p99s = [percentile(block, 50) for block in blocks], [percentile(block, 99) for block in blocks]
        found[name] = {"p50": p50s, "p99": p99s, "all": every}
        print(
            f"  {name:14} {len(every):,} ticks that led to an order; p50 {percentile(every, 50):.2f} ms (blocks "
            f"{min(p50s):.2f} to {max(p50s):.2f}), p99 {percentile(every, 99):.2f} ms (blocks {min(p99s):.2f} to {max(p99s):.2f})"
        )
    for name in CONDITIONS:
        for what, share in (("p50", 50), ("p99", 99)):
            if name != "nobody":
                against(name, what, share, found)


def against(name: str, what: str, share: int, found: dict[str, dict[str, list[float]]]) -> None:
    """One condition beside nobody."""
    alone, others = found["nobody"], found[name]
    more = 100 * (percentile(others["all"], share) / percentile(alone["all"], share) - 1)
    pairs = [100 * (b / a - 1) for a, b in zip(alone[what], others[what], strict=True)]
    error = statistics.stdev(pairs) / len(pairs) ** 0.5
    print(f"  {what}: {more:+.1f} % with {name}; pairs of blocks {statistics.mean(pairs):+.1f} % +- {error:.1f}")


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "page": page,
    "crowds": lambda _: crowds(),
    "ticks": lambda _: ticks(),
}


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.web_bench")
    parser.add_argument("--only", choices=tuple(PARTS), action="append")
    parser.add_argument("--folder", type=Path, help="keep the long journal here, or take it from here")
    parser.add_argument("--records", type=int, default=RECORDS)
    asked, _ = parser.parse_known_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for name in asked.only or PARTS:
        PARTS[name](asked)


if __name__ == "__main__":
    main()
