"""One name for each instrument. Ours is Alpaca's name in orders and market data: ``IBM``, ``BTC/USD``.

Positions name crypto pairs without the slash, ``BTCUSD`` (Alpaca: observed, confirmed by its support pages).
"""

QUOTE_CURRENCIES = ("USDT", "USDC", "USD", "BTC")
"""What Alpaca's crypto pairs are priced in (documented), a name before those that it ends with."""

SHORTEST_PAIR = 6
"""Letters a pair has without its slash; a US stock's symbol has five at the most."""


def is_crypto(symbol: str) -> bool:
    """Whether a canonical symbol is a crypto pair."""
    return "/" in symbol


def canonical_symbol(symbol: str) -> str:
    """Our name of what Alpaca calls ``symbol``, in whichever of its ways."""
    if len(symbol) >= SHORTEST_PAIR and symbol.isalnum():
        for quote in QUOTE_CURRENCIES:
            if symbol.endswith(quote):
                return f"{symbol.removesuffix(quote)}/{quote}"
    return symbol
