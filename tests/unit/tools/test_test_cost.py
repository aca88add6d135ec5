"""What a test costs is its own processor time and that of all it starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import test_cost

BUSY = "n = sum(range(5_000_000)); print(n, flush=True); input()"


def test_a_child_is_charged_while_it_runs_and_once() -> None:
    """A living child's time counts, and it is not counted again when the child has ended."""
    before_s = test_cost.spent_s()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive_s = test_cost.spent_s() - before_s
        own_s = test_cost._of(child.pid)
        child.communicate(b"\n")
    assert own_s > 0
    assert own_s <= alive_s <= test_cost.spent_s() - before_s < 2 * own_s + 0.5


def test_the_tables_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each table sums the same seconds; the dearest comes first."""
    costs = [["tests/unit/core/test_a.py::one", 1.0], ["tests/unit/core/test_b.py::two", 2.5], ["(rest)", 0.25]]
    monkeypatch.setattr(test_cost, "RESULTS", tmp_path / "costs")
    (tmp_path / "costs").write_text("".join(json.dumps(cost) + "\n" for cost in costs))
    test_cost.main()
    said = capsys.readouterr().out
    assert said.startswith("3.8 CPU seconds")
    assert "     3.5      2  unit/core\n" in said
    assert said.index("test_b.py\n") < said.index("test_a.py\n")
