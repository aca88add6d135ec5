"""All accounts of the server, by the keys of their apps."""

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.errors import ConfigError, InvalidValue
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.session.limits import Limits
from holdfast.sim.kite.session.tokens import Login
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.trading.gtt import Triggers
from holdfast.sim.kite.trading.wire import Row

if TYPE_CHECKING:
    from holdfast.sim.kite.world import World


class Accounts:
    """The accounts. ``allowed`` are the addresses that may place orders; without any all may (the exchanges' rule of static addresses)."""

    def __init__(
        self, world: "World", logins: Sequence[Login], *, has_limits: bool = True, allowed: Sequence[str] = ()
    ) -> None:
        self.allowed = tuple(allowed)
        self._by_key: dict[str, KiteAccount] = {}
        self._stale: dict[str, list[Row]] = {}
        self._world = world
        for login in logins:
            if login.api_key in self._by_key:
                raise InvalidValue(f"two accounts have the api_key {login.api_key!r}; give each its own")
            account = KiteAccount(world, login, Limits(is_on=has_limits))
            account.triggers = Triggers(world, account)
            self._by_key[login.api_key] = account

    def all(self) -> Sequence[KiteAccount]:
        """Every account, in the order of the file."""
        return tuple(self._by_key.values())

    def book_of(self, account: KiteAccount) -> list[Row]:
        """The order book as it is told: while that fault lasts, as it was when it began."""
        if self._world.faults.take(FaultName.STALE_ORDER_BOOK, symbol=None, tag=None) is None:
            self._stale.pop(account.login.api_key, None)
            return account.rows()
        return self._stale.setdefault(account.login.api_key, account.rows())

    def find(self, api_key: str) -> KiteAccount | None:
        """The account of an app's key."""
        return self._by_key.get(api_key)


def read_logins(path: Path) -> Sequence[Login]:
    """The accounts of a file: TOML ``[[accounts]]`` with ``api_key``, ``api_secret``, ``user_id``, ``deposit``.

    Raises :class:`~holdfast.errors.ConfigError` for a file that can't be used.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(data.get("accounts", []), list[Login], strict=False)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"accounts file {path}: {error}") from error
    if not found or any(login.deposit < Decimal(0) for login in found):
        raise ConfigError(
            f"accounts file {path}: it needs one [[accounts]] or more, each with a deposit of zero or more"
        )
    return found
