"""Coming back to a broker that went on without us: the only way a live account starts.

The journal's records are applied first, with the market's history shown in between, so that the strategies meet their
fills in the order of time. Then the stream of order events is opened, and only then is the broker asked: what happens
meanwhile comes by the stream. Every order is explained before the account may trade.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import structlog

import holdfast
from holdfast.brokers.port import BrokerAccount, BrokerOrder, LiveBroker
from holdfast.core import lifecycle, snapshot
from holdfast.core.engine.market import hear, show
from holdfast.core.engine.reports import on_report
from holdfast.core.instant import in_order
from holdfast.core.messages import Envelope, MarketEvent, Report
from holdfast.core.milestones import RecoveryCompleted, StrategyStopped
from holdfast.core.state import EngineState, apply
from holdfast.core.state.session import take_parameters
from holdfast.core.strategy.updates import with_later
from holdfast.core.turn import Turn
from holdfast.errors import JournalCorrupt, StaleEpoch
from holdfast.feeds.live import LiveFeed
from holdfast.journal.lease import LeaseTerm
from holdfast.journal.reader import FillRow, Snapshot
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.identity import Bindings, check_identity
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import REMEMBERED, Executions
from holdfast.runtime.live.external import adopted_order
from holdfast.runtime.live.opening import Opening
from holdfast.runtime.live.surroundings import OVERLAP_NS

log = structlog.get_logger(__name__)


class Past(Bindings, Protocol):
    """What is recorded of an account (`journal/reader.py`)."""

    def snapshots(self, account: str) -> Iterator[Snapshot]:
        """Its state whole, as of some of its records; the newest first."""

    def records(self, account: str, after: int) -> Iterator[Envelope]:
        """Its records after one of them, in order."""

    def records_between(self, account: str, since_ns: int, until: int) -> Iterator[Envelope]:
        """Its records since a time and up to one of them, in order."""

    def fills(self, account: str, *, limit: int, since_ns: int) -> Sequence[FillRow]:
        """Its latest executions since a time, the newest first."""


def restore_newest(state: EngineState, past: Past) -> int:
    """Take a fresh state from the newest snapshot that can be used; the record that it stands behind, 0 without one."""
    for found in past.snapshots(state.account):
        try:
            snapshot.restore(state, found.body)
        except JournalCorrupt as error:
            log.warning("a snapshot is passed over", account=state.account, record=found.sequence, reason=str(error))
        else:
            return found.sequence
    return 0


class LiveRecovery:
    """Brings one account from its journal to where it stands at its broker."""

    def __init__(
        self,
        account: AccountAtWork[LiveBroker],
        lease_term: LeaseTerm,
        past: Past,
        executions: Executions,
        clock: LiveClock,
        process: str,
    ) -> None:
        self._account = account
        self._lease_term = lease_term
        self._past = past
        self._executions = executions
        self._clock = clock
        self._process = process
        executions.past = lambda: past.fills(account.name, limit=REMEMBERED, since_ns=0)
        self.check: Callable[[EngineState], None] = lambda _: None
        """Is shown the state in which every record is applied, before anything is added."""
        self.new_journal = False
        """Whether a person has said that an account which Holdfast has traded before begins anew here."""
        self.known_ns = 0
        """When the last record was made: up to then the books are complete."""

    def replay(self, history: Sequence[MarketEvent]) -> None:
        """Bring back what is recorded and show the strategies what went before. Raises StaleEpoch for a journal that goes on.

        The state as of the newest snapshot is taken from there; the strategies are shown what became of their orders since the
        history's beginning all the same.
        """
        state = self._account.state
        state.host.start(0)
        events = deque(history)
        known = self._account.snapshot_at = restore_newest(state, self._past)
        if known:
            self.known_ns = state.now_ns
            take_parameters(state)
            self._show_known(events, known)
        for record in self._past.records(state.account, known):
            self._show_until(events, record.time_ns)
            self._apply(record)
            self.known_ns = record.time_ns
        self._show_until(events)
        if (state.sequence, state.epoch) > (self._lease_term.last_sequence, self._lease_term.epoch):
            raise StaleEpoch(
                f"account {self._account.name} was taken over by another engine while this one started; this one stops"
            )
        self.check(state)
        self._account.broker.know([*state.orders.finished.values(), *state.orders.live.values()])

    def _show_known(self, events: "deque[MarketEvent]", known: int) -> None:
        """Show the strategies what became of their orders since the history's beginning and is in the snapshot already.

        Comparing with the broker goes by the executions of late, and by all of an order that works still.
        """
        state = self._account.state
        begins_ns = events[0].time_ns if events else state.now_ns
        working = [order.created_ns for order in state.orders.live.values() if order.execution_ids]
        since_ns = min([begins_ns, state.now_ns - OVERLAP_NS, *working])
        found = self._past.fills(state.account, limit=REMEMBERED, since_ns=since_ns)
        rows = [row for row in found if row.sequence <= known]
        self._executions.restore(reversed(rows))
        if state.host.listens:
            for record, later in with_later(list(self._past.records_between(state.account, begins_ns, known))):
                self._show_until(events, record.time_ns)
                state.host.tell(record, later)

    def _show_until(self, events: "deque[MarketEvent]", time_ns: int | None = None) -> None:
        """Show the events up to a time, or all that are left."""
        while events and (time_ns is None or events[0].time_ns <= time_ns):
            self._account.beat()
            instant = [events.popleft()]
            while events and events[0].time_ns == instant[0].time_ns:
                instant.append(events.popleft())
            show(self._account.state, in_order(instant))
            for event in instant:
                hear(self._account.state, event)
        host = self._account.state.host
        if (
            time_ns is not None and time_ns >= host.wake_ns
        ):  # timers and sessions that were due by then have been seen to
            host.wake(time_ns)

    def _apply(self, record: Envelope) -> None:
        state, body = self._account.state, record.body
        self._account.beat()
        apply(state, record)
        self._executions.see(body, record.time_ns)
        if state.host.listens:
            state.host.tell(record)
        if isinstance(body, StrategyStopped):
            state.host.stops = [stop for stop in state.host.stops if stop[0].id != body.strategy]

    @property
    def is_first(self) -> bool:
        """Whether nothing is recorded of the account yet."""
        return self._lease_term.last_sequence == 0

    def take(
        self, at_broker: BrokerAccount, latest: Sequence[BrokerOrder], feed: LiveFeed, opening: Opening | None = None
    ) -> None:
        """Take the account, under a new epoch, if it is the right one; the first time with what it holds (``opening``).

        Raises Refused when it may be another account, or have another journal (`identity.py`).
        """
        account, state = self._account, self._account.state
        check_identity(state, at_broker, latest, self._past, new_journal=self.new_journal)
        self._clock.sync(state.now_ns)
        state.now_ns = state.host.now_ns = max(state.now_ns, self._clock.now_ns())
        turns = [lifecycle.start(state, self._lease_term.epoch, holdfast.__version__, self._process)]
        if not state.broker_account_id:
            executions = [fill.execution_id for fill in opening.executions] if opening is not None else []
            turns.append(lifecycle.bind(state, at_broker.account_id, executions))
        if opening is not None:
            turns += self._open(opening)
        turns.append(lifecycle.open_feed(state, feed.kind, feed.name, feed.name))
        account.keep(*turns)

    def _open(self, opening: Opening) -> Iterator[Turn]:
        """Book what the account holds, and adopt the orders that work there."""
        state, account = self._account.state, opening.account
        held = [(row.symbol, row.quantity, row.average_price) for row in account.positions]
        yield lifecycle.adopt(state, account.cash, held)
        for found in opening.working:
            adopted = adopted_order(found, opening.executions_of(found))
            yield on_report(state, Report(state.now_ns, adopted)).finish()

    def finish(self, unanswered: int) -> None:
        """Every order is explained: let the account trade."""
        account, state = self._account, self._account.state
        lifecycle.warmed_up(state)
        for row in state.host.lanes.cold():
            log.warning(
                "an indicator has no value yet; a larger feed.warm_up_minutes would have it ready at the start",
                account=state.account, strategy=row.strategy, symbol=row.symbol, indicator=row.name, minutes_needed=row.minutes,
            )  # fmt: skip
        report = RecoveryCompleted(
            records=self._lease_term.last_sequence,
            market_events=0,
            open_orders=len(state.orders.live),
            resent=0,
            not_sent=unanswered,
            positions=len(list(state.portfolio.open_lines())),
        )
        account.keep(lifecycle.drop_intents(state), lifecycle.recovered(state, report))
