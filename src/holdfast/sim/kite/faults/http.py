"""What the local Kite answers when a request goes wrong on purpose."""

import json

from aiohttp import web

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
from holdfast.sim.kite.errors import too_many
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.session.door import key_of

GATEWAY = (502, "502 Bad Gateway")


def manners() -> Manners:
    """How Kite's server goes wrong."""
    return Manners(
        key_of=key_of,
        instead={
            FaultName.STORM_429: lambda _request, _fault: too_many().response(),
            FaultName.HTML_502: lambda _request, _fault: html_page(*GATEWAY),
            FaultName.RESET_BEFORE: lambda request, _fault: cut(request),
        },
        after={
            FaultName.ACCEPTED_THEN_TIMEOUT: silence,
            FaultName.ACCEPTED_THEN_502: _gateway,
            FaultName.RESET_AFTER: lost,
            FaultName.ERROR_WITHOUT_TYPE: _untyped,
            FaultName.UNPARSABLE_200: broken_off,
            FaultName.SLOW: late,
        },
        refused=_refused,
    )


def _refused(_: web.Request, faults: Faults) -> web.Response | None:
    """At the door of the websocket."""
    for name, status in ((FaultName.STREAM_REFUSED_403, 403), (FaultName.STREAM_REFUSED_429, 429)):
        if faults.take(name, stream="ticks") is not None:
            return json_answer(status, {})
    return None


async def _gateway(_: Faulty, __: web.Request, ___: web.StreamResponse, ____: Fault) -> web.StreamResponse:
    return html_page(*GATEWAY)


async def _untyped(_: Faulty, __: web.Request, ___: web.StreamResponse, ____: Fault) -> web.StreamResponse:
    body = json.dumps({"status": "error", "message": "Something unexpected happened"})
    return web.Response(status=500, text=body, content_type="application/json")
