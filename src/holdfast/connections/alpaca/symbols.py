"""One name for each instrument. Ours is Alpaca's name in orders and market data: ``IBM``, ``BTC/USD``.

Positions name crypto pairs without the slash, ``BTCUSD`` (Alpaca: observed, confirmed by its support pages).
"""

CRYPTO = "crypto"
"""The asset class of crypto pairs as Alpaca writes it in positions and orders."""

QUOTE_CURRENCIES = ("USDT", "USDC", "USD", "BTC")
"""What Alpaca's crypto pairs are priced in (documented), a name before those that it ends with."""


def is_crypto(symbol: str) -> bool:
    """Whether a canonical symbol is a crypto pair."""
    return "/" in symbol


def canonical(symbol: str, asset_class: str) -> str:
    """Our name of what Alpaca calls ``symbol`` in a position or an order."""
    if asset_class != CRYPTO or "/" in symbol:
        return symbol
    for quote in QUOTE_CURRENCIES:
        base = symbol.removesuffix(quote)
        if base and base != symbol:
            return f"{base}/{quote}"
    return symbol


def in_position_paths(symbol: str) -> str:
    """How a canonical symbol is written in ``/positions/{symbol}``: without the slash, which would split the path."""
    return symbol.replace("/", "")
