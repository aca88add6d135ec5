"""What can be traded here: one asset for each symbol of the data, with ids that stay the same."""

import re
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

ID_SPACE = uuid.UUID("5b7c1e0e-2d5f-4b8a-9a3c-0f6d1f1b7a11")
"""An asset's id is the version 5 UUID of its symbol in here: the same in every run, and on every machine."""
COINS = frozenset(
    [
        "AAVE",
        "ADA",
        "AVAX",
        "BAT",
        "BCH",
        "BTC",
        "CRV",
        "DOGE",
        "DOT",
        "ETC",
        "ETH",
        "GRT",
        "LINK",
        "LTC",
        "MATIC",
        "MKR",
        "PEPE",
        "SHIB",
        "SOL",
        "SUSHI",
        "TRX",
        "UNI",
        "USDC",
        "USDT",
        "XRP",
        "XTZ",
        "YFI",
    ]
)
MONEY = ("USDT", "USDC", "USD", "BTC")
"""What coins are quoted in, longest first."""
SHARES = Decimal("0.000000001")
LONGEST_AT_NYSE = 3
_ARCA = frozenset({"DIA", "EEM", "EFA", "GLD", "IWM", "SLV", "SPY", "TLT", "USO", "VOO", "VTI", "XLF", "XLK"})
_NASDAQ = frozenset({"AMD", "QQQ"})
_PAIR = re.compile(r"[A-Z0-9]+/[A-Z0-9]+")


class Asset(msgspec.Struct, frozen=True):
    """One tradable thing. ``symbol`` is canonical: ``IBM``, ``BTC/USD``. The last three are a coin's only."""

    id: uuid.UUID
    symbol: str
    is_crypto: bool
    exchange: str
    min_order_size: Decimal | None = None
    min_trade_increment: Decimal | None = None
    price_increment: Decimal | None = None

    @property
    def asset_class(self) -> str:
        """``us_equity`` or ``crypto``."""
        return "crypto" if self.is_crypto else "us_equity"

    @property
    def position_symbol(self) -> str:
        """As positions spell it (Alpaca, observed: ``BTCUSD`` there, ``BTC/USD`` in orders and data)."""
        return self.symbol.replace("/", "")


def canonical_symbol(name: str) -> str:
    """``BTCUSD`` and ``BTC/USD`` are ``BTC/USD`` when the first part is a known coin; all else stays as it is."""
    if "/" in name:
        return name
    for money in MONEY:
        coin = name.removesuffix(money)
        if coin != name and coin in COINS:
            return f"{coin}/{money}"
    return name


def asset_id(symbol: str) -> uuid.UUID:
    """The id of a canonical symbol."""
    return uuid.uuid5(ID_SPACE, symbol)


def make_asset(symbol: str) -> Asset:
    """The asset of a canonical symbol: a coin if it has a slash, else a share."""
    if _PAIR.fullmatch(symbol):
        step = Decimal("0.000000001")
        return Asset(asset_id(symbol), symbol, True, "CRYPTO", Decimal("0.0001"), step, step)
    return Asset(asset_id(symbol), symbol, False, exchange_of(symbol))


def exchange_of(symbol: str) -> str:
    """Where a share is listed, so that bots that choose by exchange find some on each.

    By the length of the symbol, as it was once the rule: up to three letters NYSE, longer ones NASDAQ; and the funds that bots ask for most.
    """
    if symbol in _ARCA:
        return "ARCA"
    return "NASDAQ" if symbol in _NASDAQ or len(symbol.partition(".")[0]) > LONGEST_AT_NYSE else "NYSE"


class Assets:
    """All assets, found by any of the names a bot may use."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._by_name: dict[str, Asset] = {}
        self._assets: list[Asset] = []
        for symbol in sorted({canonical_symbol(name) for name in symbols}):
            self.add(make_asset(symbol))

    def add(self, asset: Asset) -> None:
        """One more."""
        self._assets.append(asset)
        for name in (asset.symbol, asset.position_symbol, str(asset.id)):
            self._by_name.setdefault(name, asset)

    def find(self, name: str) -> Asset | None:
        """By symbol (``IBM``, ``BTC/USD``, ``BTCUSD``) or id; None if it is not traded here."""
        return self._by_name.get(name) or self._by_name.get(name.lower())

    def all(self) -> Sequence[Asset]:
        """Every asset, sorted by symbol."""
        return tuple(self._assets)
