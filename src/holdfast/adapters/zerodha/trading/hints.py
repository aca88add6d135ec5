"""Kite's websocket, for the sake of its order updates alone: when one comes, it is time to look at the book.

It has no part in what is true. A connection that is refused, mute or lost costs the second until the next look.
"""

import asyncio
import json
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.brokers.http.failures import RequestFailed

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before connecting again: doubled each time."""
STEADY_S = 10.0
"""A connection that lasted this long was a good one: the next wait is short again."""
PING_S = 10.0
LARGEST_FRAME = 4 * 1024 * 1024

_SILENT = logging.getLogger("holdfast.zerodha.websocket")
"""What the library logs of a handshake has the token in it."""
_SILENT.disabled = True


class OrderHints:
    """One connection, made again whenever it is lost. It subscribes to nothing: order updates come all the same."""

    def __init__(self, rest: KiteRest) -> None:
        self._rest = rest
        self.connections = 0

    async def __call__(self, wake: Callable[[], None]) -> None:
        """Until cancelled; ``wake`` is called with each order update, and when a connection is there again."""
        wait_s = FIRST_WAIT_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            with suppress(OSError, WebSocketException, TimeoutError, RequestFailed):
                await self._listen(wake)
            if loop.time() - began_s > STEADY_S:
                wait_s = FIRST_WAIT_S
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _listen(self, wake: Callable[[], None]) -> None:
        settings, token = self._rest.settings, self._rest.tokens.current()
        query = urlencode({"api_key": settings.api_key.reveal(), "access_token": token.reveal()})
        async with connect(
            f"{settings.socket_url}/?{query}",
            additional_headers={"X-Kite-Version": "3"},
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=1.0,
            max_size=LARGEST_FRAME,
            process_exception=lambda error: error,
            logger=_SILENT,
        ) as socket:
            self.connections += 1
            wake()
            async for frame in socket:
                if isinstance(frame, str) and _is_order(frame):
                    wake()


def _is_order(frame: str) -> bool:
    """Whether a text frame tells of an order; one that can't be read may."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return True
    return not isinstance(message, dict) or message.get("type") == "order"
