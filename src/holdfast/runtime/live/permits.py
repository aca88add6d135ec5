"""What the broker lets the account do, watched: whether it may trade at all, what is lent to it, and what single symbols bar."""

from collections.abc import Sequence

import structlog

from holdfast.brokers.port import Asset, BrokerAccount
from holdfast.core.permits import BrokerPermits, Permits
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.surroundings import Surroundings

ASSETS_EVERY_S = 4 * 3600.0
"""How often symbols are asked for: what is lent changes from day to day, and each symbol is a request."""
MOST_ASKED = 100
"""Symbols that are asked for; of the rest the broker's refusals tell. More would use up a minute's requests."""


log = structlog.get_logger(__name__)


class PermitsWatch:
    """Tells the core what the account may do, as the broker's answers say."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._assets: Sequence[Asset] = ()
        self._asked_s = float("-inf")
        self._told: set[str] = set()

    async def take(self, account: BrokerAccount) -> None:
        """Take an answer about the account, and ask for symbols where that was long ago. Raises Unavailable, AccessDenied."""
        around = self._around
        reason = f"the broker lets it trade nothing: {account.blocked}" if account.blocked else "it may trade"
        around.monitor.set(Cause.BLOCKED, ok=not account.blocked, reason=reason)
        if around.clock.monotonic_s() - self._asked_s >= ASSETS_EVERY_S:
            self._assets = await around.account.broker.assets(self._symbols())
            self._asked_s = around.clock.monotonic_s()
            self._warn()
        found = _permits(account, self._assets)
        if found != around.state.permits:
            around.account.inbox.append(Permits(around.clock.now_ns(), found))
            around.deliver(())

    def _warn(self) -> None:
        """Tell a person of strategies' symbols that can't be traded, once each: a misspelt one would have no market for ever."""
        around = self._around
        barred = {asset.symbol for asset in self._assets if not asset.tradable} - self._told
        self._told |= barred
        for name, runner in around.state.host.runners.items():
            mine = [symbol for symbol in runner.symbols if symbol in barred]
            if mine:
                log.warning(
                    "the broker takes no orders for symbols of a strategy: it doesn't know them, or doesn't trade them now",
                    account=around.account.name,
                    strategy=name,
                    symbols=", ".join(mine),
                )

    def _symbols(self) -> list[str]:
        """Those that strategies trade and that are held."""
        state = self._around.state
        traded = {symbol for runner in state.host.runners.values() for symbol in runner.symbols}
        return sorted(traded | {symbol for symbol, _ in state.portfolio.open_lines()})[:MOST_ASKED]


def _permits(account: BrokerAccount, assets: Sequence[Asset]) -> BrokerPermits:
    return BrokerPermits(
        leverage=account.leverage,
        shorting=account.shorting,
        untradable=tuple(asset.symbol for asset in assets if not asset.tradable),
        unshortable=tuple(asset.symbol for asset in assets if not asset.shortable),
        whole_only=tuple(asset.symbol for asset in assets if not asset.fractionable),
    )
