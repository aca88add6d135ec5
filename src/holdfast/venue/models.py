"""What trading costs and how chance decides: commission, slippage, latency and price increments.

Chance is a hash of the seed and of what is decided (kind, symbol, side, time), never the state of a generator, so a run
that was restarted any number of times draws the same numbers. Ids stay out of it: a restarted engine gives its orders
other ids than an uninterrupted one would.
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

import msgspec

from holdfast.core.ranges import Ranged, Within
from holdfast.core.types import NO_MONEY, ZERO, Money, Price, Quantity, Rounding, Side, notional, round_to

CENT = Decimal("0.01")
FINEST_TICK = Decimal("0.000000001")
BASIS_POINTS = Decimal(10_000)
_HASH_BITS = 64

TickRule = Callable[[Decimal], Decimal]
"""The price increment that holds at a price."""


def finest_tick(_price: Decimal) -> Decimal:
    """For what has no known tick: prices come out as slippage makes them."""
    return FINEST_TICK


def round_against(price: Decimal, side: Side, tick: TickRule) -> Decimal:
    """``price`` on the tick grid, rounded to the trader's disadvantage: up for a buy, down for a sell.

    A price that would come out at nothing stays as it is.
    """
    rounded = round_to(price, tick(price), Rounding.UP if side is Side.BUY else Rounding.DOWN)
    return rounded if rounded > 0 else price


def chance(seed: int, kind: str, symbol: str, side: str, time_ns: int) -> int:
    """A number from 0 to 2**64 - 1 that depends on the arguments alone."""
    text = f"{seed}|{kind}|{symbol}|{side}|{time_ns}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_HASH_BITS // 8).digest(), "big")


def uniform_int(draw: int, largest: int) -> int:
    """A draw of `chance` spread evenly over 0 to ``largest``, both included."""
    return draw * (largest + 1) >> _HASH_BITS


def uniform_decimal(draw: int, largest: Decimal) -> Decimal:
    """A draw of `chance` spread evenly over [0, ``largest``), in steps of a 2**32nd."""
    return largest * (draw >> 32) / (1 << 32)


def _up_to_the_cent(amount: Decimal) -> Money:
    return Money(round_to(amount, CENT, Rounding.UP))


Rate = Annotated[Decimal, Within(0, 1_000_000)]
"""Money for one unit or one order; hundredths of a percent of a fill's value."""


class NoCommission(msgspec.Struct, frozen=True, tag="none"):
    """Trading is free."""


class PerShare(Ranged, frozen=True, tag="per_share"):
    """``rate`` for each unit, but at least ``minimum`` for each order that trades at all, rounded up to the cent.

    Rate, minimum and rounding hold for the order as a whole: the fees of its fills add up to the fee of one fill.
    """

    rate: Rate
    minimum: Rate = ZERO

    def charge(self, filled: Decimal) -> Money:
        """The fee of an order that has filled so much."""
        return _up_to_the_cent(max(self.minimum, self.rate * filled)) if filled else NO_MONEY


class BpsOfNotional(Ranged, frozen=True, tag="bps"):
    """``bps`` hundredths of a percent of each fill's value, rounded up to the cent."""

    bps: Annotated[Decimal, Within(0, 10_000)]


class PerOrder(Ranged, frozen=True, tag="per_order"):
    """``amount`` once for each order that trades, with its first fill; rounded up to the cent."""

    amount: Rate


Commission = NoCommission | PerShare | BpsOfNotional | PerOrder


def fee(commission: Commission, price: Price, quantity: Quantity, filled_before: Quantity) -> Money:
    """What a fill of ``quantity`` costs, of an order that had filled ``filled_before`` already. ``price`` is what a unit is worth."""
    match commission:
        case PerShare():
            return Money(commission.charge(filled_before + quantity) - commission.charge(filled_before))
        case BpsOfNotional():
            return _up_to_the_cent(notional(price, quantity) * commission.bps / BASIS_POINTS)
        case PerOrder():
            return NO_MONEY if filled_before else _up_to_the_cent(commission.amount)
        case NoCommission():
            return NO_MONEY
