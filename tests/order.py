"""The long tests come first, spread over the workers: what is begun last decides when a run ends, and should be short.

``long_tests.txt`` has them, the longest first: a test of a file, with all its parameters. A worker of pytest-xdist is given a stretch of
the tests that are collected, as long as everybody else's, and takes over what others have left when it is through; the one that comes
next is never taken over, so a long one behind a long one would be waited for.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("long_tests.txt")


def long_tests() -> list[str]:
    """The ids of the long tests, without parameters."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in the order in which the workers' stretches each begin with their share of the long ones."""
    place = {name: number for number, name in enumerate(long_tests())}
    first = [item for item in items if item.nodeid.partition("[")[0] in place]
    first.sort(key=lambda item: place[item.nodeid.partition("[")[0]])
    rest = [item for item in items if item.nodeid.partition("[")[0] not in place]
    found: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(found)) // (workers - worker)
        mine = first[worker::workers]
        others = max(0, share - len(mine))
        found += mine + rest[:others]
        del rest[:others]
    return found + rest
