"""Faults around a request: what the client is told, whatever the handler did."""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from holdfast.sim.alpaca.faults.audit import AuditedRequest
from holdfast.sim.alpaca.faults.connections import reset
from holdfast.sim.alpaca.faults.registry import Fault, FaultName

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World

UPDATES_PATHS = ("/stream", "/stream/")  # the second is what older clients ask for
_LOOK_EVERY_S = 0.05  # how soon a held connection notices that its client has gone: nothing tells it

BEFORE = (
    FaultName.MAINTENANCE_PAGE,
    FaultName.STORM_429,
    FaultName.UNAUTHORIZED,
    FaultName.NOT_ACCEPTED_THEN_504,
    FaultName.RESET_BEFORE,
)
"""In whose stead the handler never runs, in the order they are asked in."""
AFTER = (
    FaultName.ACCEPTED_THEN_TIMEOUT,
    FaultName.ACCEPTED_THEN_504,
    FaultName.RESET_AFTER,
    FaultName.UNPARSABLE_200,
    FaultName.SLOW,
)
"""What becomes of the answer of a handler that ran."""


def middleware(world: "World") -> Middleware:
    """The outermost middleware of the server: counts connections, audits order requests, and does the faults."""
    storm = count()

    @web.middleware
    async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim"):
            return await handler(request)
        world.faults.connections.met(request)
        entry = await world.faults.audit.receive(request, key_of(request), world.clock.now_ns)
        response = await _answer(world, request, handler, entry, storm)
        if entry is not None and not isinstance(response, Cut):
            entry.told = response.status
        return response

    return faulty


def key_of(request: web.Request) -> str | None:
    """The key id a request names, in a header of Alpaca's or by Basic authorization; None without one."""
    key = request.headers.get("APCA-API-KEY-ID")
    if key is not None:
        return key
    scheme, _, credentials = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


class Cut(web.Response):
    """Stands for an answer that never comes; nothing of it is written, for the connection is gone."""


async def _answer(
    world: "World", request: web.Request, handler: Handler, entry: AuditedRequest | None, storm: Iterator[int]
) -> web.StreamResponse:
    """What the client is told."""
    if world.faults.connections.away:
        return _cut(request)
    if request.headers.get(hdrs.UPGRADE) is not None:
        return await _upgrade(world, request, handler)
    fault = _taken(world, request, BEFORE) or _taken(world, request, AFTER)
    if entry is not None and fault is not None:
        entry.fault = fault.name.value
    if fault is not None and fault.name in BEFORE:
        return _instead(fault, request, storm)
    response = await _carried_out(handler, request)
    if entry is not None:
        entry.answered(response)
    return response if fault is None else await _SPOILT[fault.name](world, request, response, fault)


async def _upgrade(world: "World", request: web.Request, handler: Handler) -> web.StreamResponse:
    """A websocket; at the door of the trade updates it may be refused."""
    if request.path in UPDATES_PATHS and world.faults.take(FaultName.STREAM_REFUSED_429, stream="trade_updates"):
        return _json(429, {"message": "too many requests."})
    return await handler(request)


def _taken(world: "World", request: web.Request, names: tuple[FaultName, ...]) -> Fault | None:
    for name in names:
        fault = world.faults.take(name, method=request.method, path=request.path)
        if fault is not None:
            return fault
    return None


async def _carried_out(handler: Handler, request: web.Request) -> web.StreamResponse:
    """The handler's answer; an HTTP error it raised is one too (Alpaca's own errors are answers by then)."""
    try:
        return await handler(request)
    except web.HTTPException as raised:
        return raised


# --- in the handler's stead ------------------------------------------------------------------------------------------


def _instead(fault: Fault, request: web.Request, storm: Iterator[int]) -> web.Response:
    match fault.name:
        case FaultName.RESET_BEFORE:
            return _cut(request)
        case FaultName.STORM_429:
            return too_many_requests(next(storm))
        case FaultName.UNAUTHORIZED:
            return _json(401, {"message": "unauthorized."})
        case FaultName.MAINTENANCE_PAGE:
            return _page(503, "Down for maintenance")
        case _:
            return _page(504, "504 Gateway Time-out")


def too_many_requests(number: int) -> web.Response:
    """The ``number``-th 429 of a storm. Alpaca: observed with and without the headers, and with and without a code."""
    body: dict[str, object] = {"message": "too many requests."}
    if number // 2 % 2 == 0:
        body = {"code": 42910000, "message": "rate limit exceeded"}
    response = _json(429, body)
    if number % 2 == 0:
        limits = {"Limit": "200", "Remaining": "0", "Reset": str(int(time.time()) + 1)}
        response.headers.update({f"X-RateLimit-{name}": value for name, value in limits.items()})
    return response


# --- after the handler -----------------------------------------------------------------------------------------------


async def _silence(world: "World", request: web.Request, _: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    await _held(world, request, fault.seconds)
    return _cut(request)


async def _late(world: "World", request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    await _held(world, request, fault.seconds)
    return response


async def _gateway(_: "World", __: web.Request, ___: web.StreamResponse, ____: Fault) -> web.StreamResponse:
    return _page(504, "504 Gateway Time-out")


async def _reset(_: "World", request: web.Request, __: web.StreamResponse, ___: Fault) -> web.StreamResponse:
    return _cut(request)


async def _garbage(_: "World", __: web.Request, response: web.StreamResponse, ___: Fault) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    return web.Response(status=200, body=body[: len(body) // 2] or b"{", content_type="application/json")


_SPOILT: dict[FaultName, Callable[["World", web.Request, web.StreamResponse, Fault], Awaitable[web.StreamResponse]]] = {
    FaultName.ACCEPTED_THEN_TIMEOUT: _silence,
    FaultName.ACCEPTED_THEN_504: _gateway,
    FaultName.RESET_AFTER: _reset,
    FaultName.UNPARSABLE_200: _garbage,
    FaultName.SLOW: _late,
}


async def _held(world: "World", request: web.Request, seconds: float) -> None:
    """Let ``seconds`` go by, or less when the client or the server goes."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0 and not world.faults.connections.closing:
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(min(left_s, _LOOK_EVERY_S))


# --- answers ---------------------------------------------------------------------------------------------------------


def _cut(request: web.Request) -> web.Response:
    reset(request.transport)
    return Cut()


def _json(status: int, body: object) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def _page(status: int, title: str) -> web.Response:
    html = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return web.Response(status=status, text=html, content_type="text/html")
