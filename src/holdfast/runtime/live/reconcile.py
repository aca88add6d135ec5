"""The books compared with the broker, at the start, from time to time, and whenever something hints at a difference.

Single orders are followed up in `unresolved.py`, orders of others in `external.py`, cash and positions in `books.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from holdfast.brokers.port import AccessDenied, BrokerAccount, BrokerFill, BrokerOrder, LiveBroker, Unavailable
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.codec import is_external
from holdfast.core.findings import ExternalExecution
from holdfast.core.messages import BrokerReport, Report
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import SECOND_NS, ClientOrderId
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.bookings import BrokerBookings
from holdfast.runtime.live.books import Books
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import Executions
from holdfast.runtime.live.external import ExternalOrders
from holdfast.runtime.live.health import Cause, Monitor
from holdfast.runtime.live.linked import LinkedOrders
from holdfast.runtime.live.permits import PermitsWatch
from holdfast.runtime.live.search import Search
from holdfast.runtime.live.surroundings import OVERLAP_NS, Surroundings
from holdfast.runtime.live.unresolved import FIRST_WAIT_S, LONGEST_WAIT_S, UNANSWERED, UnresolvedOrders
from holdfast.telemetry.logs import about

__all__ = ["UNANSWERED", "Reconciler"]

HINTED_EVERY_S = 1.0
"""How often a hint (an event about an order that nobody knows) may lead to a comparison of everything."""
ASKED_WITHIN_S = 30.0
"""How long a comparison that a person asked for may wait for a moment at which nothing is under way."""

log = structlog.get_logger(__name__)

Deliver = Callable[[Sequence[BrokerReport]], None]


class Reconciler:
    """One account's. :meth:`run` works until cancelled; :meth:`explain` does until nothing is unresolved."""

    def __init__(
        self,
        account: AccountAtWork[LiveBroker],
        executions: Executions,
        clock: LiveClock,
        monitor: Monitor,
        deliver: Deliver,
        wake: Callable[[], None],
        every_s: float,
    ) -> None:
        around = Surroundings(account, executions, clock, monitor, deliver, wake)
        self._around = around
        self._state = account.state
        self._broker = account.broker
        self._clock = clock
        self._monitor = monitor
        self.every_s = every_s
        self._woken = asyncio.Event()
        self._external = ExternalOrders(around, lambda key: self.unresolved.add(key, by_force=True))
        self.unresolved = UnresolvedOrders(around, self._woken.set, self._external.adopt)
        self.linked = LinkedOrders(around, self.mark_unresolved, self._hear)
        self._books = Books(around)
        self._search = Search(around)
        self._bookings = BrokerBookings(around)
        self._permits = PermitsWatch(around)
        self._external_executions: Sequence[ExternalExecution] = ()
        self._reconciled_ns = 0
        self._due_s = 0.0
        self._compared_s = 0.0
        self._is_judged = self._is_at_work = False
        self.cycles = 0

    @property
    def found(self) -> int:
        """How many reports came of asking that no stream had brought."""
        return self.unresolved.found

    @property
    def unresolved_ids(self) -> Sequence[ClientOrderId]:
        """The orders that are being asked for, apart from those that asking alone won't explain."""
        return self.unresolved.open

    def _hear(self, body: BrokerReport) -> None:
        """Have the core judge a report after what it is at."""
        self._around.account.inbox.append(Report(self._clock.now_ns(), body))
        self._around.wake()

    def begin(self, known_ns: int) -> None:
        """Say up to when the books hold everything that happened: what came later is asked for."""
        self._reconciled_ns = known_ns

    def mark_unresolved(self, key: ClientOrderId, *, by_force: bool = False, anew: bool = False) -> None:
        """Ask for an order, soon; for one that is not ours and not known, have everything compared.

        ``anew``: what was found so far says nothing of how it is now.
        """
        if is_external(key) and self._state.orders.find(key) is None:
            self.compare_soon()
        else:
            self.unresolved.add(key, by_force=by_force, anew=anew)

    def compare_soon(self) -> None:
        """Have everything compared, at most each second."""
        self._due_s = min(self._due_s, self._compared_s + HINTED_EVERY_S)
        self._woken.set()

    def mark_unanswered(self) -> None:
        """Ask for every order without an answer that nobody waits for any more: those of an earlier run."""
        self.unresolved.add_unanswered()

    async def run(self) -> None:
        """Look into unresolved orders as they come, and compare everything from time to time, until cancelled."""
        self._is_at_work = True
        self._due_s = self._clock.monotonic_s() + self.every_s
        while True:
            if Cause.ACCOUNT not in self._monitor.missing:  # what another account doesn't have proves nothing
                await self.unresolved.look_into(self._quietly)
            if self._clock.monotonic_s() >= self._due_s:
                self._due_s = self._clock.monotonic_s() + self.every_s
                await self._quietly(self.compare)
            asked_s = self.unresolved.next_s()
            await self._wait_until(self._due_s if asked_s is None else min(self._due_s, asked_s))

    async def explain(self) -> None:
        """Compare everything and ask, until no order is unresolved and the books are known to agree, or not to."""
        wait_s = FIRST_WAIT_S
        while not (await self._quietly(self.compare) and self._is_judged):
            while (due_s := self.unresolved.next_s(only_open=True)) is not None:
                await self._wait_until(due_s)
                await self.unresolved.look_into(self._quietly)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def compare_for(self, reason: str, *, accept: bool) -> None:
        """Compare everything because a person asks, and record it; with ``accept`` take over what the broker has.

        Nothing is recorded when orders stay unresolved: what is under way isn't there to be accepted.
        """
        with about(account=self._state.account, broker=self._state.broker):
            await self._compare_for(reason, accept=accept)

    async def _compare_for(self, reason: str, *, accept: bool) -> None:
        ends_s = self._clock.monotonic_s() + ASKED_WITHIN_S
        while self._clock.monotonic_s() < ends_s:
            if await self._quietly(self.compare) and not self.unresolved_ids:
                account = await self._account_at_rest()
                if account is not None:
                    listed = await self._listed() if accept else ()
                    self._books.record(
                        account, self._external_executions, accept=accept, reason=reason, activities=listed
                    )
                    return
            await asyncio.sleep(FIRST_WAIT_S)
        log.warning(
            "a comparison was asked for and can't be made", account=self._state.account, orders=self.unresolved_ids
        )

    async def _listed(self) -> Sequence[BrokerActivity]:
        """What the broker has booked by itself; nothing where it doesn't say: what is accepted explains it then."""
        try:
            return await self._bookings.listed(self._reconciled_ns)
        except (Unavailable, AccessDenied):
            return ()

    async def _account_at_rest(self) -> BrokerAccount | None:
        """The broker's account, if it stays the same for two answers and nothing is booked meanwhile."""
        count, sequence = self._around.executions.count, self._state.portfolio.cash
        try:
            first, second = await self._broker.account(), await self._broker.account()
        except (Unavailable, AccessDenied):
            return None
        still = (count, sequence) == (self._around.executions.count, self._state.portfolio.cash)
        same = first.cash == second.cash and _held(first) == _held(second)
        return second if still and same else None

    async def _wait_until(self, due_s: float) -> None:
        self._woken.clear()
        wait_s = due_s - self._clock.monotonic_s()
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it if the broker answers; whether it did. That it doesn't is known from the requests themselves."""
        try:
            await work()
        except AccessDenied as error:
            self._monitor.set(Cause.KEYS, ok=False, reason=str(error))
            return False
        except Unavailable as error:
            log.warning("the broker can't be asked", account=self._state.account, reason=str(error))
            return False
        self._monitor.set(Cause.KEYS, ok=True, reason="the broker takes the keys")
        return True

    # --- everything ---------------------------------------------------------------------------------------------------

    async def compare(self) -> None:
        """Compare orders, executions, cash and positions. Raises Unavailable, AccessDenied."""
        self.cycles += 1
        self._compared_s = self._clock.monotonic_s()
        account = await self._broker.account()
        self._is_judged = not self._is_bound(account)
        if self._is_judged:
            return
        await self._permits.take(account)
        since_ns = self._search.since_ns(self._reconciled_ns - OVERLAP_NS)
        asked_ns = self._clock.now_ns()
        working = await self._broker.open_orders()
        fills = await self._broker.fills_since(since_ns)
        self._mark_orders(working, fills)
        self._mark_busted(fills, since_ns + OVERLAP_NS // 2, asked_ns)
        await self._explain_strangers(fills)
        self._reconciled_ns = asked_ns
        self._external_executions = self._external.external_executions(fills)
        if self.unresolved_ids and self._state.activities.unsettled and not self._external_executions:
            await self._bookings.explain(await self._broker.account(), since_ns)  # protection waits for it
        if not self.unresolved_ids:
            account = await self._broker.account()
            if not self._external_executions and await self._bookings.explain(account, since_ns):
                account = await self._broker.account()
            self._books.compare(account, self._external_executions)
            self._is_judged = self._books.is_judged
            self._search.compared(self._books.seen)

    def _is_bound(self, account: BrokerAccount) -> bool:
        bound = self._state.broker_account_id
        is_bound = account.account_id == bound
        reason = f"the broker shows account {account.account_id}, bound is {bound}"
        self._monitor.set(Cause.ACCOUNT, ok=is_bound, reason="it is the bound one" if is_bound else reason)
        return is_bound

    def _mark_orders(self, working: Sequence[BrokerOrder], fills: Sequence[BrokerFill]) -> None:
        orders, there = self._state.orders, set()
        for found in working:
            key = self._external.key_of(found)
            order = orders.find(key) if key is not None else None
            if key is None or order is None:
                self._external.adopt_unless_ours(found)
                continue
            there.add(key)
            if not (_agree(order, found) and self._may_be_canceled_yet(order)):
                self.mark_unresolved(key)
        for key, order in list(orders.live.items()):
            if key not in there and order.state is not OrderState.RELEASED:  # its answer is on the way
                self.mark_unresolved(key)
        for fill in fills:
            if fill.client_order_id and not self._is_known(fill):
                self.mark_unresolved(fill.client_order_id, by_force=True)

    def _mark_busted(self, fills: Sequence[BrokerFill], since_ns: int, asked_ns: int) -> None:
        """An execution that is booked and no longer there was undone; that may have been told while nobody listened."""
        settle_ns = int(self._broker.capability.settle_s * SECOND_NS)
        for key in sorted(self._around.executions.gone(fills, since_ns, asked_ns - settle_ns)):
            self.mark_unresolved(key, by_force=True)

    def _is_known(self, fill: BrokerFill) -> bool:
        if self._around.executions.has(fill) or fill.execution_id in self._state.held_executions:
            return True
        order = self._state.orders.find(fill.client_order_id)
        return order is not None and is_external(fill.client_order_id) and fill.execution_id in order.execution_ids

    def _may_be_canceled_yet(self, order: Order) -> bool:
        asked_ns = order.cancel_released_ns
        if not asked_ns or not self._is_at_work or self._around.account.gate.has_cancel(order.terms.client_order_id):
            return True  # nothing leaves during a start; the cancel is sent again when that is over
        return self._clock.now_ns() - asked_ns < self._broker.capability.settle_s * SECOND_NS

    async def _explain_strangers(self, fills: Sequence[BrokerFill]) -> None:
        """Executions name their orders by the broker's id alone: whose one is that nobody knows has to be asked."""
        unknown = self._external.unknown(fills)
        self._external.keep_orphans(unknown)
        if not unknown:
            return
        for found in await self._broker.latest_orders():
            if unknown.pop(found.broker_order_id, None) is None:
                continue
            key = self._external.key_of(found)
            if key is None:
                self._external.adopt_unless_ours(found)
            else:
                self.mark_unresolved(key)
        for executions in unknown.values():
            self._external.adopt_executions(executions)


def _held(account: BrokerAccount) -> list[tuple[str, object]]:
    return sorted((row.symbol, row.quantity) for row in account.positions)


def _agree(order: Order, found: BrokerOrder) -> bool:
    """Whether a working order is in the books as the broker has it."""
    same = (order.filled_quantity, order.quantity) == (found.filled_quantity, found.quantity)
    return same and order.state in (OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED)
