"""The refusals Alpaca answers with, as exceptions: status, code, message and whatever else the body carries.

The first digits of a code look like an HTTP status and need not equal it: code 40010001 comes with status 422 (observed).
One code stands for many reasons, so the messages matter; each function here is one family of them.
"""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that refuses. ``code`` None leaves the key out of the body, as some real answers do."""

    def __init__(self, status: int, code: int | None, message: str, **extras: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extras = extras

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        code = {} if self.code is None else {"code": self.code}
        return {**code, "message": self.message, **self.extras}

    def response(self) -> web.Response:
        """The whole answer."""
        return web.Response(status=self.status, body=msgspec.json.encode(self.body()), content_type="application/json")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what handlers raise, and paths that do not exist, into Alpaca's JSON bodies.

    What nobody foresaw is logged, and answered 500 without a code (documented); not on a websocket, which has its answer.
    """
    try:
        return await handler(request)
    except ApiError as error:
        return error.response()
    except web.HTTPException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return not_found("endpoint not found").response()
        if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
            return ApiError(405, 40510000, "method not allowed").response()
        raise
    except Exception:
        if hdrs.UPGRADE in request.headers:
            raise
        LOG.exception("no answer was found to %s %s", request.method, request.path)
        return ApiError(500, None, "internal server error").response()


def undecodable(detail: str = "") -> ApiError:
    """The request's body is not a JSON object (documented: 400, 40010000)."""
    return ApiError(400, 40010000, "failed to decode request body" + (f": {detail}" if detail else ""))


def unauthorized() -> ApiError:
    """No keys were sent (documented: 401)."""
    return ApiError(401, 40110000, "request is not authorized")


def wrong_keys() -> ApiError:
    """Keys that open no account here (observed: 403 without a code)."""
    return ApiError(403, None, "forbidden.")


def invalid(message: str, **extras: Any) -> ApiError:
    """A parameter that can't be used (observed: 422 with code 40010001)."""
    return ApiError(422, 40010001, message, **extras)


def unprocessable(message: str, **extras: Any) -> ApiError:
    """An order, or a change of one, that breaks a rule (documented: 422, 42210000)."""
    return ApiError(422, 42210000, message, **extras)


def forbidden(message: str, **extras: Any) -> ApiError:
    """The account may not do it: money, shares, permission (documented: 403, 40310000)."""
    return ApiError(403, 40310000, message, **extras)


def not_found(message: str) -> ApiError:
    """What the path names does not exist (documented: 404, 40410000)."""
    return ApiError(404, 40410000, message)


def too_many_requests() -> ApiError:
    """The account's requests of this minute are used up (429; the real body is not verified anywhere)."""
    return ApiError(429, 42910000, "rate limit exceeded")
