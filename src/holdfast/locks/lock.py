"""Locks that several processes share: held for a while, renewed meanwhile, given back by their token.

A holder trusts its own clock only: a lock counts as held until ``lease_s`` after the *beginning* of the last request that the
store confirmed, so an answer that comes late, or not at all, never makes it longer than the store has it. Once lapsed it is not
held again. Each holder of a name gets a greater ``fence`` than the one before.
"""

import logging
import random
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.errors import InvalidValue, LockAcquisitionError
from holdfast.telemetry.clock import boot_time_s

NAME_LENGTH = 128
"""The longest name of a lock, in characters."""
SHORTEST_LEASE_S = 0.1
"""A lease has to outlive a few requests to the store."""
PAUSE_S = 0.02
"""The longest pause between the first two tries to get a lock that somebody else has; it grows up to `LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S = 0.3

logger = logging.getLogger(__name__)


class StoreUnreachable(LockAcquisitionError):
    """The store of the locks gives no answer: whether a lock is held there is not known, and so it is not held here."""


class LockManager(ABC):
    """Hands out the locks of one store. Safe to use from any thread."""

    @contextmanager
    def lock(self, name: str, timeout_s: float = 0.0, lease_s: float = 30.0) -> Iterator["Lock"]:
        """Hold the lock ``name`` inside; it is renewed in the background every third of ``lease_s``.

        Waits for it up to ``timeout_s``. Raises :class:`~holdfast.errors.LockAcquisitionError` when somebody else has it all
        that time, and when the store gives no answer.
        """
        lock = self.acquire(name, timeout_s, lease_s)
        stopped = threading.Event()
        renewer = threading.Thread(target=_renew, args=(lock, stopped), name=f"lock {name}", daemon=True)
        renewer.start()
        try:
            yield lock
        finally:
            stopped.set()
            renewer.join()
            lock.release()

    def acquire(self, name: str, timeout_s: float = 0.0, lease_s: float = 30.0) -> "Lock":
        """The lock, for who renews and releases it himself. Raises as `lock` does."""
        if not name or len(name) > NAME_LENGTH or not name.isprintable():
            raise InvalidValue(f"a lock's name has 1 to {NAME_LENGTH} printable characters, not {name!r}")
        if lease_s < SHORTEST_LEASE_S:
            raise InvalidValue(
                f"lock {name!r} can't be held for {lease_s} s; its lease is {SHORTEST_LEASE_S} s or more"
            )
        token = secrets.token_hex(16)
        ends_s = time.monotonic() + timeout_s
        pauses_s = _pauses()
        while True:
            started_s = boot_time_s()
            fence = self._try(name, token, lease_s)
            if fence is not None:
                lock = Lock(self, name, token, fence, lease_s, started_s)
                if lock.is_held():
                    return lock
                lock.release()
                raise StoreUnreachable(f"lock {name!r} in {self.shown} was granted after its {lease_s:g} s were over")
            if time.monotonic() >= ends_s:
                raise LockAcquisitionError(
                    f"lock {name!r} in {self.shown} is held by somebody else (waited {timeout_s:g} s); "
                    "wait until it is given back, or find out who has it"
                )
            time.sleep(max(0.0, min(ends_s - time.monotonic(), next(pauses_s))))

    def _try(self, name: str, token: str, lease_s: float) -> int | None:
        try:
            return self.take(name, token, round(lease_s * 1000))
        except StoreUnreachable:
            self.try_to_give_back(name, token)  # it may have been granted all the same
            raise

    def try_to_give_back(self, name: str, token: str) -> None:
        """Give a lock back if that can be done now; else it lapses by itself."""
        try:
            self.give_back(name, token)
        except StoreUnreachable as error:
            logger.warning("lock %r can't be given back now and lapses by itself (%s)", name, error)

    @property
    @abstractmethod
    def shown(self) -> str:
        """The store, as people are told, without a password."""

    @abstractmethod
    def take(self, name: str, token: str, lease_ms: int) -> int | None:
        """Ask the store for a lock: the fence, None when another token has it. Raises StoreUnreachable."""

    @abstractmethod
    def extend(self, name: str, token: str, lease_ms: int) -> bool:
        """Ask the store for ``lease_ms`` from now on; False when the token has it no longer. Raises StoreUnreachable."""

    @abstractmethod
    def give_back(self, name: str, token: str) -> bool:
        """Tell the store that the token's lock is free; False when it had it no longer. Raises StoreUnreachable."""

    @abstractmethod
    def close(self) -> None:
        """Let connections go. Locks that are still held lapse."""


class Lock:
    """A lock that was had: ``fence`` is greater than that of any holder before. Safe to use from any thread."""

    def __init__(
        self, manager: LockManager, name: str, token: str, fence: int, lease_s: float, started_s: float
    ) -> None:
        self.name = name
        self.token = token
        self.fence = fence
        self.lease_s = lease_s
        self._manager = manager
        self._deadline_s = started_s + lease_s
        self._is_lost = False

    def is_held(self, for_s: float = 0.0) -> bool:
        """Whether it is certainly ours for ``for_s`` from now on, by our own clock. Once it is not ours, it never is again."""
        now_s = boot_time_s()
        if now_s >= self._deadline_s:
            self._is_lost = True
        return not self._is_lost and now_s + for_s < self._deadline_s

    def renew(self) -> bool:
        """Hold it for another lease from now on; False when it was lost.

        Raises :class:`~holdfast.errors.LockAcquisitionError` when the store gives no answer: then nothing is counted, and it is
        held until the deadline that it had.
        """
        started_s = boot_time_s()
        confirmed = self.is_held() and self._manager.extend(self.name, self.token, round(self.lease_s * 1000))
        if confirmed and self.is_held():
            self._deadline_s = started_s + self.lease_s
        else:
            self._is_lost = True
        return not self._is_lost

    def release(self) -> None:
        """Give it back, if it is still ours there; a store that gives no answer lets it lapse."""
        self._is_lost = True
        self._manager.try_to_give_back(self.name, self.token)


def _pauses() -> Iterator[float]:
    """Ever longer, and by chance, so that two don't meet again and again."""
    longest_s = PAUSE_S
    while True:
        yield random.uniform(longest_s / 4, longest_s)  # noqa: S311 - it keeps no secret
        longest_s = min(longest_s * 1.5, LONGEST_PAUSE_S)


def _renew(lock: Lock, stopped: threading.Event) -> None:
    """Renew a lock until it is given back or lost; without an answer it is asked for more often."""
    pause_s = lock.lease_s / 3
    while not stopped.wait(pause_s) and lock.is_held():
        try:
            if not lock.renew():
                break
            pause_s = lock.lease_s / 3
        except LockAcquisitionError as error:
            pause_s = lock.lease_s / 12
            logger.warning("lock %r is not renewed: %s", lock.name, error)
    if not stopped.is_set():
        logger.error("lock %r was lost: it lapsed before it was renewed, or somebody else has it", lock.name)
