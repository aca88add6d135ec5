"""The invariants (docs/reliability.md), asked of a world while it runs and when it has come to rest.

What is asked while it runs is asked at the only places where it can be broken: as an order leaves, as it reaches the broker,
and as the core records something. Nothing here takes the engine's word for what it can count itself.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core import snapshot
from holdfast.core.messages import (
    Action,
    CancelReleased,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAnomaly,
    OrderFilled,
    OrderNotSent,
    OrderTerms,
    RiskApproved,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import RecoveryCompleted
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState, apply
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS, ZERO, ClientOrderId, OrderRole, Side, StrategyId, iso_time
from holdfast.torture.world.broker import capability
from holdfast.torture.world.disk import LEASE, Disk
from holdfast.torture.world.exchange import Exchange, TheirOrder
from holdfast.torture.world.loop import Process
from holdfast.torture.world.market import AIMING, MOST_AIMED
from holdfast.torture.world.moment import Moment

TRACED = 150
"""The last events that a violation is shown with."""
CLOCK_LAG_NS = SECOND_NS + SECOND_NS // 10
"""An engine's clock is the broker's as its answer told it: behind by as long as that was under way."""
OVER = {state.value for state in TERMINAL}
"""States in which nothing more is expected of an order."""
EXPLAINED = (OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED)
"""Live states that need no explanation."""


class Violation(msgspec.Struct, frozen=True):
    """An invariant that was broken, and how."""

    invariant: str
    text: str


class Trace:
    """What happened last, for people."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._events: deque[tuple[float, str, object]] = deque(maxlen=TRACED)

    def add(self, what: str, detail: object = "") -> None:
        """Keep an event; it is made text only if somebody wants to read it."""
        self._events.append((self._now_s(), what, detail))

    def lines(self) -> list[str]:
        """The events as text, oldest first."""
        return [f"{at_s:10.3f}  {what} {detail}".rstrip() for at_s, what, detail in self._events]


class Evidence:
    """What the world knows of every order that left: when, and how often the broker said since that it has none such."""

    def __init__(self, idempotency: IdempotencyClass) -> None:
        self._capability = capability(idempotency)
        self.keeps_ids = idempotency is not IdempotencyClass.NOTHING
        """Whether the broker keeps the id that an order came with."""
        self.links_exits = self._capability.links_exits
        """Whether it takes linked exits as one order."""
        self._left_ns: dict[str, int] = {}
        self._absent_ns: dict[str, list[int]] = {}
        self._linked_ns: dict[str, int] = {}

    def left(self, key: str, now_ns: int) -> None:
        """It is on its way."""
        self._left_ns[key] = now_ns

    def not_taken(self, key: str) -> None:
        """The broker said so."""
        self._left_ns.pop(key, None)

    def absent(self, key: str, now_ns: int) -> None:
        """The broker was asked, and showed no such order."""
        self._absent_ns.setdefault(key, []).append(now_ns)

    def linked(self, key: str, now_ns: int) -> None:
        """The broker is known to have the order that this one went together with."""
        self._linked_ns[key] = now_ns

    def is_late(self, key: str, shown_ns: int) -> bool:
        """Whether an order is shown later than the broker promises, so that nobody could know that it would be there."""
        left_ns = self._left_ns.get(key)
        return left_ns is not None and shown_ns > left_ns + int(self._capability.settle_s * 1e9)

    def fault(self, key: str) -> str:
        """Why it can't be known that an order never arrived; empty when it can."""
        left_ns = self._left_ns.get(key)
        if left_ns is None:
            return ""
        if self._capability.idempotency is IdempotencyClass.NOTHING:
            return "nothing that this broker shows proves an absence"
        settled_ns = max(left_ns, self._linked_ns.get(key, 0)) + int(self._capability.settle_s * 1e9)
        seen = [at_ns for at_ns in self._absent_ns.get(key, ()) if at_ns >= settled_ns]
        needed = self._capability.negatives
        return "" if len(seen) >= needed else f"{len(seen)} answers of {needed} since {iso_time(settled_ns)} say so"


class Checks:
    """Every invariant that can be broken while a world runs. ``violations`` is what was."""

    def __init__(self, disk: Disk, exchange: Exchange, evidence: Evidence, trace: Trace) -> None:
        self.violations: list[Violation] = []
        self.evidence = evidence
        self.ready: set[str] = set()
        """Processes that may trade: they have recovered."""
        self._disk = disk
        self._exchange = exchange
        self._trace = trace
        self.resolved: set[str] = set()
        """Orders of which a person has said what became of them."""
        self._is_misled = False
        self._asked: dict[tuple[StrategyId, str], Decimal] = {}
        self.recorded: Counter[str] = Counter()
        """What was recorded, by type; and orders kept back because the lease had run out."""

    def fail(self, invariant: str, text: str) -> None:
        """Note a violation."""
        self._trace.add(f"VIOLATION {invariant}", text)
        self.violations.append(Violation(invariant, text))

    # --- as an order leaves, and as it comes in -----------------------------------------------------------------------

    def on_leave(
        self, process: Process, epoch: int, effect: SubmitOrder, state: EngineState, now_ns: int, now_s: float
    ) -> None:
        """An order's first byte is about to leave."""
        key = effect.terms.client_order_id
        self._trace.add(f"{process.name} sends", key)
        released = self._disk.released.get(key)
        if released is None:
            self.fail("I1", f"{key} leaves before its release is durable")
        elif released != epoch:
            self.fail("I12", f"{key} was released in epoch {released} and leaves in epoch {epoch}")
        if epoch != self._disk.epoch:
            self.fail("I11", f"{key} leaves in epoch {epoch}; the account is in epoch {self._disk.epoch}")
        if now_s >= self._disk.renewed_s + LEASE.duration_s - LEASE.margin_s:
            self.fail("I11", f"{key} leaves {now_s - self._disk.renewed_s:.1f} s after the lease was renewed")
        if process.name not in self.ready:
            self.fail("I13", f"{key} leaves before {process.name} has explained every order")
        if effect.raises_risk and not state.account_state.takes_risk:
            self.fail("I13", f"{key} raises risk and leaves while the account is {state.account_state}")
        self._check_gap(effect, state)
        expires_ns = effect.terms.expires_ns
        if expires_ns is not None and now_ns > expires_ns + CLOCK_LAG_NS:
            self.fail("I15", f"{key} leaves after {iso_time(expires_ns)}")

    def on_blind(self, effect: SubmitOrder, broken: Iterable[str]) -> None:
        """An order is about to leave; ``broken`` are the questions without an answer that can be read."""
        blind = ", ".join(broken)
        if effect.raises_risk and blind:
            self.fail("I13", f"{effect.terms.client_order_id} raises risk and leaves while {blind} can't be read")

    def on_order(self, key: str) -> None:
        """An order has come in at the broker."""
        if key not in self._disk.released:
            self.fail("I1", f"the broker has {key}, whose release is not durable")

    def on_taken(self, key: str) -> None:
        """The broker has made an order of it."""
        there = sum(order.client_id == key for order in self._exchange.orders.values())
        if there > 1:
            self.fail("I2", f"the broker has {there} orders of {key}")

    # --- as the core records ------------------------------------------------------------------------------------------

    def on_turn(self, process: Process, state: EngineState, turn: Turn, batch: Sequence[Envelope]) -> None:
        """The core has decided something. The state is that after the whole ``batch`` of records that the turn is part of."""
        gone_out: list[OrderTerms] = []
        for record in turn.records:
            self._trace.add(f"{process.name} {record.sequence}", record.body)
            body = record.body
            self.recorded[record.type] += 1
            if isinstance(body, OrderNotSent):
                self._check_absent(body)
            elif isinstance(body, OrderAccepted):
                self._note_linked(state, body.client_order_id)
            elif isinstance(body, RecoveryCompleted):
                self._on_ready(process, state)
            elif isinstance(body, RiskApproved):
                gone_out.append(body.terms)
                if body.raises_risk:
                    self._check_exposure(state, body)
            elif isinstance(body, Signal) and body.action in (Action.TARGET, Action.CLOSE):
                self._asked[body.strategy, body.symbol] = body.quantity or ZERO
            elif isinstance(body, CancelReleased):
                self._check_bare(state, body, Moment(state, [one for one in batch if one.sequence > record.sequence]))
            elif isinstance(body, OrderAnomaly | FillBusted):
                gone_out.clear()  # it knows more by now than when it decided
                if (
                    isinstance(body, OrderAnomaly) and body.state in OVER
                ):  # it was proven gone, and came later than is promised
                    self._is_misled = True
        if gone_out and state.sequence == turn.records[-1].sequence:
            for terms in gone_out:
                self._check_worst(state, terms)

    def _check_worst(self, state: EngineState, terms: OrderTerms) -> None:
        """However what is open fills, a strategy's position stays within what it asked for; exits close no more than is left."""
        key = (terms.strategy, terms.symbol)
        held = state.portfolio.strategy_quantity(*key)
        open_side: defaultdict[Side, Decimal] = defaultdict(Decimal)
        exits: dict[tuple[str, Side], Decimal] = {}
        for order in state.orders.live.values():
            other = order.terms
            if (other.strategy, other.symbol) != key:
                continue
            if other.role is OrderRole.REGULAR:
                open_side[other.side] += order.outstanding
            else:
                name = (other.oco_group or other.client_order_id, other.side)
                exits[name] = min(exits.get(name, order.remaining), order.remaining)  # what one fills the other loses
        over = {o.terms.oco_group for o in state.orders.finished.values() if exits and o.state is OrderState.FILLED}
        closing = sum((rest for (name, side), rest in exits.items() if side is terms.side and name not in over), ZERO)
        going, there = open_side[terms.side], max(ZERO, -held * terms.side.sign)
        if closing and closing + going > max(there, going):
            self.fail("I17", f"{terms.client_order_id}: {going} and exits for {closing} may leave {held} of {key}")
        target = self._asked.get(key)
        if target is None or key[0] != AIMING or terms.role is not OrderRole.REGULAR:
            return
        low, high = held - open_side[Side.SELL], held + open_side[Side.BUY]
        if low < min(ZERO, held, target) or high > max(ZERO, held, target):
            self.fail("I17", f"{terms.client_order_id}: {low} to {high} of {key} is possible, and {target} asked for")

    def _check_absent(self, body: OrderNotSent) -> None:
        """An order is taken for not sent: that is known, or a person has said so, or the broker takes longer than it promises."""
        key = body.client_order_id
        self.recorded["kept by the lease"] += "lease" in body.reason
        fault = self.evidence.fault(key)
        if fault and key not in self.resolved:
            self.fail("I8", f"{key} is taken for not sent ({body.reason}), but {fault}")
        there = (
            order
            for order in (*self._exchange.orders.values(), *self._exchange.lost.values())
            if order.client_id == key
        )
        self._is_misled |= any(self.evidence.is_late(key, order.shown_ns) for order in there)

    def _note_linked(self, state: EngineState, key: ClientOrderId) -> None:
        """An order is known to be at the broker: so is the one that went together with it, and what proved its absence is void."""
        order = state.orders.find(key)
        if order is None or order.terms.oco_group is None or not self.evidence.links_exits:
            return
        for other in (*state.orders.live.values(), *state.orders.finished.values()):
            if other is not order and other.terms.oco_group == order.terms.oco_group:
                self.evidence.linked(other.terms.client_order_id, self._exchange.now_ns())

    def _check_bare(self, state: EngineState, body: CancelReleased, then: Moment) -> None:
        """No exit is taken off for a reduce-only order that the broker would refuse because of somebody else's order.

        It is one while it closes what is held; and the order has to be known by ``then``. A target that adds closes nothing: exits that
        are too many for it have to go.
        """
        order = state.orders.find(body.client_order_id)
        is_for_a_close = body.reason.startswith(("target ", "close ")) or body.reason == "its position is being closed"
        if order is None or order.terms.role is OrderRole.REGULAR or state.rules.wash_trades or not is_for_a_close:
            return
        key = (order.terms.strategy, order.terms.symbol)
        closes = -then.held(*key) * order.terms.side.sign
        adds = body.reason.startswith("target ") and -self._asked.get(key, ZERO) * order.terms.side.sign > closes
        if closes <= 0 or (adds and _exits_for(state, order.terms) > closes):
            return
        for other in state.orders.live.values():
            terms = other.terms
            across = (terms.symbol, terms.side) == (order.terms.symbol, order.terms.side.opposite)
            if not across or terms.strategy != EXTERNAL or terms.oco_group is not None or state.flattening:
                continue
            if then.knows(terms.client_order_id):
                self.fail(
                    "I18", f"the exit {body.client_order_id} is taken off while {terms.client_order_id} bars a close"
                )

    def on_fill(self, order: TheirOrder) -> None:
        """An order has filled at the broker: a strategy that only states positions never holds more than it ever asked for, nor less."""
        ours = self._ours(order)
        if ours is None or ours.terms.strategy != AIMING or self._exchange.has_busted:
            return
        self._is_misled |= ours.state in TERMINAL  # it came so late that it was proven not to come
        if self._is_misled:
            return
        fills = [fill for fill in self._exchange.fills if fill.symbol == order.symbol]
        mine = [fill for fill in fills if self._is_aiming(fill.order)]
        held = sum((fill.quantity * fill.side.sign for fill in mine), ZERO)
        if not 0 <= held <= MOST_AIMED:
            self.fail("I17", f"{held} {order.symbol} are held by a strategy that asked for 0 to {MOST_AIMED}")

    def _is_aiming(self, order_id: str) -> bool:
        order = self._exchange.orders.get(order_id) or self._exchange.lost.get(order_id)
        ours = None if order is None else self._ours(order)
        return ours is not None and ours.terms.strategy == AIMING

    def _ours(self, order: TheirOrder) -> Order | None:
        """Whose an order at the broker is here.

        By the id it came with; where the broker keeps none, by the books: two orders that are just alike may have changed places.
        """
        came = self._disk.orders.get(ClientOrderId(order.client_id))
        if self.evidence.keeps_ids:
            return came
        named = (ours for ours in self._disk.orders.values() if ours.broker_order_id == order.id)
        return next(named, came if came is not None and not came.broker_order_id else None)

    def _check_gap(self, effect: SubmitOrder, state: EngineState) -> None:
        """In a symbol whose books are known to be wrong no more goes out than both they and the broker have."""
        terms = effect.terms
        gap = state.gaps.get(terms.symbol)
        if gap is None or state.flattening:
            return
        ours = state.portfolio.quantity(terms.symbol) * -terms.side.sign
        both = max(ZERO, min(ours, ours + gap * -terms.side.sign))
        if effect.raises_risk or terms.quantity > both:
            self.fail(
                "I18", f"{terms.client_order_id} is for {terms.quantity} {terms.symbol}: {both} is what both have"
            )

    def _on_ready(self, process: Process, state: EngineState) -> None:
        self.ready.add(process.name)
        begun = state.ids.order(0)[:-7]  # what this epoch's own orders begin with: those may be on their way
        open_questions = [
            key
            for key, order in state.orders.live.items()
            if order.state not in EXPLAINED and not key.startswith(begun) and key not in state.overdue
        ]
        if open_questions:
            self.fail("I13", f"{process.name} is ready with {', '.join(open_questions)} unexplained")

    def _check_exposure(self, state: EngineState, approved: RiskApproved) -> None:
        """The worst case counted anew from orders and positions, with the order that was just approved."""
        symbol, limit = approved.terms.symbol, state.limits.max_position_value
        held = state.portfolio.quantity(symbol)
        bought = sold = ZERO
        for order in state.orders.live.values():
            if order.terms.symbol == symbol and order.terms.role is OrderRole.REGULAR:
                if order.terms.side.sign > 0:
                    bought += order.outstanding
                else:
                    sold += order.outstanding
        worst = max(abs(held + bought), abs(held - sold))
        if limit is not None and worst * approved.reference_price > limit:
            self.fail("I7", f"{approved.terms.client_order_id} makes {worst} {symbol} possible: more than {limit}")


def _exits_for(state: EngineState, terms: OrderTerms) -> Decimal:
    """How much the exits of a position beside this one may close by the books; of a linked pair only one does."""
    groups: defaultdict[str, Decimal] = defaultdict(Decimal)
    for leg in state.legs(terms.strategy, terms.symbol):
        name = leg.terms.oco_group or leg.terms.client_order_id
        if leg.terms.side is terms.side:
            groups[name] = max(groups[name], leg.remaining)
    return sum(groups.values(), ZERO)


# --- at rest ----------------------------------------------------------------------------------------------------------


def check_at_rest(checks: Checks, disk: Disk, exchange: Exchange, state: EngineState, fresh: EngineState) -> None:
    """All that must hold once nothing is under way. ``fresh`` is a state before its first record."""
    _check_books(checks, exchange, state)
    records = list(disk.records(disk.account))
    _check_executions(checks, exchange, records)
    last_ns = 0
    for record in records:
        apply(fresh, record)
        if record.time_ns < last_ns:
            checks.fail("I15", f"record {record.sequence} is of {iso_time(record.time_ns)}, before the one before it")
        last_ns = record.time_ns
    if comparable(fresh) != comparable(state):
        checks.fail("I9", "the records don't give the state that the engine has")
    _check_views(checks, disk, state)


def _check_books(checks: Checks, exchange: Exchange, state: EngineState) -> None:
    ours = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
    theirs = {symbol: quantity for symbol, quantity in exchange.positions.items() if quantity}
    if ours != theirs:
        checks.fail("I6", f"positions are {ours} in the books and {theirs} at the broker")
    if state.portfolio.cash != exchange.cash:
        checks.fail("I6", f"cash is {state.portfolio.cash} in the books and {exchange.cash} at the broker")
    booked = (*state.orders.live.values(), *state.orders.finished.values())
    books = sorted(booked, key=lambda order: order.terms.strategy != EXTERNAL)  # what was adopted and is ours is ours
    known = {order.broker_order_id: order for order in books}
    for order in exchange.orders.values():
        book = known.get(order.id) or state.orders.find(ClientOrderId(order.client_id))
        came_to_nothing = not order.filled and not order.is_working
        if came_to_nothing and (order.is_external if book is None else not (book.is_live or book.filled_quantity)):
            continue  # gone either way
        if book is None or (book.broker_order_id and book.broker_order_id != order.id):
            checks.fail("I3", f"the broker's order {order.id} ({order.client_id}) is in no book")
        elif book.filled_quantity != order.filled:
            checks.fail("I3", f"{order.client_id} has filled {book.filled_quantity}, at the broker {order.filled}")
        elif book.is_live is not order.is_working:
            checks.fail("I14", f"{order.client_id} is {book.state} in the books and {order.state} at the broker")


def _check_executions(checks: Checks, exchange: Exchange, records: list[Envelope]) -> None:
    """Each of the broker's executions is in the records once."""
    booked = Counter(record.body.execution_id for record in records if isinstance(record.body, OrderFilled))
    for name, times in booked.items():
        if times > 1:
            checks.fail("I4", f"execution {name} is booked {times} times")
    for fill in exchange.fills:
        if fill.id not in booked:
            checks.fail("I3", f"execution {fill.id} is not booked")


def _check_views(checks: Checks, disk: Disk, state: EngineState) -> None:
    """The journal's tables beside the state they were written from."""
    for key, order in {**state.orders.live, **state.orders.finished}.items():
        if disk.orders.get(key) != order:
            checks.fail("I16", f"the table of orders has another {key} than the core")
    for (strategy, symbol), ledger in state.portfolio.ledgers.items():
        row = disk.positions.get((strategy, symbol))
        if row is None or (row.quantity, row.cost) != (ledger.quantity, ledger.cost):
            checks.fail("I16", f"the table of positions has another {strategy} {symbol} than the core")
    if (disk.state, disk.cash) != (state.account_state.value, state.portfolio.cash):
        checks.fail("I16", f"the account's row says {disk.state} and {disk.cash}")


def comparable(state: EngineState) -> snapshot.Snapshot:
    """What of a state comes from records alone: not the market as it was shown, nor the time that only went by."""
    whole = msgspec.msgpack.decode(snapshot.take(state), type=snapshot.Snapshot)
    return msgspec.structs.replace(
        whole, cursor=0, now_ns=0, marks={}, prices=[], quotes={}, seen_ns={}, entry_times=[], hour=0
    )
