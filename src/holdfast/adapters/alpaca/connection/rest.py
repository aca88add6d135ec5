"""Alpaca's REST through its own SDK, hardened: timeouts, no resend, one session a thread, and errors that say what is known.

The SDK as it comes waits for ever, repeats *every* request four times on 429 and 504 (an order too) and takes a redirect
for success (alpaca-py 0.44.0, `common/rest.py`). Here each call is one request, held back when the minute's are used up.
"""

import json
import re
import threading
import time
import weakref
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec
import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient

from holdfast.adapters.alpaca.connection.failures import ErrorAnswer
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.brokers.breaker import Breaker, is_well, kind_of
from holdfast.brokers.http.failures import (
    LeftAlone,
    NeverSent,
    NoAnswer,
    RequestFailed,
    Throttled,
    UnreadableAnswer,
    connection_failure,
)
from holdfast.brokers.http.limiter import Limiter, Urgency, minute
from holdfast.brokers.http.session import OnceSession, Patience
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.telemetry.requests import note_request

__all__ = [
    "AlpacaRest",
    "Call",
    "ErrorAnswer",
    "NeverSent",
    "NoAnswer",
    "Observer",
    "RequestFailed",
    "Throttled",
    "UnreadableAnswer",
    "Urgency",
]

LONGEST_BODY = 500
"""How much of a body that can't be understood is kept in an error, in characters."""

LONGEST_PAGE = 10_000
"""How much of an error's page is looked at for words, in characters."""

LONGEST_NUMBER = 18
"""Digits of a number in a header that is one."""

ERRORS = 400
"""The lowest status that says no."""
TOO_MANY_REQUESTS = 429
NO_CONTENT = 204


class Call(msgspec.Struct, frozen=True):
    """One request that was made: what metrics are fed with. ``status`` is 0 when no answer came."""

    method: str
    path: str
    status: int
    seconds: float
    remaining: int | None
    """How many requests the minute has left, as the server says; None if it doesn't."""


class Breakers(NamedTuple):
    """Those of the two services that are asked here; None for who wants every answer for itself."""

    trading: Breaker | None
    market_data: Breaker | None


class Service(NamedTuple):
    """What keeps requests to one of the two back."""

    limiter: Limiter
    breaker: Breaker | None

    def admit(self, urgency: Urgency, request: str) -> None:
        """Returns when a request may be sent. Questions are held back while the service is left alone; orders and cancels go.

        Raises :class:`LeftAlone` and :class:`Throttled`.
        """
        wait_s = 0.0
        if self.breaker is not None and urgency not in (Urgency.CANCEL, Urgency.ORDER):
            wait_s = self.breaker.wait_s(kind_of(*request.split(" ", 1)))
        if wait_s > 0:
            raise LeftAlone(f"{request}: not asked, as the last requests went wrong; next in {wait_s:.1f} s")
        self.limiter.acquire(urgency)


Observer = Callable[[Call], None]

_SENDING = {"POST": CrashPoint.SENDING, "DELETE": CrashPoint.CANCEL_SENDING}
_ANSWERED = {"POST": CrashPoint.ANSWERED, "DELETE": CrashPoint.CANCEL_ANSWERED}


class AlpacaRest:
    """Requests to one account's trading API, and to the market data API. Safe to use from several threads at once."""

    def __init__(
        self, settings: AlpacaSettings, observe: Observer | None = None, breakers: Breakers | None = None
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._local = threading.local()
        self._sessions: weakref.WeakSet[OnceSession] = weakref.WeakSet()
        of_trading, of_market_data = breakers or (None, None)
        self._trading = Service(Limiter([minute(settings.requests_per_minute)]), of_trading)
        self._market_data = Service(Limiter([minute(settings.data_requests_per_minute)]), of_market_data)

    def trading(
        self,
        method: str,
        path: str,
        data: dict[str, Any] | None = None,
        urgency: Urgency = Urgency.QUERY,
        last_check: Callable[[], None] | None = None,
    ) -> Any:
        """A request to the trading API, such as ``("GET", "/orders", {"status": "open"})``; the JSON that came back.

        ``data`` is the query of GET and DELETE, the body of the others. ``last_check`` is called after the waiting, just
        before the request leaves; what it raises keeps the request back. None comes back for an answer without content.
        Raises a RequestFailed.
        """
        self._trading.admit(urgency, f"{method} {path}")
        client = self._client("trading", self._settings.trading_url, "v2")
        if last_check is not None:
            last_check()
        return self._call(client, self._trading, method, path, data)

    def stocks(self, path: str, data: dict[str, Any] | None = None, urgency: Urgency = Urgency.QUERY) -> Any:
        """A GET to the stock data API, such as ``"/stocks/bars"``. Raises a RequestFailed."""
        self._market_data.admit(urgency, f"GET {path}")
        client = self._client("stocks", self._settings.data_url, "v2")
        return self._call(client, self._market_data, "GET", path, data)

    def crypto(self, path: str, data: dict[str, Any] | None = None, urgency: Urgency = Urgency.QUERY) -> Any:
        """A GET to the crypto data API, such as ``"/crypto/us/bars"``. Raises a RequestFailed."""
        self._market_data.admit(urgency, f"GET {path}")
        client = self._client("crypto", self._settings.data_url, "v1beta3")
        return self._call(client, self._market_data, "GET", path, data)

    def close(self) -> None:
        """Close the connections that are kept open for the next request, those of all threads."""
        for session in list(self._sessions):
            session.close()

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
            client._session = OnceSession(
                Patience(settings.connect_timeout_s, settings.read_timeout_s, settings.answer_timeout_s)
            )
            self._sessions.add(client._session)
            setattr(self._local, name, client)
        return client

    def _call(
        self,
        client: RESTClient,
        service: Service,
        method: str,
        path: str,
        data: dict[str, Any] | None,
    ) -> Any:
        started_s = time.perf_counter()
        session: OnceSession = client._session  # type: ignore[assignment]
        session.answer = None
        _pass(method, path, _SENDING)
        try:
            answer = client._request(method, path, data)
            _pass(method, path, _ANSWERED)
            return _content(answer, session.answer)
        except APIError as error:
            failure: RequestFailed = _error_answer(error, f"{method} {path}", self._without_secrets)
        except requests.exceptions.JSONDecodeError:
            failure = self._unreadable(method, path, session.answer)
        except requests.RequestException as error:
            failure = connection_failure(error, f"{method} {path}", "Alpaca")
        except (ValueError, RecursionError):  # JSON that Python's own limits refuse
            failure = self._unreadable(method, path, session.answer)
        finally:
            seconds = time.perf_counter() - started_s
            self._note(method, path, session.answer, service, seconds)
            self._log(method, path, data, session.answer, service, seconds)
        raise failure from None

    def _unreadable(self, method: str, path: str, answer: requests.Response | None) -> UnreadableAnswer:
        start = repr(answer.text[:LONGEST_BODY]) if answer is not None and answer.text else "nothing"
        return UnreadableAnswer(
            f"{method} {path}: the answer is no JSON: {self._without_secrets(start)}; what it did is unknown"
        )

    def _without_secrets(self, text: str) -> str:
        for secret in (self._settings.api_secret, self._settings.api_key):
            text = text.replace(secret.reveal(), repr(secret))
        return text

    def _log(
        self,
        method: str,
        path: str,
        data: dict[str, Any] | None,
        answer: requests.Response | None,
        service: Service,
        seconds: float,
    ) -> None:
        status = answer.status_code if answer is not None else 0
        note_request(
            method,
            path,
            data,
            status,
            seconds,
            is_market_data=service is self._market_data,
            remaining=_header_number(answer, "X-RateLimit-Remaining"),
            request_id=answer.headers.get("X-Request-ID") if answer is not None else None,
            error=self._without_secrets(answer.text[:LONGEST_BODY])
            if answer is not None and status >= ERRORS
            else None,
        )

    def _note(self, method: str, path: str, answer: requests.Response | None, service: Service, seconds: float) -> None:
        remaining = _header_number(answer, "X-RateLimit-Remaining")
        limit = _header_number(answer, "X-RateLimit-Limit")
        if answer is not None and answer.status_code == TOO_MANY_REQUESTS:
            service.limiter.pause(_stated_pause_s(answer))
        elif answer is not None and limit and remaining is not None:
            service.limiter.heed(limit, remaining, _stated_reset_s(answer))
        status = answer.status_code if answer is not None else 0
        if service.breaker is not None:
            service.breaker.note(is_well(status), f"{method} {path}: {status or 'no answer'}", kind_of(method, path))
        if self._observe is not None:
            self._observe(Call(method, path, status, seconds, remaining))


def _pass(method: str, path: str, points: dict[str, CrashPoint]) -> None:
    if method in points and path.startswith("/orders"):
        reach(points[method])


def _content(content: Any, answer: requests.Response | None) -> Any:
    """What was answered. An empty body is content where the status says that there is none, and nowhere else."""
    if (
        content is None
        and answer is not None
        and answer.status_code != NO_CONTENT
        and answer.request.method != "DELETE"
    ):
        raise ValueError("the answer is empty")
    return content


def _header_number(answer: requests.Response | None, name: str) -> int | None:
    text = answer.headers.get(name, "") if answer is not None else ""
    return int(text) if text.isdecimal() and len(text) < LONGEST_NUMBER else None


def _stated_pause_s(answer: requests.Response) -> float | None:
    """How long the server wants no requests, in seconds (``Retry-After``, else the reset); None when it doesn't say."""
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return _stated_reset_s(answer)


def _stated_reset_s(answer: requests.Response) -> float | None:
    """In how many seconds the server counts anew; None when it doesn't say.

    ``X-RateLimit-Reset`` is a Unix time (Alpaca: documented); it is compared with the answer's own Date, so that our clock
    may be wrong.
    """
    reset = _header_number(answer, "X-RateLimit-Reset")
    if reset is None:
        return None
    try:
        return reset - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return reset - time.time()


def _error_answer(error: APIError, request: str, clean: Callable[[str], str]) -> ErrorAnswer:
    text = str(error)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = {}
    if not isinstance(body, dict):
        body = {}
    status = int(error.status_code or 0)
    code = body.get("code")
    message = clean(str(body.get("message") or _words(text))[:LONGEST_BODY])
    number = code if isinstance(code, int) else 0
    named = f" (code {number})" if number else ""
    return ErrorAnswer(f"{request}: Alpaca answered {status}{named}: {message}", status, number, message, body)


def _words(text: str) -> str:
    """What a page that is no JSON says, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text[:LONGEST_PAGE]).split()) or "no text"
