"""A broker none of whose own mistakes gets past the port.

The port says what its calls may raise. Whatever else comes is a fault of the adapter's, or of a library under it: nothing is known by
it, so it is treated as no answer. What may have been sent is unresolved, what was asked is asked again, and a stream is begun again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from holdfast.brokers.capability import Capability
from holdfast.brokers.faults import FAULTS, is_asked_to_end, name_of
from holdfast.brokers.port import (
    AccessDenied,
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    LastCheck,
    LiveBroker,
    MarkUnresolved,
    ReportSink,
    StreamStatus,
    TellStream,
    Unavailable,
)
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.messages import BrokerName, CancelOrder, OrderTerms, OrderUnknown, Report, SubmitOrder
from holdfast.core.orders.order import Order
from holdfast.runtime.live.again import fault_of, keep_going

log = structlog.get_logger(__name__)

T = TypeVar("T")
TellFaults = Callable[[Sequence[str]], None]
"""Told which calls of a broker have broken and not worked since."""


class Contained:
    """The `LiveBroker` that the engine sees. ``tell_faults`` is called whenever what is broken has changed."""

    def __init__(self, broker: LiveBroker, tell_faults: TellFaults) -> None:
        self._broker = broker
        self._tell_faults = tell_faults
        self._broken: list[str] = []
        self._sink: ReportSink
        self._mark_unresolved: MarkUnresolved
        self._now_ns: Callable[[], int]

    @property
    def name(self) -> BrokerName:
        """Which broker it is."""
        return self._broker.name

    @property
    def capability(self) -> Capability:
        """What it can do."""
        return self._broker.capability

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports. What is raised here ends the start."""
        self._sink, self._mark_unresolved, self._now_ns = sink, mark_unresolved, now_ns
        self._broker.open(sink, last_check, mark_unresolved, now_ns)

    # --- orders -------------------------------------------------------------------------------------------------------

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order. One at which the adapter broke may be on its way all the same."""
        try:
            self._broker.submit(effect)
        except FAULTS as error:
            key = effect.terms.client_order_id
            log.exception("an order could not be handed to the broker's adapter", order=key)
            self._sink(Report(self._now_ns(), OrderUnknown(key, f"{type(error).__name__} while it was sent")))

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel. An order at whose cancel the adapter broke is asked for, and canceled again if it works."""
        try:
            self._broker.cancel(effect)
        except FAULTS:
            log.exception("a cancel could not be handed to the broker's adapter", order=effect.client_order_id)
            self._mark_unresolved(effect.client_order_id, None)

    def know(self, orders: Sequence[Order]) -> None:
        """Show orders. What the adapter doesn't know for that it has to be asked."""
        try:
            self._broker.know(orders)
        except FAULTS:
            log.exception("the broker's adapter could not be shown orders", orders=len(orders))
            for order in orders:
                if order.is_live:
                    self._mark_unresolved(order.terms.client_order_id, None)

    # --- questions ----------------------------------------------------------------------------------------------------

    async def clock_ns(self) -> int:
        """The broker's own time."""
        return await self._ask("the time", self._broker.clock_ns)

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._ask("the account", self._broker.account)

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done in these symbols."""
        return await self._ask("what may be traded", lambda: self._broker.assets(symbols))

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms."""
        return await self._ask("an order", lambda: self._broker.find(terms))

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""
        return await self._ask("open orders", self._broker.open_orders)

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders sent last."""
        return await self._ask("latest orders", self._broker.latest_orders)

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time."""
        return await self._ask("executions", lambda: self._broker.fills_since(time_ns))

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """What the broker has booked by itself."""
        return await self._ask("activities", lambda: self._broker.activities_since(time_ns))

    async def _ask(self, what: str, question: Callable[[], Awaitable[T]]) -> T:
        """Ask. A question at which the adapter broke has no answer, and is known to be broken until it has one."""
        try:
            answer = await question()
        except (Unavailable, AccessDenied):
            raise
        except asyncio.CancelledError as error:
            if is_asked_to_end():
                raise
            fault: BaseException = error
        except FAULTS as error:
            fault = error
        else:
            self._note(what, works=True)
            return answer
        log.error("the broker's adapter broke at a question", question=what, exc_info=fault)
        self._note(what, works=False)
        raise Unavailable(f"the broker's adapter broke when asked for {what} ({name_of(fault)})") from fault

    def _note(self, what: str, *, works: bool) -> None:
        if works is (what in self._broken):
            self._broken = [*self._broken, what] if not works else [each for each in self._broken if each != what]
            self._tell_faults(self._broken)

    # --- the stream, and the end --------------------------------------------------------------------------------------

    async def run(self, tell: TellStream) -> None:
        """Keep the stream until cancelled, whatever the adapter raises. What ``tell`` raises is the engine's own, and raised."""
        own: list[Exception] = []

        async def telling(status: StreamStatus) -> None:
            try:
                await tell(status)
            except Exception as error:
                own.append(error)
                raise

        async def broke(fault: BaseException | None, reason: str) -> None:
            if fault is not None and own:
                raise own[0] from fault
            await tell(StreamStatus(connected=False, reason=reason))

        await keep_going("the stream of order events", lambda: self._broker.run(telling), broke)

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer; those the adapter lost are explained at the next start."""
        fault = await fault_of(self._broker.drain)
        if fault is not None:
            log.error("the wait for the last answers broke", exc_info=fault)

    def close(self) -> None:
        """Stop."""
        try:
            self._broker.close()
        except FAULTS:
            log.exception("the broker's adapter could not be closed")
