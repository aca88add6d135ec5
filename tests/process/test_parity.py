"""``holdfast parity``: a run against its own backtest, after kills and restarts too, and with something changed."""

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from tests.process.program import run, started, succeed, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
symbols = ["AVOR", "BRYX"]

[venue]
slippage_bps = 1
commission = { type = "per_share", rate = "0.005", minimum = "1" }

[[accounts]]
name = "one"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["AVOR", "BRYX"]
params = { fast = 3, slow = 8, allow_short = true }
exits = { stop_loss_pct = 0.1 }
"""


def test_a_killed_run_has_traded_what_its_backtest_trades(tmp_path: Path) -> None:
    """Killed at work and started again, a run's parity is 100 % and its difference zero; another slippage is found as slippage."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    for fills in (1, 20):
        with started(tmp_path, "run", "--speed", "3000") as process:
            until(partial(_has_filled, tmp_path, fills), "more fills")
            process.kill()
    succeed(tmp_path, "run")
    found = succeed(tmp_path, "parity", "--json", "-").json
    assert found["intents"] > 100
    assert (found["score_pct"], found["difference"], found["parts"]) == ("100", "0", {})
    assert all(line["agrees"] and line["difference"] == "0" for line in found["trades"])
    assert any(line["kind"] == "stop_loss" and line["live"]["filled"] != "0" for line in found["trades"])

    (tmp_path / "other.toml").write_text(
        CONFIG.replace("slippage_bps = 1", "slippage_bps = 3").replace("[feed]", JOURNAL, 1)
    )
    other = succeed(tmp_path, "parity", "-c", "other.toml", "--json", "-").json
    assert list(other["parts"]) == ["slippage"]
    assert Decimal(other["difference"]) == Decimal(other["live_profit"]) - Decimal(other["backtest_profit"]) > 0
    assert "slippage" in succeed(tmp_path, "parity", "-c", "other.toml").out

    (tmp_path / "other.toml").write_text(CONFIG.replace("fast = 3", "fast = 4").replace("[feed]", JOURNAL, 1))
    refused = run(tmp_path, "parity", "-c", "other.toml")
    assert (refused.status, "parameters" in refused.err) == (3, True)


JOURNAL = """[journal]
url = "sqlite:///holdfast.db"

[feed]"""


def _has_filled(folder: Path, most: int) -> bool:
    """Whether there are more fills than so many."""
    rows = run(folder, "fills", "--json")
    return rows.status == 0 and bool(rows.out) and len(rows.json) > most
