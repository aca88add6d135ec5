"""The command line: steering strategies, closing positions, trying an order without ordering it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.core.milestones import StrategyStarted
from holdfast.journal.reader import Reader
from tests.process.program import proves_itself, run, started, succeed, trading, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 2
speed = 60
symbols = ["AVOR", "BRYX"]

[[accounts]]
name = "house"
calendar = "24/7"

[accounts.risk]
max_position_value = 50000

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["BRYX"]
params = { fast = 2, slow = 4, quantity = 10, allow_short = true }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    return tmp_path


def trades(folder: Path, epoch: int = 1) -> None:
    """Wait until the engine of an epoch trades."""
    url = f"sqlite:///{folder / 'holdfast.db'}"

    def is_there() -> bool:
        if not trading(url):
            return False
        with Reader.open(url) as reader:
            return reader.account("house").epoch == epoch

    until(is_there, f"the engine of epoch {epoch} to trade")


@pytest.fixture
def engine(folder: Path) -> Iterator[Path]:
    """The folder of an engine that trades."""
    with started(folder, "run"):
        trades(folder)
        yield folder
    assert proves_itself(folder, "holdfast.toml")


def strategy(folder: Path) -> dict[str, object]:
    """What ``status`` says of the strategy."""
    (account,) = succeed(folder, "status", "--json").json["accounts"]
    (found,) = account["strategies"]
    return dict(found)


def held(folder: Path, symbol: str) -> str:
    """The account's quantity in a symbol."""
    rows = {row["symbol"]: row["quantity"] for row in succeed(folder, "positions", "--json").json}
    return str(rows.get(symbol, "0"))


def test_a_strategy_is_switched_off_and_set_over_a_kill_and_a_stop(folder: Path) -> None:
    """What a person says of it holds after SIGKILL and after a stop in order; a start says so, and how to go back."""
    with started(folder, "run") as engine:
        trades(folder)
        wrong = run(folder, "strategy", "set", "ema", "fast=3", "sloww=9")
        assert (wrong.status, "did you mean slow?" in wrong.err) == (3, True)
        refused = run(folder, "strategy", "set", "ema", "fast=9")
        assert (refused.status, "nothing was changed" in refused.err) == (3, True)
        done = succeed(folder, "strategy", "set", "ema", "fast=3", "--reason", "too nervous", "--json").json
        assert done["status"] == "done"
        assert '"fast":3' in done["text"]
        assert '"slow":4' in done["text"]
        assert "is switched off" in succeed(folder, "strategy", "stop", "ema", "--reason", "lunch").out
        assert run(folder, "strategy", "stop", "ema").status == 3
        off = strategy(folder)
        assert (off["running"], off["stopped"], off["off"]) == (False, False, True)
        assert "lunch" in str(off["why"])
        engine.kill()
    errors = folder / "errors.txt"
    with started(folder, "run", errors=errors) as engine:
        trades(folder, 2)
        assert strategy(folder)["off"] is True
        told = errors.read_text()
        assert "holdfast strategy start ema" in told
        assert '"fast":3' in told
        assert "holdfast strategy set ema --from-file" in told
        assert "runs again" in succeed(folder, "strategy", "start", "ema").out
        assert strategy(folder)["running"] is True
        engine.send_signal(signal.SIGINT)
        assert engine.wait() == 0
    with started(folder, "run", errors=errors):
        trades(folder, 3)
        with Reader.open(f"sqlite:///{folder / 'holdfast.db'}") as reader:
            (last, *_) = reader.last_records("house", 1, StrategyStarted.__name__)
            assert isinstance(last.body, StrategyStarted)
            assert '"fast":3' in last.body.params
        assert '"fast":2' in succeed(folder, "strategy", "set", "ema", "--from-file").out
        assert run(folder, "strategy", "set", "ema", "--from-file").status == 3
    assert proves_itself(folder, "holdfast.toml")


def test_a_position_is_closed_by_name(engine: Path) -> None:
    """Of whoever holds it; what nobody holds can't be closed."""
    nothing = run(engine, "close", "AVOR", "-y")
    assert (nothing.status, "nobody holds any" in nothing.err) == (2, True)
    succeed(engine, "buy", "AVOR", "10", "--stop-loss", "1", "-y")
    until(lambda: held(engine, "AVOR") == "10", "the buy to fill")
    assert run(engine, "close", "AVOR", "--strategy", "ema", "-y").status == 2
    assert succeed(engine, "close", "AVOR", "--json").json["status"] == "done"
    until(lambda: held(engine, "AVOR") == "0", "the close to fill")
    until(
        lambda: (
            not [
                row
                for row in succeed(engine, "orders", "--json").json
                if row["symbol"] == "AVOR" and row["state"] == "SUBMITTED"
            ]
        ),
        "its stop to go",
    )


def test_an_order_is_tried_without_being_ordered(engine: Path) -> None:
    """The preview says what risk would, with its figures, and leaves no record of it."""
    asked = ("buy", "AVOR", "$5000", "--stop-loss", "1", "--preview", "--json")
    until(lambda: run(engine, *asked).json.get("rule") != "price_known", "the engine shows a price")
    found = succeed(engine, *asked).json
    assert found["accepted"] is True
    assert 0 < float(found["worth"]) <= 5000
    assert found["stop_loss"] == "1"
    assert float(found["buying_power_after"]) < float(found["buying_power"])
    assert found["prices"] == "engine"
    refused = run(engine, "buy", "AVOR", "$60000", "--preview", "--json")
    assert (refused.status, refused.json["rule"]) == (3, "position_value")
    assert refused.json["limit"] == "50000.00"
    assert "nothing was ordered" in succeed(engine, "sell", "AVOR", "5", "--preview").out
    assert held(engine, "AVOR") == "0"
    assert [row for row in succeed(engine, "orders", "--json").json if row["symbol"] == "AVOR"] == []
