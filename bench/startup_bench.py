"""How long commands take to start: processor time of the process, the best of some starts, beside what any Python program pays.

``run`` trades a made-up market of one minute bars to its end: it makes its journal, recovers and stops, so it is more than a start.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR"]
days = 1
history_days = 0

[[accounts]]
name = "bench"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "bench"
symbols = ["AVOR"]
params = { fast = 5, slow = 15, quantity = 10 }
"""
HOLDFAST = (sys.executable, "-m", "holdfast")
COMMANDS: dict[str, tuple[str, ...]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "import typer, rich": (sys.executable, "-c", "import typer, rich.console, rich.table"),
    "import sqlalchemy": (sys.executable, "-c", "import sqlalchemy"),
    "import pandas": (sys.executable, "-c", "import pandas"),
    "holdfast --help": (*HOLDFAST, "--help"),
    "holdfast status": (*HOLDFAST, "status"),
    "holdfast orders --json": (*HOLDFAST, "orders", "--json"),
    "holdfast run": (*HOLDFAST, "run", "--json"),
}
PEER = "import sqlalchemy"


def cpu_s(command: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Processor time and real time of one run, in seconds."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after, took_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began_s
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took_s


def main() -> None:
    """Print the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "holdfast.toml").write_text(CONFIG)
        cpu_s(COMMANDS["holdfast run"], folder)  # bytecode is made, and there is a journal to look at
        best = {what: min(cpu_s(command, folder) for _ in range(ROUNDS)) for what, command in COMMANDS.items()}
    print(f"{'':<24}{'processor':>12}{'real':>10}{'beside ' + PEER:>28}")
    for what, (used_s, took_s) in best.items():
        print(f"{what:<24}{used_s:>10.3f} s{took_s:>8.3f} s{used_s / best[PEER][0]:>27.2f}x")
