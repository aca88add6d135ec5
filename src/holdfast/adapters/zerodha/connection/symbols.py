"""One name for each instrument. Ours is Zerodha's tradingsymbol, with the exchange before it where that is not NSE.

``RELIANCE`` is ``NSE:RELIANCE``, ``BSE:RELIANCE`` and ``NFO:NIFTY24JULFUT`` are themselves: so a share is called as people, files and
other brokers' accounts beside this one call it.
"""

HOME = "NSE"
EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO")
"""What Kite Connect calls the exchanges, and their derivatives segments."""


def canonical_symbol(text: str) -> str:
    """Our name of an instrument, from either way to write it."""
    exchange, tradingsymbol = split_symbol(text)
    return symbol_of(exchange, tradingsymbol)


def symbol_of(exchange: str, tradingsymbol: str) -> str:
    """Our name of what Zerodha calls ``tradingsymbol`` on ``exchange``."""
    return tradingsymbol if exchange == HOME else f"{exchange}:{tradingsymbol}"


def split_symbol(symbol: str) -> tuple[str, str]:
    """Exchange and tradingsymbol of our name."""
    exchange, colon, tradingsymbol = symbol.partition(":")
    return (exchange, tradingsymbol) if colon and exchange in EXCHANGES else (HOME, symbol)


def quote_key(symbol: str) -> str:
    """How quotes are asked for: ``NSE:RELIANCE``."""
    return ":".join(split_symbol(symbol))
