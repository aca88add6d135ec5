"""Orders without an answer, followed up by one process at a time: claimed, explained, sent again where that is proven safe.

Explaining is the work of `unresolved.py`; here is decided what comes of an order that is proven not to be at the broker. Sent again, it
has its own id still, so that a broker which has it after all refuses the second.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import msgspec
import structlog

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import LiveBroker
from holdfast.config import SupervisorConfig
from holdfast.core import lifecycle
from holdfast.core.codec import is_external
from holdfast.core.drafts import raises
from holdfast.core.findings import SupervisorCycle
from holdfast.core.messages import Cycle, OrderNotSent
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError, JournalError, LockAcquisitionError
from holdfast.journal.claims import Claim, Claims
from holdfast.locks import Lock, LockManager
from holdfast.locks.lock import StoreUnreachable
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.unresolved import UNANSWERED, UnresolvedOrders

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_PAUSE_S = 60.0
"""Between two looks at an order that nothing explains."""

log = structlog.get_logger(__name__)


class Stores(NamedTuple):
    """Where claims and locks are kept, and who this process is there."""

    claims: Claims
    locks: LockManager
    worker: str


class Verdict(msgspec.Struct, frozen=True):
    """What came of one claim: which count it goes into, when the order is due again (None: it is not), and why."""

    count: str
    again_in_s: float | None = None
    error: str = ""


class StoreBroken(HoldfastError):
    """A store of claims or locks failed in a way that nobody foresaw: this cycle is over, the next may go better."""


async def _of_store(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a store answers. Only its faults are contained: one of the engine's own, met while deciding, ends the engine.

    Raises JournalError and LockAcquisitionError as the store does, and StoreBroken for everything else.
    """
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except (JournalError, LockAcquisitionError):
        raise
    except Exception as error:
        log.exception("a store of claims or locks failed")
        raise StoreBroken(f"{type(error).__name__}: {error}") from error


class Supervisor:
    """One account's. ``measure`` is told of every cycle, whether anything happened or not."""

    def __init__(
        self,
        account: AccountAtWork[LiveBroker],
        unresolved: UnresolvedOrders,
        clock: LiveClock,
        config: SupervisorConfig,
        stores: Stores,
        measure: Callable[[SupervisorCycle], None],
        wake: Callable[[], None],
    ) -> None:
        self._account = account
        self._state = account.state
        self._unresolved = unresolved
        self._clock = clock
        self.config = config
        self._stores = stores
        self._measure = measure
        self._wake = wake
        self._proven = asyncio.Event()
        self._open: set[str] = set()
        now_s = clock.monotonic_s()
        self._sweeps_s = [now_s, now_s + LONGEST_PAUSE_S + config.lease_s]
        self._untold = SupervisorCycle()
        self._last_error = ""
        unresolved.may_send_again = self._may_wait

    async def run(self) -> None:
        """A cycle from time to time, and as soon as an order is proven absent, until cancelled."""
        while True:
            self._proven.clear()
            await self.cycle()
            try:
                async with asyncio.timeout(self.config.interval_s):
                    await self._proven.wait()
            except TimeoutError:
                continue

    async def cycle(self) -> None:
        """Claim what is pending and due, and decide what comes of each order."""
        done = SupervisorCycle()
        if self._has_work():
            try:
                done = await self._under_lock()
            except LockAcquisitionError as error:
                lost = isinstance(error, StoreUnreachable)
                if not lost:
                    log.info(
                        "a cycle is skipped: another process has the lock", lock=f"supervisor:{self._account.name}"
                    )
                done = SupervisorCycle(errors=1, error=str(error)) if lost else SupervisorCycle(lock_skips=1)
            except (JournalError, StoreBroken) as error:
                done = SupervisorCycle(errors=1, error=str(error))
        if not done.errors and not done.lock_skips:
            done = msgspec.structs.replace(done, last_success_ns=self._clock.now_ns())
        self._measure(done)
        self._tell(done)

    def _has_work(self) -> bool:
        """Whether orders are pending, or claims may be left of some that were; those of an earlier run come due in a while."""
        is_due = bool(self._sweeps_s) and self._clock.monotonic_s() >= self._sweeps_s[0]
        return is_due or bool(self._open) or any(o.state in UNANSWERED for o in self._state.orders.live.values())

    async def _under_lock(self) -> SupervisorCycle:
        name, lease_s = f"supervisor:{self._account.name}", self.config.lease_s
        lock = await _of_store(self._stores.locks.acquire, name, 0.0, lease_s)
        try:
            return await self._work(lock)
        finally:
            await _of_store(lock.release)

    async def _work(self, lock: Lock) -> SupervisorCycle:
        claims, config = self._stores.claims, self.config
        pending = [key for key, order in self._state.orders.live.items() if order.state in UNANSWERED]
        await _of_store(claims.file, self._account.name, pending)
        taken = await _of_store(claims.take, self._account.name, self._stores.worker, config.batch, config.lease_s)
        if self._sweeps_s and self._clock.monotonic_s() >= self._sweeps_s[0]:
            del self._sweeps_s[0]
        self._open.update(pending)
        counts = dict.fromkeys(("submitted", "failed", "retryable", "skipped"), 0)
        for claim in taken:
            if not lock.is_held():
                break
            verdict = self._decide(claim)
            counts[verdict.count] += 1
            if verdict.again_in_s is None:
                self._open.discard(claim.client_order_id)
            await _of_store(claims.settle, claim, verdict.again_in_s, verdict.error)
        return msgspec.structs.replace(SupervisorCycle(claimed=len(taken)), **counts)

    def _decide(self, claim: Claim) -> Verdict:
        order = self._state.orders.find(claim.client_order_id)  # type: ignore[arg-type]
        if order is None or order.state not in UNANSWERED:
            return Verdict("skipped")
        pause_s = min(self.config.back_off_s * 2 ** (claim.attempts - 1), LONGEST_PAUSE_S)
        if order.state is not OrderState.UNKNOWN:
            return Verdict("skipped", pause_s, "its answer is under way")
        key = order.terms.client_order_id
        proof = self._unresolved.proof(key)
        if not proof:
            self._unresolved.add(key)
            return Verdict("retryable", pause_s, "the broker has not explained it yet")
        if not self._is_wanted(order):
            self._unresolved.forget(key)
            self._account.take_report(OrderNotSent(key, proof), self._clock.now_ns())
            self._wake()
            return Verdict("failed", None, proof)
        wait_s = self._back_off_s(order)
        if wait_s > 0:
            return Verdict("retryable", wait_s, proof)
        self._send_again(order)
        return Verdict("submitted", pause_s, proof)

    def _send_again(self, order: Order) -> None:
        self._unresolved.forget(order.terms.client_order_id)
        log.info("an order that never arrived is sent again", order=order.terms.client_order_id)
        self._account.keep(lifecycle.resend(self._state, order))
        self._wake()

    def _may_wait(self, order: Order) -> bool:
        """Whether an order that is proven absent is left to be sent again; then that is looked into at once."""
        if not self._is_wanted(order):
            return False
        self._proven.set()
        return True

    def _is_wanted(self, order: Order) -> bool:
        """Whether an order would be sent again: it could be told from a second one, and is as good as it was.

        One of an earlier epoch is somebody else's decision, made when things were different.
        """
        terms, state = order.terms, self._state
        kind = self._account.broker.capability.idempotency
        age_ns = self._clock.now_ns() - order.created_ns
        return (
            kind is IdempotencyClass.UNIQUE_ID
            and not is_external(terms.client_order_id)
            and state.ids.is_of_this_epoch(terms.client_order_id)
            and terms.oco_group is None
            and not order.cancel_released_ns
            and order.attempts <= self.config.resubmissions
            and age_ns < self.config.time_to_live_s * SECOND_NS
            and (terms.expires_ns is None or self._clock.now_ns() <= terms.expires_ns)
            and (state.account_state.takes_risk or not raises(state, order))
        )

    def _back_off_s(self, order: Order) -> float:
        """How long an order has to wait still since it got no answer; doubled with each time it was sent."""
        waited_s = (self._clock.now_ns() - order.updated_ns) / SECOND_NS
        return self.config.back_off_s * 2.0 ** (order.attempts - 1) - waited_s

    def _tell(self, done: SupervisorCycle) -> None:
        """Record what has happened since the last record; a quiet cycle, and an error that goes on, is none."""
        sums = {
            name: getattr(self._untold, name) + getattr(done, name)
            for name in ("claimed", "submitted", "failed", "retryable", "skipped", "errors", "lock_skips")
        }
        last_ns = done.last_success_ns or self._untold.last_success_ns
        self._untold = SupervisorCycle(**sums, last_success_ns=last_ns, error=done.error)
        is_news = done.claimed > 0 or (done.errors > 0 and done.error != self._last_error)
        self._last_error = done.error
        if is_news:
            self._account.inbox.append(Cycle(self._clock.now_ns(), self._untold))
            self._untold = SupervisorCycle(last_success_ns=last_ns)
            self._wake()
