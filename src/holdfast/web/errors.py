"""Errors of the API: ``{"error": {"code", "message"}}``, and which of ours becomes which status."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from holdfast.alerting.tables import AlertsError
from holdfast.errors import ConfigError, HoldfastError, InvalidValue, JournalError, Refused
from holdfast.web.auth.sealing import SealError
from holdfast.web.auth.store import StoreError

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """Answered with ``status``, ``code`` for programs, the text for people, and ``headers``."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid"

    def __init__(self, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers or {}


class NotFound(ApiError):
    """There is no such thing."""

    status, code = HTTPStatus.NOT_FOUND, "not_found"


class Conflict(ApiError):
    """It is at odds with what is there."""

    status, code = HTTPStatus.CONFLICT, "conflict"


class Unauthorised(ApiError):
    """Nobody has logged in."""

    status, code = HTTPStatus.UNAUTHORIZED, "unauthorised"


class Forbidden(ApiError):
    """Who asks may not."""

    status, code = HTTPStatus.FORBIDDEN, "forbidden"


class TooMany(ApiError):
    """It was asked too often."""

    status, code = HTTPStatus.TOO_MANY_REQUESTS, "too_many"


OF_STATUS = {HTTPStatus.NOT_FOUND: "not_found", HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large"}
"""Codes of statuses that are no error of ours; others are called as HTTP does."""
WORDS: dict[type[HoldfastError], tuple[HTTPStatus, str]] = {
    InvalidValue: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    Refused: (HTTPStatus.CONFLICT, "refused"),
    JournalError: (HTTPStatus.SERVICE_UNAVAILABLE, "journal_unavailable"),
    SealError: (HTTPStatus.SERVICE_UNAVAILABLE, "users_unavailable"),
    ConfigError: (HTTPStatus.SERVICE_UNAVAILABLE, "journal_unavailable"),
    StoreError: (HTTPStatus.SERVICE_UNAVAILABLE, "users_unavailable"),
    AlertsError: (HTTPStatus.SERVICE_UNAVAILABLE, "alerts_unavailable"),
}
"""What becomes of the package's own errors; a subclass is what its base is, unless it stands before that."""


def install(app: FastAPI) -> None:
    """Have every error answered in the one form."""

    @app.exception_handler(ApiError)
    def of_api(_: Request, error: ApiError) -> Response:
        return answer(error.status, error.code, str(error), error.headers)

    @app.exception_handler(HoldfastError)
    def of_holdfast(_: Request, error: HoldfastError) -> Response:
        status, code = next(
            (words for kind, words in WORDS.items() if isinstance(error, kind)),
            (HTTPStatus.INTERNAL_SERVER_ERROR, "failed"),
        )
        return answer(status, code, str(error))

    @app.exception_handler(RequestValidationError)
    def of_validation(_: Request, error: RequestValidationError) -> Response:
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "; ".join(map(_sentence, error.errors())))

    @app.exception_handler(HTTPException)
    def of_http(_: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code = OF_STATUS.get(status) or status.phrase.lower().replace(" ", "_")
        return answer(status, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    def of_fault(_: Request, error: Exception) -> Response:
        logger.error("a request failed: %s", type(error).__name__, exc_info=error)
        return answer(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "failed",
            "this should not have happened; the web process's log says more",
        )


def answer(status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as it is sent."""
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(body, status, headers, "application/json")


def _sentence(error: Any) -> str:
    """One finding of the request's check. What was sent is not repeated: it may be a secret."""
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}"
