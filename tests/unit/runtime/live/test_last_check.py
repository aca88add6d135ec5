"""What is asked of a live order just before its request: that the books have moved on from a try comes before every other reason."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import MOVED_ON, LastCheck, MarkUnresolved, ReportSink
from holdfast.calendars import trading_calendar
from holdfast.config import LiveConfig
from holdfast.core import lifecycle
from holdfast.core.instruments import instrument_for
from holdfast.core.messages import (
    Action,
    BrokerName,
    OrderNotSent,
    OrderUnknown,
    PlaceOrder,
    Report,
    Request,
    Signal,
    SubmitOrder,
)
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, SECOND_NS, Price, Quantity
from holdfast.journal.lease import Lease
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.locks.database import DatabaseLocks
from holdfast.runtime.live.account_lock import AccountLock
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.live_account import LiveAccount
from tests.unit.runtime.live.bench import START_NS, SYMBOL, ShownBroker


class Checked(ShownBroker):
    """Keeps the last check that it is given."""

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        self.last_check = last_check


class Live:
    """A live account that may trade, with one order on its way."""

    def __init__(self, journal: Journal, reader: Reader) -> None:
        name = BrokerName("alpaca")
        self.state = EngineState("one", name, trading_calendar("XNYS"), instrument_for("XNYS"), RiskLimits())
        self.broker, self.clock, self.journal = Checked(IdempotencyClass.UNIQUE_ID), LiveClock(), journal
        tenure = journal.take("one", name, "the test")
        self.effects: list[SubmitOrder] = []
        self.account = LiveAccount(
            self.state, self.broker, journal, (tenure, reader), self.clock, LiveConfig(), lambda: None, "x", self._watch
        )
        self.clock.sync(START_NS)
        self.state.now_ns = START_NS
        self.account.account.keep(
            lifecycle.start(self.state, tenure.epoch, "0", "the test"),
            lifecycle.bind(self.state, "there"),
            lifecycle.adopt(self.state, self.broker.cash, []),
            lifecycle.recovered(self.state, lifecycle.nothing_recovered(self.state)),
        )
        lifecycle.warmed_up(self.state)
        self.state.mark(SYMBOL, Price(Decimal(100)))
        signal = Signal(MANUAL, SYMBOL, Action.BUY, quantity=Quantity(Decimal(5)), time_to_live_ns=60 * SECOND_NS)
        self.account.account.take(Request(START_NS, "command", "cli:test", PlaceOrder(signal)))

    def _watch(self, turn: Turn) -> None:
        self.effects += [effect for effect in turn.effects if isinstance(effect, SubmitOrder)]

    def reason(self) -> str | None:
        """Why the first try of the order may not leave."""
        return self.broker.last_check(self.effects[0])

    def tell(self, body: OrderUnknown | OrderNotSent) -> None:
        self.account.account.inbox.append(Report(self.state.now_ns, body))
        self.account.take_inbox()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Closed afterwards."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal.open(url)
    try:
        with Reader.open(url) as reader:
            yield Live(journal, reader)
    finally:
        journal.close()


def another_account(live: Live) -> None:
    live.account.monitor.set(Cause.ACCOUNT, ok=False, reason="other keys")


def no_lock(live: Live) -> None:
    live.account.guard(AccountLock(DatabaseLocks(live.journal.database), Lease()))


def too_late(live: Live) -> None:
    live.clock.sync(START_NS + 3600 * SECOND_NS)


def canceled(live: Live) -> None:
    live.state.orders.live[live.effects[0].terms.client_order_id].cancel_released_ns = START_NS


def blind(live: Live) -> None:
    live.account.monitor.set(Cause.MARKET_DATA, ok=False, reason="gone")


REASONS = {
    "another account": another_account,
    "the lock": no_lock,
    "it was to be sent by": too_late,
    "its cancel was asked for": canceled,
    "blind": blind,
}


@pytest.mark.parametrize("said", REASONS)
def test_a_late_try_says_nothing_whatever_else_keeps_it_back(live: Live, said: str) -> None:
    """Each reason keeps the order here while it is on its way; a try that the books have moved on from is not reported with it."""
    assert live.reason() is None
    REASONS[said](live)
    assert said in (live.reason() or "")
    key = live.effects[0].terms.client_order_id
    live.tell(OrderUnknown(key, "the adapter broke"))
    assert live.reason() == MOVED_ON
    live.tell(OrderNotSent(key, "it isn't there"))
    assert live.reason() == MOVED_ON


@pytest.mark.parametrize("said", REASONS)
def test_an_earlier_try_says_nothing_of_the_one_that_is_on_its_way(live: Live, said: str) -> None:
    """The order is released again: what keeps the first try back may not end the second."""
    key = live.effects[0].terms.client_order_id
    live.tell(OrderUnknown(key, "the adapter broke"))
    live.account.account.keep(lifecycle.resend(live.state, live.state.orders.live[key]))
    assert live.reason() == MOVED_ON
    assert live.broker.last_check(replace(live.effects[0], attempt=2)) is None
    REASONS[said](live)
    assert live.reason() == MOVED_ON
    assert said in (live.broker.last_check(replace(live.effects[0], attempt=2)) or "")
