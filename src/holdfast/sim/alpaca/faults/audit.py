"""What was asked of the server about orders, and what came of it: evidence that doesn't depend on what a client believes."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web

MOST_REQUESTS = 100_000
"""Requests kept: more than a day of a busy bot, at some hundred bytes each."""


@dataclass
class AuditedRequest:
    """One request that can place, change, cancel or close.

    ``status`` is what the handler answered (None: it never saw the request); ``told`` is what the client got: a status,
    or ``nothing`` (yet). They differ when ``fault`` names a fault.
    """

    number: int
    key: str | None
    wall_ns: int
    market_ns: int
    method: str
    path: str
    body: Any
    client_order_id: str | None
    status: int | None = None
    told: int | str = "nothing"
    answer: Any = None
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All of it but the key: whoever asks named it."""
        return {name: value for name, value in vars(self).items() if name != "key"}


class Audit:
    """The requests, oldest first, and how many are forgotten because there were too many."""

    def __init__(self) -> None:
        self.received = 0
        self._requests: deque[AuditedRequest] = deque(maxlen=MOST_REQUESTS)

    async def receive(self, request: web.Request, key: str | None, market_ns: int) -> AuditedRequest | None:
        """Write down a request that has come, before anything is done about it; None when it is not about orders."""
        if request.method in ("GET", "HEAD") or not request.path.startswith(("/v2/orders", "/v2/positions")):
            return None
        body = _json(await request.read())
        named = body.get("client_order_id") if isinstance(body, dict) else None
        self.received += 1
        entry = AuditedRequest(
            self.received, key, time.time_ns(), market_ns, request.method, request.path_qs, body, named
        )
        self._requests.append(entry)
        return entry

    def of(self, key: str | None) -> list[AuditedRequest]:
        """The requests of one account by its key id, or all."""
        return [entry for entry in self._requests if key in (None, entry.key)]

    @property
    def forgotten(self) -> int:
        """How many requests are not kept any more."""
        return self.received - len(self._requests)


def answered(entry: AuditedRequest, response: web.StreamResponse) -> None:
    """Write down what the handler answered."""
    entry.status = response.status
    if isinstance(response, web.Response) and isinstance(response.body, bytes):
        entry.answer = _json(response.body)
        if entry.client_order_id is None and isinstance(entry.answer, dict):
            entry.client_order_id = entry.answer.get("client_order_id")


def _json(data: bytes) -> Any:
    """The JSON in ``data``; text that is no JSON as it is; None when empty."""
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # the second for arrays in arrays in arrays
        return data.decode("utf-8", "replace")
