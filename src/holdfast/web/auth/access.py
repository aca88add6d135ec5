"""All that decides who may, for one web process."""

import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from holdfast.config.access import AccessConfig
from holdfast.errors import HoldfastError, Refused
from holdfast.telemetry.secret import Secret
from holdfast.web.auth.caller import KEY, Caller, is_loopback, is_loopback_name
from holdfast.web.auth.identify import Identifier, shown
from holdfast.web.auth.keys import Keys
from holdfast.web.auth.limits import Limiter, sender
from holdfast.web.auth.login import Logins
from holdfast.web.auth.passwords import Passwords
from holdfast.web.auth.permissions import Means, Permission, Person
from holdfast.web.auth.sessions import Sessions
from holdfast.web.auth.store import Event, Store
from holdfast.web.auth.tokens import MAKE_ONE, VARIABLE, Tokens
from holdfast.web.auth.users import Users
from holdfast.web.auth.watch import Watched
from holdfast.web.errors import Forbidden, TooMany, Unauthorised
from holdfast.web.names import path_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF = "x-csrf-token"
PERSON = "holdfast.person"
KNOWN_S = 1.0
"""For so long it is believed that there are users, or none."""
REFUSALS_PER_MINUTE = 20
"""How many refusals of one sender are kept; more say nothing new, and must not fill the disk."""


class Access:
    """Users, sessions, tokens and keys of one web process. Nothing is opened before the first request.

    ``store`` is its database; ``key`` signs the tokens of programs; without one there are none.
    """

    def __init__(self, config: AccessConfig, store: Store, key: Secret | None) -> None:
        self.config = config
        self.store = store
        self.passwords = Passwords(config)
        self.users = Users(self.store, self.passwords)
        self.sessions = Sessions(self.store, config)
        self.tokens = None if key is None else Tokens(self.store, config, key)
        self.keys = Keys(self.store)
        self.logins = Logins(self.store, config, self.users, self.passwords)
        self.identifier = Identifier(self.users, self.sessions, self.tokens, self.keys)
        self._requests = Limiter(config.requests_per_minute, 60.0)
        self._refusals = Limiter(REFUSALS_PER_MINUTE, 60.0)
        self._has_users = Remembered(self.users.exist)
        self._watched = Watched()
        self.store.when_changed.append(self._watched.look_again)

    def is_open(self) -> bool:
        """Whether others than this machine are served. Raises `StoreError`."""
        return self.tokens is not None and self._has_users()

    def require_open(self, host: str) -> None:
        """Raise :class:`~holdfast.errors.Refused` unless it is safe to listen at ``host``."""
        if is_loopback(host) or is_loopback_name(host):
            return
        if not self.users.exist():
            raise Refused(
                f"{host} can be reached by other machines, and there is no user: `holdfast web user add NAME --role admin` first"
            )
        if self.tokens is None:
            raise Refused(f"{host} can be reached by other machines: that needs {VARIABLE}; make one: {MAKE_ONE}")

    async def admit(self, request: Request, permission: Permission) -> Person:
        """Who asks, if they may. Raises `Unauthorised`, `Forbidden` and `TooMany`."""
        person = request.scope.get(PERSON)
        if not isinstance(person, Person):
            person = await self._identified(request)
            request.scope[PERSON] = person
        if permission not in person.permissions:
            text = f"{request.method} {path_of(request)[:80]} needs {permission}"
            await self.refused(person.who, caller_of(request), text)
            raise Forbidden(f"{person.who} may not: that needs the permission {permission}")
        return person

    async def admit_key(self, request: Request, text: str, permission: Permission) -> Person:
        """As `admit`, for a key that came in the body. Raises the same."""
        caller = caller_of(request)
        person = await run_in_threadpool(self.identifier.by_key, text, caller.address)
        if person is None:
            await self.refused("nobody", caller, "a token in the body is no key")
            raise Unauthorised("the token is no key, or its key was removed")
        self.take_request(person)
        request.scope[PERSON] = person
        return await self.admit(request, permission)

    async def _identified(self, request: Request) -> Person:
        caller = caller_of(request)
        try:
            person = await run_in_threadpool(self.identifier.person, await shown(request, caller), self.store.now_ns())
        except Unauthorised as error:
            if "authorization" in request.headers or "webhook-signature" in request.headers:
                await self.refused("nobody", caller, str(error))
            raise
        self.take_request(person)
        if request.method not in SAFE and person.means in (Means.SESSION, Means.LOCAL):
            await self._check_page(request, caller, person)
        return person

    @asynccontextmanager
    async def while_good(self, request: Request, end: Callable[[], None]) -> AsyncIterator[None]:
        """While something is sent for long: ``end`` is called once who asked may have it no longer."""
        person = request.scope.get(PERSON)

        async def is_good() -> bool:
            return not isinstance(person, Person) or await self._is_still(request, person)

        async with self._watched.watching(is_good, end):
            yield

    async def _is_still(self, request: Request, person: Person) -> bool:
        if person.means is Means.SIGNATURE:
            return False  # it was for one request
        try:
            found = await shown(request, caller_of(request))
            now = await run_in_threadpool(self.identifier.person, found, self.store.now_ns())
        except HoldfastError:
            return True  # the next look may say more
        except Unauthorised:
            return False
        return now == person

    def take_request(self, person: Person) -> None:
        """Count a request. Raises `TooMany`."""
        wait_s = self._requests.take((person.name, person.key))
        if wait_s:
            raise TooMany(
                f"{person.who} asks more than {self.config.requests_per_minute} times a minute; wait {wait_s} seconds",
                {"Retry-After": str(wait_s)},
            )

    async def _check_page(self, request: Request, caller: Caller, person: Person) -> None:
        """Make sure that a browser's request comes from our own page. Raises `Forbidden`."""
        fault = self.fault_of_origin(request, caller)
        if not fault and person.csrf and not _same(request.headers.get(CSRF, ""), person.csrf):
            fault = "send `csrf` from /api/v1/me as the header X-CSRF-Token"
        if fault:
            await self.refused(person.who, caller, fault)
            raise Forbidden(fault)

    def fault_of_origin(self, request: Request, caller: Caller) -> str:
        """Why a request that changes something is none of our page's, nor of a program's; empty for nothing."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none"):
            return "another site asked for this; open the page itself"
        origins = request.headers.getlist("origin")
        if not origins:
            return ""
        netloc = urlsplit(origins[0]).netloc.lower() if len(origins) == 1 else ""
        ours = {caller.netloc, *(host.lower() for host in self.config.hosts)}
        return "" if netloc and netloc in ours else "another site asked for this (Origin); open the page itself"

    async def refused(self, who: str, caller: Caller, text: str) -> None:
        """Keep a refusal, unless this sender had many just now."""
        if not self._refusals.take(sender(caller.address)):
            event = Event(who, caller.address, "request", outcome="refused", text=text)
            await run_in_threadpool(self.store.tell, event)

    def close(self) -> None:
        """Let the database and the threads go."""
        self.passwords.close()
        self.store.close()


class Remembered:
    """An answer that is asked for at most every `KNOWN_S`."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._known: tuple[bool, float] | None = None

    def __call__(self) -> bool:
        """The answer."""
        now_s = time.monotonic()
        if self._known is None or now_s - self._known[1] > KNOWN_S:
            self._known = self._ask(), now_s
        return self._known[0]


def caller_of(request: Request) -> Caller:
    """Where a request comes from, as the guard found."""
    caller = request.scope[KEY]
    assert isinstance(caller, Caller)  # noqa: S101 - the guard stands before everything
    return caller


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
