"""Several accounts in one engine: two at the local Alpaca, each with keys of its own, and others beside them."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from alpaca.trading.client import TradingClient

from holdfast.config import Config, parse_config
from holdfast.core.state import EngineState
from tests.local_alpaca import KEY, OTHER_KEY, SECRET, LocalAlpaca
from tests.scenario.alpaca.engine import Running

BOTH = ("one", "two")
FILE_SYMBOL = "ABC"


def accounts_file(folder: Path, *keys: str) -> Path:
    """The only keys that the server takes, each with an account of its own."""
    path = folder / "accounts.toml"
    rows = [f'[[accounts]]\nkey = "{key}"\nsecret = "{SECRET}"\n' for key in keys]
    path.write_text("\n".join(rows))
    return path


def bars_file(folder: Path, count: int = 300) -> Path:
    """A file of one symbol's bars, a minute each, up and down."""
    path = folder / "bars.csv"
    rows = [
        f"{FILE_SYMBOL},2024-07-10T{13 + (30 + n) // 60:02}:{(30 + n) % 60:02}:00Z,{c},{c},{c},{c},1000"
        for n, c in ((n, 100 + n % 7) for n in range(count))
    ]
    path.write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return path


def two_accounts(server: LocalAlpaca, folder: Path, **changes: Any) -> Config:
    """Accounts ``one`` and ``two`` on one feed, with a strategy that is on both and asks for nothing."""
    folder.mkdir(exist_ok=True)
    strategy = {"id": "both", "class": "holdfast.torture.processes.strategy:Busy", "symbols": ["AVOR", "BRYX"]}
    sections: dict[str, Any] = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"kind": "alpaca", "symbols": ["AVOR", "BRYX"], "warm_up_minutes": 30},
        "alpaca": alpaca_section(server),
        "live": {"check_every_s": 0.5, "reconcile_every_s": 0.5},
        "accounts": [
            {"name": "one", "broker": "alpaca", "risk": {"max_orders_per_minute": 1000}},
            {"name": "two", "broker": "alpaca", "login": "second", "risk": {"max_orders_per_minute": 1000}},
        ],
        "strategies": [strategy | {"accounts": list(BOTH), "params": {"idle_in": 10}}],
    }
    if "feeds" in changes:
        del sections["feed"]
    return parse_config(sections | changes, "test", folder)


def alpaca_section(server: LocalAlpaca) -> dict[str, Any]:
    """``[alpaca]`` with a second login."""
    return {
        "api_key": KEY,
        "api_secret": SECRET,
        "trading_url": server.trading_url,
        "data_url": server.data_url,
        "data_stream_url": server.data_stream_url,
        "requests_per_minute": 900_000,
        "data_requests_per_minute": 900_000,
        "connect_timeout_s": 1.0,
        "read_timeout_s": 1.0,
        "settle_s": 1.0,
        "logins": {"second": {"api_key": OTHER_KEY, "api_secret": SECRET}},
    }


def state_of(running: Running, account: str) -> EngineState:
    """An account's state."""
    return next(each.state for each in running.engine.accounts if each.name == account)


def trades(running: Running, *accounts: str) -> bool:
    """Whether accounts may take risk."""
    return all(state_of(running, account).account_state.takes_risk for account in accounts)


def theirs(server: LocalAlpaca, key: str) -> Mapping[str, Decimal]:
    """What the server's account of a key holds."""
    client = TradingClient(key, SECRET, raw_data=True, url_override=server.trading_url)
    rows: Any = client.get("/positions")
    return {row["symbol"]: Decimal(str(row["qty"])) for row in rows}


def with_params(config: Config, **params: Any) -> Config:
    """The same with other parameters of its strategies."""
    strategies = [msgspec.structs.replace(row, params={**row.params, **params}) for row in config.strategies]
    return msgspec.structs.replace(config, strategies=strategies)
