"""What the local Alpaca answers when a request goes wrong on purpose."""

import base64
import binascii
import time
from itertools import count

from aiohttp import hdrs, web

from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.chassis.faults.http import (
    Faulty,
    Manners,
    broken_off,
    cut,
    html_page,
    json_answer,
    late,
    lost,
    silence,
)
from holdfast.sim.chassis.faults.registry import Fault, Faults

UPDATES_PATHS = ("/stream", "/stream/")  # the second is what older clients ask for
GATEWAY = (504, "504 Gateway Time-out")


def manners() -> Manners:
    """How Alpaca's server goes wrong; a server has one, which counts its 429s."""
    storm = count()
    return Manners(
        key_of=key_of,
        instead={
            FaultName.MAINTENANCE_PAGE: lambda _request, _fault: html_page(503, "Down for maintenance"),
            FaultName.STORM_429: lambda _request, _fault: too_many_requests(next(storm)),
            FaultName.UNAUTHORIZED: lambda _request, _fault: json_answer(401, {"message": "unauthorized."}),
            FaultName.NOT_ACCEPTED_THEN_504: lambda _request, _fault: html_page(*GATEWAY),
            FaultName.RESET_BEFORE: lambda request, _fault: cut(request),
        },
        after={
            FaultName.ACCEPTED_THEN_TIMEOUT: silence,
            FaultName.ACCEPTED_THEN_504: _gateway,
            FaultName.RESET_AFTER: lost,
            FaultName.UNPARSABLE_200: broken_off,
            FaultName.SLOW: late,
        },
        refused=_refused,
    )


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


def _refused(request: web.Request, faults: Faults) -> web.Response | None:
    """At the door of the trade updates a websocket may be refused."""
    if request.path in UPDATES_PATHS and faults.take(FaultName.STREAM_REFUSED_429, stream="trade_updates"):
        return json_answer(429, {"message": "too many requests."})
    return None


def too_many_requests(number: int) -> web.Response:
    """The ``number``-th 429 of a storm. Alpaca: observed with and without the headers, and with and without a code."""
    body: dict[str, object] = {"message": "too many requests."}
    if number // 2 % 2 == 0:
        body = {"code": 42910000, "message": "rate limit exceeded"}
    response = json_answer(429, body)
    if number % 2 == 0:
        limits = {"Limit": "200", "Remaining": "0", "Reset": str(int(time.time()) + 1)}
        response.headers.update({f"X-RateLimit-{name}": value for name, value in limits.items()})
    return response


async def _gateway(_: Faulty, __: web.Request, ___: web.StreamResponse, ____: Fault) -> web.StreamResponse:
    return html_page(*GATEWAY)
