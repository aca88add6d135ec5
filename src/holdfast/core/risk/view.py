"""What risk sees of an account when it judges one draft, and what it answers with when it says no."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from holdfast.core.broker_rules import HeldExits
from holdfast.core.instruments import US_EQUITY, AssetClass, Instrument
from holdfast.core.messages import OrderTerms
from holdfast.core.permits import EVERYTHING, BrokerPermits
from holdfast.core.risk.day_trades import DayTradeRule
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.session.account import AccountState
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ONE, ZERO, Money, Price, Quantity


class Holding(msgspec.Struct, frozen=True, gc=False):
    """One symbol in the worst case: ``worst_long`` if every open buy filled, ``worst_short`` if every open sell did.

    ``price`` is what one unit is worth.
    """

    symbol: str
    price: Price
    position: Quantity
    worst_long: Quantity
    worst_short: Quantity
    asset_class: AssetClass = AssetClass.STOCK

    @property
    def exposure(self) -> Money:
        """What the larger of both is worth, whichever its side."""
        return Money(self.price * max(abs(self.worst_long), abs(self.worst_short)))

    @property
    def long(self) -> Money:
        """What the most that may be held is worth, below zero where that is short."""
        return Money(self.price * self.worst_long)

    @property
    def short(self) -> Money:
        """What the least that may be held is worth, below zero where that is short."""
        return Money(self.price * self.worst_short)

    @property
    def cash_needed(self) -> Money:
        """What it takes to let every open buy fill, or to buy back what is short, whichever is more."""
        return Money(self.price * max(self.worst_long - self.position, -self.position, ZERO))


class Others(msgspec.Struct, frozen=True, gc=False):
    """What all symbols but one (``left_out``) add up to: how many may be held, and the sums of what `Holding` says of each.

    ``exposures`` are where one symbol's can be looked up; they may have the one that is left out.
    """

    count: int = 0
    exposure: Money = NO_MONEY
    long: Money = NO_MONEY
    short: Money = NO_MONEY
    cash_needed: Money = NO_MONEY
    classes: Mapping[AssetClass, int] = {}
    exposures: Mapping[str, Money] = {}
    left_out: str = ""

    @classmethod
    def of(cls, holdings: Iterable[Holding]) -> "Others":
        """Added up one by one."""
        known = {holding.symbol: holding for holding in holdings}
        all_of = known.values()
        return cls(
            len(known),
            Money(sum((holding.exposure for holding in all_of), ZERO)),
            Money(sum((holding.long for holding in all_of), ZERO)),
            Money(sum((holding.short for holding in all_of), ZERO)),
            Money(sum((holding.cash_needed for holding in all_of), ZERO)),
            Counter(holding.asset_class for holding in all_of),
            {holding.symbol: holding.exposure for holding in all_of},
        )

    def exposure_of(self, symbols: Iterable[str]) -> Money:
        """The exposure of these symbols among them."""
        return Money(sum(sorted(self.exposures.get(symbol, ZERO) for symbol in set(symbols) - {self.left_out}), ZERO))


NO_OTHERS = Others()


class Scope(msgspec.Struct, frozen=True, gc=False):
    """What a set of limits is judged on: a whole account, or what one strategy has of it. ``others`` are the other symbols."""

    position: Quantity = NO_QUANTITY
    worst_long: Quantity = NO_QUANTITY
    worst_short: Quantity = NO_QUANTITY
    others: Others = NO_OTHERS
    open_orders: int = 0
    orders_last_minute: int = 0
    day_loss_pct: Decimal = ZERO
    loss_streak: int = 0
    who: str = "the account"


class DayTrades(msgspec.Struct, frozen=True, gc=False):
    """The rule on day trades in force, how many were ``made`` in its days, and how many more may come of what was ``opened`` today."""

    rule: DayTradeRule
    made: int
    opened: int


class RiskView(msgspec.Struct, frozen=True, gc=False):
    """One account at one moment. Money in the account's currency, quantities in units, prices per unit.

    A price of 1 for one unit of the draft's symbol is worth ``unit``; ``unrated`` are currencies without a rate
    that it would have, or has. ``touch`` is the price that an order on its side meets: the best quote, or ``mark`` where there is none. ``twin`` is an order
    like the draft, ``unexplained`` one in its symbol that the broker can't explain, ``opposite`` one that it could trade with.
    ``squared_off_ns`` is when the broker closes its position, where it is too late to open one.
    ``gap`` is how much more of its symbol the broker has than the books, as far as that is known.
    ``own`` is what the draft's strategy holds once everything open of it has filled, ``held_exits`` which protective orders the
    ``permits`` is what the broker lets the account do.
    broker holds for the symbol. ``strategy`` and ``strategy_limits`` are there where the draft's strategy has limits of its own. What no limit asks for may
    be left out.
    """

    state: AccountState
    mark: Price | None
    account: Scope
    equity: Money = NO_MONEY
    cash: Money = NO_MONEY
    touch: Price | None = None
    strategy: Scope | None = None
    strategy_limits: StrategyLimits | None = None
    instrument: Instrument = US_EQUITY
    held_exits: HeldExits = HeldExits()
    own: Decimal = ZERO
    confidence: float = 1.0
    drawdown_pct: Decimal = ZERO
    twin: str | None = None
    unexplained: str | None = None
    gap: Quantity = NO_QUANTITY
    opposite: str | None = None
    is_stale: bool = False
    data_age_s: float | None = None
    is_open: bool = True
    day_trades: DayTrades | None = None
    bar_volume: Decimal | None = None
    permits: BrokerPermits = EVERYTHING
    unit: Decimal = ONE
    unrated: str = ""
    squared_off_ns: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Which rule, what it saw, what it allows."""

    rule: str
    figure: str
    limit: str
    text: str


class Case(msgspec.Struct, frozen=True, gc=False):
    """A draft before a set of limits.

    ``price`` is the one it is judged by, ``worth`` what a unit of its symbol counts for in exposure: no less than the market's price.
    """

    terms: OrderTerms
    view: RiskView
    scope: Scope
    limits: StrategyLimits
    price: Price
    worth: Price


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A draft before one set of limits; up to ``free`` it raises no risk there. ``account`` is set for the account's own."""

    case: Case
    free: Decimal
    account: RiskLimits | None
