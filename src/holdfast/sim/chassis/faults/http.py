"""Faults around a request: what the client is told, whatever the handler did. What a broker's own answers look like, its `Manners` say."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.audit import AuditedRequest
from holdfast.sim.chassis.faults.connections import reset
from holdfast.sim.chassis.faults.registry import Fault, Faults

_LOOK_EVERY_S = 0.05  # how soon a held connection notices that its client has gone: nothing tells it


class Faulty(Protocol):
    """A world whose server can go wrong."""

    clock: MarketClock
    faults: Faults


Spoil = Callable[[Faulty, web.Request, web.StreamResponse, Fault], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Manners:
    """How one broker's server goes wrong.

    ``key_of`` is the account that a request names. ``instead`` answers in the handler's stead, ``after`` makes another answer of the
    handler's; of each the faults are asked in the order they stand in. ``refused`` answers a websocket that isn't let in, None lets it.
    """

    key_of: Callable[[web.Request], str | None]
    instead: Mapping[StrEnum, Callable[[web.Request, Fault], web.Response]]
    after: Mapping[StrEnum, Spoil]
    refused: Callable[[web.Request, Faults], web.Response | None]


def middleware(world: Faulty, manners: Manners) -> Middleware:
    """The outermost middleware of a server: counts connections, audits order requests, and does the faults."""

    @web.middleware
    async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim"):
            return await handler(request)
        world.faults.connections.met(request)
        entry = await world.faults.audit.receive(request, manners.key_of(request), world.clock.now_ns)
        response = await _answer(world, manners, request, handler, entry)
        if entry is not None and not isinstance(response, Cut):
            entry.told = response.status
        return response

    return faulty


class Cut(web.Response):
    """Stands for an answer that never comes; nothing of it is written, for the connection is gone."""


async def _answer(
    world: Faulty, manners: Manners, request: web.Request, handler: Handler, entry: AuditedRequest | None
) -> web.StreamResponse:
    """What the client is told."""
    if world.faults.connections.away:
        return cut(request)
    if request.headers.get(hdrs.UPGRADE) is not None:
        refusal = manners.refused(request, world.faults)
        return await handler(request) if refusal is None else refusal
    fault = _taken(world, request, manners)
    if entry is not None and fault is not None:
        entry.fault = fault.name.value
    if fault is not None and fault.name in manners.instead:
        return manners.instead[fault.name](request, fault)
    response = await _carried_out(handler, request)
    if entry is not None:
        entry.answered(response)
    return response if fault is None else await manners.after[fault.name](world, request, response, fault)


def _taken(world: Faulty, request: web.Request, manners: Manners) -> Fault | None:
    for name in (*manners.instead, *manners.after):
        fault = world.faults.take(name, method=request.method, path=request.path)
        if fault is not None:
            return fault
    return None


async def _carried_out(handler: Handler, request: web.Request) -> web.StreamResponse:
    """The handler's answer; an HTTP error it raised is one too (a broker's own errors are answers by then)."""
    try:
        return await handler(request)
    except web.HTTPException as raised:
        return raised


# --- what becomes of an answer ---------------------------------------------------------------------------------------


async def silence(world: Faulty, request: web.Request, _: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """Nothing comes for the fault's ``seconds``, then a reset."""
    await _held(world, request, fault.seconds)
    return cut(request)


async def late(world: Faulty, request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """The right answer, after the fault's ``seconds``."""
    await _held(world, request, fault.seconds)
    return response


async def lost(_: Faulty, request: web.Request, __: web.StreamResponse, ___: Fault) -> web.StreamResponse:
    """A reset."""
    return cut(request)


async def broken_off(_: Faulty, __: web.Request, response: web.StreamResponse, ___: Fault) -> web.StreamResponse:
    """200, and the first half of the body."""
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    return web.Response(status=200, body=body[: len(body) // 2] or b"{", content_type="application/json")


async def _held(world: Faulty, request: web.Request, seconds: float) -> None:
    """Let ``seconds`` go by, or less when the client or the server goes."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0 and not world.faults.connections.closing:
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(min(left_s, _LOOK_EVERY_S))


# --- answers ---------------------------------------------------------------------------------------------------------


def cut(request: web.Request) -> web.Response:
    """The connection is reset."""
    reset(request.transport)
    return Cut()


def json_answer(status: int, body: object) -> web.Response:
    """A body of JSON."""
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def html_page(status: int, title: str) -> web.Response:
    """A gateway's page."""
    html = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return web.Response(status=status, text=html, content_type="text/html")
