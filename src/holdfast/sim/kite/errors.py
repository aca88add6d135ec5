"""Kite's refusals as exceptions: HTTP status, error type and message, in the envelope that its SDK reads.

An answer is ``{"status": "success", "data": ...}``, a refusal ``{"status": "error", "message": ..., "error_type": ..., "data": null}``
(Kite Connect, "Response structure").
"""

import json
from typing import Any

from aiohttp import web


class KiteError(Exception):
    """A refusal, as it goes over the wire."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message

    def response(self) -> web.Response:
        """The answer that says so."""
        return refusal(self.status, self.error_type, self.message)


def refusal(status: int, error_type: str, message: str) -> web.Response:
    """The envelope of an error."""
    body = {"status": "error", "message": message, "error_type": error_type, "data": None}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def success(data: Any) -> web.Response:
    """The envelope of an answer."""
    return web.Response(text=json.dumps({"status": "success", "data": data}), content_type="application/json")


def wrong_input(message: str) -> KiteError:
    """Something in the request can't be used: refused before the order management system, never in the book."""
    return KiteError(400, "InputException", message)


def no_token(message: str = "Incorrect `api_key` or `access_token`.") -> KiteError:
    """The session is dead, or never was."""
    return KiteError(403, "TokenException", message)


def refused_order(message: str) -> KiteError:
    """The order can't be done as asked."""
    return KiteError(400, "OrderException", message)


def too_many(message: str = "Too many requests") -> KiteError:
    """A limit of requests is reached; what was asked was not looked at."""
    return KiteError(429, "NetworkException", message)


def not_found(message: str = "Route not found") -> KiteError:
    """There is no such thing."""
    return KiteError(404, "GeneralException", message)
