"""``holdfast sweep`` as people start it: what it prints, what it refuses, and a kill in the middle."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from holdfast.sweeping.store import unfinished
from tests.process.program import run, started, succeed, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 2
symbols = ["AVOR"]

[[accounts]]
name = "one"

[[strategies]]
id = "waits"
class = "waiting:Waits"
account = "one"
symbols = ["AVOR"]
"""
WAITING = """
import os
import time
from pathlib import Path

from holdfast import Bar, Context, Parameters, Strategy


class Waits(Strategy):
    class Params(Parameters, frozen=True):
        n: int = 1

    params: Params

    def on_start(self, context: Context) -> None:
        with open("ran.txt", "a") as file:
            file.write(f"{self.params.n} {os.getpid()}\\n")
        while self.params.n == 4 and not Path("go").exists():
            Path("reached").touch()
            time.sleep(0.02)

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 10 if bar.close > self.params.n * 30 else 0)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    (tmp_path / "waiting.py").write_text(WAITING)
    return tmp_path


def ran(place: Path) -> list[tuple[int, int]]:
    rows = [line.split() for line in (place / "ran.txt").read_text().splitlines()]
    return [(int(number), int(process)) for number, process in rows]


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_killed_sweep_goes_on_with_what_is_not_done(place: Path) -> None:
    """After SIGKILL in the fourth trial the first three are there and not run again; the file is that of a sweep left alone."""
    command = ("sweep", "--param", "n=1:6", "--jobs", "1", "--by", "total_return_pct")
    with started(place, *command) as sweep:
        until((place / "reached").exists, "the fourth trial")
        sweep.kill()
    assert unfinished(place / "sweep.parquet").exists()
    assert not (place / "sweep.parquet").exists()
    (place / "go").touch()
    succeed(place, *command)
    assert [number for number, _ in ran(place)] == [1, 2, 3, 4, 4, 5, 6]
    succeed(place, *command, "--out", "alone.parquet")
    assert pq.read_table(place / "sweep.parquet").equals(pq.read_table(place / "alone.parquet"))


def test_workers_end_with_a_killed_sweep(place: Path) -> None:
    """No worker process outlives the sweep, not even one that a strategy keeps busy."""
    with started(place, "sweep", "--param", "n=3:4", "--jobs", "2") as sweep:
        until((place / "reached").exists, "the fourth trial")
        sweep.kill()
    workers = {process for _, process in ran(place)}
    assert workers
    until(lambda: all(map(is_gone, workers)), "the end of the workers")


def test_what_it_prints_is_one_json_value(place: Path) -> None:
    """With --json stdout has the best, all trials and the over-fitting page, and nothing else; progress and notes go to stderr."""
    (place / "go").touch()
    done = succeed(place, "sweep", "--param", "n=1:3", "--jobs", "1", "--by", "total_return_pct", "--json")
    said = done.json
    assert said["trials"] == 3
    assert [row["params"] for row in said["table"]] == [{"n": 1}, {"n": 2}, {"n": 3}]
    best = max(said["table"], key=lambda row: row["figures"]["total_return_pct"])
    assert said["best"]["figures"] == best["figures"]
    assert said["page"][-1].startswith("So: ")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--param", "m=1:3"], "Waits has no parameter 'm'; it takes n"),
        (["--param", "n"], "--param 'n' is not NAME=VALUES"),
        (["--param", "n=1", "--param", "n=2"], "given twice"),
        ([], "there is nothing to sweep"),
        (["--param", "n=1:3", "--strategy", "wait"], "did you mean waits"),
        (["--param", "n=1:3", "--out", "x.csv"], "ends in .parquet"),
        (["--param", "n=1:3", "--by", "sharpee"], "did you mean sharpe?"),
    ],
)
def test_what_cannot_be_meant_is_one_line(place: Path, arguments: list[str], word: str) -> None:
    """Exit status 2, one line with the nearest right word, and no file."""
    done = run(place, "sweep", *arguments)
    assert done.status == 2
    assert word in done.error
    assert sorted(path.name for path in place.iterdir() if path.suffix == ".parquet") == []
