"""All that one account's engine knows, and how records change it.

:func:`apply` is the only writer. It is called by the engine for each record it makes and by recovery for each record it
reads, so a restart can't come to another state than the one it left.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from holdfast.core.adjusted import adjust, await_fee, fee_is_known
from holdfast.core.adjustments import AccountAdjusted, ActivitiesKnown
from holdfast.core.broker_rules import ANY_ORDER, BrokerRules, HeldExits
from holdfast.core.codec import Ids
from holdfast.core.exits import ExitRules
from holdfast.core.exposure import Exposure
from holdfast.core.findings import BooksCompared, OrderOverdue
from holdfast.core.instruments import AssetClass, Instrument, in_whole_units
from holdfast.core.intents import note_intent
from holdfast.core.listings import CurrencyRate, InstrumentListed
from holdfast.core.messages import (
    PAPER,
    BrokerName,
    CancelRefused,
    CancelReleased,
    CashDeposited,
    Envelope,
    FillBusted,
    Flatten,
    Flattened,
    OrderAccepted,
    OrderAdopted,
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
    RiskRefused,
    WishOver,
    WishWaits,
)
from holdfast.core.milestones import (
    AccountBound,
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStopped,
    TradingDayStarted,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.permits import EVERYTHING, BrokerPermits
from holdfast.core.portfolio.activities import Activities
from holdfast.core.portfolio.money import Rate
from holdfast.core.portfolio.portfolio import EXTERNAL, Portfolio, reversal
from holdfast.core.protection.cover import Closing, Cover, mind, note_end
from holdfast.core.protection.legs import Guard, asks_protection, guard_of
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionClosing,
    PositionKept,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
    StopAsked,
    StopMoved,
    StopPassed,
)
from holdfast.core.rates import RateSources
from holdfast.core.register import Register
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.volatility import VolatilityCache
from holdfast.core.session.account import AccountState
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.session.causes import Cause
from holdfast.core.session.counters import Counters
from holdfast.core.strategy.host import Host
from holdfast.core.types import (
    HOUR_NS,
    NO_MONEY,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    StrategyId,
    from_float,
)
from holdfast.core.waiting import Waiting, forget, note
from holdfast.errors import Fatal

Key = tuple[StrategyId, str]


class Policy(StrEnum):
    """What is done when the broker shows an order that is not ours, or no longer shows one that it had accepted.

    The configuration's words (`SupervisorConfig` says what each means).
    """

    ADOPT = "adopt"
    ALERT = "alert"
    CANCEL = "cancel"
    QUARANTINE = "quarantine"


class EngineState:
    """One account. ``rules`` are its broker's. ``cursor`` counts steps of the feed (see `Envelope`); ``marks`` are the last prices."""

    def __init__(
        self,
        account: str,
        broker: BrokerName,
        calendar: TradingCalendar,
        instrument: Instrument,
        limits: RiskLimits,
        stale_after_ns: int | None = None,
        *,
        rules: BrokerRules = ANY_ORDER,
    ) -> None:
        self.account = account
        self.broker = broker
        self.calendar = calendar
        self.register = Register(instrument)
        self.rate_sources = RateSources()
        self.limits = limits
        self.exit_rules: dict[StrategyId, ExitRules] = {}
        self.strategy_limits: dict[StrategyId, StrategyLimits] = {}
        self.volatility = VolatilityCache()
        self.stale_after_ns = stale_after_ns
        self.rules = rules

        self.epoch = 0
        self.ids = Ids(account, 0)
        self.sequence = 0
        self.cursor = 0
        self.now_ns = self.wake_ns = 0
        self.feed: FeedOpened | None = None
        self.orders = OrderBook()
        self.order_count = 0
        self.portfolio = Portfolio()
        self.account_state = AccountState.RECOVERING
        self.permits = EVERYTHING
        self.broker_account_id = ""
        self.foreign_orders = Policy.ALERT
        self.lost_orders = Policy.QUARANTINE
        self.gaps: dict[str, Quantity] = {}  # where the broker is known to hold another quantity: how much more, signed
        self.accepted_ns = 0  # when a person last accepted what the broker has: what went before is settled
        self.held_executions: tuple[str, ...] = ()  # part of what the account held when it was first taken
        self.overdue: dict[ClientOrderId, str] = {}  # orders nobody explains, and the symbol that each bars
        self.impairments: dict[str, str] = {}  # cause: reason
        self.impaired_ns: dict[str, int] = {}  # since when each is known
        self.listening_ns = 0  # since when the market could be heard: a start, or its stream, has brought it back
        self.trading_day = ""
        self.day_start_equity: Money = NO_MONEY
        self.counters = Counters()
        self.activities = Activities()
        self.guards: dict[Key, Guard] = {}
        self.protection = ProtectionPolicy()
        self.covers: dict[Key, Cover] = {}  # one for each guard
        self.followed: frozenset[str] = frozenset()  # the symbols of guards that go by the market
        self.closing: dict[Key, Closing] = {}
        self.blocked: dict[Key, ClientOrderId] = {}  # the order of somebody else that bars a way out
        self.preserved_ns = 0  # since when the account is in PRESERVATION
        self.stopped: set[StrategyId] = set()
        self.flattening = False
        self.flatten_tries: dict[Key, int] = {}
        self.waiting: dict[Key, list[Waiting]] = {}  # wishes that can't be carried out yet, the oldest first
        self.entry_times: deque[int] = deque(maxlen=limits.max_orders_per_minute)
        self.intents: OrderedDict[tuple[Any, ...], tuple[ClientOrderId, ...]] = OrderedDict()
        self.refusals: dict[Key, tuple[Any, ...]] = {}
        self.hour = 0
        self._begin_market()
        self.host = Host(self.orders, self.portfolio, self.marks, calendar)
        self.host.waiting = self.waiting
        self.host.account = self

    def _begin_market(self) -> None:
        """What is known of the market by symbol: nothing yet. Events make it, not records."""
        self.marks: dict[str, float] = {}
        self.quotes: dict[str, tuple[float, float]] = {}
        self.seen_ns: dict[str, int] = {}
        self.cadence_ns: dict[str, int] = {}  # how long a symbol's bars are: it is silent for so long in good health
        self.stale: dict[str, int] = {}  # when it was last heard of
        self.exact_prices: dict[str, tuple[float, Price]] = {}
        self.exposure = Exposure()

    def price(self, symbol: str) -> Price | None:
        """The last price of a symbol, exact; None before the first."""
        mark = self.marks.get(symbol)
        if mark is None:
            return None
        known = self.exact_prices.get(symbol)
        if known is None or known[0] != mark:
            known = self.exact_prices[symbol] = (mark, Price(from_float(mark)))
        return known[1]

    def mark(self, symbol: str, price: Price) -> None:
        """Take an exact price as the last one of a symbol."""
        mark = self.marks[symbol] = float(price)
        self.exact_prices[symbol] = (mark, price)
        self.exposure.priced.add(symbol)

    @property
    def equity(self) -> Money:
        """Cash and positions at the last prices."""
        return self.exposure.equity(self)

    @property
    def buying_power(self) -> Money:
        """What may still be put into positions: equity by the leverage that is allowed, less what is held or may yet fill."""
        leverage = self.permits.bounded(self.limits.leverage)
        return Money(self.equity * leverage - self.exposure.committed(self))

    def instrument_of(self, symbol: str) -> Instrument:
        """The price and quantity rules of a symbol; whole units of what the broker takes no parts of."""
        found = self.register.of(symbol).at(self.now_ns)
        if symbol in self.permits.whole_only:
            return in_whole_units(found)
        return found

    def exits_held(self, symbol: str) -> HeldExits:
        """Which protective orders the broker holds for a symbol."""
        return self.rules.exits(self.instrument_of(symbol).asset_class)

    def note_guards(self) -> None:
        """Find out anew in which symbols guards go by the market: those whose stops it moves, and those with a limit that it may pass."""
        self.followed = frozenset(
            symbol
            for (_, symbol), guard in self.guards.items()
            if guard.moves_stop
            or (guard.stop_loss is not None and self.exits_held(symbol).stop is OrderType.STOP_LIMIT)
        )

    def note_fee(self, fill: OrderFilled) -> None:
        """A fill of which the broker may take a fee by itself."""
        is_coin = self.instrument_of(fill.symbol).asset_class is AssetClass.CRYPTO
        self.activities.fill(fill, self.rules.fees, is_coin=is_coin)

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


def _order(state: EngineState, envelope: Envelope, body: Any) -> None:
    known = state.orders.live.get(body.client_order_id)
    was_unknown = known is not None and known.state is OrderState.UNKNOWN
    order = state.orders.apply(envelope)
    if state.overdue and order.state is not OrderState.UNKNOWN:
        state.overdue.pop(body.client_order_id, None)
    if state.guards and order.state in TERMINAL:
        _minded(state, envelope, order, was_unknown=was_unknown)


def _minded(state: EngineState, envelope: Envelope, order: Order, *, was_unknown: bool) -> None:
    """An order has ended: a protective one leaves a gap, and so does a way out that came to nothing."""
    terms = order.terms
    cover = state.covers.get((terms.strategy, terms.symbol))
    if cover is not None and terms.role is not OrderRole.ENTRY:
        note_end(cover, order, envelope.time_ns, was_unknown=was_unknown)
    mind(state, terms.symbol, envelope.time_ns)


def _order_adopted(state: EngineState, envelope: Envelope, _body: OrderAdopted) -> None:
    terms = state.orders.apply(envelope).terms
    price = terms.limit_price or terms.stop_price
    if price is not None and terms.symbol not in state.marks:  # the only price known, and exposure needs one
        state.mark(terms.symbol, price)


def _overdue(state: EngineState, _envelope: Envelope, body: OrderOverdue) -> None:
    order = state.orders.find(body.client_order_id)
    if order is not None:
        state.overdue[body.client_order_id] = order.terms.symbol


def _prepared(state: EngineState, envelope: Envelope, body: OrderPrepared) -> None:
    terms = body.terms
    state.orders.apply(envelope)
    state.order_count += 1
    key = (terms.strategy, terms.symbol)
    if terms.role is not OrderRole.ENTRY:
        return
    closing = state.closing.get(key)
    if closing is not None:
        closing.tries += 1
        closing.order = terms.client_order_id
    state.refusals.pop(key, None)
    state.entry_times.append(envelope.time_ns)
    note_intent(state, terms)
    if state.flattening:
        state.flatten_tries[key] = state.flatten_tries.get(key, 0) + 1


def _filled(state: EngineState, envelope: Envelope, body: OrderFilled) -> None:
    order = state.orders.apply(envelope)
    state.overdue.pop(body.client_order_id, None)
    terms = order.terms
    before = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    held = state.portfolio.quantity(body.symbol)
    ledger = state.portfolio.book(terms.strategy, body)
    state.counters.trade(body.symbol, held, body.quantity * body.side.sign, state.trading_day)
    state.mark(body.symbol, body.price)  # our own execution is the latest price there is
    state.note_fee(body)
    key = (terms.strategy, terms.symbol)
    if ledger.quantity * before <= 0:  # flat, or turned round: what guarded the old position would close the new one
        if before:
            state.counters.end_trip(*key, ledger.earned)
        _unguard(state, key)
    if asks_protection(terms) and ledger.quantity * terms.side.sign > 0:  # its prices are for the side that it opens
        known = state.guards.get(key)
        guard = state.guards[key] = guard_of(
            terms, known, _trailing(state, terms, body.price), body.executed_ns or envelope.time_ns
        )
        if guard is not known:
            if key in state.closing and state.closing[key].is_left:  # it is wanted again
                del state.closing[key]
            since_ns = state.covers[key].since_ns if known is not None else 0
            state.covers[key] = Cover(since_ns=since_ns)
            state.note_guards()
    if state.guards:
        await_fee(state, body.symbol, envelope.time_ns)
        mind(state, body.symbol, envelope.time_ns)


def _unguard(state: EngineState, key: Key) -> None:
    state.closing.pop(key, None)
    guard = state.guards.pop(key, None)
    if guard is not None:
        del state.covers[key]
        state.note_guards()


def _trailing(state: EngineState, terms: OrderTerms, price: Price) -> Price | None:
    """Where the trailing stop of an entry that filled at a price begins."""
    if terms.exits is None or not terms.exits.trails:
        return None
    level = price - terms.exits.distance(price) * terms.side.sign
    return state.instrument_of(terms.symbol).stop_price(level, terms.side.opposite)


def _busted(state: EngineState, envelope: Envelope, body: FillBusted) -> None:
    terms = state.orders.apply(envelope).terms
    before = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    ledger = state.portfolio.book(terms.strategy, reversal(body))
    if not before:
        state.counters.reopen_trip(terms.strategy, terms.symbol)
        if terms.role is not OrderRole.ENTRY:
            _guard_again(state, terms)
    elif ledger.quantity * before <= 0:
        _unguard(state, (terms.strategy, terms.symbol))
        state.counters.void_trip(terms.strategy, terms.symbol, ledger.earned)
    mind(state, terms.symbol, envelope.time_ns)


def _guard_again(state: EngineState, leg: OrderTerms) -> None:
    """A position that is back because its exit's execution was undone is guarded as it was: where that exit stood, and as its entry asked."""
    entry = None if leg.parent is None else state.orders.find(leg.parent)
    guard = Guard(leg.parent or ClientOrderId(""), None, None)
    if entry is not None:
        terms = entry.terms
        guard = Guard(terms.client_order_id, terms.stop_loss, terms.take_profit, terms.exits, entry.updated_ns)
    key = (leg.strategy, leg.symbol)
    is_stop = leg.role is OrderRole.STOP_LOSS
    state.guards[key] = (
        replace(guard, stop_loss=leg.stop_price) if is_stop else replace(guard, take_profit=leg.limit_price)
    )
    state.covers[key] = Cover()
    state.note_guards()


def _adopted(state: EngineState, envelope: Envelope, body: PositionAdopted) -> None:
    before = state.portfolio.strategy_quantity(EXTERNAL, body.symbol)
    ledger = state.portfolio.adopt(body)
    if ledger.quantity * before <= 0:
        _unguard(state, (EXTERNAL, body.symbol))
    if not ledger.quantity:
        state.counters.void_trip(EXTERNAL, body.symbol, ledger.earned)
    if body.symbol not in state.marks:  # what it cost once says less than any price of the market
        state.mark(body.symbol, body.price)
    mind(state, body.symbol, envelope.time_ns)


def _stop_asked(state: EngineState, envelope: Envelope, body: StopAsked) -> None:
    key = (body.strategy, body.symbol)
    known = state.guards.get(key) or Guard(ClientOrderId(""), None, None, opened_ns=envelope.time_ns)
    state.guards[key] = replace(known, stop_loss=body.stop_loss)
    state.covers[key] = Cover(since_ns=state.covers[key].since_ns if key in state.covers else 0)
    state.note_guards()
    mind(state, body.symbol, envelope.time_ns)


def _stop_moved(state: EngineState, envelope: Envelope, body: StopMoved) -> None:
    key = (body.strategy, body.symbol)
    state.guards[key] = replace(state.guards[key], stop_loss=body.stop_loss)
    state.covers[key].moved_ns = envelope.time_ns
    mind(state, body.symbol, envelope.time_ns)


def _stop_passed(state: EngineState, envelope: Envelope, body: StopPassed) -> None:
    state.covers[body.strategy, body.symbol].passed_ns = 0 if body.limit is None else envelope.time_ns


def _protected(state: EngineState, _envelope: Envelope, body: ProtectionComplete) -> None:
    cover = state.covers[body.strategy, body.symbol]
    cover.since_ns, cover.is_late = 0, False


def _protection_late(state: EngineState, _envelope: Envelope, body: ProtectionLate) -> None:
    state.covers[body.strategy, body.symbol].is_late = True


def _protection_failed(state: EngineState, _envelope: Envelope, body: ProtectionFailed) -> None:
    state.covers[body.strategy, body.symbol].has_failed = True


def _position_closing(state: EngineState, _envelope: Envelope, body: PositionClosing) -> None:
    state.closing[body.strategy, body.symbol] = Closing(body.reason, causes=body.causes)


def _position_kept(state: EngineState, envelope: Envelope, body: PositionKept) -> None:
    del state.closing[body.strategy, body.symbol]
    mind(state, body.symbol, envelope.time_ns)


def _blocked(state: EngineState, _envelope: Envelope, body: ExitBlocked) -> None:
    state.blocked[body.strategy, body.symbol] = body.order


def _position_left(state: EngineState, envelope: Envelope, body: PositionLeft) -> None:
    state.closing[body.strategy, body.symbol].is_left = True
    mind(state, body.symbol, envelope.time_ns)


def _position(state: EngineState, envelope: Envelope, body: PositionChanged) -> None:
    held = state.portfolio.strategy_quantity(body.strategy, body.symbol)
    if held != body.quantity or state.portfolio.quantity(body.symbol) != body.account_quantity:
        raise Fatal(
            f"record {envelope.sequence}: the fills give {body.strategy} {held} {body.symbol}, not {body.quantity}"
        )


def _deposited(state: EngineState, _envelope: Envelope, body: CashDeposited) -> None:
    state.portfolio.deposit(body.amount, body.currency)
    _came_in(state, state.portfolio.rates.in_base(body.amount, body.currency))


def _came_in(state: EngineState, amount: Money) -> None:
    """What comes in during a day was there at its start, as far as gains and losses go."""
    state.counters.deposit(amount)
    if state.trading_day:
        state.day_start_equity = Money(state.day_start_equity + amount)


def _account_adjusted(state: EngineState, envelope: Envelope, body: AccountAdjusted) -> None:
    before = {
        change.strategy: state.portfolio.strategy_quantity(change.strategy, body.symbol) for change in body.changes
    }
    adjust(state, body)
    if state.gaps.get(body.symbol) == body.quantity:  # that was the difference
        del state.gaps[body.symbol]
    for strategy, held in before.items():
        ledger = state.portfolio.ledgers[strategy, body.symbol]
        if held and ledger.quantity * held <= 0:
            _unguard(state, (strategy, body.symbol))
            state.counters.void_trip(strategy, body.symbol, ledger.earned)
    mind(state, body.symbol, envelope.time_ns)


def _activities_known(state: EngineState, _envelope: Envelope, body: ActivitiesKnown) -> None:
    state.activities.know(body)


def _account(state: EngineState, envelope: Envelope, body: AccountStateChanged) -> None:
    state.account_state = body.new
    state.preserved_ns = envelope.time_ns if body.new is AccountState.PRESERVATION else 0


def _permitted(state: EngineState, _envelope: Envelope, body: BrokerPermits) -> None:
    state.permits = body


def _bound(state: EngineState, _envelope: Envelope, body: AccountBound) -> None:
    state.broker_account_id = body.broker_account_id
    state.held_executions = body.executions


def _impaired(state: EngineState, envelope: Envelope, body: Impaired) -> None:
    state.impairments[body.cause] = body.reason
    state.impaired_ns[body.cause] = envelope.time_ns


def _restored(state: EngineState, envelope: Envelope, body: Restored) -> None:
    state.impairments.pop(body.cause, None)
    state.impaired_ns.pop(body.cause, None)
    if body.cause == Cause.MARKET_DATA:
        state.listening_ns = envelope.time_ns
    if body.cause == Cause.DRAWDOWN:
        state.counters.peak_equity = NO_MONEY  # the next valuation is the first of a new peak


def _valued(state: EngineState, envelope: Envelope, body: PnlSnapshot) -> None:
    state.counters.value(body.equity, body.strategy_pnl)
    state.hour = envelope.time_ns // HOUR_NS


def _trading_day(state: EngineState, _envelope: Envelope, body: TradingDayStarted) -> None:
    state.trading_day = body.trading_day
    state.day_start_equity = body.day_start_equity
    state.counters.begin_day(body.strategy_pnl, body.day_trades_from)
    state.activities.begin_day()


def _refused(state: EngineState, _envelope: Envelope, body: RiskRefused) -> None:
    state.refusals[body.strategy, body.symbol] = (body.side, body.quantity, body.rule)


def _waits_no_more(state: EngineState, envelope: Envelope, body: WishOver) -> None:
    forget(state.waiting, (body.strategy, body.symbol))
    mind(state, body.symbol, envelope.time_ns)


def _compared(state: EngineState, envelope: Envelope, body: BooksCompared) -> None:
    found = {} if body.accepted else {line.symbol: line.gap for line in body.lines if not line.agrees}
    changed = [symbol for symbol in {**state.gaps, **found} if state.gaps.get(symbol) != found.get(symbol)]
    state.gaps.clear()
    state.gaps.update(found)
    state.exposure.moved.update(changed)
    if body.accepted:
        state.accepted_ns = envelope.time_ns
    for symbol in changed:
        fee_is_known(state, symbol)
        mind(state, symbol, envelope.time_ns)


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
    if body.lists_instruments:
        state.register.begin(body.currency)
    state.preserved_ns = 0  # PRESERVATION goes on, and acts when it is known what is missing now
    if state.broker != PAPER:  # a market that went on without us: what was wished in another one is not wished now
        state.waiting.clear()


def _recovered(state: EngineState, envelope: Envelope, _body: RecoveryCompleted) -> None:
    state.listening_ns = envelope.time_ns
    state.impaired_ns = dict.fromkeys(state.impairments, envelope.time_ns)
    if state.account_state is AccountState.PRESERVATION:
        state.preserved_ns = envelope.time_ns


def _feed(state: EngineState, _envelope: Envelope, body: FeedOpened) -> None:
    state.feed = body
    state.cursor = 0


def _listed(state: EngineState, _envelope: Envelope, body: InstrumentListed) -> None:
    state.register.list(body)
    state.portfolio.list(body)
    state.note_guards()


def _rated(state: EngineState, envelope: Envelope, body: CurrencyRate) -> None:
    """A currency's first rate makes known what was there before: that is no gain."""
    is_first, before = body.currency not in state.portfolio.rates.known, state.equity
    state.portfolio.rate(body.currency, Rate(body.rate, envelope.time_ns, body.source))
    if is_first:
        _came_in(state, Money(state.equity - before))


def _stale(state: EngineState, _envelope: Envelope, body: MarketStale) -> None:
    state.stale[body.symbol] = body.last_ns


def _fresh(state: EngineState, _envelope: Envelope, body: MarketFresh) -> None:
    state.stale.pop(body.symbol, None)


_CHANGES: dict[type, Callable[[EngineState, Envelope, Any], None]] = {
    OrderPrepared: _prepared,
    OrderAdopted: _order_adopted,
    OrderOverdue: _overdue,
    OrderFilled: _filled,
    FillBusted: _busted,
    PositionAdopted: _adopted,
    AccountBound: _bound,
    BooksCompared: _compared,
    BrokerPermits: _permitted,
    Impaired: _impaired,
    Restored: _restored,
    StopAsked: _stop_asked,
    StopMoved: _stop_moved,
    StopPassed: _stop_passed,
    ProtectionComplete: _protected,
    ProtectionLate: _protection_late,
    ProtectionFailed: _protection_failed,
    PositionClosing: _position_closing,
    PositionKept: _position_kept,
    PositionLeft: _position_left,
    ExitBlocked: _blocked,
    PositionChanged: _position,
    CashDeposited: _deposited,
    AccountAdjusted: _account_adjusted,
    ActivitiesKnown: _activities_known,
    AccountStateChanged: _account,
    PnlSnapshot: _valued,
    TradingDayStarted: _trading_day,
    RiskRefused: _refused,
    WishWaits: note,
    WishOver: _waits_no_more,
    StrategyStopped: _strategy_stopped,
    EngineStopped: _engine_stopped,
    Flatten: _flatten,
    Flattened: _flattened,
    EngineStarted: _started,
    RecoveryCompleted: _recovered,
    FeedOpened: _feed,
    InstrumentListed: _listed,
    CurrencyRate: _rated,
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
