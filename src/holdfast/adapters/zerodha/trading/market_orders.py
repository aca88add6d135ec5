"""Market orders, which Kite has none of that is sure to trade: each goes with the broker's protection, or as a limit order of ours.

With protection the broker puts a limit around the last price, -1 leaving to it how far. As a limit order the price is ours: so far beyond
the best price of the other side, within what the exchange takes that day. Either may rest where the market has moved on.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from holdfast.adapters.zerodha.connection.settings import KiteSettings, MarketOrders
from holdfast.adapters.zerodha.trading.wire import decimal_of
from holdfast.core.messages import OrderTerms
from holdfast.core.types import OrderType, Side, plain

BROKERS_CHOICE = "-1"
"""``market_protection``: the broker says how far from the last price a market order may trade. Without one it is refused (since April 2026)."""
_BASIS_POINT = Decimal("0.0001")
_INWARD = {Side.BUY: ROUND_FLOOR, Side.SELL: ROUND_CEILING}


class Touch(NamedTuple):
    """What an instrument stands at: the best price of the side that an order would meet, and the day's circuit limits (0: none is known)."""

    price: Decimal
    lowest: Decimal
    highest: Decimal


def is_priced_here(terms: OrderTerms, settings: KiteSettings) -> bool:
    """Whether an order is a market order that goes as a limit order."""
    return terms.order_type is OrderType.MARKET and settings.market_orders is MarketOrders.LIMIT


def protection(settings: KiteSettings) -> str:
    """``market_protection`` of market orders, and of stops that become one."""
    pct = settings.market_protection_pct
    return BROKERS_CHOICE if pct is None else plain(pct)


def touch_of(row: Mapping[str, Any], side: Side) -> Touch:
    """Out of a full quote; the last price where nobody asks or bids. Raises KeyError, TypeError and their like for what is no quote."""
    levels = row["depth"]["sell" if side is Side.BUY else "buy"]
    best = next((price for level in levels if (price := decimal_of(level["price"])) > 0), decimal_of(row["last_price"]))
    low, high = (decimal_of(row.get(f"{end}_circuit_limit")) for end in ("lower", "upper"))
    return Touch(best, low, high)


def marketable_limit(side: Side, touch: Touch, tick: Decimal, band_bps: Decimal) -> Decimal:
    """So far beyond the touch, on the tick, no further than asked for but never short of the touch; within the circuit limits."""
    price = touch.price * (1 + side.sign * band_bps * _BASIS_POINT)
    if tick:
        price = (price / tick).to_integral_value(_INWARD[side]) * tick
    price = max(price, touch.price) if side is Side.BUY else min(price, touch.price)
    price = min(price, touch.highest) if touch.highest else price
    return max(price, touch.lowest)


def as_limit(form: Mapping[str, str], price: Decimal) -> dict[str, str]:
    """The form of a market order as that of a limit order."""
    kept = {name: value for name, value in form.items() if name != "market_protection"}
    return {**kept, "order_type": "LIMIT", "price": plain(price)}
