"""A store of locks that is slow or away as a test wants it."""

from holdfast.locks.lock import LockManager, StoreUnreachable


class StoreThatFails(LockManager):
    """Grants everything, ``takes_s`` after it was asked, by the test's own clock."""

    shown = "a store of the test's own"

    def __init__(self, now_s: list[float]) -> None:
        self.takes_s = 0.0
        self.is_away = False
        self.given_back = 0
        self._now_s = now_s

    def take(self, name: str, token: str, lease_ms: int) -> int | None:
        self._answer()
        return 1

    def extend(self, name: str, token: str, lease_ms: int) -> bool:
        self._answer()
        return True

    def give_back(self, name: str, token: str) -> bool:
        self.given_back += 1
        self._answer()
        return True

    def close(self) -> None:
        pass

    def _answer(self) -> None:
        self._now_s[0] += self.takes_s
        if self.is_away:
            raise StoreUnreachable("it is away")
