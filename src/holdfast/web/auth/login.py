"""Logging in: name, password and code, so many times and no more."""

from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from holdfast.config.access import AccessConfig
from holdfast.web.auth.caller import Caller
from holdfast.web.auth.limits import Limiter, sender
from holdfast.web.auth.passwords import Busy, Passwords
from holdfast.web.auth.store import Event, Store
from holdfast.web.auth.totp import SecondFactor
from holdfast.web.auth.users import By, User, Users
from holdfast.web.errors import TooMany, Unauthorised

WINDOW_S = 900.0
BY_ADDRESS, BY_NAME = 4, 20
"""How many times the tries of one name from one address: all of an address's, and all of a name's."""
WRONG = "name, password or code is wrong"


class CodeNeeded(Unauthorised):
    """The password is right, and the second factor is missing."""

    code = "code_needed"


class Credentials(NamedTuple):
    """What somebody logs in with."""

    name: str
    password: str
    code: str = ""


class Logins:
    """Checks credentials, and counts the tries."""

    def __init__(self, store: Store, config: AccessConfig, users: Users, passwords: Passwords) -> None:
        self._store = store
        self._users = users
        self._passwords = passwords
        self.second_factor = SecondFactor(store)
        tries = config.login_tries
        self._of_both = Limiter(tries, WINDOW_S)
        self._of_address = Limiter(tries * BY_ADDRESS, WINDOW_S)
        self._of_name = Limiter(tries * BY_NAME, WINDOW_S)

    async def check(self, given: Credentials, caller: Caller) -> User:
        """Who logs in. Raises `Unauthorised` and, where it was tried too often, `TooMany`: then nothing is looked at."""
        tries = self._take(given.name, caller.address)
        try:
            right = await self._passwords.unhurried(lambda: self._users.password_matches(given.name, given.password))
        except Busy:
            self._give_back(tries)
            raise
        try:
            user = await run_in_threadpool(self._second, given, right, caller.address)
        except CodeNeeded:
            self._give_back(tries)
            raise
        self._give_back(tries)
        return user

    async def confirm(self, name: str, code: str, by: By, caller: Caller) -> list[str] | None:
        """As `SecondFactor.confirm`, so many times and no more. Raises `TooMany`."""
        tries = self._take(name, caller.address)
        codes = await run_in_threadpool(self.second_factor.confirm, name, code, by)
        if codes is not None:
            self._give_back(tries)
        return codes

    def _second(self, given: Credentials, right: bool, address: str) -> User:
        """The user, if the password is right and the second factor is."""
        user = self._users.find(given.name)
        if right and user is not None and user.totp and not given.code:
            raise CodeNeeded("send the code of the second factor as well, as `code`")
        if user is None or not right or (user.totp and not self.second_factor.matches(user.name, given.code)):
            known = user.name if user is not None else "nobody"  # what was typed may be a password
            self._store.tell(Event(known, address, "login", known, "refused", WRONG))
            raise Unauthorised(WRONG)
        return user

    def _take(self, name: str, address: str) -> list[tuple[Limiter, object]]:
        """A try of each kind. Raises `TooMany`."""
        origin, short = sender(address), name[:80]
        taken: list[tuple[Limiter, object]] = []
        for limiter, key in ((self._of_both, (short, origin)), (self._of_address, origin), (self._of_name, short)):
            wait_s = limiter.take(key)
            if wait_s:
                self._give_back(taken)
                raise TooMany(f"too many failed logins; try again in {wait_s} seconds", {"Retry-After": str(wait_s)})
            taken.append((limiter, key))
        return taken

    @staticmethod
    def _give_back(taken: list[tuple[Limiter, object]]) -> None:
        for limiter, key in taken:
            limiter.give_back(key)
