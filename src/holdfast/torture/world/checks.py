"""The invariants (docs/reliability.md), asked of a world while it runs and when it has come to rest.

What is asked while it runs is asked at the only places where it can be broken: as an order leaves, as it reaches the broker,
and as the core records something. Nothing here takes the engine's word for what it can count itself.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable

import msgspec

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core import snapshot
from holdfast.core.messages import Envelope, OrderFilled, OrderNotSent, RiskApproved, SubmitOrder
from holdfast.core.milestones import RecoveryCompleted
from holdfast.core.orders.order import OrderState
from holdfast.core.state import EngineState, apply
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS, ZERO, ClientOrderId, OrderRole, iso_time
from holdfast.torture.world.broker import capability
from holdfast.torture.world.disk import LEASE, Disk
from holdfast.torture.world.exchange import Exchange
from holdfast.torture.world.loop import Process

TRACED = 150
"""The last events that a violation is shown with."""
CLOCK_LAG_NS = SECOND_NS + SECOND_NS // 10
"""An engine's clock is the broker's as its answer told it: behind by as long as that was under way."""
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
        self._left_ns: dict[str, int] = {}
        self._absent_ns: dict[str, list[int]] = {}

    def left(self, key: str, now_ns: int) -> None:
        """It is on its way."""
        self._left_ns[key] = now_ns

    def not_taken(self, key: str) -> None:
        """The broker said so."""
        self._left_ns.pop(key, None)

    def absent(self, key: str, now_ns: int) -> None:
        """The broker was asked, and showed no such order."""
        self._absent_ns.setdefault(key, []).append(now_ns)

    def fault(self, key: str) -> str:
        """Why it can't be known that an order never arrived; empty when it can."""
        left_ns = self._left_ns.get(key)
        if left_ns is None:
            return ""
        if self._capability.idempotency is IdempotencyClass.NOTHING:
            return "nothing that this broker shows proves an absence"
        settled_ns = left_ns + int(self._capability.settle_s * 1e9)
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

    def on_turn(self, process: Process, state: EngineState, turn: Turn) -> None:
        """The core has decided something."""
        for record in turn.records:
            self._trace.add(f"{process.name} {record.sequence}", record.body)
            body = record.body
            self.recorded[record.type] += 1
            if isinstance(body, OrderNotSent):
                self.recorded["kept by the lease"] += "lease" in body.reason
                fault = self.evidence.fault(body.client_order_id)
                if fault and body.client_order_id not in self.resolved:
                    self.fail("I8", f"{body.client_order_id} is taken for not sent ({body.reason}), but {fault}")
            elif isinstance(body, RecoveryCompleted):
                self._on_ready(process, state)
            elif isinstance(body, RiskApproved) and body.raises_risk:
                self._check_exposure(state, body)

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
            if order.terms.symbol == symbol and order.terms.role is OrderRole.ENTRY:
                if order.terms.side.sign > 0:
                    bought += order.outstanding
                else:
                    sold += order.outstanding
        worst = max(abs(held + bought), abs(held - sold))
        if limit is not None and worst * approved.reference_price > limit:
            self.fail("I7", f"{approved.terms.client_order_id} makes {worst} {symbol} possible: more than {limit}")


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
    known = {order.broker_order_id: order for order in (*state.orders.live.values(), *state.orders.finished.values())}
    for order in exchange.orders.values():
        book = known.get(order.id) or state.orders.find(ClientOrderId(order.client_id))
        came_to_nothing = not order.filled and not order.is_working
        if came_to_nothing and (order.is_foreign if book is None else not (book.is_live or book.filled_quantity)):
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
