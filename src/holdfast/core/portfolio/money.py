"""Money by currency: what an account has of each, and what that is worth in its own.

Each currency is booked by itself and exactly: cash + positions = deposits + realised + unrealised - fees holds in each to the last digit.
Only valuations add them up, at rates that are recorded and rounded to the smallest step of money. A currency without a rate counts for
nothing in them, and nobody may take new risk then (the rule ``rate_known``).
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from holdfast.core.portfolio.ledger import COST_STEP
from holdfast.core.types import NO_MONEY, ONE, ZERO, Money


class Balance(msgspec.Struct):
    """What an account has of one currency, and where it comes from."""

    cash: Money = NO_MONEY
    deposits: Money = NO_MONEY
    realised: Money = NO_MONEY
    fees: Money = NO_MONEY


class Valuation(msgspec.Struct, frozen=True):
    """The account at given prices: ``equity`` = cash + positions = deposits + realised + unrealised - fees, exactly.

    All is in the account's currency; ``balances`` are the cash of others as it is. With those the equation holds in each currency, and here but for
    the rounding of what is worth so much at a rate.
    """

    equity: Money
    cash: Money
    realised: Money
    unrealised: Money
    fees: Money
    gross_exposure: Money
    balances: dict[str, Money] = {}


class Rate(msgspec.Struct, frozen=True):
    """The account's own money for one of another currency, since when, and who said so."""

    rate: Decimal
    time_ns: int
    source: str


class Terms(msgspec.Struct, frozen=True):
    """How a symbol is paid: a price of 1 for one unit is ``multiplier`` of a ``currency`` (empty: the account's own)."""

    multiplier: Decimal = ONE
    currency: str = ""


PLAIN = Terms()


class Rates:
    """The rates of an account, by currency."""

    def __init__(self) -> None:
        self.known: dict[str, Rate] = {}

    def of(self, currency: str) -> Decimal:
        """The account's own money for one of a currency; zero where no rate is known."""
        if not currency:
            return ONE
        rate = self.known.get(currency)
        return ZERO if rate is None else rate.rate

    def in_base(self, amount: Decimal, currency: str) -> Money:
        """An amount in the account's own currency."""
        if not currency:
            return Money(amount)
        return Money((amount * self.of(currency)).quantize(COST_STEP, rounding=ROUND_HALF_EVEN))
