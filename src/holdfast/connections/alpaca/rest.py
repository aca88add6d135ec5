"""Alpaca's REST through its own SDK, hardened: timeouts, no resend, one session a thread, and errors that say what is known.

The SDK as it comes waits for ever, repeats *every* request four times on 429 and 504 (an order too) and takes a redirect
for success (alpaca-py 0.44.0, `common/rest.py`). Here each call is one request.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from holdfast.connections.alpaca.settings import AlpacaSettings
from holdfast.errors import HoldfastError

LONGEST_BODY = 500
"""How much of a body that can't be understood is kept in an error, in characters."""


class RequestFailed(HoldfastError):
    """A request to Alpaca that did not come to a good end. Which one it is says what is known of what happened there."""


class NeverSent(RequestFailed):
    """No connection was made: not a byte of the request left."""


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


class Call(msgspec.Struct, frozen=True):
    """One request that was made: what metrics are fed with. ``status`` is 0 when no answer came."""

    method: str
    path: str
    status: int
    seconds: float
    remaining: int | None
    """How many requests the minute has left, as the server says; None if it doesn't."""


Observer = Callable[[Call], None]


class AlpacaRest:
    """Requests to one account's trading API, and to the market data API. Safe to use from several threads at once."""

    def __init__(self, settings: AlpacaSettings, observe: Observer | None = None) -> None:
        self._settings = settings
        self._observe = observe
        self._local = threading.local()

    def trading(self, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        """A request to the trading API, such as ``("GET", "/orders", {"status": "open"})``; the JSON that came back.

        ``data`` is the query of GET and DELETE, the body of the others. Raises a RequestFailed.
        """
        return self._call(self._client("trading", self._settings.trading_url, "v2"), method, path, data)

    def stocks(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """A GET to the stock data API, such as ``"/stocks/bars"``. Raises a RequestFailed."""
        return self._call(self._client("stocks", self._settings.data_url, "v2"), "GET", path, data)

    def crypto(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """A GET to the crypto data API, such as ``"/crypto/us/bars"``. Raises a RequestFailed."""
        return self._call(self._client("crypto", self._settings.data_url, "v1beta3"), "GET", path, data)

    def _client(self, name: str, url: str, version: str) -> RESTClient:
        client: RESTClient | None = getattr(self._local, name, None)
        if client is None:
            settings = self._settings
            client = RESTClient(
                base_url=url,
                api_key=settings.api_key.reveal(),
                secret_key=settings.api_secret.reveal(),
                api_version=version,
                raw_data=True,
            )
            client._retry = 0  # its constructor takes no zero
            client._session = _Session(settings.connect_timeout_s, settings.read_timeout_s)
            setattr(self._local, name, client)
        return client

    def _call(self, client: RESTClient, method: str, path: str, data: dict[str, Any] | None) -> Any:
        started_s = time.perf_counter()
        session: _Session = client._session  # type: ignore[assignment]
        session.answer = None
        try:
            return client._request(method, path, data)
        except APIError as error:
            raise _error_answer(error, method, path) from None
        except requests.exceptions.JSONDecodeError:
            raise UnreadableAnswer(
                f"{method} {path}: the answer is no JSON: {_start_of(session.answer)}; what it did is unknown"
            ) from None
        except requests.RequestException as error:
            raise _connection_error(error, method, path) from None
        finally:
            self._note(method, path, session.answer, time.perf_counter() - started_s)

    def _note(self, method: str, path: str, answer: requests.Response | None, seconds: float) -> None:
        if self._observe is None:
            return
        left = answer.headers.get("X-RateLimit-Remaining", "") if answer is not None else ""
        status = answer.status_code if answer is not None else 0
        self._observe(Call(method, path, status, seconds, int(left) if left.isdigit() else None))


class _Session(requests.Session):
    """A session that bounds its waiting, sends once, and keeps the last answer for those who want to know."""

    def __init__(self, connect_timeout_s: float, read_timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = (connect_timeout_s, read_timeout_s)
        self.answer: requests.Response | None = None
        once = HTTPAdapter(max_retries=0)
        self.mount("https://", once)
        self.mount("http://", once)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """One request. Raises requests.RequestException, also for a redirect, which the SDK would take for success."""
        kwargs["timeout"] = self._timeout_s
        answer = self.answer = super().request(*args, **kwargs)
        if 300 <= answer.status_code < 400:
            raise requests.TooManyRedirects(f"redirected with status {answer.status_code}")
        return answer


def _error_answer(error: APIError, method: str, path: str) -> ErrorAnswer:
    try:
        body = json.loads(str(error))
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    status = int(error.status_code or 0)
    code = body.get("code")
    message = str(body.get("message") or _first_line(str(error)))
    number = code if isinstance(code, int) else 0
    named = f" (code {number})" if number else ""
    return ErrorAnswer(f"{method} {path}: Alpaca answered {status}{named}: {message}", status, number, message, body)


def _connection_error(error: requests.RequestException, method: str, path: str) -> RequestFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NewConnectionError | ConnectTimeoutError | NameResolutionError):
            return NeverSent(f"{method} {path}: no connection to Alpaca could be made ({type(cause).__name__})")
        reason = getattr(cause, "reason", None)
        nested = reason if isinstance(reason, BaseException) else next(iter(_exceptions_in(cause)), None)
        cause = nested or cause.__cause__ or cause.__context__
    if isinstance(error, requests.TooManyRedirects):
        return UnreadableAnswer(f"{method} {path}: {error}; check the base URL; what it did is unknown")
    return NoAnswer(f"{method} {path}: no answer came ({type(error).__name__}); it may have been carried out")


def _exceptions_in(error: BaseException) -> list[BaseException]:
    return [part for part in error.args if isinstance(part, BaseException)]


def _start_of(answer: requests.Response | None) -> str:
    return repr(answer.text[:LONGEST_BODY]) if answer is not None else "nothing"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:LONGEST_BODY] if text.strip() else "no text"
