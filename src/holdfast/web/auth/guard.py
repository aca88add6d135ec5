"""Stands before everything that is served: who is too far away, means another host or sends too much gets no further."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.config.access import AccessConfig
from holdfast.errors import HoldfastError
from holdfast.web import errors
from holdfast.web.auth.caller import KEY, Caller, caller_of, is_loopback_name, networks

LARGEST_BODY = 1 << 20
"""Bytes of a request."""
LARGEST_SIGNAL = 16 << 10
"""Bytes of a signal: an alert is a few lines."""
HOOKS = "/api/v1/hooks/"

NEAR_ONLY = (
    "only this machine is served, by its own name (127.0.0.1 or localhost) and without a proxy, until there are a user and "
    "a JWT_SECRET_KEY: `holdfast web user add NAME --role admin`"
)


class TooLarge(HTTPException):
    """More came than is taken: an HTTPException, since FastAPI makes 400 of any other that comes while it reads."""

    def __init__(self, most: int) -> None:
        text = f"the request is larger than the {most:,} bytes that are taken here"
        super().__init__(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, {"Connection": "close"}
        )  # what still comes is not read


class Guard:
    """An ASGI application in front of ``app``. ``is_open`` says whether anybody but this machine is served."""

    def __init__(self, app: ASGIApp, config: AccessConfig, is_open: Callable[[], bool]) -> None:
        self._app = app
        self._is_open = is_open
        self._proxies = networks(config.proxies)
        self._hosts = frozenset(host.lower() for host in config.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})  # there is none here
            return
        caller = caller_of(scope, self._proxies)
        scope[KEY] = caller
        try:
            fault = await self._fault(caller)
        except HoldfastError as error:
            await errors.answer(HTTPStatus.SERVICE_UNAVAILABLE, "users_unavailable", str(error))(scope, receive, send)
            return
        if fault:
            await errors.answer(HTTPStatus.FORBIDDEN, "forbidden", fault)(scope, receive, send)
            return
        await self._bounded(scope, receive, send)

    async def _fault(self, caller: Caller) -> str:
        """Why a request is not served at all; empty for nothing."""
        if caller.is_near:
            return ""
        if not await run_in_threadpool(self._is_open):
            return NEAR_ONLY
        if self._hosts and caller.host not in self._hosts and not is_loopback_name(caller.host):
            return "this host is not served under that name; hosts of [web.access] lists the names"
        return ""

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = LARGEST_SIGNAL if scope["path"].startswith(HOOKS) else LARGEST_BODY
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise TooLarge(most)
            return message

        if _announced(scope) > most:
            refusal = TooLarge(most)
            status = HTTPStatus(refusal.status_code)
            await errors.answer(status, "too_large", refusal.detail, dict(refusal.headers or {}))(scope, receive, send)
            return
        await self._app(scope, counted, send)


def _announced(scope: Scope) -> int:
    """How long the body says it is; 0 where it doesn't."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
