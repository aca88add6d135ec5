"""Serving a world over HTTP and websockets while its market plays, and an orderly end."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from aiohttp import web

from holdfast.errors import ConfigError
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.market.replay import Played, Replay, Telling

LOOPBACK = "127.0.0.1"
CLOSE_WITHIN_S = 2.0
"""How long an ending server waits for its clients."""


class Streams(Telling, Protocol):
    """Who tells clients of the data streams what happened."""

    def close(self) -> None:
        """Every connection ends."""


class Served(Played, Protocol):
    """A world that can be served."""

    faults: Faults

    @property
    def hub(self) -> Streams:
        """Its streams."""


@asynccontextmanager
async def serving(
    world: Served, app: web.Application, host: str, port: int, tls: ssl.SSLContext | None
) -> AsyncIterator[int]:
    """Serves ``app`` and plays the world for as long as the context is open; gives the port. With ``tls`` over that alone.

    Raises :class:`~holdfast.errors.ConfigError` when the port can't be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_WITHIN_S)
    await runner.setup()
    try:
        world.clock.begin()
        replay = Replay(world)
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            text = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigError(f"can't listen on {host}:{port} ({text}); choose another port, or 0 for any") from None
        playing = asyncio.create_task(replay.run())
        try:
            yield runner.addresses[0][1]
        finally:
            world.faults.connections.closing = True
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
            world.hub.close()
    finally:
        await runner.cleanup()
