"""The file that lists accounts: who may trade here, with which keys and how much money."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from holdfast.core.types import to_decimal
from holdfast.errors import ConfigError, InvalidValue

DEPOSIT = Decimal(100_000)
"""What a paper account is opened with. Alpaca: documented."""


class AccountSpec(msgspec.Struct, frozen=True):
    """One account of the file."""

    key: str
    secret: str
    cash: Decimal = DEPOSIT

    def __repr__(self) -> str:
        return f"AccountSpec(key={self.key!r}, cash={self.cash})"  # never the secret


def read_accounts(path: Path) -> list[AccountSpec]:
    """The accounts of a JSON or TOML file: ``accounts``, a list of ``key``, ``secret`` and perhaps ``cash``.

    Raises :class:`~holdfast.errors.ConfigError` that names the file, the account and what to mend.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = (
            json.loads(text, parse_float=Decimal)
            if path.suffix == ".json"
            else tomllib.loads(text, parse_float=Decimal)
        )
    except OSError as error:
        raise ConfigError(f"the accounts file {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the accounts file {path} is neither JSON (.json) nor TOML: {error}") from error
    rows = content.get("accounts") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"the accounts file {path} lists no accounts: it needs [[accounts]] with key and secret")
    specs = [_read(path, number, row) for number, row in enumerate(rows, 1)]
    if len({spec.key for spec in specs}) < len(specs):
        raise ConfigError(f"the accounts file {path} has one key twice; each account needs a key of its own")
    return specs


def _read(path: Path, number: int, row: Any) -> AccountSpec:
    where = f"the accounts file {path}, account {number}"
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: a table with key and secret is expected")
    unknown = sorted(row.keys() - {"key", "secret", "cash"})
    if unknown:
        raise ConfigError(f"{where}: unknown field {unknown[0]!r}; there are key, secret and cash")
    key, secret = row.get("key"), row.get("secret")
    if not isinstance(key, str) or not key or not isinstance(secret, str) or not secret:
        raise ConfigError(f"{where}: key and secret must be texts that are not empty")
    try:
        cash = to_decimal(row.get("cash", DEPOSIT), "cash")
    except InvalidValue as error:
        raise ConfigError(f"{where}: {error}") from error
    if cash < 0:
        raise ConfigError(f"{where}: cash must not be below zero, and is {cash}")
    return AccountSpec(key, secret, cash)
