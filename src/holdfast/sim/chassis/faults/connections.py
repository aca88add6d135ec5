"""Every connection clients have to the server, so that a restart can cut them all."""

import asyncio
import socket
import struct
from collections.abc import Callable
from weakref import WeakSet

from aiohttp import web

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger for zero seconds: closing sends RST and forgets what is unsent


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection so that its client sees a reset, and not an orderly end."""
    if not isinstance(transport, asyncio.Transport):
        return  # the client went first
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class Connections:
    """Those that have made a request. One that has not yet is met at its first.

    ``closing`` is set when the server shuts down: who holds a connection on purpose lets it go then.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self.closing = False
        self._monotonic_s = monotonic_s
        self._away_until_s = float("-inf")
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    @property
    def away(self) -> bool:
        """Whether the server is "being restarted": whoever comes is reset."""
        return self._monotonic_s() < self._away_until_s

    def met(self, request: web.Request) -> None:
        """Remember the connection of a request."""
        if request.transport is not None:
            self._transports.add(request.transport)

    def restart(self, seconds: float, asked: web.Request) -> int:
        """Reset every connection but that of the request that ``asked``, and new ones for ``seconds``; how many it had."""
        self._away_until_s = self._monotonic_s() + seconds
        others = [each for each in self._transports if each is not asked.transport and not each.is_closing()]
        for transport in others:
            reset(transport)
        return len(others)
