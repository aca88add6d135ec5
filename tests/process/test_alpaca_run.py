"""``holdfast run`` at Alpaca in a box: two real programs, a session of real prices, and the same books at both ends."""

import json
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.program import proves_itself, run, started, succeed, until
from tests.process.test_sim import serving

pytestmark = pytest.mark.process

KEY, SECRET = "PKREALPRICESBOTHENDS", "an-invented-secret-of-forty-characters-0"
CLOSE = "2013-10-08T20:00"
CONFIG = """
[feed]
kind = "alpaca"
warm_up_minutes = 60

[alpaca]
requests_per_minute = 100000
data_requests_per_minute = 100000

[live]
check_every_s = 1.0
reconcile_every_s = 2.0

[[accounts]]
name = "main"
broker = "alpaca"
risk = { leverage = 2 }

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "main"
symbols = ["IBM", "SPY"]
params = { fast = 3, slow = 8, quantity = 40, allow_short = true }

[[strategies]]
id = "reversion"
class = "holdfast.strategies:MeanReversion"
account = "main"
symbols = ["SPY"]
params = { quantity = 15 }
"""


def at_server(told: dict[str, Any], path: str, **query: str) -> Any:
    """What the server says of the account."""
    headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
    answer = requests.get(told["trading_url"] + path, query, headers=headers, timeout=30)
    answer.raise_for_status()
    return answer.json()


def executions(told: dict[str, Any]) -> Counter[tuple[str, str, Decimal, Decimal]]:
    """Every execution that the server has, by symbol, side, quantity and price."""
    found: Counter[tuple[str, str, Decimal, Decimal]] = Counter()
    token = ""
    while page := at_server(
        told, "/v2/account/activities/FILL", direction="asc", **({"page_token": token} if token else {})
    ):
        for row in page:
            side = "buy" if row["side"] == "buy" else "sell"
            found[row["symbol"], side, Decimal(row["qty"]), Decimal(row["price"])] += 1
        token = page[-1]["id"]
    return found


def prepare(folder: Path, told: dict[str, Any]) -> None:
    """A configuration, and the keys in a ``.env`` file beside it."""
    (folder / "holdfast.toml").write_text(CONFIG)
    lines = {
        "ALPACA_PAPER_API_KEY": KEY,
        "ALPACA_PAPER_API_SECRET": SECRET,
        "ALPACA_TRADING_URL": told["trading_url"],
        "ALPACA_DATA_URL": told["data_url"],
        "ALPACA_DATA_STREAM_URL": told["trading_url"].replace("http", "ws"),
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


@pytest.mark.campaign
def test_a_session_of_ibm_and_spy_ends_with_the_same_books(shared_data: Path, tmp_path: Path) -> None:
    """Every minute of 8 October 2013: cash and positions to the cent, each execution once, and a journal that proves itself."""
    data = ["--data", str(shared_data / "us_minute_trades.parquet"), "--start", "2013-10-08T13:28:00Z"]
    with serving(tmp_path, *data, "--speed", "900", "--requests", "0") as (told, _):
        prepare(tmp_path, told)
        with started(tmp_path, "run") as engine:
            until(lambda: requests.get(told["control_url"], timeout=10).json()["market_time"] > CLOSE, "the close")
            until(lambda: not at_server(told, "/v2/orders", status="open"), "the last order's end")
            until(lambda: books(tmp_path)["cash"] == plain(at_server(told, "/v2/account")["cash"]), "the same cash")
            engine.send_signal(signal.SIGTERM)
            assert engine.wait() == 0
        there = {row["symbol"]: signed(row) for row in at_server(told, "/v2/positions")}
        held = {row["symbol"]: Decimal(row["quantity"]) for row in succeed(tmp_path, "positions", "--json").json}
        assert held == there
        fills = succeed(tmp_path, "fills", "--json").json
        assert Counter(execution(fill) for fill in fills) == executions(told)
        assert len(fills) > 40
    assert proves_itself(tmp_path, "holdfast.toml")
    everything = (tmp_path / "output.txt").read_bytes() + (tmp_path / "holdfast.db").read_bytes()
    assert SECRET.encode() not in everything


def books(folder: Path) -> dict[str, Any]:
    """What ``holdfast status`` says of the account."""
    (account,) = json.loads(run(folder, "status", "--json").out)["accounts"]
    found: dict[str, Any] = account
    return found


def plain(text: str) -> str:
    return f"{Decimal(text).normalize():f}"


def signed(row: dict[str, Any]) -> Decimal:
    quantity = abs(Decimal(row["qty"]))
    return -quantity if row["side"] == "short" else quantity


def execution(fill: dict[str, Any]) -> tuple[str, str, Decimal, Decimal]:
    return fill["symbol"], fill["side"], Decimal(fill["quantity"]), Decimal(fill["price"])
