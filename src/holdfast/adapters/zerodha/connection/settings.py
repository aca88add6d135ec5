"""Where Zerodha is and how it is talked to."""

import hashlib
from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.brokers.http.session import Patience
from holdfast.telemetry.secret import Secret

API_URL = "https://api.kite.trade"
LOGIN_URL = "https://kite.zerodha.com"
SOCKET_URL = "wss://ws.kite.trade"


class MarketOrders(StrEnum):
    """As what market orders are sent: with the broker's protection, or as limit orders that are priced here."""

    PROTECTED = "protected"
    LIMIT = "limit"


class KiteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account at Zerodha. Addresses have no path: kiteconnect drops one silently.

    ``api_secret`` is needed to log in and for nothing else; None where it isn't there. ``access_token`` is one that was given in the
    environment; None: the one that `holdfast login` has kept. ``redirect_port`` is the port of the redirect address that the app has at Zerodha.

    ``connect_timeout_s``, ``read_timeout_s`` (silence) and ``answer_timeout_s`` (the whole body) bound every request. ``settle_s`` is
    after how long an order that no list shows counts as never arrived: orders have come up to 90 s late (Zerodha's forum, 41029). What may
    be asked in a second, a minute and a day is Zerodha's documented limit of an account.

    ``market_protection_pct`` is how far from the last price a protected order may trade (None: the broker decides), ``market_band_bps``
    how far beyond the best price one that goes as a limit order.
    """

    api_key: Secret
    api_secret: Secret | None = None
    access_token: Secret | None = None
    user_id: str | None = None
    api_url: str = API_URL
    login_url: str = LOGIN_URL
    socket_url: str = SOCKET_URL
    redirect_port: int = 8181
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    settle_s: float = 180.0
    orders_per_second: int = 10
    orders_per_minute: int = 400
    orders_per_day: int = 5_000
    quotes_per_second: int = 1
    candles_per_second: int = 3
    requests_per_second: int = 10
    market_orders: MarketOrders = MarketOrders.PROTECTED
    market_protection_pct: Decimal | None = None
    market_band_bps: Decimal = Decimal(50)
    login: str = ""

    @property
    def patience(self) -> Patience:
        """The bounds of a request."""
        return Patience(self.connect_timeout_s, self.read_timeout_s, self.answer_timeout_s)

    @property
    def key_digest(self) -> str:
        """Tells one api key from another, and says nothing of it."""
        return hashlib.sha256(self.api_key.reveal().encode()).hexdigest()[:16]
