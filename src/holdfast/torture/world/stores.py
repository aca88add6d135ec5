"""Claims and locks as several processes share them: what `journal.claims` and `locks` promise, in virtual time."""

from collections.abc import Callable, Iterable

import msgspec

from holdfast.errors import LockAcquisitionError
from holdfast.journal.claims import Claim
from holdfast.locks.lock import StoreUnreachable
from holdfast.torture.world.loop import Process


class Pending(msgspec.Struct):
    """An order that is to be looked into: when it is due, and until when somebody has it."""

    due_s: float
    until_s: float = 0.0
    fence: int = 0
    attempts: int = 0


class SharedStore:
    """What outlives processes. ``is_lost`` is asked before each lock is given: whether the store gives no answer now."""

    def __init__(self, now_s: Callable[[], float], is_lost: Callable[[], bool]) -> None:
        self.pending: dict[str, Pending] = {}
        self.locks: dict[str, tuple[object, float]] = {}
        """Who has a lock, and until when."""
        self.now_s = now_s
        self.is_lost = is_lost


class WorldClaims:
    """`journal.claims.Claims`, for one process."""

    def __init__(self, store: SharedStore, process: Process) -> None:
        self._store = store
        self._process = process

    def file(self, _account: str, client_order_ids: Iterable[str]) -> None:
        """Have orders looked into."""
        self._process.check()
        for key in sorted(client_order_ids):
            self._store.pending.setdefault(key, Pending(self._store.now_s()))

    def take(self, account: str, worker: str, limit: int, lease_s: float) -> list[Claim]:
        """Claim those that are due and that nobody has."""
        self._process.check()
        now_s, found = self._store.now_s(), []
        free = [(row.due_s, key) for key, row in self._store.pending.items() if max(row.due_s, row.until_s) <= now_s]
        for _, key in sorted(free)[:limit]:
            row = self._store.pending[key]
            row.until_s, row.fence, row.attempts = now_s + lease_s, row.fence + 1, row.attempts + 1
            found.append(Claim(account, key, worker, row.fence, row.attempts))
        return found

    def settle(self, claim: Claim, next_try_in_s: float | None, _error: str = "") -> bool:
        """End a claim; False when somebody else has it by now."""
        self._process.check()
        row = self._store.pending.get(claim.client_order_id)
        if row is None or row.fence != claim.fence:
            return False
        if next_try_in_s is None:
            del self._store.pending[claim.client_order_id]
        else:
            row.due_s, row.until_s = self._store.now_s() + next_try_in_s, 0.0
        return True


class WorldLock:
    """A lock that was given."""

    def __init__(self, store: SharedStore, name: str, ends_s: float) -> None:
        self._store = store
        self._name = name
        self._ends_s = ends_s

    def is_held(self) -> bool:
        """Whether it is, by our own clock."""
        return self._store.now_s() < self._ends_s

    def release(self) -> None:
        """Give it back, if it is ours."""
        if self._store.locks.get(self._name, (None, 0.0))[0] is self:
            del self._store.locks[self._name]


class WorldLocks:
    """`locks.LockManager`, for one process."""

    def __init__(self, store: SharedStore, process: Process) -> None:
        self._store = store
        self._process = process

    def acquire(self, name: str, _timeout_s: float = 0.0, lease_s: float = 30.0) -> WorldLock:
        """The lock. Raises LockAcquisitionError when somebody has it, StoreUnreachable when the store is silent."""
        self._process.check()
        now_s = self._store.now_s()
        if self._store.is_lost():
            raise StoreUnreachable("the store of locks gives no answer; see to it")
        if self._store.locks.get(name, (None, 0.0))[1] > now_s:
            raise LockAcquisitionError(f"lock {name!r} is held by somebody else")
        lock = WorldLock(self._store, name, now_s + lease_s)
        self._store.locks[name] = lock, now_s + lease_s
        return lock
