"""What limits count by the day and over time. Changed only as records are applied."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from holdfast.core.types import NO_MONEY, ZERO, Money, StrategyId

ACCOUNT = StrategyId("")
"""The key of the account's own counters beside those of its strategies."""
DAY_TRADE_DAYS = 5
"""How many trading days a day trade is remembered for, the present one included (FINRA Rule 4210(f)(8)(B): five business days)."""


class Counters(msgspec.Struct):
    """One account's counters.

    ``last_equity`` is what the account was worth when last valued, ``peak_equity`` the highest that it ever was, both moved by
    deposits and withdrawals. ``last_pnl`` and ``day_start_pnl`` are each strategy's profit (realised + unrealised - fees) when
    last asked for and as the trading day began. ``loss_streaks`` are the trading day's completed losing round trips in a row, by
    strategy and for the account; ``trip_start`` is what a strategy had earned in a symbol (realised - fees) when its last round trip there ended.
    ``opened_today`` is the signed quantity opened in a symbol today and since its last day trade; ``day_trades`` are the dates
    of day trades, oldest first. ``reopened`` are positions that an undone execution has brought back.
    """

    last_equity: Money | None = None
    last_pnl: dict[StrategyId, Money] = {}
    peak_equity: Money = NO_MONEY
    day_start_pnl: dict[StrategyId, Money] = {}
    loss_streaks: dict[StrategyId, int] = {}
    trip_start: dict[tuple[StrategyId, str], Money] = {}
    opened_today: dict[str, Decimal] = {}
    day_trades: list[str] = []
    reopened: list[tuple[StrategyId, str]] = []

    def value(self, equity: Money, pnl: Mapping[StrategyId, Money]) -> None:
        """The account is worth this now, and its strategies have made this (empty: that wasn't asked)."""
        self.last_equity = equity
        if pnl:
            self.last_pnl = dict(pnl)
        if equity > self.peak_equity:
            self.peak_equity = equity

    def deposit(self, amount: Money) -> None:
        """Money from outside is neither a gain nor a loss: the peak and the last value move with it. Before the first value there is neither."""
        if self.last_equity is None:
            return
        self.last_equity = Money(self.last_equity + amount)
        self.peak_equity = Money(max(ZERO, self.peak_equity + amount))

    def begin_day(self, pnl: Mapping[StrategyId, Money], day_trades_from: str) -> None:
        """A new trading day begins with these profits; day trades before a date no longer count."""
        self.day_start_pnl = dict(pnl)
        self.opened_today = {}
        self.loss_streaks = {}  # else a limit on them would bar the win that ends the row, for ever
        self.day_trades = [date for date in self.day_trades if date >= day_trades_from]

    def end_trip(self, strategy: StrategyId, symbol: str, earned: Money) -> None:
        """A strategy's position in a symbol has gone flat or turned round; ``earned`` there so far: realised - fees.

        The fee of an execution that turns it round is the ended trip's. One that lost nothing ends the row.
        """
        lost = earned < self.trip_start.get((strategy, symbol), NO_MONEY)
        self.trip_start[strategy, symbol] = earned
        if (strategy, symbol) in self.reopened:  # it has been counted
            self.reopened.remove((strategy, symbol))
            return
        for who in (strategy, ACCOUNT):
            self.loss_streaks[who] = self.loss_streaks.get(who, 0) + 1 if lost else 0

    def void_trip(self, strategy: StrategyId, symbol: str, earned: Money) -> None:
        """A position is flat, though nobody traded it away: no trip has won or lost."""
        self.trip_start[strategy, symbol] = earned
        if (strategy, symbol) in self.reopened:
            self.reopened.remove((strategy, symbol))

    def reopen_trip(self, strategy: StrategyId, symbol: str) -> None:
        """The execution that ended a round trip is undone. The trip stays counted as it was, and its next end, as that of a corrected price, isn't."""
        if (strategy, symbol) not in self.reopened:
            self.reopened.append((strategy, symbol))

    def trade(self, symbol: str, held: Decimal, traded: Decimal, date: str) -> None:
        """The account holds ``held`` of a symbol and trades ``traded`` (both signed) on a trading day.

        A day trade is counted when what was opened on a day begins to be closed on it. What closes after that is the same day
        trade until more is opened (FINRA Rule 4210(f)(8)(B); a position held overnight and closed is none).
        """
        closes = min(abs(held), abs(traded)) if held * traded < 0 else ZERO
        if closes and self.opened_today.pop(symbol, ZERO):
            self.day_trades.append(date)
        opened = abs(traded) - closes
        if opened:
            self.opened_today[symbol] = self.opened_today.get(symbol, ZERO) + opened.copy_sign(traded)

    def drawdown_pct(self, equity: Money) -> Decimal:
        """How far the account is below its peak, in percent of the peak."""
        return (self.peak_equity - equity) * 100 / self.peak_equity if self.peak_equity > 0 else ZERO
