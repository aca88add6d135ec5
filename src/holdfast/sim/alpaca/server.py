"""The HTTP and websocket server around a world."""

import importlib

from aiohttp import web

from holdfast.sim.alpaca.world import WORLD, World

ROOMS = ("market.rest", "market.stream", "trading.rest", "trading.updates", "trading.watchlists", "faults.control")


def build_app(world: World) -> web.Application:
    """Every endpoint, over one world."""
    from holdfast.sim.alpaca.faults.http import middleware

    app = web.Application(middlewares=[middleware(world)])
    app[WORLD] = world
    for room in ROOMS:
        try:
            module = importlib.import_module(f"holdfast.sim.alpaca.{room}")
        except ModuleNotFoundError:
            continue
        app.add_routes(module.routes(world))
    return app
