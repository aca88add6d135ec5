"""The door of the websocket: ``GET /?api_key=...&access_token=...``."""

from aiohttp import hdrs, web

from holdfast.sim.kite.errors import KiteError, no_token, too_many
from holdfast.sim.kite.session.door import open_to_all
from holdfast.sim.kite.world import WORLD, World


def routes(_: World) -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return [web.get("/", open_to_all(_serve))]


async def _serve(request: web.Request) -> web.StreamResponse:
    """A websocket for a living token; 403 without one, 429 for one too many."""
    if request.headers.get(hdrs.UPGRADE) is None:
        raise KiteError(400, "GeneralException", "This is the address of a websocket.")
    world = request.app[WORLD]
    account = world.accounts.find(request.query.get("api_key", ""))
    if account is None or not account.tokens.is_good(request.query.get("access_token", ""), world.clock.now_ns):
        raise no_token()
    if world.hub.refusal(account) is not None:
        raise too_many()
    return await world.hub.serve(request, account)
