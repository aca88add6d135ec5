"""An account's watchlists. Alpaca: a name of at most 64 characters, unique in the account (documented)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from holdfast.sim.alpaca.errors import not_found, unprocessable
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading.changes import Changes, new_id
from holdfast.sim.chassis.state import Kind

if TYPE_CHECKING:
    from holdfast.sim.alpaca.market.assets import Assets

LONGEST_NAME = 64
MOST_LISTS = 200
"""Alpaca's own limit is not documented; this one keeps a bot that makes lists in a loop from filling the memory."""


class Watchlist(msgspec.Struct, kw_only=True):
    """A named list of symbols, in the order they were put in."""

    id: str
    name: str
    created_ns: int
    updated_ns: int
    symbols: list[str]


class Watchlists:
    """All lists of an account."""

    def __init__(self, assets: "Assets", account_id: str, changes: Changes) -> None:
        self._assets = assets
        self.account_id = account_id
        self._changes = changes
        self._lists: dict[str, Watchlist] = {}

    def load(self, lists: Iterable[Watchlist]) -> None:
        """Takes over what a state file kept."""
        self._lists = {one.id: one for one in lists}

    def all(self) -> Sequence[Watchlist]:
        """Every list, the oldest first."""
        return sorted(self._lists.values(), key=_created)

    def get(self, list_id: str) -> Watchlist:
        """By id. Raises `ApiError` (404)."""
        found = self._lists.get(list_id)
        if found is None:
            raise not_found("watchlist not found")
        return found

    def by_name(self, name: str) -> Watchlist:
        """By name. Raises `ApiError` (404)."""
        found = next((one for one in self._lists.values() if one.name == name), None)
        if found is None:
            raise not_found("watchlist not found")
        return found

    def make(self, name: str, symbols: Iterable[str], now_ns: int) -> Watchlist:
        """A new list. Raises `ApiError`."""
        self._check_name(name, None)
        if len(self._lists) >= MOST_LISTS:
            raise unprocessable(f"no more than {MOST_LISTS} watchlists are allowed")
        made = Watchlist(id=new_id(), name=name, created_ns=now_ns, updated_ns=now_ns, symbols=self._known(symbols))
        return self._keep(made, now_ns)

    def change(self, one: Watchlist, name: str | None, symbols: Iterable[str] | None, now_ns: int) -> Watchlist:
        """Another name, other symbols, or both. Raises `ApiError`."""
        if name is not None:
            self._check_name(name, one)
        if symbols is not None:
            one.symbols = self._known(symbols)
        one.name = one.name if name is None else name
        return self._keep(one, now_ns)

    def add(self, one: Watchlist, symbol: str, now_ns: int) -> Watchlist:
        """One more symbol. Raises `ApiError` when it is unknown or there already."""
        asset = self._asset(symbol)
        if asset.symbol in one.symbols:
            raise unprocessable("duplicate symbol")
        one.symbols.append(asset.symbol)
        return self._keep(one, now_ns)

    def remove(self, one: Watchlist, symbol: str, now_ns: int) -> Watchlist:
        """One symbol less. Raises `ApiError` (404) when it is not on the list."""
        asset = self._assets.find(symbol)
        if asset is None or asset.symbol not in one.symbols:
            raise not_found("symbol not found in watchlist")
        one.symbols.remove(asset.symbol)
        return self._keep(one, now_ns)

    def drop(self, one: Watchlist, now_ns: int) -> None:
        """The list is gone."""
        del self._lists[one.id]
        self._changes.drop(Kind.WATCHLIST, one.id)
        self._changes.flush(now_ns)

    def assets(self, one: Watchlist) -> list[Asset]:
        """What is on a list."""
        return [asset for asset in map(self._assets.find, one.symbols) if asset is not None]

    def _keep(self, one: Watchlist, now_ns: int) -> Watchlist:
        one.updated_ns = now_ns
        self._lists[one.id] = one
        self._changes.put(Kind.WATCHLIST, one.id, one)
        self._changes.flush(now_ns)
        return one

    def _check_name(self, name: str, but: Watchlist | None) -> None:
        if not name or len(name) > LONGEST_NAME:
            raise unprocessable(f"watchlist name must be 1 to {LONGEST_NAME} characters")
        if any(one.name == name for one in self._lists.values() if one is not but):
            raise unprocessable("watchlist name must be unique")

    def _known(self, symbols: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(self._asset(symbol).symbol for symbol in symbols))

    def _asset(self, symbol: str) -> Asset:
        asset = self._assets.find(symbol)
        if asset is None:
            raise not_found(f'asset "{symbol}" not found')
        return asset


def _created(one: Watchlist) -> int:
    return one.created_ns
