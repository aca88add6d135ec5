"""Orders and cancels sent to any broker, and what its stream says of them told as reports: the same code for every live adapter.

An order is sent once. What was definitely not taken is sent again under its id while it is fresh; what may have been taken never is. A
cancel may safely be sent twice. The simulated world (`torture/world`) runs this file, so its seeds are about what is shipped.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.faults import FAULTS, is_asked_to_end
from holdfast.brokers.holds import Holds
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.outcome import (
    Accepted,
    CancelOutcome,
    CancelRequested,
    Outcome,
    RateLimited,
    Rejected,
    Unauthorized,
    Unknown,
)
from holdfast.brokers.port import (
    MOVED_ON,
    AccessDenied,
    BrokerOrder,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    Unavailable,
)
from holdfast.brokers.transport import OrderEvent, Transport, Withheld, is_of
from holdfast.core.codec import external_order_id, is_external
from holdfast.core.messages import (
    BrokerReport,
    CancelOrder,
    CancelRefused,
    Effect,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId, OrderRole

PAIR_WAIT_S = 0.5
"""How long one order of a linked pair waits for the other; they are released together."""
HOLDS_WAIT_S = 5.0
"""How long an order waits for shares that an order under cancel still holds; then the broker may refuse it, and says so."""
CANCEL_WAIT_S = 0.5
"""Before a cancel is sent again; as much more each time."""
SENDS = 30
"""How often an order that was definitely not taken is sent, under its id, while it is fresh.

One that protects a position is sent until it is taken or its cancel is asked for, however long the broker is away.
"""
CANCELS = 8
"""How often a cancel that got no answer is sent."""

log = structlog.get_logger(__name__)

Linked = tuple[SubmitOrder, ...]
"""One order, or a take-profit and the stop-loss linked to it that are sent as one."""


class OrderSender:
    """One account's. Lives in one event loop; whether requests are made in threads is the transport's affair."""

    def __init__(self, capability: Capability, transport: Transport, known: KnownOrders) -> None:
        self.sends = SENDS
        self.cancels = CANCELS
        self._capability = capability
        self._transport = transport
        self._known = known
        self._holds = Holds()
        self._pairs: dict[str, asyncio.Future[SubmitOrder]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._canceling: set[ClientOrderId] = set()
        self._is_closed = False
        self._sink: ReportSink
        self._last_check: LastCheck
        self._mark_unresolved: MarkUnresolved
        self._now_ns: Callable[[], int]

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports to ``sink``, stamped with ``now_ns`` where the broker gives no time."""
        self._sink, self._last_check, self._mark_unresolved, self._now_ns = sink, last_check, mark_unresolved, now_ns

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run, and adopted ones."""
        for order in orders:
            self._known.restore(order)

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def close(self) -> None:
        """Send nothing more: an order that still waits for its turn never leaves."""
        self._is_closed = True

    # --- orders out ---------------------------------------------------------------------------------------------------

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""
        terms = effect.terms
        self._known.sent(terms, self._now_ns())
        self._holds.queue(terms.client_order_id)
        if terms.oco_group is None or not self._capability.links_exits:
            self._start(self._send((effect,)))
            return
        other = self._pairs.pop(terms.oco_group, None)
        if other is None:
            other = self._pairs[terms.oco_group] = asyncio.get_running_loop().create_future()
            self._start(self._send_linked(effect, terms.oco_group, other))
        else:
            other.set_result(effect)

    async def _send_linked(self, effect: SubmitOrder, group: str, other: "asyncio.Future[SubmitOrder]") -> None:
        """Send an order with the one that is linked to it; alone if that doesn't come."""
        await asyncio.wait([other], timeout=PAIR_WAIT_S)
        if not other.done():
            del self._pairs[group]
            await self._send((effect,))
            return
        first, second = effect, other.result()
        await self._send((second, first) if first.terms.stop_price is not None else (first, second))

    async def _send(self, effects: Linked) -> None:
        keys = [effect.terms.client_order_id for effect in effects]
        if not await self._holds.released(effects[0].terms, HOLDS_WAIT_S):
            log.warning("shares may still be held by an order under cancel", order=keys[0])
        for key in keys:
            self._holds.leave(key)
        self._known.await_answer(keys)
        try:
            outcome = await self._outcome(effects)
        except Withheld as withheld:
            self._not_sent(effects, str(withheld))
            return
        finally:
            self._known.answered(keys)
        if isinstance(outcome, RateLimited):
            self._not_sent(effects, f"not taken {self.sends} times: {outcome.reason}")
        else:
            self._answer(keys, outcome)

    async def _outcome(self, effects: Linked) -> Outcome:
        """What comes of orders, sent again as long as they are definitely not taken. Raises Withheld."""
        is_exit = all(effect.terms.role is not OrderRole.REGULAR for effect in effects)
        left = self.sends
        while True:
            outcome = await self._try_to_send(effects)
            left -= 1
            if not isinstance(outcome, RateLimited) or (left <= 0 and not is_exit):
                return outcome
            log.info("an order was not taken and is sent again", reason=outcome.reason)
            await asyncio.sleep(outcome.wait_s)

    async def _try_to_send(self, effects: Linked) -> Outcome:
        """One request. A transport that breaks may have sent it."""
        if self._is_closed:
            raise Withheld("the engine has stopped")
        try:
            return await self._transport.send(effects, partial(self._check, effects))
        except Withheld:
            raise
        except FAULTS as error:
            if isinstance(error, asyncio.CancelledError) and is_asked_to_end():
                raise
            log.exception("an order could not be followed", order=effects[0].terms.client_order_id)
            return Unknown(f"{type(error).__name__} while it was sent")

    def _check(self, effects: Sequence[Effect]) -> None:
        if self._is_closed:
            raise Withheld("the engine has stopped")
        for effect in effects:
            reason = self._last_check(effect)
            if reason is not None:
                raise Withheld(reason)

    def _answer(self, keys: Sequence[ClientOrderId], outcome: Outcome) -> None:
        match outcome:
            case Accepted():
                for key, broker_order_id in zip(keys, (outcome.broker_order_id, *outcome.linked_ids), strict=True):
                    self._learn(broker_order_id, key)
            case Rejected():
                self._rejected(keys, outcome.reason)
            case Unauthorized():
                log.error("the broker refuses the keys; nothing can be sent", reason=outcome.reason)
                self._rejected(keys, f"unauthorized: {outcome.reason}")
            case Unknown():
                for key in keys:
                    self._report(OrderUnknown(key, outcome.reason))

    def _rejected(self, keys: Sequence[ClientOrderId], reason: str) -> None:
        for key in keys:
            if self._capability.idempotency is IdempotencyClass.NOTHING:
                self._known.forget(key)  # what looks like it there is not it
            self._report(OrderRejected(key, reason))

    def _not_sent(self, effects: Linked, reason: str) -> None:
        """Report what never left, but for tries that the books have moved on from: another may be under way, or there."""
        for effect in effects:
            if self._last_check(effect) != MOVED_ON:
                key = effect.terms.client_order_id
                self._known.forget(key)
                self._report(OrderNotSent(key, reason))

    # --- cancels out --------------------------------------------------------------------------------------------------

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel. The broker's yes is an event of its stream; reported here is its no; without either the order is unresolved."""
        key = effect.client_order_id
        if key in self._canceling:
            return
        self._canceling.add(key)
        terms = self._known.terms(key)
        if terms is not None and self._capability.holds_exits:
            self._holds.add(terms)
        self._start(self._cancel(effect))

    async def _cancel(self, effect: CancelOrder) -> None:
        key = effect.client_order_id
        try:
            if not await self._ask_for_cancel(effect):
                self._holds.end(key)
                self._mark_unresolved(key, None)
        finally:
            self._canceling.discard(key)

    async def _ask_for_cancel(self, effect: CancelOrder) -> bool:
        """Whether the broker has the cancel, or there is nothing to cancel; otherwise the order has to be asked for."""
        key = effect.client_order_id
        for attempt in range(self.cancels):
            if attempt:
                await asyncio.sleep(CANCEL_WAIT_S * attempt)
            if self._known.terms(key) is None and self._known.broker_id(key) is None:
                self._holds.end(key)
                return True  # it never left, and was reported so
            outcome = await self._try_to_cancel(effect)
            if isinstance(outcome, CancelRequested):
                return True
            if isinstance(outcome, Rejected):
                self._report(CancelRefused(key, outcome.reason))
                return False
            log.warning("a cancel is sent again", order=key, reason=outcome.reason)
        return False

    async def _try_to_cancel(self, effect: CancelOrder) -> CancelOutcome:
        key = effect.client_order_id
        try:
            broker_id = await self._broker_id(key)
            if broker_id is None:
                self._holds.end(key)  # what is not there holds no shares
                return Unknown("the broker doesn't show the order")
            return await self._transport.cancel(broker_id, partial(self._check, (effect,)))
        except (Unavailable, AccessDenied, Withheld) as error:
            return Unknown(str(error))
        except FAULTS as error:
            if isinstance(error, asyncio.CancelledError) and is_asked_to_end():
                raise
            log.exception("a cancel could not be followed", order=key)
            return Unknown(f"{type(error).__name__} while it was sent")

    async def _broker_id(self, key: ClientOrderId) -> str | None:
        known = self._known.broker_id(key)
        terms = self._known.terms(key)
        if known is None and terms is not None:
            await self.find(terms)
            return self._known.broker_id(key)
        return known

    # --- what comes in ------------------------------------------------------------------------------------------------

    def on_event(self, event: OrderEvent) -> None:
        """Report what the stream says of an order. One that nobody here knows may turn out to be ours: its events are kept."""
        key = self._known.find(event.broker_order_id, event.client_order_id)
        if key is None:
            self._known.keep_early(event)
            self._mark_unresolved(external_order_id(event.broker_order_id), None)
            return
        terms = self._known.terms(key)
        if self._known.broker_id(key) != event.broker_order_id and terms is not None and not is_of(terms, event):
            self._mark_unresolved(key, None)  # an order of somebody else has its id
            self._mark_unresolved(external_order_id(event.broker_order_id), None)
            return
        self._learn(event.broker_order_id, key)
        if event.is_over:
            self._holds.end(key)
        for report in event.reports:
            body = report if report.client_order_id == key else _of(key, report)
            self._sink(Report(self._now_ns() if event.time_ns is None else event.time_ns, body))
        self._mark_unresolved(key, event.filled)

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms at the broker, None when it says that it has none. Raises Unavailable, AccessDenied."""
        found = await self._transport.find(terms)
        if found is not None and not is_external(terms.client_order_id) and is_of(terms, found):
            self._learn(found.broker_order_id, terms.client_order_id)
        return found

    def _learn(self, broker_order_id: str, key: ClientOrderId) -> None:
        """The broker has this order: said once, by whatever is the first to show it."""
        if self._known.broker_id(key) == broker_order_id:
            return
        early = self._known.learn(broker_order_id, key)
        self._report(OrderAccepted(key, broker_order_id))
        for event in early:
            self.on_event(event)

    def _report(self, body: BrokerReport) -> None:
        self._sink(Report(self._now_ns(), body))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))


def _of(key: ClientOrderId, report: BrokerReport) -> BrokerReport:
    """A report of this order."""
    return msgspec.structs.replace(report, client_order_id=key)
