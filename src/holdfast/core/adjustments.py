"""Cash and positions that change without a trade, for a reason that is known: a part of `messages.py`."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.body import Body
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Price, Quantity, StrategyId

CASH = "cash"
"""The symbol under which ledgers keep what belongs to no symbol: interest, fees of the whole day."""


class CashDeposited(Body, frozen=True, gc=False):
    """Money came in (negative: went out) from outside trading, in a ``currency`` (empty: the account's own)."""

    amount: Money
    reason: str = ""
    currency: str = ""


class AdjustmentKind(StrEnum):
    """What an adjustment is, which says how it is booked."""

    FEE = "fee"  # what a broker, an exchange or an authority takes, in money or in the coin that was traded
    DIVIDEND = "dividend"  # paid in money, less what was withheld of it
    INTEREST = "interest"
    TRANSFER = "transfer"  # money or securities from outside, or to outside: neither a gain nor a loss
    SPLIT = "split"  # another quantity for the same cost: splits, reverse splits, dividends paid in shares


class LedgerChange(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One strategy's part of an adjustment, signed: units of the symbol, and money."""

    strategy: StrategyId
    quantity: Quantity = NO_QUANTITY
    amount: Money = NO_MONEY


class AccountAdjusted(Body, frozen=True, gc=False):
    """Cash or a position changed without a trade, and it is known why.

    ``changes`` say whose it is, and add up to what the account got (below zero: gave). ``symbol`` is `CASH` where there is none.
    ``price`` is what a unit is worth where units came or went: those taken as a fee are booked as sold at it, those transferred as
    bought. Of a split it is the last price after it, and ``new`` for ``old`` is its ratio. ``activity_id`` is the broker's id of it,
    unique for ever (empty: nobody gave one), ``time_ns`` its time there. An ``expected`` fee is one that the broker has taken and not
    listed yet; of a listed one ``settles`` is how much was booked so before (above zero), and ``changes`` are the rest.
    """

    kind: AdjustmentKind
    symbol: str
    changes: tuple[LedgerChange, ...]
    price: Price | None = None
    new: int = 1
    old: int = 1
    activity_id: str = ""
    reason: str = ""
    time_ns: int = 0
    expected: bool = False
    settles: Decimal = ZERO

    @property
    def amount(self) -> Money:
        """The money that came in all; below zero: that went."""
        return Money(sum((change.amount for change in self.changes), NO_MONEY))

    @property
    def quantity(self) -> Quantity:
        """The units that came in all; below zero: that went."""
        return Quantity(sum((change.quantity for change in self.changes), NO_QUANTITY))


class CorporateAction(Body, frozen=True, gc=False, omit_defaults=True):
    """A split of ``new`` for ``old`` shares, a dividend, or both; an event at ``time_ns``, the start of its ex-date.

    ``dividend`` is money for each share held before it, or else ``dividend_rate`` a part of the last price before it.
    """

    symbol: str
    time_ns: int
    ex_date: str
    new: int = 1
    old: int = 1
    dividend: Money = NO_MONEY
    dividend_rate: Decimal = ZERO


class ActivitiesKnown(Body, frozen=True, gc=False):
    """These of the broker's activities are in the books already: the account was taken, or accepted, with what they had made of it.

    Each is its id, its time, and the money and the units that it moved. What is listed later and isn't among them is booked.
    """

    activities: tuple[tuple[str, int, Money, Quantity], ...]


class BrokerActivity(msgspec.Struct, frozen=True, gc=False):
    """What a broker says that it has booked by itself: money and units that came (below zero: went), at ``price`` a unit.

    ``kind`` None is one that is not booked here by itself, such as a merger. One that ``is_canceled`` counts as if it had never been.
    """

    activity_id: str
    time_ns: int
    kind: AdjustmentKind | None
    symbol: str = ""
    amount: Money = NO_MONEY
    quantity: Quantity = NO_QUANTITY
    price: Price | None = None
    reason: str = ""
    is_canceled: bool = False


class Bookings(msgspec.Struct, frozen=True, gc=False):
    """An input: what a broker has booked by itself of late, and its cash and positions, the same at two looks with nothing under way."""

    time_ns: int
    cash: Money
    positions: tuple[tuple[str, Quantity, Price], ...]
    activities: tuple[BrokerActivity, ...]
