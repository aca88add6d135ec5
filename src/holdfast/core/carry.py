"""What holding costs on paper: a fee for shares that are sold short, interest on cash below zero.

Both are simple rates of a year of 365 days, for each night that a position or a debit is held, taken as the next trading day
begins: three for a weekend. Real brokers set the fee by share and day, and their interest by amount; theirs are booked from what they list.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.portfolio.ledger import COST_STEP
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import NO_QUANTITY, ZERO, Money

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

DAYS_A_YEAR = 365


class Carry(msgspec.Struct, frozen=True):
    """Percent of a year: ``borrow_pct`` of what is sold short, at its last price; ``interest_pct`` of cash below zero."""

    borrow_pct: Decimal = ZERO
    interest_pct: Decimal = ZERO

    @property
    def is_free(self) -> bool:
        """Whether holding costs nothing."""
        return not self.borrow_pct and not self.interest_pct


NO_CARRY = Carry()


def nights(before: str, date: str) -> int:
    """How many nights lie between two ISO dates."""
    return (dt.date.fromisoformat(date) - dt.date.fromisoformat(before)).days


def carried(state: "EngineState", days: int) -> Iterator[AccountAdjusted]:
    """What so many nights cost, as it is booked: borrowing by strategy and symbol, then the interest, which is nobody's."""
    carry = state.carry
    by_symbol: dict[str, list[LedgerChange]] = {}
    for owner, symbol, ledger in state.portfolio.open_ledgers():
        price = state.price(symbol)
        if carry.borrow_pct and ledger.quantity < 0 and price is not None:
            fee = _cost(-ledger.worth(ledger.quantity, price), carry.borrow_pct, days)
            by_symbol.setdefault(symbol, []).append(LedgerChange(owner, NO_QUANTITY, fee))
    for symbol, changes in by_symbol.items():
        reason = f"borrowing for {days} night{'s' if days > 1 else ''}, {carry.borrow_pct} % a year"
        yield AccountAdjusted(AdjustmentKind.INTEREST, symbol, tuple(changes), reason=reason)
    cash = state.portfolio.cash
    if carry.interest_pct and cash < 0:
        change = LedgerChange(EXTERNAL, amount=_cost(-cash, carry.interest_pct, days))
        reason = f"interest on {-cash:.2f} for {days} night{'s' if days > 1 else ''}, {carry.interest_pct} % a year"
        yield AccountAdjusted(AdjustmentKind.INTEREST, CASH, (change,), reason=reason)


def _cost(amount: Decimal, pct: Decimal, days: int) -> Money:
    """Below zero: it is paid. Rounded up to the smallest step of books."""
    return Money(-(amount * pct * days / (100 * DAYS_A_YEAR)).quantize(COST_STEP, ROUND_UP))
