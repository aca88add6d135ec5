"""All that one account's engine knows, and how records change it.

:func:`apply` is the only writer. It is called by the engine for each record it makes and by recovery for each record it
reads, so a restart can't come to another state than the one it left.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from holdfast.core.codec import Ids
from holdfast.core.instruments import Instrument
from holdfast.core.messages import (
    AccountBound,
    AccountStateChanged,
    BrokerName,
    CancelRefused,
    CancelReleased,
    CashDeposited,
    EngineStarted,
    EngineStopped,
    Envelope,
    FeedOpened,
    FillBusted,
    Flatten,
    Flattened,
    Impaired,
    MarketFresh,
    MarketStale,
    OrderAccepted,
    OrderAnomaly,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
    PnlSnapshot,
    PositionAdopted,
    PositionChanged,
    Restored,
    RiskRefused,
    StrategyStopped,
    TradingDayStarted,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import Portfolio, reversal
from holdfast.core.protection.legs import Guard
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.host import Host
from holdfast.core.types import (
    HOUR_NS,
    NO_MONEY,
    ClientOrderId,
    Money,
    OrderRole,
    Price,
    StrategyId,
    from_float,
)
from holdfast.errors import Fatal

RECENT_INTENTS = 1_000
"""How many order intents are remembered to catch a duplicate; far more than any order rate allows in the window."""

UNPROTECTED = "unprotected"
"""The event of the anomaly that says a protective order can't be had: its guard is given up."""

Key = tuple[StrategyId, str]


class EngineState:
    """One account. ``orders_cross_zero``: its broker takes an order that turns a position round. ``cursor`` counts steps of the feed (see `Envelope`); ``marks`` are the last prices."""

    def __init__(
        self,
        account: str,
        broker: BrokerName,
        calendar: TradingCalendar,
        instrument: Instrument,
        limits: RiskLimits,
        stale_after_ns: int | None = None,
        *,
        orders_cross_zero: bool = True,
    ) -> None:
        self.account = account
        self.broker = broker
        self.calendar = calendar
        self.instrument = instrument
        self.limits = limits
        self.stale_after_ns = stale_after_ns
        self.orders_cross_zero = orders_cross_zero

        self.epoch = 0
        self.ids = Ids(account, 0)
        self.sequence = 0
        self.cursor = 0
        self.now_ns = 0
        self.wake_ns = 0
        self.feed: FeedOpened | None = None

        self.orders = OrderBook()
        self.order_count = 0
        self.portfolio = Portfolio()
        self.account_state = AccountState.RECOVERING
        self.broker_account_id = ""
        self.impairments: dict[str, str] = {}  # cause: reason
        self.trading_day = ""
        self.day_start_equity: Money = NO_MONEY
        self.guards: dict[Key, Guard] = {}
        self.leg_tries: dict[Key, int] = {}
        self.stopped: set[StrategyId] = set()
        self.flattening = False
        self.flatten_tries: dict[Key, int] = {}

        self.entry_times: deque[int] = deque(maxlen=limits.max_orders_per_minute)
        self.intents: OrderedDict[tuple[Any, ...], tuple[int, ClientOrderId]] = OrderedDict()
        self.refusals: dict[Key, tuple[Any, ...]] = {}

        self.hour = 0
        self.marks: dict[str, float] = {}
        self.quotes: dict[str, tuple[float, float]] = {}
        self.seen_ns: dict[str, int] = {}
        self.stale: dict[str, int] = {}  # when it was last heard of
        self._prices: dict[str, tuple[float, Price]] = {}
        self.host = Host(self.orders, self.portfolio, self.marks, calendar)

    def price(self, symbol: str) -> Price | None:
        """The last price of a symbol, exact; None before the first."""
        mark = self.marks.get(symbol)
        if mark is None:
            return None
        known = self._prices.get(symbol)
        if known is None or known[0] != mark:
            known = self._prices[symbol] = (mark, Price(from_float(mark)))
        return known[1]

    def mark(self, symbol: str, price: Price) -> None:
        """Take an exact price as the last one of a symbol."""
        mark = self.marks[symbol] = float(price)
        self._prices[symbol] = (mark, price)

    def legs(self, strategy: StrategyId, symbol: str) -> list[Order]:
        """The live protective orders of a strategy in a symbol."""
        if len(self.orders.live) == self.orders.live_entries:
            return []
        return [
            order
            for order in self.orders.live.values()
            if order.terms.role is not OrderRole.ENTRY
            and order.terms.strategy == strategy
            and order.terms.symbol == symbol
        ]


def intent_of(terms: OrderTerms) -> tuple[Any, ...]:
    """What makes two orders the same wish."""
    return (
        terms.strategy,
        terms.symbol,
        terms.side,
        terms.quantity,
        terms.order_type,
        terms.limit_price,
        terms.stop_price,
        terms.trail_amount,
        terms.trail_percent,
    )


def apply(state: EngineState, envelope: Envelope) -> None:
    """Change the state by one record. Raises :class:`~holdfast.errors.Fatal` when the record can't follow what is known."""
    if envelope.sequence != state.sequence + 1:
        raise Fatal(f"record {envelope.sequence} can't follow record {state.sequence} of account {state.account}")
    state.sequence = envelope.sequence
    if envelope.time_ns > state.now_ns:
        state.now_ns = state.host.now_ns = envelope.time_ns
    change = _CHANGES.get(type(envelope.body))
    if change is not None:
        change(state, envelope, envelope.body)


def _order(state: EngineState, envelope: Envelope, _body: Any) -> None:
    state.orders.apply(envelope)


def _prepared(state: EngineState, envelope: Envelope, body: OrderPrepared) -> None:
    terms = body.terms
    state.orders.apply(envelope)
    state.order_count += 1
    key = (terms.strategy, terms.symbol)
    if terms.role is not OrderRole.ENTRY:
        state.leg_tries[key] = state.leg_tries.get(key, 0) + 1
        return
    state.refusals.pop(key, None)
    state.entry_times.append(envelope.time_ns)
    intent = intent_of(terms)
    state.intents[intent] = (envelope.time_ns, terms.client_order_id)
    state.intents.move_to_end(intent)
    if len(state.intents) > RECENT_INTENTS:
        state.intents.popitem(last=False)
    if state.flattening:
        state.flatten_tries[key] = state.flatten_tries.get(key, 0) + 1


def _filled(state: EngineState, envelope: Envelope, body: OrderFilled) -> None:
    order = state.orders.apply(envelope)
    terms = order.terms
    before = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    ledger = state.portfolio.book(terms.strategy, body)
    state.mark(body.symbol, body.price)  # our own execution is the latest price there is
    key = (terms.strategy, terms.symbol)
    state.leg_tries.pop(key, None)
    if ledger.quantity * before <= 0:  # flat, or turned round: what guarded the old position would close the new one
        state.guards.pop(key, None)
    asks = terms.role is OrderRole.ENTRY and (terms.stop_loss is not None or terms.take_profit is not None)
    if asks and ledger.quantity * terms.side.sign > 0:  # the prices are for the side that the entry opens
        state.guards[key] = Guard(terms.client_order_id, terms.stop_loss, terms.take_profit)


def _busted(state: EngineState, envelope: Envelope, body: FillBusted) -> None:
    terms = state.orders.apply(envelope).terms
    ledger = state.portfolio.book(terms.strategy, reversal(body))
    if not ledger.quantity:
        state.guards.pop((terms.strategy, terms.symbol), None)


def _adopted(state: EngineState, _envelope: Envelope, body: PositionAdopted) -> None:
    state.portfolio.adopt(body)
    state.mark(body.symbol, body.price)


def _anomaly(state: EngineState, _envelope: Envelope, body: OrderAnomaly) -> None:
    order = state.orders.find(body.client_order_id)
    if body.event == UNPROTECTED and order is not None:
        state.guards.pop((order.terms.strategy, order.terms.symbol), None)


def _position(state: EngineState, envelope: Envelope, body: PositionChanged) -> None:
    held = state.portfolio.strategy_quantity(body.strategy, body.symbol)
    if held != body.quantity or state.portfolio.quantity(body.symbol) != body.account_quantity:
        raise Fatal(
            f"record {envelope.sequence}: the fills give {body.strategy} {held} {body.symbol}, not {body.quantity}"
        )


def _deposited(state: EngineState, _envelope: Envelope, body: CashDeposited) -> None:
    state.portfolio.deposit(body.amount)


def _account(state: EngineState, _envelope: Envelope, body: AccountStateChanged) -> None:
    state.account_state = body.new


def _bound(state: EngineState, _envelope: Envelope, body: AccountBound) -> None:
    state.broker_account_id = body.broker_account_id


def _impaired(state: EngineState, _envelope: Envelope, body: Impaired) -> None:
    state.impairments[body.cause] = body.reason


def _restored(state: EngineState, _envelope: Envelope, body: Restored) -> None:
    state.impairments.pop(body.cause, None)


def _valued(state: EngineState, envelope: Envelope, _body: PnlSnapshot) -> None:
    state.hour = envelope.time_ns // HOUR_NS


def _trading_day(state: EngineState, _envelope: Envelope, body: TradingDayStarted) -> None:
    state.trading_day = body.trading_day
    state.day_start_equity = body.day_start_equity


def _refused(state: EngineState, _envelope: Envelope, body: RiskRefused) -> None:
    state.refusals[body.strategy, body.symbol] = (body.side, body.quantity, body.rule)


def _strategy_stopped(state: EngineState, _envelope: Envelope, body: StrategyStopped) -> None:
    state.stopped.add(body.strategy)


def _engine_stopped(state: EngineState, _envelope: Envelope, _body: EngineStopped) -> None:
    state.stopped.clear()  # a stop in order gives every strategy a new chance; a crash does not


def _flatten(state: EngineState, _envelope: Envelope, _body: Flatten) -> None:
    state.flattening = True
    state.flatten_tries = {}


def _flattened(state: EngineState, _envelope: Envelope, _body: Flattened) -> None:
    state.flattening = False


def _started(state: EngineState, _envelope: Envelope, body: EngineStarted) -> None:
    state.epoch = body.epoch
    state.ids = Ids(state.account, body.epoch)


def _feed(state: EngineState, _envelope: Envelope, body: FeedOpened) -> None:
    state.feed = body
    state.cursor = 0


def _stale(state: EngineState, _envelope: Envelope, body: MarketStale) -> None:
    state.stale[body.symbol] = body.last_ns


def _fresh(state: EngineState, _envelope: Envelope, body: MarketFresh) -> None:
    state.stale.pop(body.symbol, None)


_CHANGES: dict[type, Callable[[EngineState, Envelope, Any], None]] = {
    OrderPrepared: _prepared,
    OrderFilled: _filled,
    FillBusted: _busted,
    PositionAdopted: _adopted,
    AccountBound: _bound,
    Impaired: _impaired,
    Restored: _restored,
    OrderAnomaly: _anomaly,
    PositionChanged: _position,
    CashDeposited: _deposited,
    AccountStateChanged: _account,
    PnlSnapshot: _valued,
    TradingDayStarted: _trading_day,
    RiskRefused: _refused,
    StrategyStopped: _strategy_stopped,
    EngineStopped: _engine_stopped,
    Flatten: _flatten,
    Flattened: _flattened,
    EngineStarted: _started,
    FeedOpened: _feed,
    MarketStale: _stale,
    MarketFresh: _fresh,
    **dict.fromkeys(
        (
            OrderReleased,
            OrderAccepted,
            OrderRejected,
            OrderUnknown,
            OrderReplaced,
            CancelReleased,
            CancelRefused,
            OrderCanceled,
            OrderExpired,
            OrderFailed,
            OrderNotSent,
        ),
        _order,
    ),
}


def worst_case(state: EngineState, symbol: str) -> tuple[Decimal, Decimal]:
    """The account's position in a symbol if every open buy filled, and if every open sell did."""
    position = state.portfolio.quantity(symbol)
    bought = state.orders.open_buys.get(symbol)
    sold = state.orders.open_sells.get(symbol)
    return position + bought if bought else position, position - sold if sold else position
