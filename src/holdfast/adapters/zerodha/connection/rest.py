"""Requests to Zerodha: by the names that kiteconnect gives its routes, in any thread, within the limits, and logged without a secret."""

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from holdfast.adapters.zerodha.connection.client import ERRORS, KiteClient, Params, Parts
from holdfast.adapters.zerodha.connection.failures import TOO_MANY, ErrorAnswer, is_token_dead
from holdfast.adapters.zerodha.connection.limits import Kind, Limits, kind_of_route
from holdfast.adapters.zerodha.connection.session import Tokens
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.brokers.breaker import Breaker, is_well, kind_of
from holdfast.brokers.http.failures import LeftAlone, RequestFailed
from holdfast.brokers.http.limiter import Urgency
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.telemetry.requests import note_request

_SENDING = {"POST": CrashPoint.SENDING, "DELETE": CrashPoint.CANCEL_SENDING}
_ANSWERED = {"POST": CrashPoint.ANSWERED, "DELETE": CrashPoint.CANCEL_ANSWERED}
_MARKET_DATA = (Kind.QUOTES, Kind.CANDLES)


class Call(NamedTuple):
    """One request that was made: what metrics are fed with. ``status`` is 0 when no answer came."""

    method: str
    path: str
    status: int
    seconds: float


class Breakers(NamedTuple):
    """Those of orders and of market data; None for who wants every answer for itself."""

    trading: Breaker | None = None
    market_data: Breaker | None = None


NO_BREAKERS = Breakers()


class KiteRest:
    """One account's requests. Safe to use from several threads at once."""

    def __init__(
        self,
        settings: KiteSettings,
        tokens: Tokens,
        observe: Callable[[Call], None] | None = None,
        breakers: Breakers = NO_BREAKERS,
    ) -> None:
        self.settings = settings
        self.tokens = tokens
        self._observe = observe
        self._breakers = breakers
        self._limits = Limits(settings)
        self._local = threading.local()
        self._clients: weakref.WeakSet[KiteClient] = weakref.WeakSet()

    def request(
        self,
        method: str,
        route: str,
        *,
        parts: Parts | None = None,
        params: Params | None = None,
        body: Sequence[Params] | None = None,
        urgency: Urgency = Urgency.QUERY,
        last_check: Callable[[], None] | None = None,
    ) -> Any:
        """One request, such as ``("POST", "order.place", parts={"variety": "regular"}, params={...})``; the ``data`` that came back.

        ``route`` is kiteconnect's name, ``parts`` what its path has in braces. ``params`` are the query of GET and DELETE, the form of
        others; ``body`` is JSON in place of the form. Numbers come as int and Decimal, with each digit that was sent; times as Kite writes
        them (`times.parse_time_ns`); the CSV of instruments as bytes. ``last_check`` is called after all waiting, just before the request
        leaves; what it raises keeps the request back. Raises a RequestFailed; `failures.meaning_of` says what is known then.
        """
        client = self._client()
        path = client.path(route, parts)
        self.tokens.current()  # what can't be sent neither waits nor counts
        self._admit(method, route, path, urgency)
        token = self.tokens.current()
        if last_check is not None:
            last_check()
        started_s = time.perf_counter()
        _pass(method, path, _SENDING)
        try:
            found = client.ask(method, route, parts, params, body, token)
            _pass(method, path, _ANSWERED)
            return found
        except RequestFailed as error:
            if is_token_dead(error):
                self.tokens.refused(token)
            if isinstance(error, ErrorAnswer) and error.status == TOO_MANY:
                self._limits.pause(route)
            raise
        finally:
            self._note(client, Call(method, path, client.status, time.perf_counter() - started_s), route, params)

    def clock_ns(self) -> int:
        """Zerodha's time, in whole seconds: the date of an answer, for it has no clock of its own to ask. Raises a RequestFailed."""
        self.request("GET", "user.profile")
        return self._client().date_ns()

    def close(self) -> None:
        """Close the connections that are kept open for the next request, those of all threads."""
        for client in list(self._clients):
            client.close()

    def _client(self) -> KiteClient:
        client: KiteClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = KiteClient(self.settings)
            self._clients.add(client)
        return client

    def _breaker(self, route: str) -> Breaker | None:
        is_market_data = kind_of_route(route) in _MARKET_DATA
        return self._breakers.market_data if is_market_data else self._breakers.trading

    def _admit(self, method: str, route: str, path: str, urgency: Urgency) -> None:
        """Returns when a request may be sent. Questions are held back while the service is left alone; orders and cancels go."""
        breaker, wait_s = self._breaker(route), 0.0
        if breaker is not None and urgency not in (Urgency.CANCEL, Urgency.ORDER):
            wait_s = breaker.wait_s(kind_of(method, path))
        if wait_s > 0:
            raise LeftAlone(f"{method} {path}: not asked, as the last requests went wrong; next in {wait_s:.1f} s")
        self._limits.acquire(route, urgency)

    def _note(self, client: KiteClient, call: Call, route: str, params: Params | None) -> None:
        method, path, status, seconds = call
        breaker = self._breaker(route)
        if breaker is not None:
            breaker.note(is_well(status), f"{method} {path}: {status or 'no answer'}", kind_of(method, path))
        if self._observe is not None:
            self._observe(call)
        note_request(
            method,
            path,
            params,
            status,
            seconds,
            is_market_data=kind_of_route(route) in _MARKET_DATA,
            error=client.answer_text() if status >= ERRORS else None,
        )


def _pass(method: str, path: str, points: dict[str, CrashPoint]) -> None:
    if method in points and path.startswith("/orders"):
        reach(points[method])
