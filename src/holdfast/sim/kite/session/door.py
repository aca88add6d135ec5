"""Who is asking: the token of a request, its limit, and from where orders may come."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from holdfast.sim.kite.errors import KiteError, no_token
from holdfast.sim.kite.session.limits import Kind
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.world import WORLD

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AccountHandler = Callable[[web.Request, KiteAccount], Awaitable[web.StreamResponse]]


def key_of(request: web.Request) -> str | None:
    """The api key that a request names; None without one."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "token":
        return value.partition(":")[0] or None
    return request.query.get("api_key")


def account_of(request: web.Request) -> KiteAccount:
    """The account of a request by its header (``token api_key:access_token``). Raises `KiteError` (403)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    api_key, _, token = value.partition(":")
    world = request.app[WORLD]
    account = world.accounts.find(api_key) if scheme.lower() == "token" else None
    if account is None:
        raise no_token()
    account.tokens.check(token, world.clock.now_ns)
    return account


def guarded(handle: AccountHandler, kind: Kind = Kind.OTHER) -> Handler:
    """A handler behind the door: it gets the account, and its refusals become answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            account = account_of(request)
            account.limits.spend(kind)
            if kind is Kind.ORDER:
                check_address(request)
            return await handle(request, account)
        except KiteError as error:
            return error.response()

    return answer


def open_to_all(handle: Handler) -> Handler:
    """A handler that needs no token; its refusals become answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except KiteError as error:
            return error.response()

    return answer


def check_address(request: web.Request) -> None:
    """Orders come only from addresses that were named (exchanges' rule since 1 April 2026); all else may come from anywhere."""
    allowed = request.app[WORLD].accounts.allowed
    if allowed and request.remote not in allowed:
        text = f"IP ({request.remote}) is not allowed to place orders for this app"
        raise KiteError(403, "PermissionException", text)
