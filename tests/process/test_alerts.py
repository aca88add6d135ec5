"""Engines that freeze, are replaced and die, clocks and files: what the observer tells, once, and nothing else."""

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.config import load_config
from holdfast.journal.reader import Reader
from tests.freezing import freeze
from tests.process.program import started, trading, until
from tests.scenario.alpaca.watched import watched, with_rules

pytestmark = pytest.mark.process

LEASE_S = 5.0
CONFIG = f"""
[lease]
duration_s = {LEASE_S}
margin_s = 2.1

[feed]
kind = "synthetic"
seed = 5
days = 5
speed = 240
symbols = ["AVOR"]

[[accounts]]
name = "main"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "main"
symbols = ["AVOR"]
params = {{ fast = 2, slow = 3, quantity = 5, allow_short = true }}
"""

PROCESSES = {"engine_silent", "lease_lost", "engine_fenced", "engine_restarted", "engine_stopped"}
"""The rules that are met here."""


@pytest.mark.proves("W1")
def test_a_frozen_engine_is_replaced_and_the_next_one_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes: each trouble by its own rule and once, and over when another engine trades."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    config = with_rules(load_config(tmp_path / "holdfast.toml"), 0.0)
    with watched(config, monkeypatch) as watch, ExitStack() as runs:

        def tells(*rules: str) -> None:
            """Exactly these, when everything has been seen."""
            until(lambda: set(rules) <= watch.rules(), f"{rules} to be told")
            with Reader.open(config.journal.url) as reader:
                end = reader.account("main").last_sequence
            watch.look_twice(until, "main", end)
            said = [(alert.rule, alert.text) for alert in watch.new()]
            assert watch.told() == sorted(rules), said

        def calms_down() -> None:
            until(lambda: watch.lasting() == [], "it to be over")

        first = runs.enter_context(started(tmp_path, "run"))
        until(lambda: trading(config.journal.url), "the engine to trade")
        tells()
        freeze(first.pid, first.send_signal, config.journal.url)
        tells("engine_silent", "lease_lost")
        second = runs.enter_context(started(tmp_path, "run", "--standby"))
        tells("engine_fenced")
        calms_down()
        first.send_signal(signal.SIGCONT)
        assert first.wait() == 3
        second.kill()
        tells("engine_silent")
        third = runs.enter_context(started(tmp_path, "run"))
        tells("engine_restarted")
        calms_down()
        third.send_signal(signal.SIGTERM)
        assert third.wait() == 0
        tells("engine_stopped")
