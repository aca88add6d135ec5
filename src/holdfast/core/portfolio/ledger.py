"""One position's ledger: quantity and cost, what was realised and what was paid.

The cost is kept, never an average price: a partial close takes out a share of the cost, rounded, and leaves exactly the
rest, so realised and unrealised profit always add up to the cash that moved (docs/adr/0004).
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from holdfast.core.types import NO_MONEY, NO_QUANTITY, Money, Price, Quantity

COST_STEP = Decimal("0.0000000001")
"""What the cost taken out by a partial close is rounded to; the rest stays in the position, so nothing is lost."""


class Ledger(msgspec.Struct):
    """Signed ``quantity`` (short below zero), signed ``cost`` (what was paid; below zero: what was received)."""

    quantity: Quantity = NO_QUANTITY
    cost: Money = NO_MONEY
    realised: Money = NO_MONEY
    fees: Money = NO_MONEY

    @property
    def average_price(self) -> Price:
        """Cost of one unit, rounded for display; 0 when flat."""
        if not self.quantity:
            return Price(Decimal(0))
        return Price((self.cost / self.quantity).quantize(COST_STEP).normalize())

    def book(self, signed_quantity: Decimal, price: Price, fee: Money) -> None:
        """Book one execution: average-cost method, fees apart from realised profit.

        realised += (price - average cost) x closed quantity x direction of the position.
        """
        quantity, cost, realised = self.quantity, self.cost, self.realised
        if quantity and (quantity > 0) is not (signed_quantity > 0):
            closing = min(abs(quantity), abs(signed_quantity))
            closed = closing if quantity > 0 else -closing
            cost_out = cost if closed == quantity else _share(cost, closed, quantity)
            realised = Money(realised + closed * price - cost_out)
            opening = signed_quantity + closed
            cost = Money(cost - cost_out + opening * price)
        else:
            cost = Money(cost + signed_quantity * price)
        self.quantity = Quantity(quantity + signed_quantity)
        self.cost = cost
        self.realised = realised
        self.fees = Money(self.fees + fee)


def _share(cost: Money, part: Decimal, whole: Decimal) -> Money:
    return Money((cost * part / whole).quantize(COST_STEP, rounding=ROUND_HALF_EVEN))
