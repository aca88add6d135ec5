"""docs/first-strategy.md and the notebook do what they show."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.process.program import Done, run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "first-strategy.md").read_text(encoding="utf-8")
NOTEBOOK = ROOT / "examples" / "first_strategy.ipynb"


def shape(line: str) -> str:
    """A line without its numbers, and without what its widths come from."""
    return " ".join(re.sub(r"[-+]?\d[\d,.:]*", "#", line).split())


def is_within(shown: list[str], printed: list[str]) -> str:
    """The first line that is shown and wasn't printed after those before it; empty where all were. ``...`` stands for any lines."""
    lines = iter([shape(line) for line in printed])
    return next((line for line in shown if line != "..." and line.strip() and shape(line) not in lines), "")


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return [text for name, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S) if name == language]


def typed(command: Sequence[str], folder: Path) -> Done:
    """A command as a person types it; the program is forked, Python is not."""
    if command[0] == "holdfast":
        return run(folder, *command[1:], COLUMNS="110")
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_page_runs_as_it_says(tmp_path: Path) -> None:
    """Its files are written, its commands run in their order, and what it shows is printed; paper comes to the backtest's figure."""
    for code in (*blocks("python"), *blocks("toml")):
        name = re.match(r"# (\S+)\n", code)
        assert name is not None
        (tmp_path / name[1]).write_text(code, encoding="utf-8")
    printed: dict[str, str] = {}
    for block in blocks(""):
        for command, *shown in (part.splitlines() for part in re.split(r"^\$ ", block, flags=re.M) if part):
            done = typed(command.split(), tmp_path)
            assert done.status == 0, (command, done)
            said = done.err.splitlines()
            missing = is_within(shown, [*said, *done.out.splitlines(), *said])
            assert missing == "", (command, done)
            printed[command] = done.out
    equity = re.search(r"-> ([\d,.]+)", printed["holdfast backtest --report report.html"])
    assert equity is not None
    assert equity[1] in printed["holdfast status"]
    assert equity[1] in printed["python first.py"]
    assert equity[1] in PAGE


def test_a_line_that_is_not_printed_is_found() -> None:
    """Other words and another order are seen, other numbers and widths are not."""
    assert is_within(["a  1", "...", "c 2"], ["a 7.5", "b", "c  9,000"]) == ""
    assert is_within(["c", "a"], ["a", "c"]) == "a"
    assert is_within(["d"], ["a"]) == "d"


def test_the_notebook_runs_where_a_loop_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells in one namespace, as in a kernel, where asyncio runs; nothing is kept of outputs."""
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in cells)
    names: dict[str, Any] = {"__name__": "__main__"}

    async def kernel() -> None:
        for code in codes:
            exec(code, names)  # noqa: S102 - it is our own notebook

    asyncio.run(kernel())
    assert "<svg" in names["result"]._repr_html_()
    assert names["costly"].account.value.fees > 0
    assert list(tmp_path.iterdir()) == []
