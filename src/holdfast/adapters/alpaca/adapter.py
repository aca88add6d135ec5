"""Alpaca's adapter. What needs Alpaca's SDK is imported with the first login."""

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.adapters.alpaca.connection.environment import AlpacaSection, check_section, load_alpaca
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.trading.capability import ALPACA_FEES, ALPACA_RULES
from holdfast.brokers.adapter import Adapter, FeedRequest, Proof, Watched
from holdfast.brokers.history import BarHistory
from holdfast.brokers.port import LiveBroker
from holdfast.core.messages import BrokerName
from holdfast.feeds.live import LiveFeed
from holdfast.telemetry.logs import quieten

if TYPE_CHECKING:
    from holdfast.adapters.alpaca.connection.rest import AlpacaRest

DOTENV = Path(".env")
FOLDER = "holdfast.adapters.alpaca"


class AlpacaLogin:
    """One pair of keys. ``rest`` makes the requests of all its parts."""

    def __init__(self, settings: AlpacaSettings, watched: Watched) -> None:
        self.settings = settings
        self._watched = watched

    @cached_property
    def rest(self) -> "AlpacaRest":
        """Its requests."""
        from holdfast.adapters.alpaca.connection.rest import AlpacaRest, Breakers

        watched = self._watched
        return AlpacaRest(self.settings, watched.metrics.observe, Breakers(watched.trading, watched.market_data))

    @property
    def identity(self) -> str:
        """The key's digest: each key is of one account."""
        key = self.settings.api_key.reveal()
        return f"{self.settings.trading_url} {hashlib.sha256(key.encode()).hexdigest()[:16]}"

    @property
    def where(self) -> str:
        """Whose money it is, and where."""
        return f"{self.settings.mode} account at {self.settings.trading_url}"

    def broker(self, *, asks_only: bool = False) -> LiveBroker:
        """The account."""
        from holdfast.adapters.alpaca.trading.account import AlpacaAccount
        from holdfast.adapters.alpaca.trading.broker import AlpacaBroker, AskingBroker

        account = AlpacaAccount(self.rest, self._watched.metrics)
        return (AskingBroker if asks_only else AlpacaBroker)(self.settings, self.rest, account.invalidate)

    def feed(self, request: FeedRequest) -> LiveFeed:
        """Stocks and coins, as the plan has them."""
        from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed

        return AlpacaFeed(
            self.settings, self.rest, request.symbols, request.streams, request.calendar, request.warm_up_minutes
        )

    def close(self) -> None:
        """Close the connections of requests."""
        self.rest.close()


class AlpacaAdapter(Adapter[AlpacaSection]):
    """Alpaca: US stocks and coins."""

    name = BrokerName("alpaca")
    title = "Alpaca"
    section = AlpacaSection
    rules = ALPACA_RULES
    fees = ALPACA_FEES
    has_feed = True
    modules = (
        f"{FOLDER}.trading.account",
        f"{FOLDER}.trading.broker",
        f"{FOLDER}.connection.rest",
        f"{FOLDER}.market_data.feed",
    )
    box = "holdfast.sim.alpaca.tortured"

    def check_section(self, section: AlpacaSection) -> None:
        """Addresses and the tape."""
        check_section(section)

    def sending_s(self, section: AlpacaSection) -> float:
        """Connecting, and waiting for the answer."""
        return section.connect_timeout_s + section.read_timeout_s

    def log_in(
        self, section: AlpacaSection, name: str, watched: Watched, environment: Mapping[str, str] = os.environ
    ) -> AlpacaLogin:
        """Keys come from the environment, else a ``.env`` file, else the section."""
        quieten("alpaca")
        return AlpacaLogin(load_alpaca(environment, DOTENV, section, name), watched)

    def history(self, login: AlpacaLogin) -> BarHistory:
        """Bars of stocks and coins."""
        from holdfast.adapters.alpaca.market_data.bars import AlpacaBars

        return AlpacaBars(login.rest, login.settings.stock_feed)

    async def prove(self, section: AlpacaSection, proof: Proof) -> None:
        """Keys, account, history, both streams and an order's round trip."""
        from holdfast.adapters.alpaca.check import prove

        await prove(load_alpaca(os.environ, DOTENV, section, proof.login), proof)


ADAPTER = AlpacaAdapter()
