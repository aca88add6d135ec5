"""Alpaca's own no."""

from typing import Any

from holdfast.brokers.http.failures import RequestFailed


class ErrorAnswer(RequestFailed):
    """Alpaca answered with an error. ``code`` is Alpaca's own (0 if it gave none), ``body`` the whole answer."""

    def __init__(self, text: str, status: int, code: int, message: str, body: dict[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.message = message
        self.body = body
