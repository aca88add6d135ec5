"""Where an account's orders meet the market: the exchange in memory decides when an order trades, and at what price.

What was sent as a market order with protection rests there as a limit order, and a stop that becomes a market order as one with a limit:
so they are at Zerodha since April 2026 (NSE circular of 22 July 2025; Zerodha's forum).
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from msgspec.structs import replace

from holdfast.core.messages import MarketEvent, OrderTerms, Report
from holdfast.core.messages import Trade as TradeEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import ClientOrderId, Price, Quantity, Side, StrategyId, TimeInForce, from_float
from holdfast.core.types import OrderType as Kind
from holdfast.sim.chassis.market.view import MarketView
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.trading.order import Order, OrderType, Terms
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings

_ACCOUNT = StrategyId("kite")
HUNDRED = Decimal(100)
_PROTECTION = ((Decimal(100), Decimal(2)), (Decimal(500), Decimal(1)))
_PROTECTION_ABOVE = Decimal("0.5")
"""In percent, when the broker chooses (-1): up to a price of 100 two, up to 500 one, above that a half (Zerodha, market protection)."""


def protection_pct(asked: Decimal, price: Decimal) -> Decimal:
    """How far from ``price`` a protected order may trade, in percent of it."""
    if asked != -1:
        return asked
    return next((part for most, part in _PROTECTION if price < most), _PROTECTION_ABOVE)


def protected_price(terms: Terms, price: Decimal, instrument: Instrument) -> Decimal:
    """The limit that a protected order rests with, around the last price or its trigger; on a tick, not further than asked."""
    part = protection_pct(terms.market_protection or Decimal(-1), price) / HUNDRED
    is_buy = terms.side is Side.BUY
    limit = price * (1 + part if is_buy else 1 - part)
    ticks = (limit / instrument.tick).to_integral_value(ROUND_DOWN if is_buy else ROUND_UP)
    return max(ticks * instrument.tick, instrument.tick)


class Floor:
    """The exchange of one account, and which order is there under which name."""

    def __init__(self, calendar: TradingCalendar, market: MarketView) -> None:
        self._exchange = Exchange(VenueSettings(), calendar)
        self._market = market
        self._orders: dict[str, Order] = {}

    def order(self, name: str) -> Order | None:
        """The order that the exchange calls so; None when it was taken away since."""
        return self._orders.get(name)

    def submit(self, order: Order, now_ns: int) -> Sequence[Report]:
        """Send an order that is not here, for all that is left of it; returns what became of it at once."""
        order.sends += 1
        self._show_market(order.symbol, now_ns)
        self._orders[_name(order)] = order
        return self._exchange.submit(_at_exchange(order), now_ns, now_ns)

    def withdraw(self, order: Order, now_ns: int) -> None:
        """Take an order away, if it is here."""
        if self._orders.pop(_name(order), None) is not None:
            self._exchange.cancel(ClientOrderId(_name(order)), now_ns, now_ns)

    def on_market(self, event: MarketEvent) -> Sequence[Report]:
        """The market moves; returns what the orders here did."""
        return self._exchange.on_market(event)

    def has_triggered(self, order: Order) -> bool:
        """Whether a stop has been reached and not traded yet."""
        name = _name(order)
        return any(
            working.working is Kind.LIMIT and working.terms.order_type is Kind.STOP_LIMIT
            for working in self._exchange.open_orders()
            if working.terms.client_order_id == name
        )

    def _show_market(self, symbol: str, now_ns: int) -> None:
        """The market as it stands, with the time of now: an order may meet it, though nobody trades this very moment."""
        trade, price = self._market.last_trade(symbol), self._market.price(symbol)
        if trade is None and price:
            trade = TradeEvent(symbol, now_ns, price, 0.0)
        if trade is not None:
            self._exchange.observe(replace(trade, time_ns=now_ns), is_older_than_orders=True)


def _name(order: Order) -> str:
    """What an order is called at the exchange: it may be sent there again after a part of a fill or a change."""
    return f"{order.order_id}.{order.sends}"


def _at_exchange(order: Order) -> OrderTerms:
    terms = order.terms
    is_stop = terms.order_type in (OrderType.SL, OrderType.SL_M)
    return OrderTerms(
        ClientOrderId(_name(order)),
        _ACCOUNT,
        order.symbol,
        terms.side,
        Quantity(Decimal(order.pending_quantity)),
        Kind.STOP_LIMIT if is_stop else Kind.LIMIT,
        TimeInForce.IOC if terms.validity == "IOC" else TimeInForce.DAY,
        Price(order.limit),
        Price(terms.trigger_price) if is_stop else None,
    )


def last_price_of(market: MarketView, symbol: str) -> Decimal | None:
    """The last price as an exact figure; None before any."""
    price = market.price(symbol)
    return None if price is None else from_float(price)
