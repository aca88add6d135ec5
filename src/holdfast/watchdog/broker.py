"""The watchdog's own session at the broker: it asks for positions and for what protects them, and sends nothing."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.adapters.alpaca.connection.environment import load_alpaca
from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.trading.book import KnownOrders
from holdfast.adapters.alpaca.trading.questions import Questions
from holdfast.brokers.port import BrokerAccount, BrokerOrder
from holdfast.config import Config
from holdfast.watchdog import cover
from holdfast.watchdog.cover import Gap


class AtBroker:
    """Asks Alpaca. Its questions raise Unavailable when they can't be answered, AccessDenied when keys are refused."""

    def __init__(self, config: Config) -> None:
        self._rest = AlpacaRest(load_alpaca(os.environ, Path(".env"), config.alpaca))
        self._questions = Questions(self._rest, KnownOrders())

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._questions.account()

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
        orders = await self._questions.open_orders_and_legs()
        return await self.account(), orders

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._questions.close()
        self._rest.close()
