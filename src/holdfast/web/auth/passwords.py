"""Passwords: what may be one, and how one is checked. Only the hash is ever kept."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from holdfast.config.access import AccessConfig
from holdfast.errors import InvalidValue
from holdfast.web.errors import TooMany

SHORTEST, LONGEST = 10, 256
"""Characters of a password. A long one costs no more to check, a huge one is no password."""
WAITING_PER_CHECK = 8
"""How many may wait for each that is checked at a time; more are sent away."""
BUSY_S = 3
"""After how many seconds it may be tried again then."""


class Busy(TooMany):
    """More passwords are to be checked than there is time for."""

    def __init__(self) -> None:
        super().__init__("too many log in just now", {"Retry-After": str(BUSY_S)})


class Passwords:
    """Hashes passwords with argon2id, at the price that the configuration names."""

    def __init__(self, config: AccessConfig) -> None:
        self._hasher = PasswordHasher(config.password_passes, config.password_memory_kib, config.password_lanes)
        self._at_once = config.logins_at_once
        self._threads: ThreadPoolExecutor | None = None
        self._asked = 0
        self._nobodys = ""

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        return self._hasher.hash(_plain(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was kept. Nobody's (None) takes as long to check, and is never right."""
        if kept is None and not self._nobodys:
            self._nobodys = self._hasher.hash("a password that nobody has")
        try:
            self._hasher.verify(kept or self._nobodys, _plain(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed at another price."""
        return self._hasher.check_needs_rehash(kept)

    async def unhurried(self, work: Callable[[], bool]) -> bool:
        """Do ``work`` that hashes, a few at a time. Raises `Busy` when too many wait already.

        Each takes tens of megabytes: without a bound, logging in wrongly many times at once would be an attack on the machine.
        """
        if self._asked >= self._at_once * (1 + WAITING_PER_CHECK):
            raise Busy
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._at_once, "password")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._asked -= 1

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown()


def check_new(name: str, password: str) -> str:
    """``password``, if ``name`` may have it. Raises :class:`~holdfast.errors.InvalidValue`, which doesn't show it."""
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidValue(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(plain)) < 5 or name in plain.lower():
        raise InvalidValue("the password is too easy to guess: use five different characters or more, and not the name")
    return password


def _plain(password: str) -> str:
    """The same text however a keyboard composes its accents; what is too long to be one is cut, so that it costs nothing."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])
