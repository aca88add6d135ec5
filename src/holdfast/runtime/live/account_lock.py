"""The lock on an account at its broker, for engines that share no journal: by the broker's own id, in a store that they share."""

import asyncio
from contextlib import ExitStack

import structlog

from holdfast.core.messages import BrokerName
from holdfast.errors import LockAcquisitionError, Refused
from holdfast.journal.lease import Lease
from holdfast.locks import Lock, LockManager

TRY_EVERY_S = 0.5
LOOK_EVERY_S = 0.5

log = structlog.get_logger(__name__)


class AccountLock:
    """Held from `take` until `release`. What an engine that died has left is had when its lease is over."""

    def __init__(self, locks: LockManager, lease: Lease) -> None:
        self._locks = locks
        self._lease = lease
        self._stack = ExitStack()
        self._lock: Lock | None = None

    async def take(self, broker: BrokerName, account_id: str) -> None:
        """Have it, waiting for one lease at most. Raises LockAcquisitionError."""
        loop = asyncio.get_running_loop()
        name, ends_s = f"account:{broker}:{account_id}", loop.time() + self._lease.duration_s
        while self._lock is None:
            try:
                self._lock = await asyncio.to_thread(self._enter, name)
            except LockAcquisitionError as error:
                if loop.time() >= ends_s:
                    raise
                log.warning("the account at the broker may be traded with another journal", reason=str(error))
                await asyncio.sleep(TRY_EVERY_S)

    def _enter(self, name: str) -> Lock:
        return self._stack.enter_context(self._locks.lock(name, lease_s=self._lease.duration_s))

    @property
    def reason_to_keep(self) -> str | None:
        """Why nothing may be sent; None when it may. Any thread may ask."""
        if self._lock is not None and self._lock.is_held(self._lease.margin_s):
            return None
        return "the lock on the account at the broker is not held: an engine with another journal may have it"

    async def watch(self) -> None:
        """Go on until the lock is lost. Raises Refused then."""
        while self._lock is not None and self._lock.is_held():
            await asyncio.sleep(LOOK_EVERY_S)
        raise Refused(
            "the lock on the account at the broker was lost, and an engine with another journal may trade it; "
            "find out whether one does before starting again"
        )

    async def release(self) -> None:
        """Give it back; again does nothing."""
        await asyncio.to_thread(self._stack.close)
