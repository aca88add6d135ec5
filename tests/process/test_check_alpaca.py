"""``holdfast check alpaca`` against a local server, and without one."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.process.program import Done, run

pytestmark = pytest.mark.process

STEPS = ["keys", "connection", "account", "history", "price", "order events", "market data", "round trip"]


def variables(server: LocalAlpaca | None = None, **more: str) -> dict[str, str]:
    """What a person sets; without a server a port where nobody listens."""
    url = server.trading_url if server is not None else "http://127.0.0.1:9"
    return {
        "ALPACA_PAPER_API_KEY": KEY,
        "ALPACA_PAPER_API_SECRET": SECRET,
        "ALPACA_TRADING_URL": url,
        "ALPACA_DATA_URL": url,
        "ALPACA_DATA_STREAM_URL": url.replace("http", "ws"),
        **more,
    }


def check(folder: Path, *options: str, **extra: str) -> Done:
    for name in [name for name in os.environ if name.startswith("ALPACA_")]:
        extra.setdefault(name, "")
    return run(folder, "check", "alpaca", "--symbol", "AVOR", *options, **extra)


def verdicts(done: Done) -> dict[str, Any]:
    return {row["check"]: row["verdict"] for row in done.json["checks"]}


def test_every_step_is_proved_with_its_time(tmp_path: Path) -> None:
    """Connection, account, history, price, both streams and an order there and back; nothing is left at the broker."""
    with local_alpaca(start="2024-07-10T15:00:00Z") as server:
        done = check(tmp_path, "--send", "--json", **variables(server))
        assert done.status == 0, done
        found = verdicts(done)
        assert list(found) == STEPS
        assert found["round trip"] == "ok"
        assert all(row["seconds"] is not None for row in done.json["checks"][1:])
        (trading,) = server.call(server.world.accounts.all)
        assert [order.status.value for order in server.call(trading.orders.all)] == ["canceled"]


def test_nothing_is_sent_unless_told(tmp_path: Path) -> None:
    """Without --send the round trip is a dry run."""
    with local_alpaca(start="2024-07-10T15:00:00Z") as server:
        done = check(tmp_path, "--json", **variables(server))
        assert verdicts(done)["round trip"] == "skip"
        (trading,) = server.call(server.world.accounts.all)
        assert server.call(trading.orders.all) == []


def test_a_server_that_is_not_there_is_one_clear_failure(tmp_path: Path) -> None:
    """The connection fails, with what to look at; the steps that need it are not tried; no secret is shown."""
    done = check(tmp_path, "--json", **variables())
    assert done.status == 1
    assert verdicts(done) == {"keys": "ok", "connection": "fail"}
    assert "ALPACA_TRADING_URL" in done.json["checks"][-1]["text"]
    assert SECRET not in done.out + done.err


def test_missing_keys_come_with_instructions(tmp_path: Path) -> None:
    """Which variables, and that the local Alpaca needs no account."""
    done = check(tmp_path, ALPACA_PAPER_API_KEY="", ALPACA_PAPER_API_SECRET="")
    assert done.status == 2
    assert "ALPACA_PAPER_API_KEY" in done.err
    assert "holdfast sim alpaca" in done.err


def test_real_money_needs_a_second_consent(tmp_path: Path) -> None:
    """Live keys alone don't do it, and the error says the sentence that does."""
    keys = {"ALPACA_MODE": "live", "ALPACA_LIVE_API_KEY": KEY, "ALPACA_LIVE_API_SECRET": SECRET}
    done = check(tmp_path, **keys)
    assert done.status == 2
    assert "ALPACA_LIVE_CONSENT" in done.err


def test_an_unknown_broker_is_named(tmp_path: Path) -> None:
    """A broker that can't be checked is a misuse."""
    done = run(tmp_path, "check", "alpacca")
    assert done.status == 2
    assert "check alpaca" in done.error


def test_the_example_is_understood(tmp_path: Path) -> None:
    """examples/alpaca.toml passes the check as it stands, given keys."""
    example = Path(__file__).resolve().parents[2] / "examples" / "alpaca.toml"
    (tmp_path / "alpaca.toml").write_text(example.read_text())
    keys = {name: value for name, value in variables().items() if "KEY" in name or "SECRET" in name}
    done = run(tmp_path, "check", "-c", "alpaca.toml", **keys)
    assert done.status == 0, done
    assert "SPY" in done.out
