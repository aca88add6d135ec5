"""How big an order is when the strategy leaves that to risk: what the method asks for. The caps of `caps.py` bound it.

A method gives the size at full confidence; :meth:`Sizing.scale` takes the signal's confidence in. What comes out is then cut to the
smallest cap and rounded down to the lot (`check.fit`).
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from holdfast.core.ranges import Amount, Multiple, PercentOfEquity, Ranged, Seconds, Within
from holdfast.core.types import LARGEST, ONE, ZERO, Money, Price, from_float, many


class Method(StrEnum):
    """What a size is worked out from, at full confidence."""

    FIXED_QUANTITY = "fixed_quantity"  # quantity
    FIXED_NOTIONAL = "fixed_notional"  # notional / price
    PERCENT_EQUITY = "percent_equity"  # equity x max_pct / price
    PERCENT_BUYING_POWER = "percent_buying_power"  # what is left of equity x leverage, x max_pct / price
    RISK_PER_TRADE = "risk_per_trade"  # equity x risk_pct / distance of the stop
    VOLATILITY_TARGET = (
        "volatility_target"  # equity x risk_pct / (multiple x ATR), or equity x target / volatility / price
    )


class Measure(StrEnum):
    """What a volatility target measures by."""

    ATR = "atr"
    REALISED = "realised"


class Sizing(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How big a signal is that leaves its size to risk.

    ``quantity`` (units) and ``notional`` (money) are those of the fixed methods. The percent methods give ``max_pct`` at full
    confidence and no less than ``base_pct``. ``risk_pct`` of equity is lost if the stop is reached (``risk_per_trade``), or if the price
    moves by ``multiple`` average true ranges (``volatility_target`` by ``atr``). ``target_volatility_pct`` is what the position may
    add to the account's volatility in a year (by ``realised``). Volatility is that of the strategy's last ``bars`` bars, worked out
    anew every ``time_to_live_s`` of market time.

    Confidence c scales the size by floor + (1 - floor) x c ^ ``confidence_exponent``; the floor is ``confidence_floor``, or base_pct /
    max_pct where there is a ``base_pct``. ``lot`` takes the place of the instrument's own step for sizes: 0.001 for fractions of a
    share, 100 for round lots.
    """

    method: Method = Method.PERCENT_EQUITY
    quantity: Annotated[Decimal, Within(0, float(LARGEST), above=True, below=True)] | None = None
    notional: Amount | None = None
    base_pct: PercentOfEquity | None = None
    max_pct: PercentOfEquity = Decimal(10)
    risk_pct: PercentOfEquity = Decimal(1)
    volatility: Measure = Measure.ATR
    bars: Annotated[int, Within(2, 100_000)] = 14
    multiple: Multiple = Decimal(2)
    target_volatility_pct: PercentOfEquity = Decimal(10)
    time_to_live_s: Seconds = 3600.0
    confidence_floor: Annotated[Decimal, Within(0, 1)] = ZERO
    confidence_exponent: Multiple = Decimal(1)
    lot: Annotated[Decimal, Within(0, 1_000_000_000, above=True)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for values that can't be, or that the method lacks."""
        super().__post_init__()
        if self.base_pct is not None and self.base_pct > self.max_pct:
            raise ValueError(f"sizing.base_pct is {self.base_pct}, above max_pct, which is {self.max_pct}")
        for method, name in ((Method.FIXED_QUANTITY, "quantity"), (Method.FIXED_NOTIONAL, "notional")):
            if self.method is method and getattr(self, name) is None:
                raise ValueError(f"sizing by {method} needs sizing.{name}")

    def scale(self, confidence: float) -> Decimal:
        """The share of the full size that a confidence in (0, 1] gets."""
        curve = from_float(confidence)
        if self.confidence_exponent != 1:
            curve = curve**self.confidence_exponent
        floor = self.confidence_floor if self.base_pct is None else self.base_pct / self.max_pct
        return floor + (1 - floor) * curve if floor else curve


class Basis(msgspec.Struct, frozen=True, gc=False):
    """What a size is worked out from, in the account's currency; ``price`` and ``stop_distance`` are what those of one unit are worth.

    ``volatility`` is the average true range, of which 1 is worth ``unit``, or the volatility in a year in percent; None when there are too few bars.
    """

    price: Price
    equity: Money
    buying_power: Money
    confidence: float
    stop_distance: Decimal | None = None
    volatility: Decimal | None = None
    unit: Decimal = ONE


class Unsized(msgspec.Struct, frozen=True, gc=False):
    """No size can be worked out, and why."""

    why: str


def wanted_size(sizing: Sizing, basis: Basis) -> Decimal | Unsized:
    """What the method asks for, scaled by confidence, before caps and lots; zero or more."""
    full = _full(sizing, basis)
    if isinstance(full, Unsized):
        return full
    return max(ZERO, full * sizing.scale(basis.confidence))


def _full(sizing: Sizing, basis: Basis) -> Decimal | Unsized:
    method = sizing.method
    if method is Method.PERCENT_EQUITY:
        return basis.equity * sizing.max_pct / 100 / basis.price
    if method is Method.PERCENT_BUYING_POWER:
        return basis.buying_power * sizing.max_pct / 100 / basis.price
    if method is Method.FIXED_QUANTITY:
        return sizing.quantity or ZERO
    if method is Method.FIXED_NOTIONAL:
        return (sizing.notional or ZERO) / basis.price
    if method is Method.RISK_PER_TRADE:
        if not basis.stop_distance:
            return Unsized("risk_per_trade needs a stop_loss or a trail to measure the risk by")
        return basis.equity * sizing.risk_pct / 100 / basis.stop_distance
    return _by_volatility(sizing, basis)


def _by_volatility(sizing: Sizing, basis: Basis) -> Decimal | Unsized:
    if basis.volatility is None:
        return Unsized(f"volatility_target needs {many(sizing.bars + 1, 'bar')} of the symbol, and there are fewer")
    if not basis.volatility:
        return Unsized("volatility_target finds no movement in the last bars")
    if sizing.volatility is Measure.ATR:
        return basis.equity * sizing.risk_pct / 100 / (sizing.multiple * basis.volatility * basis.unit)
    return basis.equity * sizing.target_volatility_pct / basis.volatility / basis.price
