"""How a request to Alpaca can fail. The class says what is known of what happened there."""

from typing import Any

from holdfast.errors import HoldfastError


class RequestFailed(HoldfastError):
    """A request to Alpaca that did not come to a good end. Which one it is says what is known of what happened there."""


class NeverSent(RequestFailed):
    """No connection was made: not a byte of the request left."""


class Throttled(NeverSent):
    """The minute's requests are used up and waiting would have taken too long: the request was held back here."""


class LeftAlone(NeverSent):
    """Too many requests went wrong in a row: until one is answered again, questions are held back here."""


class NoAnswer(RequestFailed):
    """The request may have arrived and been carried out; no answer came."""


class UnreadableAnswer(RequestFailed):
    """An answer came that is no JSON, or a redirect: what was done there is not known."""


class ErrorAnswer(RequestFailed):
    """Alpaca answered with an error. ``code`` is Alpaca's own (0 if it gave none), ``body`` the whole answer."""

    def __init__(self, text: str, status: int, code: int, message: str, body: dict[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.message = message
        self.body = body
