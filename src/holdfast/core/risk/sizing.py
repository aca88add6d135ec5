"""How big an order is when the strategy leaves that to risk."""

from decimal import Decimal

from holdfast.core.instruments import Instrument
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.types import Money, Price, Quantity, from_float


def sized_quantity(
    equity: Money, price: Price, confidence: float, limits: RiskLimits, instrument: Instrument
) -> Quantity:
    """equity x size_pct x confidence / price, at most max_position_value, rounded down to whole lots; 0 if nothing is left."""
    budget = max(Decimal(0), equity) * limits.size_pct / 100 * from_float(confidence)
    if limits.max_position_value is not None:
        budget = min(budget, limits.max_position_value)
    return instrument.lots(budget / price)
