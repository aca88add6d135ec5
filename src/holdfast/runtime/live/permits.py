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
        listed = {asset.symbol: asset.rules for asset in self._assets if asset.rules is not None}
        if found != around.state.permits or any(around.state.register.told(listed, "")):
            around.account.inbox.append(Permits(around.clock.now_ns(), found, listed, around.account.state.broker))
            around.deliver(())

    def _warn(self) -> None:
        """Tell a person of strategies' symbols that can't be traded, once each: a misspelt one would have no market for ever."""
        around = self._around
        barred = {asset.symbol for asset in self._assets if not asset.tradable} - self._told
        self._told |= barred
        self._warn_of_names([asset for asset in self._assets if asset.symbol in barred])
        for name, runner in around.state.host.runners.items():
            mine = [symbol for symbol in runner.symbols if symbol in barred]
            if mine:
                log.warning(
                    "the broker takes no orders for symbols of a strategy: it doesn't know them, or doesn't trade them now",
                    account=around.account.name,
                    strategy=name,
                    symbols=", ".join(mine),
                )

    def _warn_of_names(self, unlisted: Sequence[Asset]) -> None:
        """Tell of symbols that have another name now, and of held ones that may."""
        held = {symbol for symbol, _ in self._around.state.portfolio.open_lines()}
        for asset in unlisted:
            if asset.now_called or asset.symbol in held:
                log.warning(
                    "a symbol is not at the broker any more; it has, or may have, another name there now",
                    account=self._around.account.name,
                    symbol=asset.symbol,
                    now_called=asset.now_called or "unknown",
                    is_held=asset.symbol in held,
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
        renamed={asset.symbol: asset.now_called for asset in assets if asset.now_called},
    )
