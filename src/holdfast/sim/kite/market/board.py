"""What each instrument shows today: first, highest, lowest and last price, volume, the last quote."""

import msgspec

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.sim.kite.market.packets import Level, Snapshot


class Day(msgspec.Struct):
    """One instrument since its session began."""

    open: float
    high: float
    low: float
    last: float
    last_quantity: int = 0
    volume: int = 0
    value: float = 0.0
    last_trade_ns: int = 0
    quote: Quote | None = None


class Board:
    """All instruments. A new session forgets the last one."""

    def __init__(self) -> None:
        self._days: dict[str, Day] = {}
        self._session_ns: dict[str, int] = {}

    def see(self, event: MarketEvent, session_ns: int) -> None:
        """Take an event in; ``session_ns`` is when the session it is of began."""
        if self._session_ns.get(event.symbol) != session_ns:
            self._days.pop(event.symbol, None)
            self._session_ns[event.symbol] = session_ns
        if isinstance(event, Quote):
            self._quote(event)
        elif isinstance(event, Trade):
            self._price(event.symbol, event.price, event.price, event.price, event.price)
            day = self._days[event.symbol]
            day.last_quantity, day.last_trade_ns = int(event.size), event.time_ns
            day.volume += int(event.size)
            day.value += event.size * event.price
        elif isinstance(event, Bar):
            self._price(event.symbol, event.open, event.high, event.low, event.close)

    def _price(self, symbol: str, first: float, high: float, low: float, last: float) -> None:
        day = self._days.get(symbol)
        if day is None:
            self._days[symbol] = Day(first, high, low, last)
            return
        day.high, day.low, day.last = max(day.high, high), min(day.low, low), last

    def _quote(self, quote: Quote) -> None:
        day = self._days.get(quote.symbol)
        if day is not None:
            day.quote = quote

    def snapshot(self, symbol: str, previous_close: float | None, now_ns: int) -> Snapshot | None:
        """The instrument as it stands; None before anything was seen of it. Before its first trade of a day it shows the last close."""
        day = self._days.get(symbol)
        if day is None:
            if previous_close is None:
                return None
            return Snapshot(previous_close, 0, 0.0, 0, 0.0, 0.0, 0.0, previous_close, 0, now_ns)
        return Snapshot(
            day.last,
            day.last_quantity,
            day.value / day.volume if day.volume else day.last,
            day.volume,
            day.open,
            day.high,
            day.low,
            previous_close or day.open,
            day.last_trade_ns,
            now_ns,
            *_levels(day.quote),
        )


def _levels(quote: Quote | None) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The best price of each side; the data has no more."""
    if quote is None:
        return (), ()
    bids = (Level(quote.bid, int(quote.bid_size)),) if quote.bid else ()
    asks = (Level(quote.ask, int(quote.ask_size)),) if quote.ask else ()
    return bids, asks
