"""Coming back to a broker that went on without us: the only way a live account starts.

The journal's records are applied first, with the market's history shown in between, so that the strategies meet their
fills in the order of time. Then the stream of order events is opened, and only then is the broker asked: what happens
meanwhile comes by the stream. Every order is explained before the account may trade.
"""

from collections.abc import Iterator, Sequence

import holdfast
from holdfast.brokers.port import BrokerAccount, BrokerOrder, LiveBroker
from holdfast.core import lifecycle
from holdfast.core.engine import show
from holdfast.core.messages import (
    Envelope,
    MarketEvent,
    OrderFilled,
    RecoveryCompleted,
    StrategyStopped,
)
from holdfast.core.state import apply
from holdfast.errors import Fatal, Refused
from holdfast.feeds.live import LiveFeed
from holdfast.journal.lease import Tenure
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import Executions


class LiveRecovery:
    """Brings one account from its journal to where it stands at its broker."""

    def __init__(
        self,
        account: AccountAtWork[LiveBroker],
        tenure: Tenure,
        records: Iterator[Envelope],
        executions: Executions,
        clock: LiveClock,
        process: str,
    ) -> None:
        self._account = account
        self._tenure = tenure
        self._records = records
        self._executions = executions
        self._clock = clock
        self._process = process
        self.known_ns = 0
        """When the last record was made: up to then the books are complete."""

    def replay(self, history: Sequence[MarketEvent]) -> None:
        """Apply what is recorded and show the strategies what went before. Raises Fatal for a journal that goes on."""
        state = self._account.state
        events = iter(history)
        event = next(events, None)
        state.host.start(0)
        for record in self._records:
            while event is not None and event.time_ns <= record.time_ns:
                show(state, event)
                event = next(events, None)
            self._apply(record)
            self.known_ns = record.time_ns
        while event is not None:
            show(state, event)
            event = next(events, None)
        if (state.sequence, state.epoch) > (self._tenure.last_sequence, self._tenure.epoch):
            raise Fatal(
                f"the journal of account {self._account.name} goes on beyond record {self._tenure.last_sequence}"
            )
        self._account.broker.know([*state.orders.finished.values(), *state.orders.live.values()])

    def _apply(self, record: Envelope) -> None:
        state, body = self._account.state, record.body
        apply(state, record)
        self._executions.see(body)
        if isinstance(body, OrderFilled):
            order = state.orders.find(body.client_order_id)
            if order is not None:
                state.host.on_fill(order.terms.strategy, body)
        elif isinstance(body, StrategyStopped):
            state.host.stops = [stop for stop in state.host.stops if stop[0].id != body.strategy]

    def take(self, at_broker: BrokerAccount, latest: Sequence[BrokerOrder], feed: LiveFeed) -> None:
        """Take the account, under a new epoch, if it is the right one; the first time with what it holds.

        Raises Refused when the broker shows another account than before, or knows orders of this account's name that its
        journal doesn't.
        """
        account, state = self._account, self._account.state
        self._check(at_broker, latest)
        self._clock.sync(state.now_ns)
        state.now_ns = state.host.now_ns = max(state.now_ns, self._clock.now_ns())
        turns = [lifecycle.start(state, self._tenure.epoch, holdfast.__version__, self._process)]
        if not state.broker_account_id:
            turns.append(lifecycle.bind(state, at_broker.account_id))
        if self._tenure.last_sequence == 0:
            held = [(row.symbol, row.quantity, row.average_price) for row in at_broker.positions]
            turns.append(lifecycle.adopt(state, at_broker.cash, held))
        turns.append(lifecycle.open_feed(state, feed.kind, feed.name, feed.name))
        account.keep(*turns)

    def _check(self, at_broker: BrokerAccount, latest: Sequence[BrokerOrder]) -> None:
        state, name = self._account.state, self._account.name
        if state.broker_account_id not in ("", at_broker.account_id):
            raise Refused(
                f"account {name} is bound to the broker's account {state.broker_account_id}, and these keys are for "
                f"{at_broker.account_id}: use the right keys, or another account name and journal"
            )
        ids = state.ids
        strange = [
            order.client_order_id
            for order in latest
            if order.client_order_id.startswith(ids.prefix)
            and len(order.client_order_id) == len(ids.order(1))
            and ids.counter_of(order.client_order_id) > state.order_count
        ]
        if strange:
            raise Refused(
                f"the broker knows orders of account {name} that this journal doesn't ({strange[0]} and "
                f"{len(strange) - 1} more): it is not the latest journal of this account. Use that one, or give the account "
                "another name"
            )

    def finish(self, unanswered: int) -> None:
        """Every order is explained: let the account trade."""
        account, state = self._account, self._account.state
        lifecycle.warmed_up(state)
        report = RecoveryCompleted(
            records=self._tenure.last_sequence,
            market_events=0,
            open_orders=len(state.orders.live),
            resent=0,
            not_sent=unanswered,
        )
        account.keep(lifecycle.recovered(state, report))
