"""Zerodha's adapter. What needs Kite's SDK is imported with the first login."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.adapters.zerodha.connection.environment import ZerodhaSection, check_section, load_zerodha
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.trading.capability import ZERODHA_RULES
from holdfast.brokers.adapter import Adapter, FeedRequest, Proof, Watched
from holdfast.brokers.history import BarHistory
from holdfast.brokers.port import LiveBroker
from holdfast.brokers.sessions import Person, SessionNote, Sessions
from holdfast.core.messages import BrokerName
from holdfast.errors import Refused
from holdfast.feeds.live import LiveFeed

if TYPE_CHECKING:
    from holdfast.adapters.zerodha.connection.rest import KiteRest

DOTENV = Path(".env")
FOLDER = "holdfast.adapters.zerodha"


class ZerodhaLogin:
    """One app's session. ``rest`` makes the requests of all its parts."""

    def __init__(self, settings: KiteSettings, watched: Watched) -> None:
        self.settings = settings
        self._watched = watched

    @cached_property
    def rest(self) -> "KiteRest":
        """Its requests."""
        from holdfast.adapters.zerodha.connection.rest import Breakers, KiteRest
        from holdfast.adapters.zerodha.connection.session import Tokens

        watched = self._watched
        tokens = Tokens(self.settings, watched.sessions)
        return KiteRest(self.settings, tokens, watched.metrics.observe, Breakers(watched.trading, watched.market_data))

    @property
    def identity(self) -> str:
        """The app's digest: an app has one account."""
        return f"{self.settings.api_url} {self.settings.key_digest}"

    @property
    def where(self) -> str:
        """Whose money it is, and where."""
        return f"account at {self.settings.api_url}"

    def broker(self, *, asks_only: bool = False) -> LiveBroker:
        """The account. Who only asks leaves the websocket to who trades: an app has three."""
        from holdfast.adapters.zerodha.trading.broker import ZerodhaBroker, no_hints
        from holdfast.adapters.zerodha.trading.hints import OrderHints

        hints = no_hints if asks_only else OrderHints(self.rest)
        return ZerodhaBroker(self.rest, hints, asks_only=asks_only)

    def feed(self, request: FeedRequest) -> LiveFeed:
        """Ticks of whatever Zerodha lists."""
        from holdfast.adapters.zerodha.market_data.feed import KiteFeed

        return KiteFeed(self.rest, request.symbols, request.streams, request.calendar, request.warm_up_minutes)

    def close(self) -> None:
        """Close the connections of requests."""
        self.rest.close()


class ZerodhaAdapter(Adapter[ZerodhaSection]):
    """Zerodha: Indian exchanges."""

    name = BrokerName("zerodha")
    title = "Zerodha"
    section = ZerodhaSection
    rules = ZERODHA_RULES
    has_feed = True
    modules = (
        f"{FOLDER}.trading.broker",
        f"{FOLDER}.trading.hints",
        f"{FOLDER}.connection.rest",
        f"{FOLDER}.market_data.feed",
    )
    box = "holdfast.sim.kite.tortured"

    def check_section(self, section: ZerodhaSection) -> None:
        """Addresses, and the names of logins."""
        check_section(section)

    def sending_s(self, section: ZerodhaSection) -> float:
        """Connecting, and waiting for the answer."""
        return section.connect_timeout_s + section.read_timeout_s

    def log_in(
        self, section: ZerodhaSection, name: str, watched: Watched, environment: Mapping[str, str] = os.environ
    ) -> ZerodhaLogin:
        """The app's key comes from the environment, else a ``.env`` file, else the section; the token of the day from a login.

        Raises :class:`~holdfast.errors.Refused` without a token of today.
        """
        from holdfast.adapters.zerodha.login.begin import session_note

        settings = load_zerodha(environment, DOTENV, section, name)
        note = session_note(settings, watched.sessions)
        if not note.lives:
            raise Refused(note.text)
        return ZerodhaLogin(settings, watched)

    def history(self, login: ZerodhaLogin) -> BarHistory:
        """Candles of whatever Zerodha lists today."""
        from holdfast.adapters.zerodha.market_data.bars import KiteBars

        return KiteBars(login.rest)

    def begin_session(self, section: ZerodhaSection, name: str, sessions: Sessions, person: Person) -> str:
        """A login on Zerodha's page: the token of the day."""
        from holdfast.adapters.zerodha.login.begin import begin_session

        return begin_session(load_zerodha(os.environ, DOTENV, section, name), sessions, person)

    def session_note(self, section: ZerodhaSection, name: str, sessions: Sessions) -> SessionNote:
        """Whether there is a token for today, and until when."""
        from holdfast.adapters.zerodha.login.begin import session_note

        return session_note(load_zerodha(os.environ, DOTENV, section, name), sessions)

    async def prove(self, section: ZerodhaSection, proof: Proof) -> None:
        """Session, account, instruments, candles, price, both streams and an order's round trip."""
        from holdfast.adapters.zerodha.check import prove

        await prove(load_zerodha(os.environ, DOTENV, section, proof.login), proof)


ADAPTER = ZerodhaAdapter()
