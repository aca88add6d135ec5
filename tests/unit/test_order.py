"""The order in which tests are begun: the long ones first, for each worker its share."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests import order

ROOT = Path(__file__).resolve().parents[2]


def items(*names: str) -> list[Any]:
    return [SimpleNamespace(nodeid=name) for name in names]


def test_each_worker_begins_with_its_share_of_the_long_ones() -> None:
    """Whatever is dealt is there once, the stretches are as long as pytest-xdist makes them, and the longest come first in each."""
    longest, second, third, *_ = order.long_tests()
    given = items(*[f"short{number}" for number in range(8)], third, f"{second}[a]", f"{second}[b]", longest)
    found = [item.nodeid for item in order.dealt(given, 3)]
    assert sorted(found) == sorted(item.nodeid for item in given)
    assert found[0:4] == [longest, third, "short0", "short1"]
    assert found[4:8] == [f"{second}[a]", "short2", "short3", "short4"]
    assert found[8:12] == [f"{second}[b]", "short5", "short6", "short7"]


def test_few_tests_for_many_workers() -> None:
    """Workers without a stretch, and long ones alone."""
    longest, second, *_ = order.long_tests()
    for names in ((), (longest,), ("short", longest), (second, longest, "short")):
        assert sorted(item.nodeid for item in order.dealt(items(*names), 4)) == sorted(names)


def test_what_is_listed_is_there() -> None:
    """A test that is gone, or has another name, is taken from the list."""
    missing = [name for name in order.long_tests() if not _is_there(*name.split("::"))]
    assert missing == []
    assert not _is_there("tests/unit/test_order.py", "test_that_nobody_wrote")


def _is_there(file: str, test: str) -> bool:
    path = ROOT / file
    return path.is_file() and f"\ndef {test}(" in path.read_text(encoding="utf-8")
