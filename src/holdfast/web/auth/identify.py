"""From what a request brings to who asks: a key, a token, a signature, a session's cookie, or being on this machine."""

from typing import NamedTuple

from starlette.requests import Request

from holdfast.web.auth import chance, signatures
from holdfast.web.auth.caller import Caller
from holdfast.web.auth.guard import HOOKS
from holdfast.web.auth.keys import FORM, Good, Keys, signing_bytes
from holdfast.web.auth.permissions import LOCAL, Means, Permission, Person, Role
from holdfast.web.auth.sessions import PLAIN_COOKIE, SECURE_COOKIE, Sessions
from holdfast.web.auth.tokens import Tokens
from holdfast.web.auth.users import User, Users
from holdfast.web.errors import Unauthorised
from holdfast.web.names import path_of

HOW = {"WWW-Authenticate": "Bearer"}
LONGEST_TOKEN = 4096


class Shown(NamedTuple):
    """What a request brings to show who asks."""

    caller: Caller
    bearer: str | None
    """After ``Authorization: Bearer``; empty when that header is something else."""
    signed: bytes | None
    """What a signature has to be over; None for a request without one."""
    claim: signatures.Claim | None
    key: str
    cookie: str | None
    is_hook: bool


async def shown(request: Request, caller: Caller) -> Shown:
    """What a request brings. Raises `Unauthorised` for a signature that is none."""
    headers = request.headers
    given = headers.getlist("authorization")
    bearer = _bearer(given) if given else None
    cookie = request.cookies.get(cookie_name(caller))
    is_hook = path_of(request).startswith(HOOKS)
    if signatures.SIGNATURE not in headers:
        return Shown(caller, bearer, None, None, "", cookie, is_hook)
    try:
        claim = signatures.read(headers)
    except signatures.BadSignature as error:
        raise Unauthorised(str(error), HOW) from None
    key = headers.get(signatures.KEY) or request.query_params.get("key", "")
    return Shown(caller, bearer, await _signed(request, is_hook), claim, key, cookie, is_hook)


def cookie_name(caller: Caller) -> str:
    """The session's cookie, as browsers can keep it."""
    return SECURE_COOKIE if caller.is_tls else PLAIN_COOKIE


async def _signed(request: Request, is_hook: bool) -> bytes:
    """What is signed: the body, and outside the hooks the route as well."""
    body = await request.body()
    if is_hook:
        return body
    target = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return signatures.command_bytes(request.method, target, body)


def _bearer(given: list[str]) -> str:
    scheme, _, text = given[0].partition(" ")
    is_one = len(given) == 1 and scheme.lower() == "bearer"
    return text.strip() if is_one and len(text) <= LONGEST_TOKEN else ""


class Identifier:
    """Finds out who asks."""

    def __init__(self, users: Users, sessions: Sessions, tokens: Tokens | None, keys: Keys) -> None:
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._keys = keys

    def person(self, shown: Shown, now_ns: int) -> Person:
        """Who asks. Raises `Unauthorised`. Whatever is shown must be good: nothing else is tried in its place."""
        address = shown.caller.address
        if shown.bearer is not None:
            return self._by_bearer(shown.bearer, address)
        if shown.claim is not None:
            return self._by_signature(shown, shown.claim, now_ns)
        session = None if shown.cookie is None else self._sessions.find(shown.cookie)
        if session is not None:
            return _person(session.user, address, Means.SESSION, csrf=session.csrf)
        if shown.caller.is_near and not self._users.exist():
            return Person(LOCAL, Role.ADMIN, tuple(Permission), address)
        raise Unauthorised("log in first, or send a token or a key as `Authorization: Bearer ...`", HOW)

    def by_key(self, text: str, address: str) -> Person | None:
        """Who asks with a key, as a text."""
        good = self._keys.find(text)
        return None if good is None else _by_key(good, address, Means.KEY)

    def _by_bearer(self, text: str, address: str) -> Person:
        if FORM.fullmatch(text):
            person = self.by_key(text, address)
            if person is not None:
                return person
            raise Unauthorised("the key is unknown, or was removed", HOW)
        user = self._tokens.find(text) if self._tokens is not None else None
        if user is None:
            raise Unauthorised("the token is not good, or not any more; get another at /api/v1/token", HOW)
        return _person(user, address, Means.TOKEN)

    def _by_signature(self, shown: Shown, claim: signatures.Claim, now_ns: int) -> Person:
        found = self._keys.signing(shown.key)
        if found is None:
            text = (
                f"name the signing key by its prefix, in the header {signatures.KEY} or as ?key=; this one is unknown"
            )
            raise Unauthorised(text, HOW)
        good, secret = found
        try:
            until_ns = signatures.check(claim, signing_bytes(secret), shown.signed or b"", now_ns)
        except signatures.BadSignature as error:
            raise Unauthorised(str(error), HOW) from None
        used = _used_up(claim, shown.is_hook)
        if not self._keys.use_once(good, used, until_ns):
            raise Unauthorised(
                f"{signatures.ID} {claim.id} was taken already: each request needs an id of its own", HOW
            )
        return _by_key(good, shown.caller.address, Means.SIGNATURE)


def _used_up(claim: signatures.Claim, is_hook: bool) -> str:
    """What a signed request uses up. A webhook is sent again under its id with a new time, and its signal is taken once all the same."""
    return chance.digest(f"{claim.id}.{claim.timestamp_s}" if is_hook else claim.id)


def _person(user: User, address: str, means: Means, csrf: str = "") -> Person:
    permissions = _ordered(user.permissions)
    return Person(user.name, user.role, permissions, address, means, csrf=csrf, totp=user.totp)


def _by_key(good: Good, address: str, means: Means) -> Person:
    key, user = good.key, good.user
    return Person(user.name, user.role, _ordered(good.permissions), address, means, key.prefix, key.strategy)


def _ordered(permissions: frozenset[Permission]) -> tuple[Permission, ...]:
    return tuple(permission for permission in Permission if permission in permissions)
