"""One position's ledger: quantity and cost, what was realised and what was paid.

The cost is kept, never an average price: a partial close takes out a share of the cost, rounded, and leaves exactly the
rest, so realised and unrealised profit always add up to the cash that moved (docs/adr/0004).
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from holdfast.core.arithmetic import EXACT
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ONE, Money, Price, Quantity

COST_STEP = Decimal("0.0000000001")
"""What amounts of money are rounded to: what a fill is worth, once, and the cost taken out by a partial close, the rest of
which stays in the position. Without it the products of long prices and quantities would outgrow Decimal's 28 digits, and
sums of them would no longer be exact."""


def value_of(quantity: Decimal, price: Decimal) -> Money:
    """quantity x price in whole steps; the same size for either sign."""
    product = quantity * price
    rounded = product.quantize(COST_STEP, rounding=ROUND_HALF_EVEN)
    return Money(product if product == rounded else rounded)  # where both are the same, the shorter one


class Ledger(msgspec.Struct):
    """Signed ``quantity`` (short below zero), signed ``cost`` (what was paid; below zero: what was received).

    A price of 1 for one unit is worth ``multiplier``. Money is in the instrument's currency.
    """

    quantity: Quantity = NO_QUANTITY
    cost: Money = NO_MONEY
    realised: Money = NO_MONEY
    fees: Money = NO_MONEY
    multiplier: Decimal = ONE

    @property
    def average_price(self) -> Price:
        """The price that its units were had for, rounded for display; 0 when flat."""
        if not self.quantity:
            return Price(Decimal(0))
        return Price(
            EXACT.quantize(EXACT.divide(self.cost, EXACT.multiply(self.quantity, self.multiplier)), COST_STEP)
        )  # strategies ask for it too

    def worth(self, quantity: Decimal, price: Decimal) -> Money:
        """What so many of its units are worth at a price."""
        return value_of(quantity * self.multiplier, price)

    @property
    def earned(self) -> Money:
        """What was realised, less what it cost."""
        return Money(self.realised - self.fees)

    def book(self, signed_quantity: Decimal, price: Price, fee: Money, paid: Money | None = None) -> None:
        """Book one execution: average-cost method, fees apart from realised profit.

        realised += (price - average cost) x closed quantity x direction of the position. ``paid`` is what it is worth (:meth:`worth`), where
        that is known already.
        """
        quantity, cost, realised = self.quantity, self.cost, self.realised
        if paid is None:
            paid = self.worth(signed_quantity, price)
        if quantity and (quantity > 0) is not (signed_quantity > 0):
            closing = min(abs(quantity), abs(signed_quantity))
            closed = closing if quantity > 0 else -closing
            cost_out = cost if closed == quantity else _share(cost, closed, quantity)
            received = self.worth(closed, price)
            realised = Money(realised + received - cost_out)
            cost = Money(cost - cost_out + paid + received)  # paid + received: what was opened beyond zero
        else:
            cost = Money(cost + paid)
        self.quantity = Quantity(quantity + signed_quantity)
        self.cost = cost
        self.realised = realised
        self.fees = Money(self.fees + fee)

    def adjust(self, quantity: Decimal, amount: Money) -> None:
        """Units that came for no cost, or went for none (a split), and money that was earned without a trade; below zero: that it cost.

        Where nothing is left its cost is realised: what was paid for it is lost, or comes as this money.
        """
        self.quantity = Quantity(self.quantity + quantity)
        self.realised = Money(self.realised + amount)
        if quantity and not self.quantity:
            self.realised = Money(self.realised - self.cost)
            self.cost = NO_MONEY


def _share(cost: Money, part: Decimal, whole: Decimal) -> Money:
    return Money((cost * part / whole).quantize(COST_STEP, rounding=ROUND_HALF_EVEN))
