"""How many requests Zerodha lets an account make: orders, quotes, candles, and all else, each by itself (Zerodha's forum, 52882)."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.connection.times import ist_date
from holdfast.brokers.http.failures import Throttled
from holdfast.brokers.http.limiter import Limiter, Urgency, Window, minute

SECOND_S = 1.1
"""Zerodha's second, and a tenth for requests that take unequal times to get there."""
COOL_DOWN_S = 10.0
"""How long a 429 keeps requests back: what staff has seen (Zerodha's forum, 51478)."""


class Kind(StrEnum):
    """What is limited together."""

    ORDERS = "orders"
    QUOTES = "quotes"
    CANDLES = "candles"
    OTHER = "other"


_KINDS = {
    "order.place": Kind.ORDERS,
    "order.modify": Kind.ORDERS,
    "order.cancel": Kind.ORDERS,
    "market.quote": Kind.QUOTES,
    "market.quote.ohlc": Kind.QUOTES,
    "market.quote.ltp": Kind.QUOTES,
    "market.historical": Kind.CANDLES,
}
PLACING = "order.place"


def kind_of_route(route: str) -> Kind:
    """What a route counts as."""
    return _KINDS.get(route, Kind.OTHER)


class Limits:
    """Those of one account's app. Used by all threads."""

    def __init__(self, settings: KiteSettings, now_ns: Callable[[], int] = time.time_ns) -> None:
        per_second = {
            Kind.QUOTES: settings.quotes_per_second,
            Kind.CANDLES: settings.candles_per_second,
            Kind.OTHER: settings.requests_per_second,
        }
        self._limiters = {kind: Limiter([Window(SECOND_S, most)]) for kind, most in per_second.items()}
        self._limiters[Kind.ORDERS] = Limiter(
            [Window(SECOND_S, settings.orders_per_second), minute(settings.orders_per_minute)]
        )
        self._per_day = settings.orders_per_day
        self._now_ns = now_ns
        self._day = ""
        self._placed = 0
        self._lock = threading.Lock()

    def acquire(self, route: str, urgency: Urgency) -> None:
        """Returns when a request may be sent. Raises :class:`~holdfast.brokers.http.failures.Throttled`."""
        self._limiters[kind_of_route(route)].acquire(urgency)
        if route == PLACING:
            self._count()

    def pause(self, route: str) -> None:
        """The server has said 429."""
        self._limiters[kind_of_route(route)].pause(COOL_DOWN_S)

    def _count(self) -> None:
        """One more order of India's day; orders of earlier runs and other programs are not known here, the server counts them."""
        today = ist_date(self._now_ns())
        with self._lock:
            if today != self._day:
                self._day, self._placed = today, 0
            if self._placed >= self._per_day:
                raise Throttled(
                    f"the {self._per_day:,} orders that Zerodha takes in a day are used up; this one was not sent; cancels still go"
                )
            self._placed += 1
