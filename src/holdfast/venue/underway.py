"""The instant that is being taken: what has happened within its bars so far, for the orders that this leads to."""

from typing import Final

from holdfast.core.messages import Bar, OrderTerms
from holdfast.core.types import ClientOrderId, OrderType, StrategyId
from holdfast.venue.order import AUCTION_ONLY
from holdfast.venue.path import OPEN, Point

_MARKET: Final = OrderType.MARKET

Whose = tuple[StrategyId, str]
"""A strategy and a symbol."""


class UnderWay:
    """Where in the bars of the instant ``time_ns`` orders have filled, until `end`.

    An order that comes before `end` is what a fill or an end has led to: a protective order, or one from ``on_fill``. It was at
    work for the rest of the bar. ``decided`` counts the bars within which a protective order filled, ``ambiguous`` those of which
    open, high, low and close leave open what happened; each bar of a symbol once.
    """

    def __init__(self) -> None:
        self.time_ns = 0
        self.decided = 0
        self.ambiguous = 0
        self._is_on = False
        self._points: dict[ClientOrderId, tuple[Whose, Point]] = {}
        self._freed: set[Whose] = set()
        self._at_once: set[str] = set()
        self._noted: set[tuple[str, str]] = set()

    def begin(self, time_ns: int) -> None:
        """Data of this time have come."""
        if time_ns != self.time_ns:
            self.end()
            self._noted.clear()
            self.time_ns = time_ns
        self._is_on = True

    def end(self) -> None:
        """All that the instant has led to has come. What comes from now on was decided when its bars were over."""
        if self._is_on:
            self._is_on = False
            self._points.clear()
            self._freed.clear()
            self._at_once.clear()

    def filled(self, terms: OrderTerms, point: Point) -> None:
        """An order has filled at a point of its symbol's bar."""
        if self._is_on:
            self._points[terms.client_order_id] = (terms.strategy, terms.symbol), point

    def freed(self, terms: OrderTerms, time_ns: int) -> None:
        """An order has filled or ended; before the bar, if that was before the instant."""
        if self._is_on and time_ns < self.time_ns:
            self._freed.add((terms.strategy, terms.symbol))

    def point_for(self, terms: OrderTerms, released_ns: int, bar: Bar) -> Point | None:
        """From where on an order that comes now was at work in a bar; None: not within it.

        From the fill of its entry, else from the last fill of its strategy; from the open when it was released before the bar's
        end, for then an earlier end has led to it. Market orders are for what comes after the bar.
        """
        if not self._is_on or bar.time_ns != self.time_ns:
            return None
        if terms.order_type is _MARKET or terms.time_in_force in AUCTION_ONLY:
            return None
        whose = (terms.strategy, terms.symbol)
        freed = Point(bar.open, OPEN) if whose in self._freed else None
        if released_ns < self.time_ns:
            return freed
        known = self._points.get(terms.parent) if terms.parent is not None else None
        if known is not None:
            return known[1]
        points = [point for other, point in self._points.values() if other == whose]
        return points[-1] if points else freed

    # --- what is counted ---

    def decide(self, symbol: str) -> None:
        """A protective order has filled within the symbol's bar."""
        if ("decided", symbol) not in self._noted:
            self._noted.add(("decided", symbol))
            self.decided += 1

    def note_ambiguous(self, symbol: str) -> None:
        """The symbol's bar doesn't say what happened; the worse way was taken."""
        if ("ambiguous", symbol) not in self._noted:
            self._noted.add(("ambiguous", symbol))
            self.ambiguous += 1

    def settle_at_once(self, group: str | None) -> None:
        """An order of a linked pair has filled the moment it came: what the other could have done is no question."""
        if group is not None:
            self._at_once.add(group)

    def was_at_once(self, group: str) -> bool:
        """Whether a linked pair was decided the moment it came."""
        return group in self._at_once
