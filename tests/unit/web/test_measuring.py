"""Indicators are measured in processes of their own."""

from pathlib import Path

import pytest

from holdfast.config import load_config
from holdfast.journal.reader import Reader
from holdfast.web import measuring as measuring_module
from holdfast.web.measuring import Measuring
from tests.unit.views.test_candles import DAYS, RSI, ran

ENDS = """
import os

from holdfast import Rsi, Strategy


class Ends(Strategy):
    def on_start(self, context):
        self.rsi = context.indicator(Rsi(5))

    def on_bar(self, context, bar):
        os._exit(7)
"""
OTHER = """
[[accounts]]
name = "other"
[[strategies]]
id = "ends"
class = "ends_its_process:Ends"
account = "other"
symbols = ["AVOR"]
"""


def test_a_strategy_that_ends_its_process_ends_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`os._exit` in one account's strategy is told as that account's fault; this process lives, and so do the indicators of another account."""
    monkeypatch.setattr(measuring_module, "PATIENCE_S", 120.0)  # a busy machine is no fault of a strategy
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "ends_its_process.py").write_text(ENDS)
    ran(tmp_path, DAYS + RSI)
    path = tmp_path / "ends.toml"
    path.write_text(DAYS + RSI + OTHER)
    config = load_config(path)
    measuring = Measuring(config)
    try:
        with Reader.open(config.journal.url) as reader:
            found = measuring.indicators(reader, config, "house", "AVOR")
            series, faults = measuring.series(config, "other", "AVOR", found.as_of_ns)
            again, same = measuring.series(config, "other", "AVOR", found.as_of_ns)
            after = measuring.indicators(reader, config, "house", "AVOR")
    finally:
        measuring.close()
    assert (found.faults, after.faults) == ([], [])
    assert found.series
    assert after.series
    assert (list(series), list(again), faults) == ([], [], same)
    assert faults[0].startswith(
        "a strategy of other takes its indicators along: the process that shows it the bars ended (status 7)"
    )
