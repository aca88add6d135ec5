"""What the venue's tests are written in: a calendar of short days, market events and orders in few words."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from holdfast.core.messages import Bar, OrderFilled, OrderTerms, Quote, Report, Trade
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side, StrategyId, TimeInForce, plain
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings

DAY = 10_000
OPEN, CLOSE = 1_000, 9_000
BAR = 100


def calendar() -> TradingCalendar:
    """Ten days of 10,000 ns that trade from 1,000 to 9,000."""
    return TradingCalendar(
        "short days",
        [
            TradingDay(date=str(n), start_ns=n * DAY, open_ns=n * DAY + OPEN, close_ns=n * DAY + CLOSE)
            for n in range(10)
        ],
    )


class Bench:
    """An exchange with a hand on it: events and orders in one line, reports as short text.

    A report reads ``id accepted``, ``id 10 @ 100``, ``id canceled oco``, each with its time in front.
    """

    def __init__(self, settings: VenueSettings) -> None:
        self.exchange = Exchange(settings, calendar())
        self.now_ns = OPEN
        self.last: Sequence[Report] = ()

    def bar(
        self, prices: str, end_ns: int = 0, volume: float = 1000.0, symbol: str = "A", length_ns: int = BAR
    ) -> list[str]:
        """A bar of "open high low close"; without a time the one after the last event."""
        o, h, low, c = (float(price) for price in prices.split())
        self.now_ns = end_ns or self.now_ns + BAR
        return self._told(
            self.exchange.on_market(Bar(symbol, self.now_ns, self.now_ns - length_ns, o, h, low, c, float(volume)))
        )

    def trade(self, price: float, time_ns: int = 0, size: float = 1000.0, symbol: str = "A") -> list[str]:
        """A trade somewhere in the market."""
        self.now_ns = time_ns or self.now_ns + BAR
        return self._told(self.exchange.on_market(Trade(symbol, self.now_ns, float(price), float(size))))

    def quote(self, bid: float, ask: float, time_ns: int = 0, size: float = 1000.0, symbol: str = "A") -> list[str]:
        """A quote with the same size on both sides."""
        self.now_ns = time_ns or self.now_ns + BAR
        return self._told(
            self.exchange.on_market(Quote(symbol, self.now_ns, float(bid), float(size), float(ask), float(size)))
        )

    def order(
        self, order_id: str, words: str, tif: str = "gtc", oco: str | None = None, symbol: str = "A"
    ) -> list[str]:
        """Submits "buy 10 market", "sell 10 limit=101", "buy 5 stop=99 limit=98", "sell 5 trail=2", "sell 5 trail=2%"."""
        return self._told(self.exchange.submit(terms(order_id, words, tif, oco, symbol), self.now_ns, self.now_ns))

    def cancel(self, order_id: str) -> list[str]:
        """Asks to cancel."""
        return self._told(self.exchange.cancel(ClientOrderId(order_id), self.now_ns, self.now_ns))

    def _told(self, reports: Sequence[Report]) -> list[str]:
        self.last = reports
        return [told(report) for report in reports]


def terms(order_id: str, words: str, tif: str = "gtc", oco: str | None = None, symbol: str = "A") -> OrderTerms:
    side, quantity, *rest = words.split()
    prices = dict(word.split("=") for word in rest if "=" in word)
    trail = prices.get("trail", "")
    kinds = {"limit": OrderType.LIMIT, "stop": OrderType.STOP, "trail": OrderType.TRAILING_STOP}
    order_type = OrderType.STOP_LIMIT if len(prices) == 2 else kinds.get(next(iter(prices), ""), OrderType.MARKET)
    return OrderTerms(
        client_order_id=ClientOrderId(order_id),
        strategy=StrategyId("s"),
        symbol=symbol,
        side=Side(side),
        quantity=Quantity(Decimal(quantity)),
        order_type=order_type,
        time_in_force=TimeInForce(tif),
        limit_price=Price(Decimal(prices["limit"])) if "limit" in prices else None,
        stop_price=Price(Decimal(prices["stop"])) if "stop" in prices else None,
        trail_amount=Price(Decimal(trail)) if trail and "%" not in trail else None,
        trail_percent=Decimal(trail.strip("%")) if "%" in trail else None,
        oco_group=oco,
    )


def told(report: Report) -> str:
    body = report.body
    if isinstance(body, OrderFilled):
        return f"{report.time_ns} {body.client_order_id} {plain(body.quantity)} @ {plain(body.price)}"
    what = type(body).__name__.removeprefix("Order").lower()
    detail = getattr(body, "reason", "") or getattr(body, "quantity", "")
    return f"{report.time_ns} {body.client_order_id} {what} {detail}".rstrip()


MakeBench = Callable[..., Bench]


@pytest.fixture
def venue() -> MakeBench:
    """Makes a bench for venue settings given as keywords."""

    def make(**settings: object) -> Bench:
        return Bench(VenueSettings(**settings))  # type: ignore[arg-type]

    return make
