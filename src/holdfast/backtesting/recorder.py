"""What is kept while a backtest goes on.

Orders, fills, round trips and refusals go to the disk as they come (`spool.py`); the account's worth is kept in bounded memory (`marks.py`),
positions at the end of each session. The account of counts and sums is `results.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast.backtesting.hints import hint_of
from holdfast.backtesting.replay import Replay, Tally
from holdfast.backtesting.results import (
    BORROWED,
    INTEREST,
    MARGIN,
    AccountResult,
    FillEntry,
    OrderEntry,
    PositionEntry,
    RefusalEntry,
    StrategyResult,
)
from holdfast.backtesting.samples import Samples
from holdfast.backtesting.spool import Spool
from holdfast.backtesting.trips import TripEntry, Trips, When
from holdfast.backtesting.worth import Worth
from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind
from holdfast.core.messages import (
    Envelope,
    FillBusted,
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
from holdfast.core.portfolio.ledger import value_of
from holdfast.core.portfolio.portfolio import reversal
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import NO_MONEY, ONE, ZERO, ClientOrderId, Money, StrategyId, iso_time

MOST_REFUSALS = 100_000
"""So many refusals are kept one by one; all are counted."""


class Recorder:
    """Is shown every turn of one account's replay (`Replay`), and keeps what the results need.

    The core remembers its latest finished orders only, so an order's row is taken as it ends.
    """

    def __init__(self, state: EngineState, folder: Path) -> None:
        self._state = state
        name = state.account.encode().hex()
        self.orders = Spool(folder / f"orders-{name}", OrderEntry)
        self.fills = Spool(folder / f"fills-{name}", FillEntry)
        self.trips = Spool(folder / f"trips-{name}", TripEntry)
        self.positions = Spool(folder / f"positions-{name}", PositionEntry)
        self.refusals = Spool(folder / f"refusals-{name}", RefusalEntry)
        self.open_trips: list[TripEntry] = []
        self._signals = self._prepared = self._anomalies = 0
        self._refusals: Counter[str] = Counter()
        self._strategies: defaultdict[StrategyId, StrategyResult] = defaultdict(lambda: StrategyResult(StrategyId("")))
        self._by_state: Counter[str] = Counter()
        self._unfilled: Counter[str] = Counter()
        self._not_modelled: dict[str, None] = {}
        self.worth = Worth(state)
        self._trips = Trips(self._trip, self._multiplier, self._in_base)
        self._fill: OrderFilled | None = None
        self._turnover = self._closed = ZERO
        self._holding = {"borrow": NO_MONEY, "interest": NO_MONEY}
        self._start_ns = 0
        self._sessions = 0
        self._replay: Replay | None = None
        self.samples = Samples(getattr(state.host, "indicators", tuple))
        self._takes: dict[type, Callable[[Envelope, Any], None]] = {
            OrderRejected: self._ended,
            OrderCanceled: self._ended,
            OrderExpired: self._ended,
            OrderFailed: self._ended,
            OrderNotSent: self._ended,
            Signal: self._signal,
            OrderPrepared: self._order,
            OrderFilled: self._filled,
            FillBusted: self._busted,
            AccountAdjusted: self._adjusted,
            OrderAnomaly: self._anomaly,
            PositionChanged: self._position,
            PnlSnapshot: self._valued,
            RiskRefused: self._refused,
            StrategyStopped: self._stopped,
            TradingDayStarted: self._day,
        }

    def follow(self, replay: Replay) -> None:
        """Record this replay, which says where in the market's time a turn is."""
        self._replay = replay

    def __call__(self, turn: Turn) -> None:
        """Take a turn in."""
        self.worth.books_changed()
        takes = self._takes
        for envelope in turn.records:
            take = takes.get(type(envelope.body))
            if take is not None:
                take(envelope, envelope.body)

    def look(self) -> None:
        """An instant is over."""
        worth, now_ns = self.worth, self._state.now_ns
        if now_ns >= self.samples.next_ns:
            self.samples.take(now_ns)
        if not worth.is_idle:
            worth.look()
            if self._replay is not None:
                self._trips.see(self._replay.instant)

    def finish(self) -> None:
        """The run is over: note the orders and the round trips that are still open."""
        for order in self._state.orders.live.values():
            self._over(self._state.now_ns, order)
        self.open_trips = list(self._trips.still_open(self._state.price))
        self.worth.finish()
        for spool in self.spools:
            spool.close()

    @property
    def trip_profits(self) -> dict[str, Decimal]:
        """The sums of the profits of round trips that are over, and of those still open."""
        return {"closed": self._closed, "open": sum((trip.profit for trip in self.open_trips), ZERO)}

    @property
    def spools(self) -> tuple[Spool[Any], ...]:
        """All that is on the disk."""
        return self.orders, self.fills, self.trips, self.positions, self.refusals

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
            max_drawdown_pct=self.worth.deepest_pct,
            positions=dict(state.portfolio.open_lines()),
            strategies=self._strategy_results(),
            trips=self.trips.count,
            turnover=Money(self._turnover),
            slippage=Money(sum((self._in_base(*cost) for cost in tally.prices.slippage.items()), ZERO)),
            large_fills=tally.prices.large_fills,
            bars_without_volume=tally.prices.bars_without_volume,
            missing_sessions=self._missing_sessions(),
            borrow=self._holding["borrow"],
            interest=self._holding["interest"],
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
        self._fill = body
        self._turn_over(body)
        if order.state in TERMINAL:
            self._over(envelope.time_ns, order)

    def _busted(self, _envelope: Envelope, body: FillBusted) -> None:
        self._fill = reversal(body)

    def _turn_over(self, fill: OrderFilled) -> None:
        self._turnover += value_of(fill.quantity * self._state.portfolio.unit(fill.symbol), fill.price)

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

    def _position(self, envelope: Envelope, body: PositionChanged) -> None:
        fill, self._fill = self._fill, None
        if fill is not None and fill.symbol == body.symbol:
            self._follow_trip(fill, body, fill.executed_ns or envelope.time_ns)
        if body.account_quantity < 0 and not self._state.carry.borrow_pct:
            self._not_modelled[BORROWED] = None

    def _follow_trip(self, fill: OrderFilled, change: PositionChanged, time_ns: int) -> None:
        replay = self._replay
        when, instant = When.AFTER, () if replay is None else replay.instant
        if replay is not None and replay.is_in_venue:
            when = When.OPEN if fill.executed_ns else When.WITHIN
        self._trips.filled(fill, self._known(fill.client_order_id).terms, change, time_ns, when, instant)
        self._keep_position(time_ns, change.strategy, change.symbol)

    def _keep_position(self, time_ns: int, strategy: StrategyId, symbol: str) -> None:
        book = self._state.portfolio.ledgers[strategy, symbol]
        self.positions.add(
            PositionEntry(time_ns, strategy, symbol, book.quantity, book.average_price, book.realised, book.fees)
        )

    def _adjusted(self, envelope: Envelope, body: AccountAdjusted) -> None:
        if body.kind is AdjustmentKind.INTEREST:
            what = "interest" if body.symbol == CASH else "borrow"
            self._holding[what] = Money(self._holding[what] - body.amount)
        if body.symbol == CASH:
            return
        self._trips.adjusted(body, envelope.time_ns, self._state.marks.get(body.symbol, 0.0))
        for change in body.changes:
            self._keep_position(envelope.time_ns, change.strategy, body.symbol)

    def _trip(self, trip: TripEntry) -> None:
        self.trips.add(trip)
        self._closed += trip.profit
        result = self._strategies[StrategyId(trip.strategy)]
        result.wins += trip.profit > 0
        result.losses += trip.profit < 0

    def _multiplier(self, symbol: str) -> Decimal:
        terms = self._state.portfolio.terms.get(symbol)
        return ONE if terms is None else terms.multiplier

    def _in_base(self, symbol: str, amount: Decimal) -> Decimal:
        currency = self._state.portfolio.currency_of(symbol)
        return self._state.portfolio.rates.in_base(Money(amount), currency) if currency else amount

    def _valued(self, _envelope: Envelope, body: PnlSnapshot) -> None:
        if body.cash < 0 and not self._state.carry.interest_pct:
            self._not_modelled[INTEREST] = None
        if body.gross_exposure > body.equity:
            self._not_modelled[MARGIN] = None
        self.worth.look()

    def _refused(self, envelope: Envelope, body: RiskRefused) -> None:
        self._refusals[body.rule] += 1
        if self.refusals.count < MOST_REFUSALS:
            side = "" if body.side is None else body.side.value
            row = (body.strategy, body.symbol, side, body.quantity, body.rule, body.figure, body.limit, body.text)
            self.refusals.add(RefusalEntry(envelope.time_ns, *row))

    def _stopped(self, envelope: Envelope, body: StrategyStopped) -> None:
        why = f"{body.reason}: {body.detail}{hint_of(body.detail)}, at market time {iso_time(envelope.time_ns)}"
        self._strategies[body.strategy].stopped = why

    def _day(self, envelope: Envelope, _body: TradingDayStarted) -> None:
        self._start_ns = self._start_ns or envelope.time_ns
        self._sessions += 1

    def _missing_sessions(self) -> int:
        """How many sessions there were by the calendar, less those in which anything happened."""
        if not self._sessions:
            return 0
        first, last = (self._state.calendar.index_at(time_ns - 1) for time_ns in (self._start_ns, self._state.now_ns))
        return max(0, last - first + 1 - self._sessions)
