"""What an account's records come to: figures in a `Book`, and what stands at the moment. A fold: the same records give the same, whoever reads them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.core.messages import (
    Bar,
    Envelope,
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
    OrderUnknown,
    PnlSnapshot,
    PositionAdopted,
    PositionChanged,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStarted,
    StrategyStopped,
)
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import Cause
from holdfast.core.steering import StrategySwitched
from holdfast.core.types import SECOND_NS
from holdfast.monitor.orders import OpenOrder, OpenOrders
from holdfast.monitor.registry import Book, Key, Stage
from holdfast.monitor.stream import Completeness

CHAINS = 20_000
"""Records whose times are remembered, to measure what comes of them; far more than any step of one market event makes."""

RECORDS: dict[Stage, tuple[type, ...]] = {
    Stage.MARKET: (Bar, Quote, Trade),
    Stage.SIGNAL: (Signal,),
    Stage.RISK: (RiskApproved, RiskRefused),
    Stage.ORDER: (
        OrderPrepared, OrderReleased, OrderAccepted, OrderRejected, OrderUnknown, OrderCanceled, OrderExpired, OrderFailed, OrderNotSent,
        OrderAdopted,
    ),
    Stage.FILL: (OrderFilled,),
    Stage.PORTFOLIO: (PositionChanged, PositionAdopted, PnlSnapshot),
}  # fmt: skip
"""Which records are a stage's events. Of market data those are recorded that made a strategy ask for something."""
STAGE_OF = {kind: stage for stage, kinds in RECORDS.items() for kind in kinds}

STANDING: tuple[type, ...] = (
    EngineStarted, RecoveryCompleted, EngineStopped, FeedOpened, Impaired, Restored, StrategyStarted, StrategyStopped, StrategySwitched,
)  # fmt: skip
"""What stands until something ends it, and of which there are few: a restart reads all of these, and of the rest the latest alone."""


class AccountFold:
    """One account's. ``window_s`` and ``settle_s`` are those of the configuration."""

    def __init__(self, window_s: int, settle_s: float) -> None:
        self.book = Book()
        self.orders = OpenOrders()
        self.stream = Completeness(self.book, int(settle_s * SECOND_NS), window_s * SECOND_NS)
        self.sequence = 0
        """The last record that was taken in."""
        self.last_ns = 0
        """The time of the newest record."""
        self.started_ns: int | None = None
        """When a process last took the account; None when never."""
        self.stopped: str | None = None
        """Why it was let go; None while it wasn't."""
        self.is_back = False
        """Whether the start is through."""
        self.feed_kind = ""
        self.state = ""
        """The account's state machine's."""
        self.missing: dict[str, tuple[int, str]] = {}
        """What keeps the account from taking risk: since when, and why."""
        self.stale: dict[str, int] = {}
        """Symbols without data for longer than the engine allows, and since when that stands."""
        self.faults: dict[str, str] = {}
        """Strategies that were stopped for a fault, and why."""
        self.off: set[str] = set()
        """Strategies that a person has switched off."""
        self.bar_ns: int | None = None
        """The shortest bar that was recorded; None before the first."""
        self.texts: dict[Stage, Envelope] = {}
        """The last event of each stage."""
        self._cursor = 0
        self._chains: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """By record when it was, and when the market event was that its chain began with (0: with none)."""

    # --- taking in ----------------------------------------------------------------------------------------------------

    def take_all(self, records: Iterable[Envelope]) -> None:
        """Take in records that follow on those before. Those that were taken in already are passed over."""
        for record in records:
            self.take(record)

    def take(self, record: Envelope) -> None:
        """Take in one."""
        if record.sequence <= self.sequence:
            return
        self.sequence = record.sequence
        self.last_ns = max(self.last_ns, record.time_ns)
        self.stream.pass_time(self.last_ns)
        before = self._chains.get(record.causation_id)
        market_ns = self._remember(record, before)
        order = self.orders.take(record, market_ns)
        stage = STAGE_OF.get(type(record.body))
        if stage is not None:
            self.book.count(Key.EVENTS, stage, record.time_ns)
            self.book.stamp(Key.LAST, stage, record.time_ns)
            self.texts[stage] = record
            self._figures(record, stage, before, order)
        self._hear(record)
        self.stream.take(
            record, is_well=self.is_back and self.stopped is None and Cause.ORDER_EVENTS not in self.missing
        )
        change = _CHANGES.get(type(record.body))
        if change is not None:
            change(self, record, record.body)

    def add_order(self, key: str, order: OpenOrder) -> None:
        """Take over an open order whose records weren't read."""
        self.orders.add(key, order)

    def pass_time(self, now_ns: int) -> None:
        """Time went by without a record."""
        self.stream.pass_time(now_ns)

    def _remember(self, record: Envelope, before: tuple[int, int] | None) -> int:
        """Keep the record's time for what comes of it; when its chain's market event was."""
        is_market = isinstance(record.body, Bar | Quote | Trade)
        market_ns = record.time_ns if is_market else before[1] if before is not None else 0
        self._chains[record.id] = record.time_ns, market_ns
        if len(self._chains) > CHAINS:
            self._chains.popitem(last=False)
        return market_ns

    def _hear(self, record: Envelope) -> None:
        """The cursor counts the instants of the feed: where it moves on the market was heard, whatever is recorded of it."""
        if record.cursor > self._cursor and self._cursor:
            self.book.stamp(Key.LAST, Stage.MARKET, record.time_ns)
        self._cursor = record.cursor

    def _figures(self, record: Envelope, stage: Stage, before: tuple[int, int] | None, order: OpenOrder | None) -> None:
        body, now_ns = record.body, record.time_ns
        if before is not None and stage in (Stage.SIGNAL, Stage.RISK) and record.causation_id != record.id:
            self.book.measure(Key.STEP, stage, now_ns - before[0])
        if isinstance(body, Bar):
            length_ns = body.time_ns - body.start_ns
            self.bar_ns = length_ns if self.bar_ns is None else min(self.bar_ns, length_ns)
        elif isinstance(body, RiskRefused):
            self.book.count(Key.REFUSED, stage, now_ns)
        elif isinstance(body, OrderRejected | OrderFailed):
            self.book.count(Key.FAILED, stage, now_ns)
        elif isinstance(body, OrderUnknown):
            self.book.count(Key.UNKNOWN, stage, now_ns)
        elif isinstance(body, OrderAccepted):
            self.book.count(Key.ACCEPTED, stage, now_ns)
            if order is not None and order.released_ns and order.accepted_ns == now_ns:
                self.book.measure(Key.STEP, stage, now_ns - order.released_ns)
        elif isinstance(body, OrderFilled) and order is not None and order.is_market and order.filled == body.quantity:
            if since_ns := order.accepted_ns or order.released_ns:
                self.book.measure(Key.STEP, stage, now_ns - since_ns)
            if order.market_ns:
                self.book.measure(Key.WAY, stage, now_ns - order.market_ns)

    # --- what stands --------------------------------------------------------------------------------------------------

    def _started(self, record: Envelope, _body: EngineStarted) -> None:
        self.started_ns, self.stopped, self.is_back = record.time_ns, None, False
        self._cursor = 0

    def _recovered(self, _record: Envelope, _body: RecoveryCompleted) -> None:
        self.is_back = True

    def _stopped(self, _record: Envelope, body: EngineStopped) -> None:
        self.stopped = body.reason

    def _feed(self, _record: Envelope, body: FeedOpened) -> None:
        self.feed_kind = body.kind
        self.stale.clear()

    def _state(self, _record: Envelope, body: AccountStateChanged) -> None:
        self.state = body.new

    def _impaired(self, record: Envelope, body: Impaired) -> None:
        self.missing[body.cause] = record.time_ns, body.reason

    def _restored(self, _record: Envelope, body: Restored) -> None:
        self.missing.pop(body.cause, None)

    def _market_stale(self, record: Envelope, body: MarketStale) -> None:
        self.stale[body.symbol] = record.time_ns

    def _market_fresh(self, record: Envelope, body: MarketFresh) -> None:
        self.stale.pop(body.symbol, None)
        self.book.stamp(Key.LAST, Stage.MARKET, record.time_ns)

    def _strategy_stopped(self, _record: Envelope, body: StrategyStopped) -> None:
        self.faults[body.strategy] = f"{body.reason}: {body.detail}"

    def _strategy_started(self, _record: Envelope, body: StrategyStarted) -> None:
        self.faults.pop(body.strategy, None)

    def _switched(self, _record: Envelope, body: StrategySwitched) -> None:
        if body.on:
            self.off.discard(body.strategy)
            self.faults.pop(body.strategy, None)
        else:
            self.off.add(body.strategy)

    @property
    def halts(self) -> bool:
        """Whether a person's word lets nothing out that raises risk."""
        return self.state == AccountState.HALTED


_CHANGES: dict[type, Callable[[AccountFold, Envelope, Any], None]] = {
    EngineStarted: AccountFold._started,
    RecoveryCompleted: AccountFold._recovered,
    EngineStopped: AccountFold._stopped,
    FeedOpened: AccountFold._feed,
    AccountStateChanged: AccountFold._state,
    Impaired: AccountFold._impaired,
    Restored: AccountFold._restored,
    MarketStale: AccountFold._market_stale,
    MarketFresh: AccountFold._market_fresh,
    StrategyStopped: AccountFold._strategy_stopped,
    StrategyStarted: AccountFold._strategy_started,
    StrategySwitched: AccountFold._switched,
}
"""What each record changes of what stands."""
