"""What a backtest comes to: counted while it runs, summed up at its end."""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from holdfast.backtesting.drawdown import Drawdown
from holdfast.backtesting.replay import Tally
from holdfast.backtesting.spool import Spool
from holdfast.core.messages import (
    Envelope,
    OrderAnomaly,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    PnlSnapshot,
    PositionChanged,
    RiskRefused,
    Signal,
)
from holdfast.core.milestones import StrategyStopped, TradingDayStarted
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.portfolio.portfolio import Valuation
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import NO_MONEY, ZERO, ClientOrderId, Money, StrategyId

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


class StrategyResult(msgspec.Struct):
    """A strategy's part.

    ``wins`` and ``losses`` are round trips, in a symbol from flat to flat or until the position turns round, that earned or
    lost money once their fees are paid. Dividends count to the trip that they come in.
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
    and close leave open what happened, so that the worse was taken.
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

    @property
    def return_pct(self) -> Decimal:
        """Profit in percent of the opening cash."""
        return (self.value.equity - self.deposit) / self.deposit * 100


class Recorder:
    """Is shown every turn of one account's replay (`Replay`), and keeps what the results need.

    The core remembers its latest finished orders only, so an order's row is taken as it ends.
    """

    def __init__(self, state: EngineState, folder: Path) -> None:
        self._state = state
        self.orders = Spool(folder / f"orders-{state.account.encode().hex()}", OrderEntry)
        self.fills = Spool(folder / f"fills-{state.account.encode().hex()}", FillEntry)
        self._signals = self._prepared = self._anomalies = 0
        self._refusals: Counter[str] = Counter()
        self._strategies: defaultdict[StrategyId, StrategyResult] = defaultdict(lambda: StrategyResult(StrategyId("")))
        self._trips: dict[tuple[StrategyId, str], tuple[Decimal, Decimal]] = {}
        self._by_state: Counter[str] = Counter()
        self._unfilled: Counter[str] = Counter()
        self._not_modelled: dict[str, None] = {}
        self._drawdown = Drawdown(state)
        self._start_ns = 0
        self._takes: dict[type, Callable[[Envelope, Any], None]] = {
            OrderRejected: self._ended,
            OrderCanceled: self._ended,
            OrderExpired: self._ended,
            OrderFailed: self._ended,
            OrderNotSent: self._ended,
            Signal: self._signal,
            OrderPrepared: self._order,
            OrderFilled: self._filled,
            OrderAnomaly: self._anomaly,
            PositionChanged: self._position,
            PnlSnapshot: self._valued,
            RiskRefused: self._refused,
            StrategyStopped: self._stopped,
            TradingDayStarted: self._day,
        }

    def __call__(self, turn: Turn) -> None:
        """Take a turn in."""
        self._drawdown.books_changed()
        takes = self._takes
        for envelope in turn.records:
            take = takes.get(type(envelope.body))
            if take is not None:
                take(envelope, envelope.body)

    def look(self) -> None:
        """An instant is over."""
        self._drawdown.look()

    def finish(self) -> None:
        """The run is over: note the orders that are still live."""
        for order in self._state.orders.live.values():
            self._over(self._state.now_ns, order)
        self.orders.close()
        self.fills.close()

    def result(self, deposit: Money, seconds: float, tally: Tally, fill: str) -> AccountResult:
        """What it came to, and what the replay has counted."""
        state = self._state
        return AccountResult(
            account=state.account,
            start_ns=self._start_ns or state.now_ns,
            end_ns=state.now_ns,
            bars=tally.events,
            seconds=seconds,
            signals=self._signals + state.host.repeats.total(),
            orders=self._prepared,
            open_orders=len(state.orders.live),
            fills=self.fills.count,
            decided_bars=tally.decided_bars,
            ambiguous_bars=tally.ambiguous_bars,
            anomalies=self._anomalies,
            refusals=dict((self._refusals + state.host.repeats).most_common()),
            orders_by_state=dict(self._by_state.most_common()),
            unfilled=dict(self._unfilled.most_common()),
            fill=fill,
            not_modelled=list(self._not_modelled),
            deposit=deposit,
            value=state.portfolio.value(state.price),
            max_drawdown_pct=self._drawdown.deepest_pct,
            positions=dict(state.portfolio.open_lines()),
            strategies=self._strategy_results(),
        )

    def _strategy_results(self) -> list[StrategyResult]:
        state = self._state
        results = {runner.id: self._strategies[runner.id] for runner in state.host.runners.values()}
        for name, result in {**results, **self._strategies}.items():
            result.strategy = name
            books = [(symbol, book) for (owner, symbol), book in state.portfolio.ledgers.items() if owner == name]
            result.realised = Money(sum((book.realised for _, book in books), ZERO))
            result.fees = Money(sum((book.fees for _, book in books), ZERO))
            worth = sum(
                (book.worth(book.quantity, state.price(symbol) or ZERO) - book.cost for symbol, book in books), ZERO
            )
            result.unrealised = Money(worth)
        return list(self._strategies.values())

    # --- one for each kind of record ---

    def _signal(self, _envelope: Envelope, _body: Signal) -> None:
        self._signals += 1

    def _order(self, _envelope: Envelope, body: OrderPrepared) -> None:
        self._prepared += 1
        self._strategies[body.terms.strategy].orders += 1

    def _filled(self, envelope: Envelope, body: OrderFilled) -> None:
        order = self._known(body.client_order_id)
        strategy = order.terms.strategy
        self.fills.add(FillEntry(body.executed_ns or envelope.time_ns, strategy, body))
        self._strategies[strategy].fills += 1
        if order.state in TERMINAL:
            self._over(envelope.time_ns, order)

    def _ended(self, envelope: Envelope, body: Any) -> None:
        self._over(envelope.time_ns, self._known(body.client_order_id))

    def _over(self, time_ns: int, order: Order) -> None:
        """An order has ended, or the run has."""
        self.orders.add(OrderEntry(time_ns, order))
        self._by_state[order.state.value] += 1
        if order.state in TERMINAL and order.state is not OrderState.FILLED:
            self._unfilled[f"{order.state}: {order.reason or 'no reason was given'}"] += 1

    def _known(self, client_order_id: ClientOrderId) -> Order:
        order = self._state.orders.find(client_order_id)
        assert order is not None  # noqa: S101 - a record about an order follows the order
        return order

    def _anomaly(self, _envelope: Envelope, _body: OrderAnomaly) -> None:
        self._anomalies += 1

    def _position(self, _envelope: Envelope, body: PositionChanged) -> None:
        key = body.strategy, body.symbol
        held, start = self._trips.get(key, (ZERO, ZERO))
        earned = body.realised - body.fees
        if held and held * body.quantity <= 0:
            result = self._strategies[body.strategy]
            result.wins += earned > start
            result.losses += earned < start
            start = earned
        self._trips[key] = body.quantity, start
        if body.account_quantity < 0:
            self._not_modelled[BORROWED] = None

    def _valued(self, _envelope: Envelope, body: PnlSnapshot) -> None:
        if body.cash < 0:
            self._not_modelled[INTEREST] = None
        if body.gross_exposure > body.equity:
            self._not_modelled[MARGIN] = None
        self._drawdown.look()

    def _refused(self, _envelope: Envelope, body: RiskRefused) -> None:
        self._refusals[body.rule] += 1

    def _stopped(self, _envelope: Envelope, body: StrategyStopped) -> None:
        self._strategies[body.strategy].stopped = f"{body.reason}: {body.detail}"

    def _day(self, envelope: Envelope, _body: TradingDayStarted) -> None:
        self._start_ns = self._start_ns or envelope.time_ns
