"""The market as it is now: the last trade, quote and price of each symbol."""

from collections.abc import Callable

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade

History = Callable[[str], float | None]


class MarketView:
    """What was last seen of each symbol. ``previous_close`` is asked of the history."""

    def __init__(self, previous_close: History) -> None:
        self._trades: dict[str, Trade] = {}
        self._quotes: dict[str, Quote] = {}
        self._prices: dict[str, float] = {}
        self._previous_close = previous_close

    def see(self, event: MarketEvent) -> None:
        """Take an event in. A bar's close is a price, but no trade."""
        if isinstance(event, Quote):
            self._quotes[event.symbol] = event
        elif isinstance(event, Bar):
            self._prices[event.symbol] = event.close
        else:
            self._trades[event.symbol] = event
            self._prices[event.symbol] = event.price

    def last_trade(self, symbol: str) -> Trade | None:
        """The last trade; None before the first."""
        return self._trades.get(symbol)

    def last_quote(self, symbol: str) -> Quote | None:
        """The last quote; None before the first."""
        return self._quotes.get(symbol)

    def price(self, symbol: str) -> float | None:
        """The last trade's price or bar's close; without one the middle of the quote; None before any."""
        price = self._prices.get(symbol)
        if price is not None:
            return price
        quote = self._quotes.get(symbol)
        if quote is None:
            return None
        return (quote.bid + quote.ask) / 2 if quote.bid and quote.ask else quote.bid or quote.ask

    def previous_close(self, symbol: str) -> float | None:
        """The close of the trading day before the market's; None without data of it."""
        return self._previous_close(symbol)
