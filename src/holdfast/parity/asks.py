"""What strategies and people asked for, and what came of it, out of an account's records: a journal's or a backtest's."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind, CashDeposited
from holdfast.core.messages import (
    Bar,
    Envelope,
    FillBusted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderTerms,
    PositionAdopted,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
    WishOver,
)
from holdfast.core.milestones import EngineStarted, EngineStopped, RecoveryCompleted, StrategyRenamed, StrategyStarted
from holdfast.core.types import ZERO, OrderRole, OrderType, Side, from_float, iso_time
from holdfast.errors import Refused

SIGNAL = "signal"
"""What a strategy or a person asked for by an order intent."""
BY_ENGINE = "engine"
"""An order that no intent asked for: a close, a flatten."""
EXTERNAL = "external"
"""An order that somebody gave elsewhere."""


class Fill(msgspec.Struct, frozen=True):
    """One execution. ``at_open``: at the open of the bar that begins at ``time_ns``, else at the end of one, or on a tick."""

    execution_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_ns: int
    at_open: bool


class Ask(msgspec.Struct):
    """One thing that was asked for, with all orders that came of it. A protective leg of another ask has ``parent``.

    ``time_ns`` is the market's time of the decision, ``seen`` the price that the event it was made at had, where it is of the symbol.
    ``rules`` are those that refused it, ``ends`` how its orders ended that did not fill.
    """

    kind: str
    strategy: str
    symbol: str
    side: str
    time_ns: int
    seen: Decimal | None = None
    parent: "Ask | None" = None
    ordered: Decimal = ZERO
    is_priced: bool = False
    is_rejected: bool = False
    rules: list[str] = []
    ends: list[str] = []
    fills: list[Fill] = []

    @property
    def filled(self) -> Decimal:
        """How much has traded."""
        return sum((fill.quantity for fill in self.fills), ZERO)


class Booking(msgspec.Struct, frozen=True):
    """Money that came (below zero: went) without a trade."""

    time_ns: int
    kind: str
    symbol: str
    amount: Decimal


class Away(msgspec.Struct):
    """From when until when no engine was there."""

    since_ns: int
    until_ns: int


class Asks:
    """One side of the comparison. Shown all records of an account, in order (:meth:`take`).

    ``opening`` is what the account began with, ``later`` the money that came or went by deposit after that. ``gaps`` are the times between
    two engines. Raises :class:`~holdfast.errors.Refused` for what can't be compared: units that came or went without a trade.
    """

    def __init__(self) -> None:
        self.all: list[Ask] = []
        self.bookings: list[Booking] = []
        self.opening: list[CashDeposited | PositionAdopted] = []
        self.later: list[CashDeposited] = []
        self.gaps: list[Away] = []
        self.strategies: dict[str, StrategyStarted] = {}
        self.calendar = ""
        self.started_ns: int | None = None
        self.last: Envelope | None = None
        self._seen: dict[str, Bar | Quote | Trade] = {}
        self._by_id: dict[str, Ask] = {}
        self._by_order: dict[str, Ask] = {}
        self._legs: dict[tuple[int, OrderRole], Ask] = {}
        self._takes: dict[type, Callable[[Envelope, Any], None]] = {
            Bar: self._market,
            Quote: self._market,
            Trade: self._market,
            Signal: self._signal,
            RiskApproved: self._approved,
            RiskRefused: self._refused,
            WishOver: self._dropped,
            OrderPrepared: self._prepared,
            OrderAdopted: self._adopted,
            OrderFilled: self._filled,
            FillBusted: self._busted,
            **dict.fromkeys((OrderRejected, OrderFailed, OrderNotSent), self._rejected),
            **dict.fromkeys((OrderCanceled, OrderExpired), self._ended),
            AccountAdjusted: self._adjusted,
            CashDeposited: self._deposited,
            PositionAdopted: self._held,
            EngineStarted: self._engine_started,
            EngineStopped: self._engine_stopped,
            RecoveryCompleted: self._recovered,
            StrategyStarted: self._strategy_started,
            StrategyRenamed: self._renamed,
        }

    def take_all(self, records: Iterable[Envelope]) -> None:
        """Take records in order."""
        for record in records:
            self.take(record)

    def take(self, record: Envelope) -> None:
        """Take the next record."""
        take = self._takes.get(type(record.body))
        if take is not None:
            take(record, record.body)
        self.last = record

    def was_away(self, time_ns: int) -> bool:
        """Whether no engine was there at a time."""
        return any(gap.since_ns < time_ns <= gap.until_ns for gap in self.gaps)

    # --- one for each kind of record ---

    def _market(self, record: Envelope, body: Bar | Quote | Trade) -> None:
        self._seen[record.id] = body

    def _new(self, record: Envelope, kind: str, strategy: str, symbol: str, side: str) -> Ask:
        market = self._seen.get(record.correlation_id)
        ask = Ask(kind, strategy, symbol, side, record.time_ns if market is None else market.time_ns)
        if market is not None and market.symbol == symbol:
            ask.seen = _price_of(market, side)
        self.all.append(ask)
        return ask

    def _signal(self, record: Envelope, body: Signal) -> None:
        side = body.action.value if body.side is None else f"{body.action.value} {body.side.value}"
        ask = self._new(record, SIGNAL, body.strategy, body.symbol, side)
        self._by_id[record.id] = ask
        if body.intent_id:
            self._by_id[body.intent_id] = ask

    def _ask_of(self, intent_id: str, cause: str) -> Ask | None:
        return (self._by_id.get(intent_id) if intent_id else None) or self._by_id.get(cause)

    def _approved(self, record: Envelope, body: RiskApproved) -> None:
        ask = self._ask_of(body.terms.intent_id, record.causation_id)
        if ask is not None:
            self._by_id[record.id] = ask

    def _refused(self, record: Envelope, body: RiskRefused) -> None:
        ask = self._ask_of(body.intent_id, record.causation_id)
        if ask is not None:
            ask.rules.append(body.rule)

    def _dropped(self, _record: Envelope, body: WishOver) -> None:
        ask = self._by_id.get(body.intent_id) if body.intent_id else None
        if ask is not None:
            ask.ends.append(body.reason)

    def _prepared(self, record: Envelope, body: OrderPrepared) -> None:
        terms = body.terms
        if terms.role is not OrderRole.REGULAR:
            ask = self._leg(record, terms)
        else:
            found = self._ask_of(terms.intent_id, record.causation_id)
            ask = found or self._new(record, BY_ENGINE, terms.strategy, terms.symbol, terms.side.value)
        self._order(ask, terms)

    def _leg(self, record: Envelope, terms: OrderTerms) -> Ask:
        parent = self._by_order.get(terms.parent or "")
        key = (id(parent), terms.role)
        if parent is None or key not in self._legs:
            leg = self._new(record, terms.role.value, terms.strategy, terms.symbol, terms.side.value)
            leg.parent = parent
            self._legs[key] = leg
            return leg
        return self._legs[key]

    def _order(self, ask: Ask, terms: OrderTerms) -> None:
        self._by_order[terms.client_order_id] = ask
        ask.ordered += terms.quantity
        ask.is_priced = ask.is_priced or terms.order_type is not OrderType.MARKET

    def _adopted(self, record: Envelope, body: OrderAdopted) -> None:
        terms = body.terms
        self._order(self._new(record, EXTERNAL, terms.strategy, terms.symbol, terms.side.value), terms)

    def _filled(self, record: Envelope, body: OrderFilled) -> None:
        at = body.executed_ns or record.time_ns
        row = (body.execution_id, body.symbol, body.side, body.quantity, body.price, body.fee, at)
        self._by_order[body.client_order_id].fills.append(Fill(*row, bool(body.executed_ns)))

    def _busted(self, _record: Envelope, body: FillBusted) -> None:
        ask = self._by_order[body.client_order_id]
        ask.fills = [fill for fill in ask.fills if fill.execution_id != body.execution_id]

    def _rejected(self, record: Envelope, body: Any) -> None:
        ask = self._by_order.get(body.client_order_id)
        if ask is not None:
            ask.is_rejected = True
        self._ended(record, body)

    def _ended(self, _record: Envelope, body: Any) -> None:
        ask = self._by_order.get(body.client_order_id)
        if ask is not None:
            ask.ends.append(
                f"{type(body).__name__.removeprefix('Order').lower()}: {body.reason or 'no reason was given'}"
            )

    def _adjusted(self, record: Envelope, body: AccountAdjusted) -> None:
        if body.quantity or body.kind is AdjustmentKind.SPLIT:
            what = f"a {body.kind.value} of {body.symbol} at {iso_time(record.time_ns)}"
            raise Refused(
                f"{what} changed the position without a trade, which parity can't compare; narrow it with --to"
            )
        symbol = "" if body.symbol == CASH else body.symbol
        self.bookings.append(Booking(record.time_ns, body.kind.value, symbol, body.amount))

    def _deposited(self, _record: Envelope, body: CashDeposited) -> None:
        if self.started_ns is None:
            self.opening.append(body)
        else:
            self.later.append(body)

    def _held(self, record: Envelope, body: PositionAdopted) -> None:
        if self.started_ns is not None:
            when = iso_time(record.time_ns)
            raise Refused(
                f"a position in {body.symbol} came from outside at {when}, and a backtest can't know it; narrow it with --to"
            )
        self.opening.append(body)

    def _engine_started(self, _record: Envelope, body: EngineStarted) -> None:
        self.calendar = body.calendar or self.calendar

    def _engine_stopped(self, record: Envelope, _body: EngineStopped) -> None:
        self._leave(record.time_ns)

    def _leave(self, since_ns: int) -> None:
        if not self.gaps or self.gaps[-1].until_ns:
            self.gaps.append(Away(since_ns, 0))

    def _recovered(self, record: Envelope, _body: RecoveryCompleted) -> None:
        if self.started_ns is None:
            self.started_ns = record.time_ns
        elif self.gaps and not self.gaps[-1].until_ns:
            self.gaps[-1].until_ns = record.time_ns
        elif self.last is not None:  # it was killed: nobody said when
            self.gaps.append(Away(self.last.time_ns, record.time_ns))

    def _strategy_started(self, record: Envelope, body: StrategyStarted) -> None:
        known = self.strategies.setdefault(body.strategy, body)
        if known != body:
            raise Refused(
                f"strategy {body.strategy} went on as another at {iso_time(record.time_ns)}: {_changed(known, body)}; narrow it with --to"
            )

    def _renamed(self, _record: Envelope, body: StrategyRenamed) -> None:
        for ask in self.all:
            if ask.strategy == body.former:
                ask.strategy = body.strategy
        if body.former in self.strategies:
            former = self.strategies.pop(body.former)
            self.strategies[body.strategy] = msgspec.structs.replace(former, strategy=body.strategy)


def difference_of(recorded: Asks, configured: Asks) -> str:
    """Why the strategies of the records aren't those that are configured; empty when they are."""
    ran, now = recorded.strategies, configured.strategies
    if ran.keys() != now.keys():
        return f"it ran {', '.join(sorted(ran)) or 'no strategy'}, and the configuration has {', '.join(sorted(now)) or 'none'}"
    return next((f"strategy {name}: {_changed(ran[name], now[name])}" for name in ran if ran[name] != now[name]), "")


def _changed(old: StrategyStarted, new: StrategyStarted) -> str:
    names = {"class_name": "class", "symbols": "symbols", "params": "parameters"}
    found = [
        f"{word} {_text(getattr(old, name))} became {_text(getattr(new, name))}"
        for name, word in names.items()
        if getattr(old, name) != getattr(new, name)
    ]
    return " and ".join(found)


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _price_of(market: Bar | Quote | Trade, side: str) -> Decimal | None:
    if isinstance(market, Bar):
        return from_float(market.close)
    if isinstance(market, Trade):
        return from_float(market.price)
    price = market.ask if side.endswith("buy") else market.bid
    return from_float(price) if price else None
