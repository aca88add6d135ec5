"""What a backtest comes to: the rows that are kept of it, and one account's sums."""

from decimal import Decimal

import msgspec

from holdfast.core.messages import OrderFilled
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.portfolio.money import Valuation
from holdfast.core.types import NO_MONEY, Money, StrategyId

BORROWED = "shares were sold short, and no fee for borrowing them is taken"
INTEREST = "cash was below zero, and no interest on what was borrowed is taken"
MARGIN = "positions were worth more than the account's equity, and no margin is called"
"""What a result leaves out; each is said where it matters."""


class OrderEntry(msgspec.Struct, frozen=True):
    """An order as it stood at ``time_ns``: its end, or the run's."""

    time_ns: int
    order: Order


class FillEntry(msgspec.Struct, frozen=True):
    """A fill, and whose it is."""

    time_ns: int
    strategy: StrategyId
    fill: OrderFilled


class PositionEntry(msgspec.Struct, frozen=True):
    """What a strategy held in a symbol from ``time_ns`` on, and what its ledger had come to, in the symbol's currency."""

    time_ns: int
    strategy: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    realised: Decimal
    fees: Decimal


class RefusalEntry(msgspec.Struct, frozen=True):
    """An order intent that risk refused: which rule, the figure it saw and the limit it holds."""

    time_ns: int
    strategy: str
    symbol: str
    side: str
    quantity: Decimal | None
    rule: str
    figure: str
    limit: str
    text: str


class StrategyResult(msgspec.Struct):
    """A strategy's part.

    ``wins`` and ``losses`` are round trips (`trips.py`) that earned or lost money once their fees are paid.
    """

    strategy: StrategyId
    orders: int = 0
    fills: int = 0
    wins: int = 0
    losses: int = 0
    realised: Money = NO_MONEY
    unrealised: Money = NO_MONEY
    fees: Money = NO_MONEY
    stopped: str = ""

    @property
    def net(self) -> Money:
        """Realised and unrealised profit less fees."""
        return Money(self.realised + self.unrealised - self.fees)


class AccountResult(msgspec.Struct, frozen=True):
    """One account's run. ``max_drawdown_pct`` is the deepest fall of equity from an earlier high, at every price there was.

    ``refusals`` are by rule, also those that are no record because they were the one before once more; ``signals`` likewise.
    ``unfilled`` are ended orders that did not fill whole, by state and reason. ``fill`` is the venue's setting of that name,
    ``not_modelled`` what a real account would have paid and this one did not.
    ``start_ns`` is the first event that could be traded on; ``bars`` counts market events of any kind, history included; ``seconds`` is the
    replay alone. ``decided_bars`` are those within which a stop or target filled; ``ambiguous_bars`` those whose open, high, low
    and close leave open what happened, so that the worse was taken. ``trips`` are the round trips that are over, ``turnover`` is all that was
    bought and sold, in the account's currency. ``slippage`` is what spread and slippage have cost, ``borrow`` and ``interest`` what holding has, above zero; borrowing
    is part of the round trips, interest on cash is nobody's. ``large_fills`` took more than `LARGE_SHARE` of their bar's volume, ``bars_without_volume`` kept orders from
    filling that the volume was to bound; ``missing_sessions`` are those of the calendar from first to last in which there was no data at all;
    ``shifted_days`` are daily bars that end in another session than the one they are of.
    """

    account: str
    start_ns: int
    end_ns: int
    bars: int
    seconds: float
    signals: int
    orders: int
    open_orders: int
    fills: int
    decided_bars: int
    ambiguous_bars: int
    anomalies: int
    refusals: dict[str, int]
    orders_by_state: dict[str, int]
    unfilled: dict[str, int]
    fill: str
    not_modelled: list[str]
    deposit: Money
    value: Valuation
    max_drawdown_pct: Decimal
    positions: dict[str, Ledger]
    strategies: list[StrategyResult]
    trips: int = 0
    turnover: Money = NO_MONEY
    slippage: Money = NO_MONEY
    borrow: Money = NO_MONEY
    interest: Money = NO_MONEY
    large_fills: int = 0
    bars_without_volume: int = 0
    missing_sessions: int = 0
    shifted_days: int = 0

    @property
    def return_pct(self) -> Decimal:
        """Profit in percent of the opening cash."""
        return (self.value.equity - self.deposit) / self.deposit * 100
