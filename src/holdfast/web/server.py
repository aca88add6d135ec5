"""Serving: the address, uvicorn, and an orderly end."""

import asyncio
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from holdfast.web.stream.hub import Hub

GRACE_S = 2
"""How long requests may take to end once the process is asked to; a stream has no end of its own."""


class _Server(uvicorn.Server):
    """Ends the streams when it is asked to end: they have no end of their own."""

    def __init__(self, settings: uvicorn.Config, hub: Hub) -> None:
        super().__init__(settings)
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As of uvicorn."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hub.close)


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server that is not running yet."""
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe them from this machine; auth/caller.py knows whom to believe
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(settings, app.state.hub)


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until a signal comes."""
    server_of(app).run([listener])
