"""The steering wheel under ``/_sim/``: status, faults, the market's clock, the audit. For tests and people, not bots.

There is no authorization: the server listens on the loopback interface.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.faults.catalogue import CATALOGUE, FaultName, Place
from holdfast.sim.alpaca.faults.spec import parse_faults

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World


def routes(world: "World") -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""

    async def faults(_: web.Request) -> web.Response:
        return web.json_response(world.faults.as_json())

    return [
        web.get("/_sim/faults", faults),
    ]
