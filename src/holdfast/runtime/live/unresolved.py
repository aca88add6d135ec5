"""Unresolved orders, asked for until evidence explains them.

An order is unresolved when it was sent and not answered, when the broker's word and the books differ, or when it is missing
where it should be. What is found becomes reports, which the core judges like any other. No timer ends an order.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from holdfast.brokers.port import AtBroker, BrokerOrder
from holdfast.core.codec import external_order_id, is_external
from holdfast.core.findings import OrderLost, OrderOverdue
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
from holdfast.core.state import Policy
from holdfast.core.types import HOUR_NS, ClientOrderId, plain
from holdfast.runtime.live.evidence import Evidence
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.linked import sent_with
from holdfast.runtime.live.surroundings import OVERLAP_NS, Surroundings
from holdfast.telemetry.crash_points import CrashPoint, reach

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
"""Between two questions about the same order: doubled each time."""
OLD_S = 2.0
"""After so long an answer is too old to prove an absence, and after the settling time where that is longer."""
LOST_WAIT_S = 30.0
"""Between two questions about an order that the broker has lost."""
UNANSWERED = (OrderState.PREPARED, OrderState.RELEASED, OrderState.UNKNOWN)
NOT_THERE = (*UNANSWERED, OrderState.NOT_SENT, OrderState.FAILED, OrderState.REJECTED)
"""States in which an order that is at the broker has yet to be acknowledged."""


class UnresolvedOrder(msgspec.Struct):
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
    cancel_refused: bool = False
    """Its cancel was asked for, and the broker refused it: of an order that is not there it has nothing to cancel."""
    last_record_id: str = ""
    """The last that was recorded of it when it was not there."""
    proof: str = ""
    """Why it is known not to be at the broker, while it may be sent again."""
    proven_s: float = 0.0
    """When that was found last."""


class UnresolvedOrders:
    """One account's. ``others`` is told of an order at the broker that has an id of ours and is not ours.

    ``may_send_again`` says whether an order that is proven absent is left to be sent again; set by who does that.
    """

    def __init__(
        self, surroundings: Surroundings, woken: Callable[[], None], others: Callable[[BrokerOrder], None]
    ) -> None:
        self._around = surroundings
        self._state = surroundings.state
        self._broker = surroundings.broker
        self._woken = woken
        self._others = others
        self._evidence = Evidence(surroundings)
        self._settle_s = surroundings.broker.capability.settle_s
        self._orders: dict[ClientOrderId, UnresolvedOrder] = {}
        self.may_send_again: Callable[[Order], bool] = lambda _: False
        self.found = 0
        """How many reports came of asking that no stream had brought."""

    def add(self, key: ClientOrderId, *, by_force: bool = False, anew: bool = False) -> None:
        """Ask for an order, soon. ``anew``: what was found so far says nothing of how it is now."""
        now_s = self._around.now_s()
        known = None if anew else self._orders.get(key)
        if known is None:
            self._orders[key] = UnresolvedOrder(since_s=now_s, due_s=now_s, by_force=by_force)
        else:
            known.due_s, known.by_force = now_s, known.by_force or by_force
        self._woken()

    def add_unanswered(self) -> None:
        """Ask for every order without an answer that nobody waits for any more: those of an earlier run."""
        for key, order in list(self._state.orders.live.items()):
            if order.state not in UNANSWERED:
                continue
            if order.state is not OrderState.UNKNOWN:
                self._around.deliver([OrderUnknown(key, "it had no answer when the engine stopped")])
            self.add(key)

    @property
    def open(self) -> Sequence[ClientOrderId]:
        """The orders that are being asked for, apart from those that asking alone won't explain.

        These are the lost ones, the overdue ones, whose symbols are in quarantine, and those that wait to be sent again.
        """
        overdue = self._state.overdue
        return [
            key
            for key, unresolved in self._orders.items()
            if not unresolved.is_lost and not unresolved.proof and key not in overdue
        ]

    def proof(self, key: ClientOrderId) -> str:
        """Why an order is known not to be at the broker; empty when that isn't known, or was before a freeze."""
        unresolved = self._orders.get(key)
        if unresolved is None or self._around.now_s() - unresolved.proven_s > max(self._settle_s, 2 * LONGEST_WAIT_S):
            return ""
        return unresolved.proof

    def cancel_refused(self, key: ClientOrderId) -> None:
        """The broker has refused an order's cancel. Somebody wants the order to end; if it is not there, it has."""
        known = self._orders.get(key)
        if known is not None:
            known.cancel_refused, known.wait_s = True, FIRST_WAIT_S

    def forget(self, key: ClientOrderId) -> None:
        """What was found of an order says nothing any more: it is being sent again, or is over."""
        self._orders.pop(key, None)

    def next_s(self, *, only_open: bool = False) -> float | None:
        """When the next question is due; None when there is none."""
        keys = self.open if only_open else self._orders
        return min((self._orders[key].due_s for key in keys), default=None)

    async def look_into(self, quietly: "Callable[[Callable[[], Awaitable[None]]], Awaitable[bool]]") -> None:
        """Ask for those that are due; ``quietly`` does it if the broker answers."""
        for key, unresolved in list(self._orders.items()):
            now_s = self._around.now_s()
            if unresolved.due_s <= now_s:
                unresolved.due_s = now_s + unresolved.wait_s
                unresolved.wait_s = min(unresolved.wait_s * 2, LOST_WAIT_S if unresolved.is_lost else LONGEST_WAIT_S)
                self._note_overdue(key, unresolved)
                await quietly(lambda key=key, unresolved=unresolved: self._look_into(key, unresolved))  # type: ignore[misc]

    def _note_overdue(self, key: ClientOrderId, unresolved: UnresolvedOrder) -> None:
        """An order that stays unexplained for too long keeps its symbol from new risk; everything else trades on."""
        within_s = self._broker.capability.explain_within_s
        asked_s = self._around.now_s() - unresolved.since_s
        order = self._state.orders.find(key)
        if asked_s < within_s or order is None or order.state is not OrderState.UNKNOWN or key in self._state.overdue:
            return
        self._around.deliver([OrderOverdue(key, f"asked for {asked_s:.0f} s, and nothing explains it")])

    async def _look_into(self, key: ClientOrderId, unresolved: UnresolvedOrder) -> None:
        order = self._state.orders.find(key)
        if order is None or not self._evidence.can_tell(order) or self._is_ours_by_now(order):
            self.forget(key)
            return
        reach(CrashPoint.RECONCILING)
        asked_s = self._around.now_s()  # an answer says how things were after this, however late it is looked at
        found = await self._broker.find(order.terms)
        if found is None:
            await self._absent(order, unresolved, asked_s)
        elif await self._present(order, found, unresolved, asked_s) and self._orders.get(key) is unresolved:
            del self._orders[key]
        self._note_lost()

    # --- not there ----------------------------------------------------------------------------------------------------

    async def _absent(self, order: Order, unresolved: UnresolvedOrder, asked_s: float) -> None:
        """The broker shows no such order. That is proof only after it should have been shown, and not at once."""
        key = order.terms.client_order_id
        if is_external(key) and unresolved.by_force:
            await self._bring_alone(order, unresolved)
        if order.state.is_terminal:
            self.forget(key)
            return
        if self._says_nothing(order, unresolved, asked_s):
            unresolved.since_s, unresolved.negatives = self._around.now_s(), 0
            unresolved.last_record_id = order.last_record_id
            return
        after_s = asked_s - unresolved.since_s
        if after_s < self._settle_s:
            return
        if not self._evidence.can_prove_absence and order.state in UNANSWERED:
            reason = "the broker can't be asked for it by any id: `holdfast resolve` says what became of it"
            self._around.deliver([OrderOverdue(key, reason)])
            return
        if not await self._evidence.is_absent(order) or self._is_old(asked_s):
            unresolved.negatives = 0
            return
        unresolved.negatives += 1
        if unresolved.negatives < self._broker.capability.negatives or self._waits_for_its_partner(order):
            unresolved.due_s = self._around.now_s() + FIRST_WAIT_S
            return
        if self._orders.get(key) is unresolved:
            self._is_absent(order, unresolved, f"asked for {after_s:.1f} s, the broker has no such order")

    def _says_nothing(self, order: Order, unresolved: UnresolvedOrder, asked_s: float) -> bool:
        """Whether an answer that doesn't show an order counts for nothing, and asking begins anew.

        It waits for the rate limit or its answer; or something is known of it since; or the answer is of a time before a freeze, and what
        had not left yet may have left since.
        """
        is_news = order.last_record_id != unresolved.last_record_id
        return order.state is OrderState.RELEASED or is_news or self._is_old(asked_s)

    def _is_old(self, asked_s: float) -> bool:
        """Whether an answer says how things were, and not how they are: more has gone by since than an order needs to be shown."""
        return self._around.now_s() - asked_s > max(self._settle_s, OLD_S)

    def _waits_for_its_partner(self, order: Order) -> bool:
        """Whether the order that went together with it may still turn up: both are absent, or neither is."""
        partner = sent_with(self._around, order)
        if partner is None or partner.state not in UNANSWERED:
            return False
        known = self._orders.get(partner.terms.client_order_id)
        return known is None or known.negatives < self._broker.capability.negatives

    def _is_absent(self, order: Order, unresolved: UnresolvedOrder, proof: str) -> None:
        """It is proven that the broker has no such order."""
        key = order.terms.client_order_id
        if order.state in UNANSWERED and self.may_send_again(order):
            unresolved.proof, unresolved.proven_s = proof, self._around.now_s()
        elif order.state in UNANSWERED:
            self.forget(key)
            self._found([OrderNotSent(key, proof)])
        elif order.cancel_released_ns or unresolved.cancel_refused:
            self.forget(key)
            self._found([OrderCanceled(key, f"its cancel was asked for; {proof}")])
        elif not unresolved.is_lost:
            unresolved.is_lost = True
            self._found([OrderLost(key, f"{proof}, which it had accepted")])
            if not order.is_live:
                self.forget(key)

    async def _bring_alone(self, order: Order, unresolved: UnresolvedOrder) -> None:
        """Executions of an adopted order that the broker itself shows no longer."""
        fills = await self._broker.fills_since(order.created_ns - OVERLAP_NS)
        mine = [fill for fill in fills if fill.broker_order_id == order.broker_order_id]
        unresolved.by_force = False
        self._found([report for report in self._around.executions.missing(order, mine) if mine])

    def _note_lost(self) -> None:
        lost = [key for key, unresolved in self._orders.items() if unresolved.is_lost]
        if self._state.lost_orders is not Policy.QUARANTINE:
            lost = []
        reason = (
            f"the broker no longer shows {', '.join(lost)}, which it had accepted: `holdfast cancel` ends them here too"
        )
        self._around.monitor.set(Cause.LOST_ORDERS, ok=not lost, reason=reason if lost else "none is missing")

    # --- there --------------------------------------------------------------------------------------------------------

    async def _present(self, order: Order, found: BrokerOrder, unresolved: UnresolvedOrder, asked_s: float) -> bool:
        """Bring the books to what the broker shows of an order; whether they now are."""
        key = order.terms.client_order_id
        if order.state in NOT_THERE and found.state is not AtBroker.REJECTED:
            fault = _not_ours(order, found)
            if fault:
                self._found([OrderRejected(key, fault)])
                self._others(found)
                return True
            self._found([OrderAccepted(key, found.broker_order_id)])
        self._take_over(key, found)
        unresolved.negatives, unresolved.is_lost, unresolved.proof, unresolved.cancel_refused = 0, False, "", False
        if found.filled_quantity != order.filled_quantity or unresolved.by_force:
            await self._bring_fills(order, found, unresolved, asked_s)
        if found.filled_quantity == order.filled_quantity:
            unresolved.fewer_since_s = None
            self._end(order, found)
        agrees = found.filled_quantity == order.filled_quantity and order.is_live is (found.state is AtBroker.WORKING)
        came_to_nothing = agrees and order.is_live and order.cancel_released_ns
        works_on = not agrees and not order.is_live and found.filled_quantity == order.filled_quantity
        if came_to_nothing or (works_on and asked_s - unresolved.since_s >= self._settle_s):
            self._cancel(order)
        return agrees

    def _is_ours_by_now(self, order: Order) -> bool:
        """Whether an adopted order has turned out to be one of ours: that one is asked for in its place."""
        if not is_external(order.terms.client_order_id):
            return False
        orders = (*self._state.orders.live.values(), *self._state.orders.finished.values())
        same = (other for other in orders if other.broker_order_id == order.broker_order_id)
        return any(not is_external(other.terms.client_order_id) for other in same)

    def _take_over(self, key: ClientOrderId, found: BrokerOrder) -> None:
        """End what was adopted of an order that is ours after all; its executions go over with `Executions.missing`."""
        adopted = self._state.orders.live.get(external_order_id(found.broker_order_id))
        if adopted is not None and not is_external(key):
            self._found([OrderCanceled(adopted.terms.client_order_id, f"it is {key}, an order of ours")])

    def _cancel(self, order: Order) -> None:
        """Ask for an order's cancel once more: it works at the broker, and shouldn't."""
        key, gate = order.terms.client_order_id, self._around.account.gate
        if not gate.has_cancel(key):
            gate.hold([CancelOrder(key, order.cancel_released_ns or order.updated_ns)], 0)
            self._around.wake()

    async def _bring_fills(self, order: Order, found: BrokerOrder, unresolved: UnresolvedOrder, asked_s: float) -> None:
        since_ns = min(order.released_ns or order.created_ns, found.submitted_ns) - OVERLAP_NS
        fills = [
            fill for fill in await self._broker.fills_since(since_ns) if fill.broker_order_id == found.broker_order_id
        ]
        if sum(fill.quantity for fill in fills) != found.filled_quantity:
            return  # one of the two lags behind the other
        reports = self._around.executions.missing(order, fills)
        if found.filled_quantity < order.filled_quantity and not self._has_been_fewer(unresolved, asked_s):
            return  # this answer may be older than what the stream has told
        unresolved.by_force = False
        self._found(reports)

    def _has_been_fewer(self, unresolved: UnresolvedOrder, asked_s: float) -> bool:
        """Whether answers say so to questions that lie long enough apart: of a process that was frozen, both may be old."""
        if unresolved.fewer_since_s is None:
            unresolved.fewer_since_s = asked_s
        return asked_s - unresolved.fewer_since_s >= self._settle_s

    def _end(self, order: Order, found: BrokerOrder) -> None:
        """What the broker says of an order whose executions are all booked."""
        key = order.terms.client_order_id
        if not order.is_live:
            return
        if found.state is AtBroker.WORKING:
            if found.quantity != order.quantity and found.quantity > order.filled_quantity:
                self._found([OrderReplaced(key, found.quantity)])
        elif found.state is AtBroker.FILLED:  # it was made smaller there, or an execution was undone
            filled = f"{plain(order.filled_quantity)} of {plain(order.quantity)}"
            self._found([OrderCanceled(key, f"the broker says that it is done, with {filled}")])
        elif found.state is AtBroker.CANCELED:
            self._found([OrderCanceled(key, found.reason)])
        elif found.state is AtBroker.EXPIRED:
            self._found([OrderExpired(key, found.reason)])
        elif found.state is AtBroker.REJECTED:
            self._found([OrderRejected(key, found.reason)])

    def _found(self, reports: Sequence[BrokerReport]) -> None:
        self.found += len(reports)
        self._around.deliver(reports)


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
