"""One live account with all that keeps it in step with its broker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog

from holdfast.brokers.port import MOVED_ON, AccessDenied, LiveBroker, StreamStatus, Unavailable
from holdfast.config import LiveConfig
from holdfast.core.findings import Reconcile, Told
from holdfast.core.messages import (
    BrokerReport,
    CancelOrder,
    CancelRefused,
    Effect,
    Flattened,
    Health,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderUnknown,
    Report,
    Resume,
)
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId, Quantity, iso_time
from holdfast.errors import Refused
from holdfast.feeds.live import LiveFeed
from holdfast.journal.lease import LeaseTerm
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.live.account_lock import AccountLock
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.contained import Contained
from holdfast.runtime.live.executions import Executions
from holdfast.runtime.live.health import NOT_YET, WATCHED, Cause, Monitor
from holdfast.runtime.live.opening import first_look
from holdfast.runtime.live.reconcile import Reconciler
from holdfast.runtime.live.recovery import LiveRecovery, Past
from holdfast.runtime.live.supervisor import Supervisor
from holdfast.telemetry.crash_points import CrashPoint, reach

START_TRIES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, *[30.0] * 19)
"""How long a start waits between attempts to reach the broker: ten minutes in all, as a nightly maintenance may take, before it gives up and
says so. A stop ends the wait at once."""

SNAPSHOT_EVERY = 2_500
"""Records after which the account's state is kept whole: a restart applies no more than these, in a quarter of a second."""
STREAM_WITHIN_S = 90.0
"""How long a start waits for the stream of order events. A broker that allows one an account keeps that of an engine which is
frozen until it has left its pings unanswered."""
DRAIN_S = 15.0
"""How long a stop waits for answers to what was sent; what has none by then is explained at the next start."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class LiveAccount:
    """Starts an account, keeps asking and listening, and ends in order. Lives in the loop's event loop."""

    def __init__(
        self,
        state: EngineState,
        broker: LiveBroker,
        journal: Journal,
        recorded: tuple[LeaseTerm, Past],
        clock: LiveClock,
        config: LiveConfig,
        wake: Callable[[], None],
        process: str,
        watch: Watcher | None = None,
    ) -> None:
        self._watch = watch
        contained = Contained(broker, self._on_faults)
        self.account: AccountAtWork[LiveBroker] = AccountAtWork(
            state, contained, journal, self._on_turn, SNAPSHOT_EVERY
        )
        self._executions = Executions()
        self._recovery = LiveRecovery(self.account, *recorded, self._executions, clock, process)
        manual = config.leave_preservation == "manual"
        self.monitor = Monitor(self._on_health, clock.now_ns, manual=manual)
        self.reconciler = Reconciler(
            self.account, self._executions, clock, self.monitor, self._deliver, wake, config.reconcile_every_s
        )
        self.clock = clock
        self.check_every_s = config.check_every_s
        self._wake = wake
        self._listening = asyncio.Event()
        self._is_ready = False
        self._tasks: list[asyncio.Task[None]] = []
        self._told: dict[ClientOrderId, Quantity] = {}
        self._connections = 0
        self.supervisor: Supervisor | None = None
        self._lock: AccountLock | None = None
        self._loop: asyncio.AbstractEventLoop
        contained.open(self._on_report, self._reason_to_keep, self._on_unresolved, clock.now_ns)

    def supervise(self, supervisor: Supervisor) -> None:
        """Have pending orders followed up as well, once the account may trade."""
        self.supervisor = supervisor

    def check_with(self, check: Callable[[EngineState], None]) -> None:
        """Have the state that the records lead to looked at, before anything is added to it."""
        self._recovery.check = check

    def begin_anew(self) -> None:
        """Take an account of which nothing is recorded though Holdfast has traded it before: a person says so."""
        self._recovery.new_journal = True

    def guard(self, lock: AccountLock) -> None:
        """Trade only while this process has the lock on the account at its broker."""
        self._lock = lock

    def _reason_to_keep(self, effect: Effect) -> str | None:
        """Why an order or cancel may not leave. Any thread may ask."""
        gate = self.account.gate
        if gate.has_moved_on(effect):
            return MOVED_ON
        if Cause.ACCOUNT in self.monitor.missing:
            return f"it would go to another account: {self.monitor.missing[Cause.ACCOUNT]}"
        if self._lock is not None and (reason := self._lock.reason_to_keep) is not None:
            return reason
        if isinstance(effect, CancelOrder):
            return gate.reason_to_keep(effect)
        order = self.account.state.orders.find(effect.terms.client_order_id)
        if order is not None and order.cancel_released_ns:
            return "its cancel was asked for before it left"
        expires_ns = effect.terms.expires_ns
        if (
            expires_ns is not None and self.clock.now_ns() > expires_ns
        ):  # the core's time may lag behind what has gone by
            return f"it was to be sent by {iso_time(expires_ns)}"
        reason = gate.reason_to_keep(effect)
        if reason is None and effect.raises_risk and (missing := list(self.monitor.missing)):
            return f"the account is blind: {', '.join(missing)}"  # the core has yet to hear of it
        return reason

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _on_report(self, report: Report) -> None:
        self.account.inbox.append(report)
        if isinstance(report.body, OrderUnknown):
            self.reconciler.mark_unresolved(report.body.client_order_id, anew=True)
        self._wake()

    def _on_unresolved(self, key: ClientOrderId, filled: Quantity | None) -> None:
        if filled is None:
            self.reconciler.mark_unresolved(key, by_force=True)
        else:
            self._told[key] = filled
            self._keep_back_its_end(key, filled)

    def _keep_back_its_end(self, key: ClientOrderId, filled: Quantity) -> None:
        """An order that has filled more than is known isn't over yet: its executions are asked for first, and its end with them.

        What is to be closed once it is over would be closed twice otherwise.
        """
        inbox, order = self.account.inbox, self.account.state.orders.find(key)
        mine = [event for event in inbox if isinstance(event, Report) and _key_of(event.body) == key]
        ends = [event for event in mine if isinstance(event.body, OrderCanceled | OrderExpired)]
        if order is None or not ends:
            return
        fills = {event.body.execution_id: event.body.quantity for event in mine if isinstance(event.body, OrderFilled)}
        new = (quantity for name, quantity in fills.items() if name not in order.execution_ids)
        if order.filled_quantity + sum(new) < filled:
            for event in ends:
                inbox.remove(event)
            self.reconciler.mark_unresolved(key)

    def _deliver(self, reports: Sequence[BrokerReport]) -> None:
        """Let the core judge what reconciliation found, at once: what it asks next goes by the books as they are then."""
        now_ns = self.clock.now_ns()
        self.account.inbox.extend(Report(now_ns, body, Told.ASKED) for body in reports)
        self.account.take_inbox()
        self._wake()

    def _on_health(self, health: Health) -> None:
        """Something went missing, or is there again. While the account is on its way back the monitor keeps it in mind."""
        if self._is_ready:
            self.account.inbox.append(health)
            self._wake()

    def _on_faults(self, broken: Sequence[str]) -> None:
        """The broker's adapter breaks at these questions, so what they would tell isn't known."""
        reason = (
            f"it breaks when asked for {', '.join(broken)}; the log has the error" if broken else "it answers again"
        )
        self.monitor.set(Cause.ADAPTER, ok=not broken, reason=reason)

    def on_breaker(self, is_closed: bool, reason: str) -> None:
        """The broker is left alone after failures, or answers again; whichever thread has found that."""

        def tell() -> None:
            self.monitor.set(Cause.REQUESTS, ok=is_closed, reason=reason)

        with suppress(RuntimeError):  # the event loop is over
            self._loop.call_soon_threadsafe(tell)

    def _on_turn(self, turn: Turn) -> None:
        """See what was recorded."""
        for record in turn.records:
            self._executions.see(record.body, record.time_ns)
            self.reconciler.linked.see(record.body)
            if isinstance(record.body, OrderFilled) and self.account.state.activities.unsettled:
                self.reconciler.compare_soon()  # what the broker took of the coins decides what can be protected
            if isinstance(record.body, OrderAdopted):
                order = self.account.state.orders.find(record.body.client_order_id)
                self.account.broker.know([order] if order is not None else [])
            if isinstance(record.body, CancelRefused):
                self.reconciler.unresolved.cancel_refused(record.body.client_order_id)
            if isinstance(record.body, Reconcile):
                self._compare(record.body.reason, accept=record.body.accept)
            if isinstance(record.body, Flattened):
                self._compare("what a flatten has left", accept=False)
            if isinstance(record.body, Resume):
                self.monitor.tell_again()
        if self._watch is not None:
            self._watch(turn)

    def _compare(self, reason: str, *, accept: bool) -> None:
        """Have the books compared with the broker, and the result recorded, as soon as nothing is under way."""
        self._tasks.append(asyncio.create_task(self.reconciler.compare_for(reason, accept=accept)))

    def take_inbox(self) -> None:
        """Let the core take what came in; an order of which the broker has filled another quantity is asked for."""
        while self.account.inbox:  # a resume brings with it what is missing still
            self.account.take_inbox()
        while self._told:
            key, filled = self._told.popitem()
            order = self.account.state.orders.find(key)
            if order is not None and order.filled_quantity != filled:
                self.reconciler.mark_unresolved(key)

    # --- beginning ----------------------------------------------------------------------------------------------------

    async def start(self, feed: LiveFeed) -> None:
        """Recover. Raises Refused, AccessDenied, DataError; Unavailable when the broker can't be reached."""
        broker, state = self.account.broker, self.account.state
        self._loop = asyncio.get_running_loop()
        self.clock.sync(await self._patiently(broker.clock_ns))
        history = await asyncio.to_thread(feed.history, self.clock.now_ns())
        self._recovery.replay(history)
        reach(CrashPoint.RECOVERING)
        if self._lock is not None:
            await self._lock.take(broker.name, (await self._patiently(broker.account)).account_id)
            self._tasks.append(asyncio.create_task(self._lock.watch()))
            self._tasks[-1].add_done_callback(lambda _: self._wake())
        latest = await self._patiently(broker.latest_orders)
        opening = None
        if self._recovery.is_first:
            opening = await self._patiently(lambda: first_look(broker, self.clock.now_ns()))
        at_broker = opening.account if opening is not None else await self._patiently(broker.account)
        self._recovery.take(at_broker, latest, feed, opening)
        self.reconciler.begin(self._recovery.known_ns or state.now_ns)
        stream = asyncio.create_task(broker.run(self._on_stream))
        self._tasks.append(stream)
        await self._first(stream)
        unanswered = len([order for order in state.orders.live.values() if not order.broker_order_id])
        self.reconciler.mark_unanswered()
        while True:
            connections = self._connections
            await self.reconciler.explain()
            if connections == self._connections:
                break
        # what was missing when the last run ended was lost, and stays so until it is there
        lost = state.impairments.get(Cause.MARKET_DATA, NOT_YET)
        self.monitor.set(Cause.MARKET_DATA, ok=False, reason=lost)
        self._recovery.finish(unanswered)
        self._is_ready = True
        self._tell_how_things_stand()
        self._cancel_again()
        self._tasks.append(asyncio.create_task(self.reconciler.run()))
        self._tasks.append(asyncio.create_task(self._check()))
        if self.supervisor is not None:
            self._tasks.append(asyncio.create_task(self.supervisor.run()))

    async def _first(self, stream: "asyncio.Task[None]") -> None:
        """Wait until the stream listens for the first time."""
        waiting = asyncio.create_task(self._listening.wait())
        try:
            async with asyncio.timeout(STREAM_WITHIN_S):
                await asyncio.wait({waiting, stream}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            why = self.monitor.missing.get(Cause.ORDER_EVENTS, "no answer")
            raise Refused(
                f"account {self.account.name}: the broker's stream of order events can't be opened ({why}); nothing was sent"
            ) from None
        finally:
            waiting.cancel()
        if stream.done():
            stream.result()

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for wait_s in START_TRIES_S:
            try:
                return await ask()
            except Unavailable as error:
                log.warning(
                    "the broker can't be reached and is asked again",
                    account=self.account.name,
                    in_s=wait_s,
                    reason=str(error),
                )
                await asyncio.sleep(wait_s)
        return await ask()

    def _tell_how_things_stand(self) -> None:
        """What was missing when the last run ended is there again, or the monitor knows that it is not."""
        for cause in list(self.account.state.impairments):
            if cause in WATCHED and cause not in self.monitor.missing and not self.monitor.manual:
                self._on_health(Health(self.clock.now_ns(), cause, ok=True, reason="after a new start"))
        self.monitor.tell_again()

    def _cancel_again(self) -> None:
        """Cancels that were on their way when the last run ended: one that comes twice does no harm."""
        for key, order in self.account.state.orders.live.items():
            if order.cancel_released_ns:
                self.account.gate.hold([CancelOrder(key, order.cancel_released_ns)], 0)

    # --- while it runs ------------------------------------------------------------------------------------------------

    async def _on_stream(self, status: StreamStatus) -> None:
        """The stream of order events comes or goes. After a gap the account is blind until everything was asked for."""
        if not status.connected:
            self.monitor.set(Cause.ORDER_EVENTS, ok=False, reason=status.reason)
            return
        self._connections += 1
        self._listening.set()
        if self._is_ready:
            await self.reconciler.explain()
        self.monitor.set(Cause.ORDER_EVENTS, ok=True, reason="listening, and caught up")

    async def _check(self) -> None:
        """Ask the broker for its time, again and again: the answer is for the clock, that there is one for the monitor."""
        while True:
            await asyncio.sleep(self.check_every_s)
            with suppress(Unavailable, AccessDenied):
                self.clock.sync(await self.account.broker.clock_ns())

    def failure(self) -> BaseException | None:
        """What ended one of its tasks, which none should."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                return task.exception()
        return None

    async def stop(self) -> None:
        """Let what is under way be answered, then stop listening."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.account.broker.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.account.broker.close()
        if self._lock is not None:
            await self._lock.release()


def _key_of(body: BrokerReport) -> ClientOrderId | None:
    return getattr(body, "client_order_id", None)
