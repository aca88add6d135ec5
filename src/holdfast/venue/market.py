"""What the venue knows of one symbol: the latest data, how much of it was taken, and the orders at rest."""

from bisect import insort
from decimal import ROUND_FLOOR, Decimal
from operator import attrgetter

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import Bar, FeedEvent, MarketEvent, Quote, Trade
from holdfast.core.types import ZERO, Side, from_float
from holdfast.venue.order import VenueOrder

_rank = attrgetter("rank")
_SMALLEST_UNIT = Decimal("1e-9")


class View:
    """The latest market data of a symbol: ``last`` of any kind, the last bar or trade, and who last quoted each side."""

    __slots__ = ("ask", "bid", "last", "print")

    def __init__(self) -> None:
        self.last: MarketEvent | None = None
        self.print: Bar | Trade | None = None
        self.bid: Quote | None = None
        self.ask: Quote | None = None

    def see(self, event: FeedEvent) -> None:
        """Takes an event in; a quoted side of zero leaves what was known of it standing.

        After a corporate action nothing is known: who comes then waits for the next of the market, in prices of after it.
        """
        if isinstance(event, CorporateAction):
            self.last = self.print = self.bid = self.ask = None
            return
        self.last = event
        if not isinstance(event, Quote):
            self.print = event
            return
        if event.bid:
            self.bid = event
        if event.ask:
            self.ask = event

    def standing(self, side: Side) -> MarketEvent | None:
        """What an order that comes now meets: the bar just ended, else the standing quote, else the last bar or trade."""
        if isinstance(self.last, Bar):
            return self.last
        return (self.ask if side is Side.BUY else self.bid) or self.print


class Market(View):
    """A symbol's view with the orders at rest, worse for the trader first, then in order of acceptance.

    ``previous`` is the view before the last event, kept only while a restart observes.
    """

    __slots__ = ("_taken", "orders", "previous", "symbol")

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self.symbol = symbol
        self.orders: list[VenueOrder] = []
        self.previous = View()
        self._taken: dict[Side | None, tuple[MarketEvent, Decimal]] = {}

    def observe(self, event: FeedEvent) -> None:
        """`see`, with the view of before kept."""
        before = self.previous
        before.last, before.print, before.bid, before.ask = self.last, self.print, self.bid, self.ask
        self.see(event)

    def add(self, order: VenueOrder) -> None:
        """Puts an order to rest behind those of its rank."""
        insort(self.orders, order, key=_rank)

    def left(self, source: MarketEvent, side: Side, share: Decimal) -> Decimal:
        """How much of ``source`` may still be taken: ``share`` of its size less what was taken before."""
        whole = share_of(size_of(source, side), share)
        taken_from, taken = self._taken.get(_pool(source, side), (None, ZERO))
        return whole - taken if taken_from is source else whole

    def take(self, source: MarketEvent, side: Side, quantity: Decimal) -> None:
        """Remembers that ``quantity`` of ``source`` is gone."""
        pool = _pool(source, side)
        taken_from, taken = self._taken.get(pool, (None, ZERO))
        self._taken[pool] = (source, taken + quantity if taken_from is source else quantity)


def _pool(source: MarketEvent, side: Side) -> Side | None:
    """Each side of a quote is its own; bars and trades have one size for all."""
    return side if isinstance(source, Quote) else None


def start_ns(event: FeedEvent) -> int:
    """When what an event tells of began."""
    return event.start_ns if isinstance(event, Bar) else event.time_ns


def price_of(source: MarketEvent, side: Side) -> float:
    """The price at which ``side`` trades once ``source`` is known; 0 for a side that was not quoted."""
    if isinstance(source, Bar):
        return source.close
    if isinstance(source, Trade):
        return source.price
    return source.ask if side is Side.BUY else source.bid


def size_of(source: MarketEvent, side: Side) -> float:
    """The volume or size that ``side`` may take a share of."""
    if isinstance(source, Bar):
        return source.volume
    if isinstance(source, Trade):
        return source.size
    return source.ask_size if side is Side.BUY else source.bid_size


def share_of(size: float, share: Decimal) -> Decimal:
    """``share`` of a size, rounded down: to whole units where the size is whole, else to nine decimals."""
    part = share * from_float(size)
    return part.quantize(_SMALLEST_UNIT if size % 1 else Decimal(1), rounding=ROUND_FLOOR)
