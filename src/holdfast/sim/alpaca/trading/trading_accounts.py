"""All accounts of the server, by their keys."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from holdfast.sim.alpaca.trading.account import Account, open_account
from holdfast.sim.alpaca.trading.accounts import DEPOSIT, read_accounts
from holdfast.sim.alpaca.trading.books import Execution
from holdfast.sim.alpaca.trading.curve import Curve, Sample
from holdfast.sim.alpaca.trading.hours import Hours
from holdfast.sim.alpaca.trading.limit import RateLimit
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.watchlist import Watchlist
from holdfast.sim.chassis.state import Kind, State

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World

REQUESTS_PER_MINUTE = 200
"""Alpaca: documented, for each account."""
MOST_ACCOUNTS = 1_000
"""How many accounts unknown keys may open: each costs memory and takes part in every market event."""

T = TypeVar("T")


class TradingAccounts:
    """The accounts. The file ``accounts`` lists them; without it any key opens one, and its first secret is the one it keeps.

    ``state`` is the file that all of them live in; what it has comes back at once. ``requests_per_minute`` 0 is no limit.
    Raises :class:`~holdfast.errors.ConfigError` for an accounts file that can't be used.
    """

    def __init__(
        self,
        world: "World",
        *,
        accounts: Path | None = None,
        deposit: Decimal = DEPOSIT,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        state: State | None = None,
    ) -> None:
        self._world = world
        self._hours = Hours(world.calendar)
        specs = () if accounts is None else read_accounts(accounts)
        self._is_listed = accounts is not None
        self._deposit = deposit
        self._requests_per_minute = requests_per_minute
        self._state = state
        self._by_key: dict[str, TradingAccount] = {}
        self._known: dict[tuple[str, str], TradingAccount] = {}
        for account in list(self._kept(Kind.ACCOUNT, None, Account)):
            self._restore(account)
        for spec in specs:
            if spec.key not in self._by_key:
                self._open(spec.key, spec.secret, spec.cash)

    def all(self) -> Sequence[TradingAccount]:
        """Every account, in the order in which they were opened."""
        return tuple(self._by_key.values())

    def find(self, key: str) -> TradingAccount | None:
        """The account of a key, whatever the secret; for the server's own use."""
        return self._by_key.get(key)

    def of_key(self, key: str, secret: str) -> TradingAccount | None:
        """The account of a key and its secret; None when they open none. An unknown key opens a new one if it may."""
        trading = self._known.get((key, secret))
        if trading is not None or not key or not secret:
            return trading
        trading = self._by_key.get(key)
        if trading is None:
            if self._is_listed or len(self._by_key) >= MOST_ACCOUNTS:
                return None
            trading = self._open(key, secret, self._deposit)
        elif not hmac.compare_digest(trading.account.secret_digest, _digest(key, secret)):
            return None
        self._known[key, secret] = trading
        return trading

    def close(self) -> None:
        """Keeps the market's time and closes the state file, if there is one."""
        if self._state is not None:
            self._state.save_time(self._world.clock.now_ns)
            self._state.close()

    def _open(self, key: str, secret: str, deposit: Decimal) -> TradingAccount:
        now_ns = self._world.clock.now_ns
        account = open_account(key, _digest(key, secret), deposit, now_ns)
        account.closes_ns = self._hours.regular.next_close_ns(now_ns)
        account.day_ends_ns = self._hours.regular.next_start_ns(now_ns)
        trading = self._trading(account)
        trading.changes.account()
        trading.open((), Curve(), now_ns)
        return trading

    def _restore(self, account: Account) -> None:
        trading = self._trading(account)
        trading.executions.load(list(self._kept(Kind.EXECUTION, account.id, Execution)))
        trading.watchlists.load(self._kept(Kind.WATCHLIST, account.id, Watchlist))
        curve = Curve(list(self._kept(Kind.EQUITY, account.id, Sample)))
        trading.open(list(self._kept(Kind.ORDER, account.id, Order)), curve, self._world.clock.now_ns)

    def _trading(self, account: Account) -> TradingAccount:
        trading = TradingAccount(self._world, self._hours, account, RateLimit(self._requests_per_minute), self._state)
        self._by_key[account.key] = trading
        return trading

    def _kept(self, kind: Kind, account_id: str | None, row_type: type[T]) -> Iterator[T]:
        if self._state is None:
            return
        decode = msgspec.json.Decoder(row_type).decode
        for body in list(self._state.rows(kind, account_id)):
            yield decode(body)


def _digest(key: str, secret: str) -> str:
    """Proves a secret without keeping it. These keys open a simulation, so a plain hash does."""
    return hashlib.sha256(f"{key}\n{secret}".encode()).hexdigest()
