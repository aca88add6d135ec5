"""One account at work: its core, its journal line and its broker, and what is on the way between them."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from holdfast.brokers.port import Broker
from holdfast.core import snapshot
from holdfast.core.adjustments import AccountAdjusted, Bookings
from holdfast.core.engine import Input, step
from holdfast.core.findings import Comparison
from holdfast.core.messages import (
    AnyBody,
    BrokerReport,
    CommandDone,
    Cycle,
    Envelope,
    FillBusted,
    Health,
    OrderFilled,
    PositionAdopted,
    Report,
    Request,
)
from holdfast.core.milestones import EngineStopped
from holdfast.core.orders.order import Order
from holdfast.core.permits import Permits
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.settings import Reread
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId, StrategyId
from holdfast.journal.batch import Batch, CommandAnswer, PositionRow
from holdfast.journal.writer import Journal
from holdfast.runtime.gate import Gate
from holdfast.telemetry.crash_points import CrashPoint, reach

AnyInput = Report | Request | Health | Comparison | Bookings | Permits | Cycle | Reread
B_co = TypeVar("B_co", bound=Broker, covariant=True)

Watcher = Callable[[Turn], None]
"""Is shown every turn of an engine that is not recovery's, as it goes to the journal. It must be quick and change nothing."""


class AccountAtWork(Generic[B_co]):
    """Everything the engine does for one account goes through here, one input at a time.

    ``inbox`` holds what has come in and waits for the core: reports, requests and how things stand. ``beat`` is to be called while
    something takes its time outside the event loop: it is a sign of life.
    """

    def __init__(
        self,
        state: EngineState,
        broker: B_co,
        journal: Journal,
        watch: Watcher | None = None,
        snapshot_every: int | None = None,
    ) -> None:
        """``snapshot_every`` is after how many records its state is kept whole; None: never."""
        self.state = state
        self.broker = broker
        self.inbox: deque[AnyInput] = deque()
        self.beat = journal.beat
        self.gate = Gate(state, broker, self.inbox, lambda: journal.may_send(state.account))
        self._journal = journal
        self._watch = watch
        self._snapshot_every = snapshot_every
        self.snapshot_at = 0
        """The record that the newest snapshot stands behind."""

    @property
    def name(self) -> str:
        """The account's name."""
        return self.state.account

    @property
    def is_settled(self) -> bool:
        """Nothing waits for the core, the disk or the broker."""
        return not self.inbox and not self.gate.waiting

    def take(self, event: Input) -> None:
        """Let the core take an input, and pass on what comes of it."""
        turn = step(self.state, event)
        if turn is not None:
            self.keep(turn)

    def take_report(self, body: BrokerReport, time_ns: int) -> None:
        """Let the core judge what is known of an order, after what came in before."""
        self.inbox.append(Report(time_ns, body))
        self.take_inbox()

    def take_inbox(self) -> None:
        """Take everything that has come in, as one batch.

        What one call of the venue reports must be durable together: an order whose acknowledgement is recorded counts as
        having met the market of that moment, so its fill of that moment may not be missing.
        """
        turns = []
        while self.inbox:
            event = self.inbox.popleft()
            if isinstance(event, Report) and isinstance(event.body, OrderFilled):
                reach(CrashPoint.FILL_RECEIVED)
            turn = step(self.state, event)
            if turn is not None:
                turns.append(turn)
        self.keep(*turns)

    def keep(self, *turns: Turn) -> None:
        """Journal what turns recorded, in one commit, and leave their effects with the gate until that is durable."""
        records = [record for turn in turns for record in turn.records]
        if not records:
            return
        batch = self._batch(records)
        reach(CrashPoint.BEFORE_APPEND)
        self._journal.append(batch)
        for turn in turns:
            self.gate.hold(turn.effects, records[-1].sequence)
            if self._watch is not None:
                self._watch(turn)

    def _batch(self, records: list[Envelope]) -> Batch:
        state = self.state
        answers = [
            CommandAnswer(
                record.correlation_id,
                "done" if record.body.accepted else "refused",
                record.body.text,
                record.body.client_order_ids,
            )
            for record in records
            if type(record.body) is CommandDone
        ]
        return Batch(
            account=state.account,
            envelopes=records,
            orders=_orders(state, records),
            positions=_positions(state, records),
            answers=answers,
            account_state=state.account_state.value,
            cash=state.portfolio.cash,
            snapshot=self._snapshot(records[-1]),
        )

    def _snapshot(self, last: Envelope) -> bytes | None:
        """The state whole, when it is time for that. At a stop always: the next start finds nothing left to read."""
        if self._snapshot_every is None:
            return None
        since = last.sequence - self.snapshot_at
        if since < self._snapshot_every and not isinstance(last.body, EngineStopped):
            return None
        self.snapshot_at = last.sequence
        return snapshot.take(self.state)


def _orders(state: EngineState, records: Iterable[Envelope]) -> list[Order]:
    """Every order that the records are about, once."""
    found: dict[ClientOrderId, Order] = {}
    for record in records:
        terms = getattr(record.body, "terms", None)
        key = getattr(record.body, "client_order_id", None) or getattr(terms, "client_order_id", None)
        order = state.orders.find(key) if key else None
        if key and order is not None:
            found[key] = order
    return list(found.values())


def _positions(state: EngineState, records: Iterable[Envelope]) -> list[PositionRow]:
    """Every position that the records changed: the strategy's ledger and the account's line ("")."""
    rows: dict[tuple[str, str], PositionRow] = {}
    for record in records:
        for strategy, symbol in _changed(state, record.body):
            ledger = state.portfolio.ledgers.get((strategy, symbol))
            for name, book in ((strategy, ledger), ("", state.portfolio.lines[symbol])):
                if book is not None:
                    rows[name, symbol] = PositionRow(
                        name, symbol, book.quantity, book.cost, book.average_price, book.realised, book.fees
                    )
    return list(rows.values())


def _changed(state: EngineState, body: AnyBody) -> list[tuple[StrategyId, str]]:
    """The ledgers that a record has changed."""
    if isinstance(body, AccountAdjusted):
        return [(change.strategy, body.symbol) for change in body.changes]
    if isinstance(body, PositionAdopted):
        return [(EXTERNAL, body.symbol)]
    if not isinstance(body, OrderFilled | FillBusted):
        return []
    order = state.orders.find(body.client_order_id)
    return [(order.terms.strategy if order is not None else EXTERNAL, body.symbol)]
