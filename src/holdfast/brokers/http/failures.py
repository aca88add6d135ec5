"""How a request to a broker can fail. The class says what is known of what happened there."""

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from holdfast.errors import HoldfastError


class RequestFailed(HoldfastError):
    """A request that did not come to a good end. Which one it is says what is known of what happened there."""


class NeverSent(RequestFailed):
    """No connection was made: not a byte of the request left."""


class Throttled(NeverSent):
    """The requests that the broker allows are used up and waiting would have taken too long: the request was held back here."""


class LeftAlone(NeverSent):
    """Too many requests went wrong in a row: until one is answered again, questions are held back here."""


class NoAnswer(RequestFailed):
    """The request may have arrived and been carried out; no answer came."""


class UnreadableAnswer(RequestFailed):
    """An answer came that can't be understood, or a redirect: what was done there is not known."""


def connection_failure(error: requests.RequestException, request: str, broker: str) -> RequestFailed:
    """What an error of the HTTP library means. ``request`` and ``broker`` are what its text calls them."""
    if isinstance(error, requests.TooManyRedirects):
        return UnreadableAnswer(f"{request}: {error}; check the base URL; what it did is unknown")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NewConnectionError | ConnectTimeoutError):
            return NeverSent(f"{request}: no connection to {broker} could be made ({type(cause).__name__})")
        cause = _wrapped(cause)
    return NoAnswer(f"{request}: no answer came ({type(error).__name__}); it may have been carried out")


def _wrapped(error: BaseException) -> BaseException | None:
    """The error that this one was made of, as requests and urllib3 wrap them.

    Never its context: that may be another request's failure, which the caller was just dealing with.
    """
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return next((part for part in error.args if isinstance(part, BaseException)), None)
