"""Logging in and out: a session for browsers, tokens for programs."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.web.answers import json_answer
from holdfast.web.api import bodies
from holdfast.web.auth.access import Access, caller_of
from holdfast.web.auth.caller import Caller
from holdfast.web.auth.depends import Private, TheAccess, User, by
from holdfast.web.auth.identify import cookie_name
from holdfast.web.auth.login import Credentials
from holdfast.web.auth.permissions import READ, Permission, Person, may
from holdfast.web.auth.sessions import csrf_of
from holdfast.web.auth.tokens import MAKE_ONE, VARIABLE, Pair, Reused, Tokens
from holdfast.web.auth.users import User as Account
from holdfast.web.errors import Conflict, Unauthorised
from holdfast.web.schemas import one

router = APIRouter(tags=["login"])


class LoggedIn(msgspec.Struct, frozen=True):
    """Who has logged in."""

    name: str
    role: str
    permissions: list[str]
    csrf: str
    """To be sent back with every write, as ``X-CSRF-Token``."""
    totp: bool


class TokenPair(msgspec.Struct, frozen=True):
    """What a program gets."""

    access_token: str
    refresh_token: str
    """Good once: the answer has the next one."""
    token_type: str
    expires_in: int
    """Seconds."""


@router.post("/login", responses=one(LoggedIn))
async def log_in(body: bodies.Login, caller: Private, access: TheAccess, request: Request) -> Response:
    """Begin a session: its cookie comes with the answer. `code` is needed where there is a second factor."""
    user = await access.logins.check(Credentials(body.name, body.password, body.code), caller)
    return await run_in_threadpool(_begin, access, user, caller, request)


@router.post("/logout", status_code=204)
def log_out(person: Annotated[Person, Depends(may(READ))], access: TheAccess, request: Request) -> Response:
    """End the session."""
    name = cookie_name(caller_of(request))
    token = request.cookies.get(name)
    if token is not None:
        access.sessions.end(token, person.address)
    answer = Response(status_code=204)
    answer.set_cookie(name, "", max_age=0, **_form(caller_of(request)))
    return answer


@router.post("/me/password", responses=one(LoggedIn))
async def change_password(
    body: bodies.OwnPassword, person: User, caller: Private, access: TheAccess, request: Request
) -> Response:
    """Change one's own password. All sessions and tokens end; the answer begins a session anew."""
    user = await access.logins.check(Credentials(person.name, body.password, body.code), caller)

    def change() -> bool:
        access.users.set_password(user.name, body.new_password, by(person))
        return True

    await access.passwords.unhurried(change)
    return await run_in_threadpool(_begin, access, user._replace(generation=user.generation + 1), caller, request)


@router.post("/token", responses=one(TokenPair))
async def get_token(body: bodies.Login, caller: Private, access: TheAccess) -> Response:
    """Tokens for a program: one for requests, as `Authorization: Bearer`, and one to get the next pair with."""
    tokens = _tokens(access)
    user = await access.logins.check(Credentials(body.name, body.password, body.code), caller)
    return _pair(await run_in_threadpool(tokens.begin, user, caller.address))


@router.post("/token/refresh", responses=one(TokenPair))
def refresh_token(body: bodies.Refresh, caller: Private, access: TheAccess) -> Response:
    """The next pair. A refresh token that comes a second time was stolen: then its whole login is void."""
    try:
        pair = _tokens(access).refresh(body.refresh_token, caller.address)
    except Reused:
        raise Unauthorised("this refresh token was used before, so its login is void: log in again") from None
    if pair is None:
        raise Unauthorised("the refresh token is unknown or over: log in again")
    return _pair(pair)


@router.post("/token/revoke", status_code=204)
def revoke_token(body: bodies.Refresh, caller: Private, access: TheAccess) -> Response:
    """End a program's login, with all its tokens. An unknown token is no error."""
    _tokens(access).revoke(body.refresh_token, caller.address)
    return Response(status_code=204)


def _begin(access: Access, user: Account, caller: Caller, request: Request) -> Response:
    """A session, in place of the one that the browser had."""
    name = cookie_name(caller)
    token = access.sessions.begin(user, caller.address, request.cookies.get(name))
    permissions = [permission.value for permission in Permission if permission in user.permissions]
    answer = json_answer(LoggedIn(user.name, user.role, permissions, csrf_of(token), user.totp))
    answer.set_cookie(name, token, max_age=int(access.config.session_s), **_form(caller))
    return answer


def _form(caller: Caller) -> dict[str, Any]:
    return {"path": "/", "secure": caller.is_tls, "httponly": True, "samesite": "strict"}


def _tokens(access: Access) -> Tokens:
    if access.tokens is None:
        raise Conflict(f"there are no tokens without {VARIABLE}: set it where `holdfast web` runs ({MAKE_ONE})")
    return access.tokens


def _pair(pair: Pair) -> Response:
    return json_answer(TokenPair(pair.access, pair.refresh, "bearer", pair.expires_s))
