"""The watchdog's own session at the broker: it asks for positions and for what protects them, and sends nothing."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from holdfast.adapters import registry
from holdfast.brokers.adapter import Watched
from holdfast.brokers.port import BrokerAccount, BrokerOrder
from holdfast.config import AccountConfig, Config
from holdfast.config.secrets import KeptSessions
from holdfast.telemetry.metrics import ApiMetrics
from holdfast.watchdog import cover
from holdfast.watchdog.cover import Gap


class AtBroker:
    """Asks the broker. Its questions raise Unavailable when they can't be answered, AccessDenied when keys are refused."""

    def __init__(self, config: Config, account: AccountConfig) -> None:
        section = config.section(account.broker)
        self._login = registry.load(account.broker).log_in(
            section, account.login, Watched(ApiMetrics(), sessions=KeptSessions(config.secrets))
        )
        self._broker = self._login.broker(asks_only=True)

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._broker.account()

    async def unprotected(self) -> tuple[BrokerAccount, Sequence[Gap]]:
        """The account, and those of its positions whose stops are missing or too small."""
        account, orders = await self._look()
        return account, cover.unprotected(account.positions, orders)

    async def open_still(self) -> Sequence[Gap]:
        """The positions that are not being closed."""
        account, orders = await self._look()
        return cover.open_still(account.positions, orders)

    async def _look(self) -> tuple[BrokerAccount, Sequence[BrokerOrder]]:
        """Orders are asked for first: a position that one of them closes in between is no gap then."""
        orders = await self._broker.open_orders()
        return await self.account(), orders

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._broker.close()
        self._login.close()
