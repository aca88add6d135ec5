"""What the tests cost in processor time, which a busy machine doesn't change: theirs and that of all they start.

    make test ARGS="-p tools.test_cost"      measure; each worker appends to .test_cost.jsonl (HOLDFAST_TEST_COST names another file)
    python -m tools.test_cost                print what was measured by folder, by file and by test

Database servers that run already are not in it. A test that is the first to need a fixture pays for it.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

RESULTS = Path(os.environ.get("HOLDFAST_TEST_COST") or ".test_cost.jsonl")
SHOWN = 40
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LOADING, REST = "(loading and collecting)", "(after the last test)"
_last_s = [0.0]


def spent_s() -> float:
    """Processor seconds of this process, of what it has waited for, and of all below it that still runs."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system + sum(map(_of, _below(os.getpid())))


def _below(pid: int) -> Iterator[int]:
    try:
        children = [int(pid) for thread in Path(f"/proc/{pid}/task").iterdir() for pid in _read(thread / "children")]
    except OSError:
        return
    for child in children:
        yield child
        yield from _below(child)


def _of(pid: int) -> float:
    """A process and what it has waited for."""
    words = _read(Path(f"/proc/{pid}/stat"), after=")")
    return sum(map(int, words[11:15])) / TICKS_PER_S if words else 0.0


def _read(path: Path, after: str = "") -> list[str]:
    try:
        return path.read_text().rpartition(after or "\0")[2].split()
    except OSError:
        return []


def _note(what: str) -> None:
    now_s = spent_s()
    cost_s, _last_s[0] = now_s - _last_s[0], now_s
    with RESULTS.open("a") as file:  # one short write: workers don't mix their lines
        file.write(json.dumps([what, round(cost_s, 4)]) + "\n")


def pytest_collection_finish(session: pytest.Session) -> None:
    """The process has loaded and collected."""
    if not _is_controller(session.config):
        _note(LOADING)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test is over, with the fixtures that end with it."""
    result = yield
    _note(item.nodeid)
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The process ends."""
    if not _is_controller(session.config):
        _note(REST)


def _is_controller(config: pytest.Config) -> bool:
    """Whether this process only hands out tests: what the workers cost is noted by themselves."""
    return config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")


def main() -> None:
    """Print the tables."""
    costs = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    print(f"{sum(cost for _, cost in costs):.1f} CPU seconds\n")
    for title, cut in (("folder", _folder), ("file", lambda what: what.partition("::")[0]), ("test", str)):
        _table(title, ((cut(what), cost) for what, cost in costs))


def _folder(what: str) -> str:
    parts = what.partition("::")[0].split("/")[1:-1]
    return "/".join(parts[:2]) or what


def _table(title: str, costs: Iterable[tuple[str, float]]) -> None:
    sums: dict[str, list[float]] = defaultdict(list)
    for what, cost_s in costs:
        sums[what].append(cost_s)
    print(f"{'CPU s':>8} {'n':>6}  by {title}")
    for what, each in sorted(sums.items(), key=lambda row: -sum(row[1]))[:SHOWN]:
        print(f"{sum(each):>8.1f} {len(each):>6}  {what}")
    print()


if __name__ == "__main__":
    main()
