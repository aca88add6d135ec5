"""Coming back: the only way an engine starts.

The journal's records and the feed's events are played side by side (docs/architecture.md, "Time, order and restart"). The
strategies see every event and every fill and update of their orders again and can ask for nothing; the paper broker is told what the journal says it did.
Nothing is decided and nothing is sent until the last record has been applied; then every order that has no answer is
explained.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

import holdfast
from holdfast.brokers.port import BrokerAccount
from holdfast.brokers.replayed import ReplayedBroker
from holdfast.core import lifecycle
from holdfast.core.engine.market import show
from holdfast.core.instant import Instant
from holdfast.core.messages import CancelOrder, CancelReleased, Envelope, OrderReleased
from holdfast.core.milestones import FeedOpened, RecoveryCompleted, StrategyStopped
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.state import EngineState, apply
from holdfast.core.types import ClientOrderId, Money
from holdfast.errors import Fatal
from holdfast.feeds.port import Feed
from holdfast.journal.lease import LeaseTerm
from holdfast.runtime.account import AccountAtWork

UNANSWERED = (OrderState.PREPARED, OrderState.RELEASED, OrderState.UNKNOWN)


class Seen(Enum):
    """How far an instant had been taken before the crash."""

    NOT_AT_ALL = "not at all"
    BY_THE_VENUE = "what the venue made of it is recorded; the strategies have not seen it"
    WHOLE = "to the end"


class Recovery:
    """Brings one account from its journal to where trading can go on.

    :meth:`take` is given every instant from the feed's first on, until it has not seen one whole.
    """

    def __init__(
        self,
        account: AccountAtWork[ReplayedBroker],
        feed: Feed,
        lease_term: LeaseTerm,
        records: Iterator[Envelope],
        feed_since: int,
    ) -> None:
        """``feed_since`` is the sequence of the record that opened this same feed; 0 when the journal's last feed is another."""
        self._account = account
        self._feed = feed
        self._lease_term = lease_term
        self._records = records
        self._next: Envelope | None = None
        self._feed_since = feed_since
        self._live_from_ns = feed.trading_from_ns
        self._sent: dict[tuple[ClientOrderId, type], int] = {}  # the records after which live orders and cancels left
        self._started = False
        self._events = 0
        self.is_over = False
        self.check: Callable[[EngineState], None] = lambda _: None
        """Is shown the state in which every record is applied, before anything is added."""

    def begin(self, deposit: Money, process: str, balances: Mapping[str, Money] = lifecycle.NO_BALANCES) -> None:
        """Apply what was recorded before this feed was opened: all of it, when the feed is new."""
        self._deposit, self._process, self._balances = deposit, process, balances
        state = self._account.state
        state.host.start(0)
        for record in self._records:
            if self._feed_since and record.sequence > self._feed_since:
                self._next = record
                break
            self._apply(record)
        self._apply_up_to(0)
        if self._next is None:
            self._start()

    def take(self, instant: Instant) -> Seen:
        """See an instant again, as far as it had been taken before; what is left of it is for the caller to take."""
        account, state = self._account, self._account.state
        time_ns = instant[0].time_ns
        if self._started and time_ns >= self._live_from_ns:
            self._finish()
            return Seen.NOT_AT_ALL
        state.cursor += 1
        self._events += len(instant)
        for event in instant:
            account.broker.observe(event, is_older_than_orders=time_ns < self._live_from_ns)
        if self._apply_up_to(state.cursor) and self._next is None:
            self._start()
            self._finish()
            return Seen.BY_THE_VENUE
        account.broker.end_instant()
        show(state, instant)
        if self._apply_up_to(state.cursor) and self._next is None:
            self._start()
        return Seen.WHOLE

    def end_of_feed(self) -> None:
        """There are no more events: the past is all there is. Raises Fatal when the journal tells of more."""
        if self._next is not None:
            raise Fatal(
                f"the journal of account {self._account.name} goes on after the end of {self._feed.name}: its end is missing"
            )
        if not self.is_over:
            self._finish()

    def _apply_up_to(self, cursor: int) -> bool:
        """Apply the records made before the next step of the feed. Whether there were any."""
        first = record = self._next
        while record is not None and record.cursor <= cursor:
            self._apply(record)
            record = next(self._records, None)
        self._next = record
        return record is not first

    def _apply(self, record: Envelope) -> None:
        state = self._account.state
        self._account.beat()
        apply(state, record)
        self._account.broker.restore(record)
        body = record.body
        if state.host.listens:
            state.host.tell(record)
        if type(body) is OrderReleased or type(body) is CancelReleased:
            self._note_sent(record, body)
        elif type(body) is FeedOpened:  # its events up to here were known then: also when its warm-up never ended
            self._live_from_ns = max(self._feed.trading_from_ns, record.time_ns + 1)
        elif type(body) is StrategyStopped:  # it has just misbehaved as it did then, and that is recorded
            state.host.stops = [stop for stop in state.host.stops if stop[0].id != body.strategy]

    def _note_sent(self, record: Envelope, body: OrderReleased | CancelReleased) -> None:
        key = (body.client_order_id, type(body))
        if isinstance(body, CancelReleased) or body.attempt == 1:  # a resend keeps the place of the first
            self._sent[key] = record.sequence
        live = self._account.state.orders.live
        if len(self._sent) > 4 * len(live) + 1_000:
            self._sent = {key: sequence for key, sequence in self._sent.items() if key[0] in live}

    def _start(self) -> None:
        """The journal has been read: record the new epoch, and where market data comes from if that is new."""
        account, state = self._account, self._account.state
        self._started = True
        if (state.sequence, state.epoch) > (self._lease_term.last_sequence, self._lease_term.epoch):
            raise Fatal(f"the journal of account {account.name} goes on beyond record {self._lease_term.last_sequence}")
        self.check(state)
        last_ns = state.now_ns
        turns = [lifecycle.start(state, self._lease_term.epoch, holdfast.__version__, self._process)]
        for record in turns[0].records:
            account.broker.restore(record)
        if self._lease_term.last_sequence == 0:
            turns.append(lifecycle.deposit(state, self._deposit, lifecycle.OPENING_CASH, self._balances))
            for record in turns[-1].records:
                account.broker.restore(record)
        if not self._feed_since:
            feed = self._feed
            self._live_from_ns = max(self._live_from_ns, last_ns + 1)
            turns.append(lifecycle.open_feed(state, feed.kind, feed.name, feed.fingerprint()))
        account.keep(*turns)

    def _finish(self) -> None:
        """Explain every order, then let the account trade."""
        account, state = self._account, self._account.state
        self.is_over = True
        lifecycle.warmed_up(state)
        at_broker = account.broker.snapshot()
        _compare(account, at_broker)
        there = account.broker.working()
        resent = [order for key, order in state.orders.live.items() if key not in there]
        lost = [order for order in resent if order.state not in UNANSWERED]
        if lost:
            ids = ", ".join(order.terms.client_order_id for order in lost)
            raise Fatal(f"the broker of account {account.name} does not know orders that it had accepted: {ids}")
        self._send_again(resent)
        not_sent = sum(not order.is_live for order in resent)
        report = RecoveryCompleted(
            records=self._lease_term.last_sequence,
            market_events=self._events,
            open_orders=len(state.orders.live),
            resent=len(resent) - not_sent,
            not_sent=not_sent,
            positions=len(list(state.portfolio.open_lines())),
        )
        account.keep(lifecycle.recovered(state, report, is_replayed=True))

    def _send_again(self, unanswered: list[Order]) -> None:
        """Send what was on its way, in the order in which it had been released: orders, and cancels of any order."""
        account, state = self._account, self._account.state
        sent = self._sent
        todo = [(sent[order.terms.client_order_id, OrderReleased], False, order) for order in unanswered]
        todo += [
            (sent[key, CancelReleased], True, order)
            for key, order in state.orders.live.items()
            if order.cancel_released_ns
        ]
        for _, is_cancel, order in sorted(todo, key=lambda item: item[0]):
            if not is_cancel:
                account.keep(lifecycle.resend(state, order))
            elif order.is_live:
                cancel = CancelOrder(order.terms.client_order_id, order.cancel_released_ns)
                account.gate.hold([cancel], 0)


def _compare(account: AccountAtWork[ReplayedBroker], at_broker: BrokerAccount) -> None:
    """The broker's cash and positions must be the books'."""
    portfolio = account.state.portfolio
    ours = {symbol: line.quantity for symbol, line in portfolio.open_lines()}
    theirs = {position.symbol: position.quantity for position in at_broker.positions}
    if ours != theirs or portfolio.cash != at_broker.cash or portfolio.balances != at_broker.balances:
        raise Fatal(
            f"account {account.name}: the books have {portfolio.cash}, {portfolio.balances} and {ours}, "
            f"the broker {at_broker.cash}, {at_broker.balances} and {theirs}"
        )


def same_feed_since(last_opened: Envelope | None, feed: Feed) -> int:
    """The sequence of the record that opened this very feed, if that is the one the journal was on last; otherwise 0.

    A journal that counted events one by one goes on as from another feed, but where each instant has one event anyway.
    """
    opened = None if last_opened is None else last_opened.body
    if last_opened is None or not isinstance(opened, FeedOpened) or opened.fingerprint != feed.fingerprint():
        return 0
    is_one_by_one = len(feed.symbols) == 1 and feed.bar_ns is not None
    return last_opened.sequence if opened.by_instant or is_one_by_one else 0
