"""One rule's bound for one draft (`caps.py` says which there are)."""

from decimal import ROUND_FLOOR, Context, Decimal

import msgspec

from holdfast.core.risk.view import Refusal
from holdfast.core.types import LARGEST, ZERO, Money, Price, plain

_FLOOR = Context(prec=28, rounding=ROUND_FLOOR)
_FINEST = Decimal("1e-12")
"""The step of caps; finer than that of any order, and coarse enough for quotients to be added and taken away without rounding."""
UNIT = Price(Decimal(1))


class Cap(msgspec.Struct, frozen=True, gc=False):
    """One rule's bound for one draft; see the module. ``percent_of`` is set where the limit was a percentage of that amount."""

    rule: str
    what: str
    limit: Decimal
    base: Decimal
    worth: Price
    same: Decimal
    opposite: Decimal
    percent_of: Money | None = None

    @property
    def most(self) -> Decimal:
        """The greatest quantity allowed; zero or below for none. Rounded down, so that the limit holds exactly."""
        room = self.limit - self.base
        if self.worth * self.opposite > room:
            return ZERO
        return _units(room, self.worth) - self.same

    def figure(self, quantity: Decimal) -> Decimal:
        """What the rule bounds, with this draft."""
        return self.base + self.worth * max(self.same + quantity, self.opposite)

    def refusal(self, quantity: Decimal) -> Refusal:
        """Why a quantity above the cap is refused."""
        figure, limit = self.figure(quantity), self.limit
        if self.percent_of is not None and self.percent_of > 0:
            shown, allowed = (f"{part * 100 / self.percent_of:.2f}%" for part in (figure, limit))
            return Refusal(self.rule, shown, allowed, f"{self.what} {shown} of equity; {allowed} is allowed")
        if self.worth is UNIT:
            return Refusal(
                self.rule, plain(figure), plain(limit), f"{self.what} {plain(figure)}; {plain(limit)} is allowed"
            )
        return Refusal(
            self.rule, f"{figure:.2f}", f"{limit:.2f}", f"{self.what} {figure:,.2f}; {limit:,.2f} is allowed"
        )


def _units(amount: Decimal, price: Price) -> Decimal:
    """How many units an amount of money pays for, rounded down; ``price * units <= amount`` holds exactly."""
    units = _FLOOR.divide(amount, price)
    bounded = max(-LARGEST, min(LARGEST, units))
    return bounded.quantize(_FINEST, rounding=ROUND_FLOOR)
