"""``holdfast sim alpaca``, started as people start it: what it says, what it serves, how it ends."""

import json
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the official SDK imports the old client of websockets
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

from tests.process.program import PATIENCE_S, Running, run, started, until

pytestmark = pytest.mark.process

KEY, SECRET = "a-key", "a-secret"
SMALL = ("--symbols", "AVOR", "--start", "2024-07-10T13:30:00Z")
"""A market that is begun at once: one symbol, and no years of prices before."""
BARS = """symbol,ts,open,high,low,close,volume
ACME,2024-01-03T14:30:00Z,10,11,9,10.5,100
BTCUSD,2024-01-03T14:30:00Z,42000,42000,42000,42000,1
ACME,2024-01-03T14:31:00Z,11,12,10,11.5,100
BTCUSD,2024-01-03T14:31:00Z,42000,42100,41900,42050,1.5
"""


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[dict[str, Any], Running]]:
    """The program with ``--json``, and what it said."""
    said = folder / "output.txt"
    for path in (said, folder / "errors.txt"):
        path.unlink(missing_ok=True)
    with started(folder, "sim", "alpaca", "--port", "0", "--json", *arguments, errors=folder / "errors.txt") as process:
        yield until(lambda: said.exists() and _json(said.read_text()), "where it serves"), process


def _json(text: str) -> Any:
    """What it has said, once that is whole."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def end(process: Running, number: signal.Signals, folder: Path) -> tuple[int, str]:
    """Ask it to stop; its status and what it said on stderr."""
    process.send_signal(number)
    return process.wait(), (folder / "errors.txt").read_text()


def client_of(told: dict[str, Any]) -> Any:
    """The official client, pointed where the program said."""
    return TradingClient(KEY, SECRET, url_override=told["trading_url"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """One line of JSON with the port and all URLs; a bot trades there; either signal ends it with status 0 and no noise."""
    with serving(tmp_path, "--start", "2024-07-10T13:30:00Z") as (told, process):
        client = client_of(told)
        assert client.get_account().cash == "100000"
        assert [asset.symbol for asset in client.get_all_assets()] == told["symbols"]
        client._session.close()
        assert told["trading_url"] == f"http://127.0.0.1:{told['port']}"
        assert told["keys"] == "any"
        assert told["speed"] == 1
        assert requests.get(told["control_url"], timeout=PATIENCE_S).json()["data"] == told["data"]
        assert end(process, number, tmp_path) == (0, "")


def test_people_are_shown_the_same(tmp_path: Path) -> None:
    """Without ``--json`` a table says where to point what, and with ``--tls`` what makes clients trust it and come."""
    with started(
        tmp_path, "sim", "alpaca", "--port", "0", "--symbols", "aapl,BTC/USD", "--speed", "60", "--tls", "tls"
    ):
        said = tmp_path / "output.txt"
        text = until(lambda: said.exists() and "take that line" in said.read_text() and said.read_text(), "the table")
    for part in ("https://127.0.0.1:", "wss:", "/stream", "/v2/iex", "/v1beta3/crypto/us", "AAPL BTC/USD", "60 times"):
        assert part in text
    assert f"NODE_EXTRA_CA_CERTS={tmp_path.resolve() / 'tls' / 'ca.pem'}" in text
    assert "127.0.0.1 api.alpaca.markets paper-api.alpaca.markets" in text


def test_it_serves_files(tmp_path: Path) -> None:
    """Data from a file, at the start of the data, flat out from a resume on; what a folder has besides is named."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bars.csv").write_text(BARS)
    (tmp_path / "data" / "other.csv").write_text("this,that\n1,2\n")
    with serving(tmp_path, "--data", "data", "--speed", "max") as (told, process):
        assert told["symbols"] == ["ACME", "BTC/USD"]
        assert told["market_time"] == "2024-01-03T14:30:00Z"
        clock = told["control_url"].replace("status", "clock")
        requests.post(clock, json={"action": "resume"}, timeout=PATIENCE_S).raise_for_status()
        until(lambda: requests.get(told["control_url"], timeout=PATIENCE_S).json()["over"], "the end of the data")
        latest = requests.get(
            f"{told['data_url']}/v1beta3/crypto/us/latest/trades?symbols=BTC/USD", timeout=PATIENCE_S
        ).json()
        assert latest["trades"]["BTC/USD"]["p"] == 42050
        status, errors = end(process, signal.SIGTERM, tmp_path)
    assert status == 0
    assert "other.csv" in errors


def test_accounts_and_orders_outlive_a_kill(tmp_path: Path) -> None:
    """With a state file, and killed: the order is there again, under its id, at a time that is not earlier, --start or not."""
    arguments = ("--state", "alpaca.db", "--speed", "60", "--start", "2024-07-10T13:30:00Z")
    with serving(tmp_path, *arguments) as (told, process):
        client = client_of(told)
        order = LimitOrderRequest(
            symbol="AVOR", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=1
        )
        time_before, sent = client.get_clock().timestamp, client.submit_order(order)  # what is kept is at least as late
        client._session.close()
        process.kill()
    with serving(tmp_path, *arguments) as (told, process):
        client = client_of(told)
        found = client.get_order_by_id(sent.id)
        assert (found.client_order_id, found.limit_price) == (sent.client_order_id, "1")
        assert client.get_clock().timestamp >= time_before
        client._session.close()
        assert "market time goes on at 2024-07-10" in end(process, signal.SIGTERM, tmp_path)[1]


def test_only_listed_accounts_trade(tmp_path: Path) -> None:
    """With an accounts file its keys are shown, their secrets never, and others are refused."""
    (tmp_path / "accounts.toml").write_text('[[accounts]]\nkey = "mine"\nsecret = "do-not-show"\ncash = 5000\n')
    with serving(tmp_path, *SMALL, "--accounts", "accounts.toml") as (told, _):
        assert told["keys"] == ["mine"]
        assert "do-not-show" not in json.dumps(told)
        headers = {"APCA-API-KEY-ID": "mine", "APCA-API-SECRET-KEY": "do-not-show"}
        account = requests.get(f"{told['trading_url']}/v2/account", headers=headers, timeout=PATIENCE_S).json()
        assert account["cash"] == "5000"
        assert (
            requests.get(
                f"{told['trading_url']}/v2/account", headers=headers | {"APCA-API-KEY-ID": "x"}, timeout=PATIENCE_S
            ).status_code
            == 403
        )


@pytest.mark.parametrize(
    ("arguments", "status", "named"),
    [
        (["--data", "nowhere.csv"], 2, "nowhere.csv"),
        (["--data", "bad.csv"], 1, "bad.csv"),
        (["--data", "bars.csv", "--symbols", "ACME"], 2, "--symbols"),
        (["--symbols", ","], 2, "symbols"),
        (["--speed", "fast"], 2, "fast"),
        (["--speed", "0"], 2, "speed"),
        (["--start", "noon"], 2, "noon"),
        (["--start", "1991-01-01", "--data", "bars.csv", "--speed", "-1"], 2, "speed"),
        (["--start", "1950-01-01"], 2, "1950"),
        (["--faults", "nowhere.toml"], 2, "nowhere.toml"),
        ([*SMALL, "--accounts", "nowhere.toml"], 2, "nowhere.toml"),
        ([*SMALL, "--state", "bars.csv"], 2, "bars.csv"),
        ([*SMALL, "--host", "203.0.113.1"], 2, "203.0.113.1"),
    ],
)
def test_what_can_not_be_served_is_one_line(tmp_path: Path, arguments: list[str], status: int, named: str) -> None:
    """Each mistake is one line on stderr that names it, with the right exit status, and nothing on stdout."""
    (tmp_path / "bars.csv").write_text(BARS)
    (tmp_path / "bad.csv").write_text(BARS.replace("10.5", "nan"))
    done = run(tmp_path, "sim", "alpaca", "--port", "0", "--json", *arguments)
    assert (done.status, done.out) == (status, "")
    assert named in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """The error names the port and the reduce-only order."""
    with serving(tmp_path, *SMALL) as (told, _):
        done = run(tmp_path, "sim", "alpaca", *SMALL, "--port", str(told["port"]))
    assert done.status == 2
    assert str(told["port"]) in done.err.splitlines()[-1]
    assert "another port" in done.err.splitlines()[-1]
