"""Where Alpaca is and how it is talked to."""

from enum import StrEnum

import msgspec

from holdfast.telemetry.secret import Secret

PAPER_TRADING_URL = "https://paper-api.alpaca.markets"
LIVE_TRADING_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"


class Mode(StrEnum):
    """Whose money it is."""

    PAPER = "paper"
    LIVE = "live"


class StockFeed(StrEnum):
    """Which tape of US stocks the account's plan gives."""

    IEX = "iex"
    SIP = "sip"


class AlpacaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account at Alpaca. Base URLs have no trailing slash; streams are ``data_stream_url`` + ``/v2/iex`` and so on.

    ``connect_timeout_s``, ``read_timeout_s`` (silence) and ``answer_timeout_s`` (the whole body) bound every request.
    ``settle_s`` is after how long an order that queries don't show counts as never arrived (with two such answers).
    ``requests_per_minute`` is Alpaca's documented limit of an account, ``data_requests_per_minute`` that of market data.
    ``symbol_limit`` is how many symbols the plan streams trades and quotes of (documented: 30 on the free one).
    """

    mode: Mode
    api_key: Secret
    api_secret: Secret
    trading_url: str = PAPER_TRADING_URL
    data_url: str = DATA_URL
    data_stream_url: str = DATA_STREAM_URL
    stock_feed: StockFeed = StockFeed.IEX
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    settle_s: float = 30.0
    requests_per_minute: int = 200
    data_requests_per_minute: int = 200
    symbol_limit: int = 30

    @property
    def trade_updates_url(self) -> str:
        """The stream of the account's orders: the trading host's own."""
        return _websocket(self.trading_url) + "/stream"

    @property
    def stocks_stream_url(self) -> str:
        """The stream of US stocks of the plan's feed."""
        return f"{_websocket(self.data_stream_url)}/v2/{self.stock_feed}"

    @property
    def crypto_stream_url(self) -> str:
        """The stream of crypto pairs."""
        return f"{_websocket(self.data_stream_url)}/v1beta3/crypto/us"


def _websocket(url: str) -> str:
    return "ws" + url.removeprefix("http") if url.startswith("http") else url
