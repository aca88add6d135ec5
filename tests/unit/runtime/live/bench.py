"""A real core and journal with a broker of the tests: what it shows is what a test puts into it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.port import (
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    TellStream,
)
from holdfast.calendars import trading_calendar
from holdfast.core import lifecycle
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.broker_rules import ANY_ORDER
from holdfast.core.codec import is_external
from holdfast.core.instruments import instrument_for
from holdfast.core.messages import (
    Action,
    BrokerName,
    BrokerReport,
    CancelOrder,
    Command,
    Envelope,
    Health,
    OrderTerms,
    OrderUnknown,
    PlaceOrder,
    Report,
    Request,
    Signal,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, SECOND_NS, ClientOrderId, Money, OrderType, Price, Quantity
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import Executions
from holdfast.runtime.live.health import Monitor
from holdfast.runtime.live.reconcile import Reconciler
from holdfast.telemetry.clock import boot_time_ns

START_NS = 1_720_618_200 * SECOND_NS
SYMBOL = "AVOR"


class ShownBroker:
    """Shows ``orders`` and ``fills`` as they are put in; takes what it is sent without a word."""

    name = BrokerName("alpaca")

    def __init__(self, kind: IdempotencyClass) -> None:
        self.capability = Capability(
            idempotency=kind,
            settle_s=0.02,
            negatives=2,
            largest_id=20,
            requests_per_minute=600,
            explain_within_s=0.3,
            rules=ANY_ORDER,
            sources={},
        )
        self.orders: dict[str, BrokerOrder] = {}
        self.fills: list[BrokerFill] = []
        self.cash = Money(Decimal(100_000))
        self.held: dict[str, Decimal] = {}
        self.sent: list[SubmitOrder | CancelOrder] = []
        self._external: dict[ClientOrderId, str] = {}

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Nothing comes by itself."""

    def know(self, orders: Sequence[Order]) -> None:
        self._external |= {order.terms.client_order_id: order.broker_order_id for order in orders}

    def submit(self, effect: SubmitOrder) -> None:
        self.sent.append(effect)

    def cancel(self, effect: CancelOrder) -> None:
        self.sent.append(effect)

    async def run(self, tell: TellStream) -> None:
        """There is no stream."""

    async def clock_ns(self) -> int:
        return START_NS

    async def account(self) -> BrokerAccount:
        price = Price(Decimal(100))
        rows = [BrokerPosition(name, Quantity(quantity), price) for name, quantity in self.held.items() if quantity]
        return BrokerAccount("there", self.cash, rows)

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        return ()

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        key = terms.client_order_id
        if is_external(key):
            return self.orders.get(self._external.get(key, ""))
        return next((order for order in self.orders.values() if order.client_order_id == key), None)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        return [order for order in self.orders.values() if order.state.value == "working"]

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        return list(self.orders.values())

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        return ()

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        keys = {name: key for key, name in self._external.items()}
        return [
            msgspec.structs.replace(fill, client_order_id=keys.get(fill.broker_order_id, fill.client_order_id))
            for fill in self.fills
            if fill.time_ns >= time_ns
        ]

    async def drain(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


class Bench:
    """One account at work."""

    def __init__(self, journal: Journal, broker: ShownBroker, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.broker = broker
        self.slept_ns = 0
        """How long the process was frozen in all: its clocks went on."""
        self.state = EngineState(
            "one", BrokerName("alpaca"), trading_calendar("XNYS"), instrument_for("XNYS"), RiskLimits()
        )
        self.records: list[Envelope] = []
        self.account = AccountAtWork(self.state, self.broker, journal, self._watch)
        self.clock = LiveClock(lambda: boot_time_ns() + self.slept_ns)
        self.executions = Executions()
        self.monitor = Monitor(self._health, self.clock.now_ns, manual=False)
        self.reconciler = Reconciler(
            self.account, self.executions, self.clock, self.monitor, self.deliver, lambda: None, 0.05
        )
        lease_term = journal.take("one", BrokerName("alpaca"), "the test")
        self.clock.sync(START_NS)
        self.state.now_ns = START_NS
        self.account.keep(
            lifecycle.start(self.state, lease_term.epoch, "0", "the test"),
            lifecycle.bind(self.state, "there"),
            lifecycle.adopt(self.state, self.broker.cash, []),
            lifecycle.recovered(self.state, lifecycle.nothing_recovered(self.state)),
        )
        lifecycle.warmed_up(self.state)
        self.state.mark(SYMBOL, Price(Decimal(100)))
        self.reconciler.begin(START_NS)

    def _watch(self, turn: Turn) -> None:
        for record in turn.records:
            self.records.append(record)
            self.executions.see(record.body, record.time_ns)
        self.broker.know([order for order in self.state.orders.live.values() if order.broker_order_id])

    def _health(self, health: Health) -> None:
        self.account.inbox.append(health)
        self.account.take_inbox()

    def deliver(self, reports: Sequence[BrokerReport]) -> None:
        """What was found, judged at once."""
        self.account.inbox.extend(Report(self.clock.now_ns(), body) for body in reports)
        self.account.take_inbox()

    def ask(self, command: Command) -> None:
        """What a person wants."""
        self.account.take(Request(self.state.now_ns, f"command {len(self.records)}", "cli:test", command))

    def place_unanswered(self, quantity: int = 5) -> Order:
        """An order that was sent and got no answer."""
        signal = Signal(
            MANUAL, SYMBOL, Action.BUY, quantity=Quantity(Decimal(quantity)), order_type=OrderType.LIMIT,
            limit_price=Price(Decimal(90)),
        )  # fmt: skip
        self.ask(PlaceOrder(signal))
        order = self.state.orders.live[self.state.ids.order(self.state.order_count)]
        self.deliver([OrderUnknown(order.terms.client_order_id, "no answer")])
        self.reconciler.mark_unresolved(order.terms.client_order_id)
        return order

    def run_until(self, condition: Callable[[], bool], within_s: float = 10.0) -> None:
        """Reconcile until something is so."""

        async def work() -> None:
            task = asyncio.create_task(self.reconciler.run())
            try:
                async with asyncio.timeout(within_s):
                    while not condition():
                        if task.done():
                            task.result()
                        await asyncio.sleep(0.005)
            finally:
                task.cancel()

        self._runner.run(work())

    def settle(self) -> None:
        """Compare and ask until everything is explained."""
        self._runner.run(self.reconciler.explain())

    def of(self, kind: type) -> list[object]:
        """What was recorded of a kind."""
        return [record.body for record in self.records if isinstance(record.body, kind)]


@contextmanager
def bench(
    folder: Path, kind: IdempotencyClass, make: Callable[[IdempotencyClass], ShownBroker] = ShownBroker
) -> Iterator[Bench]:
    """An account, closed afterwards."""
    journal = Journal.open(f"sqlite:///{folder / 'journal.db'}")
    try:
        with asyncio.Runner() as runner:
            yield Bench(journal, make(kind), runner)
    finally:
        journal.close()
