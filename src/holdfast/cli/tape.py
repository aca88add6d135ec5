"""The market as the demo's screen shows it: a feed that remembers, of each symbol, what passed by."""

from collections import deque
from collections.abc import Iterator, Sequence

from holdfast.core.messages import Bar, FeedEvent, MarketEvent, Trade
from holdfast.core.session.calendar import TradingCalendar
from holdfast.feeds.port import Feed

KEPT = 60
"""Prices of each symbol that are remembered: the width of the widest sparkline."""


class Quotation:
    """One symbol: its last price, the close of the day before, today's volume and the latest prices."""

    def __init__(self, price: float) -> None:
        self.last = price
        self.reference = price
        self.volume = 0.0
        self.prices: deque[float] = deque(maxlen=KEPT)

    @property
    def change_pct(self) -> float:
        """Against the close of the day before."""
        return (self.last / self.reference - 1) * 100


class Tape:
    """Passes a feed's events on, and notes each when the engine asks for the next: when it has been dealt with."""

    def __init__(self, feed: Feed, calendar: TradingCalendar) -> None:
        self._feed = feed
        self._calendar = calendar
        self._next_day_ns = 0
        self.quotations: dict[str, Quotation] = {}
        self.kind = feed.kind
        self.name = feed.name
        self.symbols: Sequence[str] = feed.symbols
        self.bar_ns = feed.bar_ns
        self.trading_from_ns = feed.trading_from_ns
        self.total = feed.total

    def fingerprint(self) -> str:
        """The feed's own."""
        return self._feed.fingerprint()

    def events(self) -> Iterator[FeedEvent]:
        """The feed's own events."""
        for event in self._feed.events():
            yield event
            if isinstance(event, Bar):
                self._note(event, event.close, event.volume)
            elif isinstance(event, Trade):
                self._note(event, event.price, event.size)

    def _note(self, event: MarketEvent, price: float, volume: float) -> None:
        if event.time_ns > self._next_day_ns:
            self._next_day_ns = self._calendar.next_start_ns(event.time_ns - 1)
            for quotation in self.quotations.values():
                quotation.reference, quotation.volume = quotation.last, 0.0
        quotation = self.quotations.get(event.symbol) or self.quotations.setdefault(event.symbol, Quotation(price))
        quotation.last = price
        quotation.volume += volume
        quotation.prices.append(price)
