"""What was asked of the server about orders, and what came of it: evidence that doesn't depend on what a client believes."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

MOST_REQUESTS = 50_000
"""Requests kept, at some 1,500 bytes each: most of a day at the 200 a minute that an account may make."""


@dataclass
class AuditedRequest:
    """One request that can place, change, cancel or close.

    ``status`` is what the handler answered (None: it never saw the request); ``told`` is what the client got: a status,
    or ``nothing`` (yet). They differ when ``fault`` names a fault. ``body`` and ``answer`` are kept as they were.
    """

    number: int
    key: str | None
    id_name: str
    wall_ns: int
    market_ns: int
    method: str
    path: str
    body: bytes
    status: int | None = None
    told: int | str = "nothing"
    answer: bytes = b""
    fault: str | None = None

    def answered(self, response: web.StreamResponse) -> None:
        """Write down what the handler answered."""
        self.status = response.status
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            self.answer = response.body

    def as_json(self) -> dict[str, Any]:
        """All of it but the key (whoever asks named it), and the order's id: the client's own or the server's."""
        body, answer = _read(self.body), _read(self.answer)
        named = [part.get(self.id_name) for part in (body, answer) if isinstance(part, dict)]
        shown = {name: value for name, value in vars(self).items() if name not in ("key", "id_name")}
        return shown | {"body": body, "answer": answer, self.id_name: next(filter(None, named), None)}


class Audit:
    """The requests that write, oldest first, and how many are forgotten because there were too many.

    ``paths`` is how those begin that are about orders, ``id_name`` what a client's id of an order is called in bodies.
    """

    def __init__(self, paths: tuple[str, ...] = ("/",), id_name: str = "client_order_id") -> None:
        self.received = 0
        self._paths = paths
        self._id_name = id_name
        self._requests: deque[AuditedRequest] = deque(maxlen=MOST_REQUESTS)

    async def receive(self, request: web.Request, key: str | None, market_ns: int) -> AuditedRequest | None:
        """Write down a request that has come, before anything is done about it; None when it is not about orders."""
        if request.method in ("GET", "HEAD") or not request.path.startswith(self._paths):
            return None
        body = await request.read()
        self.received += 1
        entry = AuditedRequest(
            self.received, key, self._id_name, time.time_ns(), market_ns, request.method, request.path_qs, body
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


def _read(data: bytes) -> Any:
    """The JSON in ``data``, or the fields of a form; other text as it is; None when empty."""
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # the second for arrays in arrays in arrays
        text = data.decode("utf-8", "replace")
        return dict(parse_qsl(text)) or text
