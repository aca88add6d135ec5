"""The books compared with the broker, and orders in doubt brought to an end by evidence.

An order is in doubt when it was sent and not answered, when the broker's word and the books differ, or when it is missing
where it should be. It is asked for until what is found explains it (docs/architecture.md, "Live"). What is found becomes
reports, which the core judges like any other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import msgspec
import structlog

from holdfast.brokers.port import (
    AccessDenied,
    AtBroker,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    LiveBroker,
    Unavailable,
)
from holdfast.core.messages import (
    BrokerReport,
    CancelOrder,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderUnknown,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.state import EngineState
from holdfast.core.types import HOUR_NS, MINUTE_NS, SECOND_NS, ClientOrderId, plain
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import Executions
from holdfast.runtime.live.health import Cause, Monitor

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
"""Between two questions about the same order: doubled each time."""
LOST_WAIT_S = 30.0
"""Between two questions about an order that the broker has lost."""
OVERLAP_NS = 2 * MINUTE_NS
"""Executions are asked for from this long before what is known: clocks differ, and lists lag."""
CENT = Decimal("0.01")
"""Cash may differ by less: the broker's is rounded to it."""
UNANSWERED = (OrderState.PREPARED, OrderState.RELEASED, OrderState.UNKNOWN)
NOT_THERE = (*UNANSWERED, OrderState.NOT_SENT, OrderState.FAILED, OrderState.REJECTED)
"""States in which an order that is at the broker has yet to be acknowledged."""

log = structlog.get_logger(__name__)

Deliver = Callable[[Sequence[BrokerReport]], None]


class Doubt(msgspec.Struct):
    """One order that is asked for. Times are the monotonic clock's. ``negatives`` count from when it should be shown."""

    since_s: float
    due_s: float
    wait_s: float = FIRST_WAIT_S
    negatives: int = 0
    fewer_since_s: float | None = None
    """Since when the broker shows fewer executions than the books have."""
    by_force: bool = False
    """Its executions are to be looked at even if their sum is right."""
    is_lost: bool = False


class Reconciler:
    """One account's. :meth:`run` works until cancelled; :meth:`explain` does until nothing is in doubt."""

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
        self._account = account
        self._state = account.state
        self._broker = account.broker
        self._executions = executions
        self._clock = clock
        self._monitor = monitor
        self._deliver = deliver
        self._wake = wake
        self._every_s = every_s
        self._settle_s = account.broker.capability.settle_s
        self._doubts: dict[ClientOrderId, Doubt] = {}
        self._woken = asyncio.Event()
        self._reconciled_ns = 0
        self._strangers: set[str] = set()
        self._others: set[str] = set()
        """Orders at the broker that have an id of ours and are not ours."""
        self._is_judged = False
        self._differences: tuple[str, ...] = ()
        self._seen_count = -1
        self.cycles = 0
        self.found = 0
        """How many reports came of asking that no stream had brought."""

    def begin(self, known_ns: int) -> None:
        """Say up to when the books hold everything that happened: what came later is asked for."""
        self._reconciled_ns = known_ns

    # --- doubts -------------------------------------------------------------------------------------------------------

    def doubt(self, key: ClientOrderId, *, by_force: bool = False, anew: bool = False) -> None:
        """Ask for an order, soon. ``anew``: what was found so far says nothing of how it is now."""
        now_s = time.monotonic()
        known = None if anew else self._doubts.get(key)
        if known is None:
            self._doubts[key] = Doubt(since_s=now_s, due_s=now_s, by_force=by_force)
        else:
            known.due_s, known.by_force = now_s, known.by_force or by_force
        self._woken.set()

    def doubt_unanswered(self) -> None:
        """Ask for every order without an answer that nobody waits for any more: those of an earlier run."""
        for key, order in list(self._state.orders.live.items()):
            if order.state is not OrderState.UNKNOWN:
                self._deliver([OrderUnknown(key, "it had no answer when the engine stopped")])
            self.doubt(key)

    @property
    def in_doubt(self) -> Sequence[ClientOrderId]:
        """The orders that are being asked for, apart from those that are lost."""
        return [key for key, doubt in self._doubts.items() if not doubt.is_lost]

    async def run(self) -> None:
        """Look into doubts as they come, and compare everything from time to time, until cancelled."""
        due_s = time.monotonic() + self._every_s
        while True:
            await self._look_into_doubts()
            if time.monotonic() >= due_s:
                await self._quietly(self.compare)
                due_s = time.monotonic() + self._every_s
            next_s = min([due_s, *(doubt.due_s for doubt in self._doubts.values())])
            await self._wait_until(next_s)

    async def explain(self) -> None:
        """Compare everything and ask, until no order is in doubt and the books are known to agree, or not to."""
        wait_s = FIRST_WAIT_S
        while not (await self._quietly(self.compare) and self._is_judged):
            while self.in_doubt:
                await self._look_into_doubts()
                waiting = [self._doubts[key].due_s for key in self.in_doubt]
                if waiting:
                    await self._wait_until(min(waiting))
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _wait_until(self, due_s: float) -> None:
        self._woken.clear()
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _look_into_doubts(self) -> None:
        for key, doubt in list(self._doubts.items()):
            if doubt.due_s <= time.monotonic():
                doubt.due_s = time.monotonic() + doubt.wait_s
                doubt.wait_s = min(doubt.wait_s * 2, LOST_WAIT_S if doubt.is_lost else LONGEST_WAIT_S)
                await self._quietly(lambda key=key, doubt=doubt: self._look_into(key, doubt))  # type: ignore[misc]

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it if the broker answers; whether it did. That it doesn't is known from the requests themselves."""
        try:
            await work()
        except AccessDenied as error:
            self._monitor.set(Cause.KEYS, ok=False, reason=str(error))
            return False
        except Unavailable as error:
            log.warning("the broker can't be asked", account=self._account.name, reason=str(error))
            return False
        self._monitor.set(Cause.KEYS, ok=True, reason="the broker takes the keys")
        return True

    async def _look_into(self, key: ClientOrderId, doubt: Doubt) -> None:
        order = self._state.orders.find(key)
        if order is None:
            self._doubts.pop(key, None)
            return
        found = await self._broker.find(order.terms)
        if found is None:
            self._absent(order, doubt)
        elif await self._present(order, found, doubt):
            if self._doubts.get(key) is doubt:
                del self._doubts[key]
            self._note_lost()

    # --- what is found ------------------------------------------------------------------------------------------------

    def _absent(self, order: Order, doubt: Doubt) -> None:
        """The broker shows no such order. That is proof only after it should have been shown, and not at once."""
        if order.state.is_terminal:
            self._doubts.pop(order.terms.client_order_id, None)
            return
        if (
            order.state is OrderState.RELEASED
        ):  # it waits for the rate limit, or for its answer: what is so now proves nothing
            doubt.since_s, doubt.negatives = time.monotonic(), 0
            return
        asked_s = time.monotonic() - doubt.since_s
        if asked_s < self._settle_s:
            return
        doubt.negatives += 1
        if doubt.negatives < self._broker.capability.negatives:
            doubt.due_s = time.monotonic() + FIRST_WAIT_S
            return
        key = order.terms.client_order_id
        proof = f"asked for {asked_s:.1f} s, the broker has no such order"
        if order.state in UNANSWERED:
            self._found([OrderNotSent(key, proof)])
            self._doubts.pop(key, None)
        elif order.cancel_released_ns:
            self._found([OrderCanceled(key, f"its cancel was asked for; {proof}")])
            self._doubts.pop(key, None)
        else:
            doubt.is_lost = True
        self._note_lost()

    def _note_lost(self) -> None:
        lost = [key for key, doubt in self._doubts.items() if doubt.is_lost]
        reason = (
            f"the broker no longer shows {', '.join(lost)}, which it had accepted: `holdfast cancel` ends them here too"
        )
        self._monitor.set(Cause.LOST_ORDERS, ok=not lost, reason=reason if lost else "none is missing")

    async def _present(self, order: Order, found: BrokerOrder, doubt: Doubt) -> bool:
        """Bring the books to what the broker shows of an order; whether they now are."""
        key = order.terms.client_order_id
        if order.state in NOT_THERE and found.state is not AtBroker.REJECTED:
            fault = _not_ours(order, found)
            if fault:
                self._others.add(found.broker_order_id)
                self._found([OrderRejected(key, fault)])
                return True
            self._found([OrderAccepted(key, found.broker_order_id)])
        doubt.negatives, doubt.is_lost = 0, False
        if found.filled_quantity != order.filled_quantity or doubt.by_force:
            await self._bring_fills(order, found, doubt)
        if found.filled_quantity == order.filled_quantity:
            doubt.fewer_since_s = None
            self._end(order, found)
        agrees = found.filled_quantity == order.filled_quantity and order.is_live is (found.state is AtBroker.WORKING)
        if agrees and order.is_live and order.cancel_released_ns:  # its cancel came to nothing
            self._account.gate.hold([CancelOrder(key, order.cancel_released_ns)], 0)
            self._wake()
        return agrees

    async def _bring_fills(self, order: Order, found: BrokerOrder, doubt: Doubt) -> None:
        since_ns = min(order.released_ns or order.created_ns, found.submitted_ns) - OVERLAP_NS
        fills = [
            fill for fill in await self._broker.fills_since(since_ns) if fill.broker_order_id == found.broker_order_id
        ]
        if sum(fill.quantity for fill in fills) != found.filled_quantity:
            return  # one of the two lags behind the other
        reports = self._executions.missing(order, fills)
        if found.filled_quantity < order.filled_quantity and not self._has_been_fewer(doubt):
            return  # this answer may be older than what the stream has told
        doubt.by_force = False
        self._found(reports)

    def _has_been_fewer(self, doubt: Doubt) -> bool:
        now_s = time.monotonic()
        if doubt.fewer_since_s is None:
            doubt.fewer_since_s = now_s
        return now_s - doubt.fewer_since_s >= self._settle_s

    def _end(self, order: Order, found: BrokerOrder) -> None:
        """What the broker says of an order whose executions are all booked."""
        key = order.terms.client_order_id
        if not order.is_live:
            return
        if found.state is AtBroker.WORKING:
            if found.quantity != order.quantity and found.quantity > order.filled_quantity:
                self._found([OrderReplaced(key, found.quantity)])
        elif found.state is AtBroker.CANCELED:
            self._found([OrderCanceled(key, found.reason)])
        elif found.state is AtBroker.EXPIRED:
            self._found([OrderExpired(key, found.reason)])
        elif found.state is AtBroker.REJECTED:
            self._found([OrderRejected(key, found.reason)])

    def _found(self, reports: Sequence[BrokerReport]) -> None:
        self.found += len(reports)
        self._deliver(reports)

    # --- everything ---------------------------------------------------------------------------------------------------

    async def compare(self) -> None:
        """Compare orders, executions, cash and positions. Raises Unavailable, AccessDenied."""
        self.cycles += 1
        account = await self._broker.account()
        self._is_judged = not self._is_bound(account)
        if self._is_judged:
            return
        since_ns = self._reconciled_ns - OVERLAP_NS
        asked_ns = self._clock.now_ns()
        working = await self._broker.open_orders()
        fills = await self._broker.fills_since(since_ns)
        self._doubt_orders(working, fills)
        await self._doubt_strangers(fills)
        self._reconciled_ns = asked_ns
        if not self.in_doubt:
            self._compare_books(await self._broker.account())
            self._is_judged = not self._differences or Cause.BOOKS in self._monitor.missing

    def _is_bound(self, account: BrokerAccount) -> bool:
        bound = self._state.broker_account_id
        is_bound = account.account_id == bound
        reason = f"the broker shows account {account.account_id}, bound is {bound}"
        self._monitor.set(Cause.ACCOUNT, ok=is_bound, reason="it is the bound one" if is_bound else reason)
        return is_bound

    def _doubt_orders(self, working: Sequence[BrokerOrder], fills: Sequence[BrokerFill]) -> None:
        orders, there = self._state.orders, set()
        for found in working:
            if found.broker_order_id in self._others:
                continue
            there.add(found.client_order_id)
            order = orders.find(found.client_order_id) if found.client_order_id else None
            if order is not None and not (_agree(order, found) and self._may_be_canceled_yet(order)):
                self.doubt(found.client_order_id)
        for key, order in list(orders.live.items()):
            if key not in there and order.state is not OrderState.RELEASED:  # its answer is on the way
                self.doubt(key)
        for fill in fills:
            if fill.client_order_id and not self._executions.has(fill):
                self.doubt(fill.client_order_id, by_force=True)

    def _may_be_canceled_yet(self, order: Order) -> bool:
        asked_ns = order.cancel_released_ns
        return not asked_ns or self._clock.now_ns() - asked_ns < self._settle_s * SECOND_NS

    async def _doubt_strangers(self, fills: Sequence[BrokerFill]) -> None:
        """Executions name their orders by the broker's id alone: whether one that nobody knows is ours has to be asked."""
        unknown = {fill.broker_order_id for fill in fills if not fill.client_order_id}
        self._strangers &= unknown
        unknown -= self._strangers | self._others
        if not unknown:
            return
        for found in await self._broker.latest_orders():
            if found.broker_order_id not in unknown:
                continue
            if self._state.orders.find(found.client_order_id) is not None:
                self.doubt(found.client_order_id)
            else:
                self._strangers.add(found.broker_order_id)

    def _compare_books(self, account: BrokerAccount) -> None:
        """A difference counts when it is seen twice and nothing was recorded in between."""
        seen, now = self._differences, _differences(self._state, account)
        unchanged = self._seen_count == self._executions.count
        self._differences, self._seen_count = now, self._executions.count
        if not now:
            self._monitor.set(Cause.BOOKS, ok=True, reason="they agree with the broker's")
        elif now == seen and unchanged:
            self._monitor.set(Cause.BOOKS, ok=False, reason="; ".join(now))


def _differences(state: EngineState, account: BrokerAccount) -> tuple[str, ...]:
    """Where the broker's positions and cash are others than those of the books."""
    ours = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
    theirs = {position.symbol: position.quantity for position in account.positions}
    found = [
        f"{symbol}: {plain(ours.get(symbol, Decimal(0)))} in the books, {plain(theirs.get(symbol, Decimal(0)))} there"
        for symbol in sorted({*ours, *theirs})
        if ours.get(symbol, 0) != theirs.get(symbol, 0)
    ]
    cash = state.portfolio.cash
    if abs(cash - account.cash) >= CENT:
        found.append(f"cash: {plain(cash)} in the books, {plain(account.cash)} there")
    return tuple(found)


def _agree(order: Order, found: BrokerOrder) -> bool:
    """Whether a working order is in the books as the broker has it."""
    same = (order.filled_quantity, order.quantity) == (found.filled_quantity, found.quantity)
    return same and order.state in (OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED)


def _not_ours(order: Order, found: BrokerOrder) -> str:
    """Why an order of this id at the broker is not the one that was sent; empty when it is."""
    terms = order.terms
    differs = (terms.symbol, terms.side) != (found.symbol, found.side) or (
        terms.oco_group is None and terms.quantity != found.quantity
    )
    if differs or found.submitted_ns < order.created_ns - HOUR_NS:
        return (
            f"its id belongs to another order at the broker ({found.side} {plain(found.quantity)} {found.symbol}): "
            "another journal has used this account's name"
        )
    return ""
