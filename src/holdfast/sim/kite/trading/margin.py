"""How much money is free: what the day began with and has made, less what orders and positions need.

Delivery is paid in full; a position for the day needs a fifth of its value (Zerodha: at most five times leverage, SEBI's peak margin rule).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.types import ZERO, Side
from holdfast.sim.kite.trading.books import Books
from holdfast.sim.kite.trading.order import Order, Product

DAY_PART = Decimal("0.2")
"""Of its value, what a position for the day needs."""


class Margin(msgspec.Struct, frozen=True):
    """The parts, in rupees. ``available`` is what another order may need at most."""

    opening_balance: Decimal
    realised: Decimal
    delivery: Decimal
    holding_sales: Decimal
    exposure: Decimal
    orders: Decimal

    @property
    def used(self) -> Decimal:
        """What positions and orders need."""
        return self.delivery + self.exposure + self.orders - self.holding_sales - self.realised

    @property
    def available(self) -> Decimal:
        """What is left."""
        return self.opening_balance - self.used


def margin_of(books: Books, orders: Iterable[Order]) -> Margin:
    """The account's money as it stands, with what its open orders would need."""
    realised = delivery = sales = exposure = ZERO
    for position in books.positions.values():
        realised += position.realised
        value = abs(position.quantity) * position.average_price
        if position.product is Product.MIS:
            exposure += value * DAY_PART
        elif position.quantity > 0:
            delivery += value
        else:
            sales += value
    blocked = sum((need_of(order, books) for order in orders if not order.is_over), ZERO)
    return Margin(books.opening_balance, realised, delivery, sales, exposure, blocked)


def need_of(order: Order, books: Books) -> Decimal:
    """What an order needs while it is open: nothing for the part that closes a position or delivers what is held."""
    terms = order.terms
    signed = books.quantity(order.symbol, terms.product)
    opening = order.pending_quantity
    if terms.product is Product.CNC:
        opening = 0 if terms.side is Side.SELL else opening
    elif (signed > 0) is (terms.side is Side.SELL) and signed:
        opening = max(opening - abs(signed), 0)
    value = opening * order.limit
    return value * DAY_PART if terms.product is Product.MIS else value


def margins_row(margin: Margin) -> dict[str, Any]:
    """One segment of ``GET /user/margins``."""
    return {
        "enabled": True,
        "net": float(margin.available),
        "available": {
            "adhoc_margin": 0,
            "cash": float(margin.opening_balance),
            "opening_balance": float(margin.opening_balance),
            "live_balance": float(margin.available),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {
            "debits": float(margin.used),
            "exposure": float(margin.exposure),
            "m2m_realised": float(margin.realised),
            "m2m_unrealised": 0,
            "option_premium": 0,
            "payout": 0,
            "span": 0,
            "holding_sales": float(margin.holding_sales),
            "turnover": 0,
            "liquid_collateral": 0,
            "stock_collateral": 0,
            "delivery": float(margin.delivery),
        },
    }
