"""Strategies that can't be interrupted, and people who want the engine to end: the real program."""

import signal
from pathlib import Path

import pytest

from tests.process.program import proves_itself, run, started, succeed, until

pytestmark = pytest.mark.process

STRATEGY = """
import ctypes, os, re, time
from holdfast.core.strategy.api import Strategy

class Blocks(Strategy):
    seen = 0
    at = 20
    def on_bar(self, context, bar):
        self.seen += 1
        if self.seen == self.at:
            open("blocking", "w").close()
            self.block()

class Swallows(Blocks):
    def block(self):
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass

class Matches(Blocks):
    def block(self):
        re.match(r"(a+)+$", "a" * 64 + "b")

class MatchesAtOnce(Matches):
    at = 1
"""
CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
history_days = 0
symbols = ["AVOR"]

[runtime]
callback_budget_s = {budget_s}

[[accounts]]
name = "one"

[[strategies]]
id = "blocks"
class = "strategies:{name}"
account = "one"
symbols = ["AVOR"]

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["AVOR"]
params = {{ fast = 3, slow = 8 }}
"""


def prepare(folder: Path, name: str, budget_s: float) -> None:
    (folder / "strategies.py").write_text(STRATEGY)
    (folder / "holdfast.toml").write_text(CONFIG.format(name=name, budget_s=budget_s))


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("name", "status"), [("Swallows", 1), ("Matches", -signal.SIGVTALRM), ("MatchesAtOnce", -signal.SIGVTALRM)]
)
def test_a_strategy_that_cannot_be_interrupted_ends_the_engine_and_the_next_leaves_it_out(
    name: str, status: int, tmp_path: Path
) -> None:
    """The process gives itself up, by itself; the next start keeps the strategy stopped, says so, and trades to the end."""
    prepare(tmp_path, name, 0.5)
    first = run(tmp_path, "run", "--json")
    assert first.status == status
    if status == 1:
        assert "strategy blocks of account one blocks the engine" in first.err
    second = succeed(tmp_path, "run", "--json").json
    assert second["strategies_stopped"] == 1
    assert second["fills"] > 0
    assert second["chain_verified"] is True


@pytest.mark.parametrize(("name", "number"), [("Swallows", signal.SIGTERM), ("Matches", signal.SIGINT)])
def test_a_second_signal_ends_an_engine_that_is_stuck(name: str, number: signal.Signals, tmp_path: Path) -> None:
    """Whatever the main thread is busy with, the second Ctrl-C or SIGTERM ends the process at once, and nothing is lost."""
    prepare(tmp_path, name, 1000)
    with started(tmp_path, "run") as process:
        until((tmp_path / "blocking").exists, "the strategy to block")
        process.send_signal(number)
        until(lambda: pending(process.pid, number) is False, "the first signal to be taken")
        process.send_signal(number)
        assert process.wait() in (-number, 130)
    assert proves_itself(tmp_path, "holdfast.toml")


def pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal that was sent waits for the process still: two that wait are one."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    bits = int(next(line.split()[1] for line in lines if line.startswith("ShdPnd:")), 16)
    return bool(bits >> (number - 1) & 1)
