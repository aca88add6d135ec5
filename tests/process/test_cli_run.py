"""The command line: demo, run, backtest, and looking at what they did."""

import json
import shutil
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.process.program import proves_itself, run, run_from_nothing, started, succeed, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
symbols = ["AVOR", "BRYX"]

[venue]
fill = "close" # where the time of a fill is that of its record: at the open a backtest lists it as of the open
slippage_bps = 1
commission = { type = "per_share", rate = "0.005", minimum = "1" }

[[accounts]]
name = "one"
calendar = "24/7"

[[accounts]]
name = "two"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["AVOR", "BRYX"]
params = { fast = 3, slow = 8, allow_short = true }

[[strategies]]
id = "reversion"
class = "holdfast.strategies:MeanReversion"
account = "two"
symbols = ["AVOR"]
params = { window = 10, entry = 1.5, stop_pct = 0.3, allow_short = true }
"""
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BACKTEST_KEYS = {"bars", "signals", "orders", "fills", "equity", "chain_verified", "seconds", "bars_per_second"}
FILL_KEYS = {"client_order_id", "symbol", "side", "quantity", "price", "fees", "time", "strategy", "account"}
ORDER_KEYS = {"client_order_id", "strategy", "symbol", "side", "quantity", "filled_quantity", "state", "account"}
ENDED = {"FILLED", "CANCELED", "EXPIRED", "REJECTED", "NOT_SENT", "FAILED"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a day was traded to its end, with the result beside it."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "holdfast.toml").write_text(CONFIG)
    (folder / "run.json").write_text(succeed(folder, "run", "--json").out)
    return folder


def test_demo_ends_by_itself_and_tells_what_it_did(tmp_path: Path) -> None:
    """``demo --for 2s --json`` prints one JSON object with counts, equity and a proven chain; a second one goes on."""
    first = run_from_nothing(tmp_path, "demo", "--for", "2s", "--speed", "max", "--json").json
    assert first["bars"] > 0
    assert first["signals"] >= first["orders"] - first["bars"] > -first["bars"]
    assert first["fills"] > 0
    assert isinstance(first["equity"], str)
    assert first["chain_verified"] is True
    again = succeed(tmp_path, "demo", "--for", "1s", "--json").json
    assert again["restarts"] == first["restarts"] + 1
    assert again["records"] > first["records"]
    assert again["chain_verified"] is True


def test_demo_comes_back_after_sigkill(tmp_path: Path) -> None:
    """Killed at work, the demo's journal shows every order and proves itself, and the next start resumes from it.

    The next bar is due at once: it may fill what was open at the kill, and nothing that was over.
    """
    with started(tmp_path, "demo", "--speed", "1200") as process:
        until(lambda: run(tmp_path, "fills", "--json").out not in ("", "[]\n"), "a fill")
        process.kill()
    assert proves_itself(tmp_path, ".holdfast/demo.toml")
    fills, positions = _listed(tmp_path, "fills"), _listed(tmp_path, "positions")
    over = {row["client_order_id"] for row in _listed(tmp_path, "orders") if row["state"] in ENDED}
    assert "it died" in succeed(tmp_path, "status").out
    back = succeed(tmp_path, "demo", "--for", "1s", "--speed", "0.001")
    assert "demo is back at" in back.out
    assert f"{len(positions)} positions" in back.out
    since = _listed(tmp_path, "fills")
    assert all(row in fills for row in since if row["client_order_id"] in over)
    assert all(row in since for row in fills)
    assert _held(since) == {row["symbol"]: Decimal(row["quantity"]) for row in _listed(tmp_path, "positions")}


def test_demo_seed_is_kept_until_a_fresh_one(tmp_path: Path) -> None:
    """Another seed on a demo that exists is refused; ``--fresh`` begins anew with it."""
    assert succeed(tmp_path, "demo", "--for", "0.2s", "--seed", "3", "--json").json["seed"] == 3
    refused = run(tmp_path, "demo", "--for", "1s", "--seed", "4")
    assert (refused.status, "--fresh" in refused.error) == (2, True)
    fresh = succeed(tmp_path, "demo", "--for", "0.2s", "--seed", "4", "--fresh", "--json").json
    assert (fresh["seed"], fresh["epoch"]) == (4, 1)


def test_run_and_the_books_agree(ran: Path) -> None:
    """What ``run`` counted is what ``orders``, ``fills``, ``positions`` and ``audit`` find in the journal."""
    result = json.loads((ran / "run.json").read_text())
    orders = succeed(ran, "orders", "--limit", "100000", "--json").json
    fills = succeed(ran, "fills", "--limit", "100000", "--json").json
    assert (len(orders), len(fills)) == (result["orders"], result["fills"])
    assert orders[0].keys() >= ORDER_KEYS
    assert fills[0].keys() >= FILL_KEYS
    positions = succeed(ran, "positions", "--json").json
    assert sorted(row["symbol"] for row in positions) == sorted(row["symbol"] for row in result["positions"])
    assert all(row["account"] and row["quantity"] != "0" and "average_price" in row for row in positions)
    audit = succeed(ran, "audit", "verify", "--json").json
    assert audit["ok"] is True
    assert sum(account["records"] for account in audit["accounts"]) == sum(row["records"] for row in result["accounts"])


def test_open_orders_are_those_that_have_not_ended(ran: Path) -> None:
    """``orders --open`` leaves out exactly the finished ones; ``--account`` those of other accounts."""
    orders = succeed(ran, "orders", "--limit", "100000", "--json").json
    live = succeed(ran, "orders", "--open", "--limit", "100000", "--json").json
    assert live == [row for row in orders if row["state"] not in ENDED]
    two = succeed(ran, "orders", "--account", "two", "--limit", "100000", "--json").json
    assert two == [row for row in orders if row["account"] == "two"]


def test_backtest_trades_what_the_run_traded(ran: Path) -> None:
    """Over the same data a backtest has the same fills, orders and equity as the paper run."""
    succeed(ran, "backtest", "--json", "out.json")
    found = json.loads((ran / "out.json").read_text())
    assert found.keys() >= BACKTEST_KEYS
    assert found["chain_verified"] is True
    fills = succeed(ran, "fills", "--limit", "100000", "--json").json
    orders = succeed(ran, "orders", "--limit", "100000", "--json").json
    assert found["fills"] == len(found["fills_list"])
    assert _sorted(found["fills_list"]) == _sorted(fills)
    assert _sorted(found["orders_list"]) == _sorted(orders)
    assert found["equity"] == json.loads((ran / "run.json").read_text())["equity"]
    assert [row["time"] for row in found["fills_list"]] == sorted(row["time"] for row in found["fills_list"])


def _listed(folder: Path, *command: str) -> list[dict[str, Any]]:
    """All rows of a listing."""
    limit = () if command == ("positions",) else ("--limit", "100000")
    rows: list[dict[str, Any]] = succeed(folder, *command, *limit, "--json").json
    return rows


def _held(fills: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What the fills add up to in each symbol that is held."""
    held: dict[str, Decimal] = {}
    for row in fills:
        quantity = Decimal(row["quantity"]) * (1 if row["side"] == "buy" else -1)
        held[row["symbol"]] = held.get(row["symbol"], Decimal(0)) + quantity
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def _sorted(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: (row["account"], row["client_order_id"], row.get("execution_id", "")))


def test_backtest_to_stdout_is_json_alone(ran: Path) -> None:
    """``--json -`` puts nothing else on stdout, and the report for people names every account."""
    assert succeed(ran, "backtest", "--json", "-").json["accounts"][1]["account"] == "two"
    report = succeed(ran, "backtest").out
    assert all(word in report for word in ("one", "two", "ema", "reversion", "max drawdown", "equity"))


CHATTY = """
import structlog
from holdfast.core.strategy.api import Strategy

class Chatty(Strategy):
    def on_bar(self, context, bar):
        structlog.get_logger().error("look at this", symbol=bar.symbol)
"""


@pytest.mark.parametrize("command", [["run", "--for", "0.2s", "--json"], ["backtest", "--json", "-"]])
def test_what_is_logged_is_not_on_stdout(tmp_path: Path, command: list[str]) -> None:
    """A strategy that logs, as the engine does of a slow database, doesn't get between a program and its JSON."""
    (tmp_path / "chatty.py").write_text(CHATTY)
    config = CONFIG.replace("holdfast.strategies:EmaCross", "chatty:Chatty").replace(
        "params = { fast = 3, slow = 8, allow_short = true }", ""
    )
    (tmp_path / "holdfast.toml").write_text(config)
    done = succeed(tmp_path, *command)
    assert done.json["bars"] > 0
    assert "look at this" in done.err


def test_a_finished_run_starts_again_and_ends_again(ran: Path) -> None:
    """A second run over a feed that has ended trades nothing anew, and says where it is."""
    before = succeed(ran, "fills", "--limit", "100000", "--json").json
    again = succeed(ran, "run")
    assert "one is back at" in again.out
    assert succeed(ran, "fills", "--limit", "100000", "--json").json == before


def test_trail_tells_an_order_from_its_tick_to_its_fill(ran: Path) -> None:
    """``audit trail`` gives the whole chain: market event, signal, approval, release, acknowledgement, fill."""
    order = next(row for row in succeed(ran, "orders", "--json").json if row["state"] == "FILLED")
    chain = succeed(ran, "audit", "trail", order["client_order_id"], "--json").json
    types = [record["type"] for record in chain]
    for name in ("Bar", "Signal", "RiskApproved", "OrderPrepared", "OrderReleased", "OrderAccepted", "OrderFilled"):
        assert name in types
    assert types.index("OrderPrepared") < types.index("OrderReleased") < types.index("OrderFilled")
    assert len({record["correlation_id"] for record in chain}) == 1
    assert order["client_order_id"] in succeed(ran, "audit", "trail", order["client_order_id"]).out


def test_sigterm_ends_a_run_in_order(tmp_path: Path) -> None:
    """The program ends with 0, the end is recorded with its reason, and nothing is lost."""
    (tmp_path / "holdfast.toml").write_text(CONFIG.replace("days = 1", "speed = 600"))
    with started(tmp_path, "run") as process:
        until(lambda: run(tmp_path, "fills", "--json").out not in ("", "[]\n"), "a fill")
        status = json.loads(run(tmp_path, "status", "--json").out)
        assert status["accounts"][0]["running"] is True
        assert str(process.pid) in status["accounts"][0]["process"]
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    ended = succeed(tmp_path, "status", "--json").json["accounts"]
    assert [(row["running"], row["ended"]) for row in ended] == [(False, "SIGTERM")] * 2
    assert "Ended: SIGTERM." in (tmp_path / "output.txt").read_text()
    assert proves_itself(tmp_path, "holdfast.toml")


def test_pipes_and_narrow_terminals_get_whole_lines(ran: Path) -> None:
    """No colours in a pipe, and on 60 columns no line is longer: whole columns are left out."""
    for command in (["orders"], ["fills"], ["positions"], ["status"], ["audit", "tail"]):
        assert "\x1b" not in succeed(ran, *command).out
    for command in (["orders"], ["fills"], ["positions"]):
        lines = succeed(ran, *command, COLUMNS="60").out.splitlines()
        assert max(map(len, lines)) <= 60
        assert not any("…" in line for line in lines)


def test_help_needs_no_heavy_library(tmp_path: Path) -> None:
    """``--help`` starts at once because what takes long to import is imported by the commands that need it."""
    done = run_from_nothing(tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.status == 0
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
    assert "typer" in imported
    assert not imported & {"pandas", "pyarrow", "exchange_calendars", "sqlalchemy", "numpy"}
    assert all(name in done.out for name in ("demo", "run", "check", "backtest", "flatten", "audit"))


def test_the_example_runs_as_it_is(tmp_path: Path) -> None:
    """The folder of the example, copied anywhere, checks, backtests and runs, with one result."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))
    assert all(line.startswith("ok") for line in succeed(folder, "check").out.splitlines())
    backtest = succeed(folder, "backtest", "--json", "-").json
    ran = succeed(folder, "run", "--json").json
    assert backtest["fills"] > 0
    assert (ran["orders"], ran["fills"], ran["equity"]) == (backtest["orders"], backtest["fills"], backtest["equity"])
