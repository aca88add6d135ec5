"""kiteconnect's client on a session of ours: one request a call, answers that are exact, and failures that say what is known.

As it comes (kiteconnect 5.2.2, `connect.py`) it turns prices into floats, follows redirects, takes an error without an error_type for a
mistake of its own (TypeError), a page of HTML for status 502, and a 5xx whose JSON says nothing of an error for success.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import msgspec
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException

from holdfast.adapters.zerodha.connection.failures import ErrorAnswer
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.brokers.http.failures import RequestFailed, UnreadableAnswer, connection_failure
from holdfast.brokers.http.session import OnceSession
from holdfast.core.types import SECOND_NS, plain
from holdfast.telemetry.logs import quieten
from holdfast.telemetry.secret import Secret

LONGEST_BODY = 500
"""How much of a body that can't be understood is kept in an error, in characters."""
ERRORS = 400
"""The lowest status that says no."""
_SDK_TRAPS = (KiteException, TypeError, KeyError, AttributeError, ValueError, RecursionError)
"""What the SDK raises for answers: its own errors, and its stumbles over what it doesn't expect."""
_exact = msgspec.json.Encoder(decimal_format="number").encode

Parts = Mapping[str, str | int]
Params = Mapping[str, Any]


def exact_json(value: Any) -> str:
    """JSON in which each Decimal is a number with just its digits, as Kite's `condition` and `orders` of triggers want them."""
    return _exact(value).decode()


class KiteSession(OnceSession):
    """Reads and writes numbers exactly."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """One request; see `OnceSession.request`."""
        body = kwargs.pop("json", None)
        if body is not None:
            kwargs["data"] = _exact(body)
            kwargs["headers"] = {**(kwargs.get("headers") or {}), "Content-Type": "application/json"}
        answer = super().request(*args, **kwargs)
        vars(answer)["json"] = lambda: _read(answer.text)  # the SDK asks it
        return answer


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


class _Sdk(KiteConnect):  # type: ignore[misc]
    """The SDK on a session of ours. Its own constructor silences warnings of the whole process, and makes another session."""

    def __init__(self, settings: KiteSettings, session: KiteSession) -> None:
        self.api_key = settings.api_key.reveal()
        self.access_token: str | None = None
        self.root = settings.api_url
        self.timeout = settings.read_timeout_s
        self.reqsession = session
        self.proxies: dict[str, str] = {}
        self.debug = self.disable_ssl = False
        self.session_expiry_hook = None


class KiteClient:
    """The SDK's client of one thread."""

    def __init__(self, settings: KiteSettings) -> None:
        quieten("kiteconnect")
        self._settings = settings
        self.session = KiteSession(settings.patience)
        self._sdk = _Sdk(settings, self.session)
        self._token: Secret | None = None

    @property
    def status(self) -> int:
        """The status of the last answer; 0 when none came."""
        return 0 if self.session.answer is None else self.session.answer.status_code

    def date_ns(self) -> int:
        """When the last answer was made, by the server's clock, in whole seconds. Raises a RequestFailed when it doesn't say."""
        answer = self.session.answer
        try:
            return round(parsedate_to_datetime(answer.headers["Date"]).timestamp()) * SECOND_NS  # type: ignore[union-attr]
        except (AttributeError, KeyError, ValueError):
            raise UnreadableAnswer("Zerodha's answer has no date, so its clock isn't known") from None

    def path(self, route: str, parts: Parts | None = None) -> str:
        """Where a route of the SDK leads, such as ``/orders/regular``."""
        return str(self._sdk._routes[route].format(**(parts or {})))

    def ask(
        self,
        method: str,
        route: str,
        parts: Parts | None = None,
        params: Params | None = None,
        body: Sequence[Params] | None = None,
        token: Secret | None = None,
    ) -> Any:
        """What `KiteRest.request` says, with the token that is given. Raises a RequestFailed."""
        what = f"{method} {self.path(route, parts)}"
        self._token = token
        self._sdk.set_access_token(None if token is None else token.reveal())
        self.session.answer = None
        try:
            found = self._sdk._request(
                route,
                method,
                url_args=parts or {},
                params=written(params) if body is None else [*body],
                is_json=body is not None,
                query_params=written(params) if body is not None else None,
            )
        except requests.RequestException as error:
            failure = connection_failure(error, what, "Zerodha")
        except _SDK_TRAPS:
            failure = self._no(what)
        else:
            if self.status < ERRORS:
                return found
            failure = self._no(what)
        raise failure from None

    def begin(self, request_token: str, api_secret: Secret) -> dict[str, Any]:
        """A session for a request token: what Kite says of it. Raises a RequestFailed."""
        self.session.answer = None
        try:
            return dict(self._sdk.generate_session(request_token, api_secret.reveal()))
        except requests.RequestException as error:
            failure = connection_failure(error, "POST /session/token", "Zerodha")
        except _SDK_TRAPS:
            failure = self._no("POST /session/token")
        raise failure from None

    def without_secrets(self, text: str) -> str:
        """A text of the broker's, in which a key of ours may be repeated."""
        for secret in (self._settings.api_key, self._settings.api_secret, self._token):
            if secret:
                text = text.replace(secret.reveal(), repr(secret))
        return text

    def answer_text(self) -> str:
        """How the last answer begins, for an error."""
        answer = self.session.answer
        return "" if answer is None else self.without_secrets(answer.text[:LONGEST_BODY])

    def close(self) -> None:
        """Close its connections."""
        self.session.close()

    def _no(self, what: str) -> RequestFailed:
        """The last answer as the failure that it is."""
        answer = self.session.answer
        try:
            body = _read(answer.text) if answer is not None else None
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict) and (body.get("status") == "error" or body.get("error_type")):
            kind = str(body.get("error_type") or "")
            message = self.without_secrets(str(body.get("message") or "no text")[:LONGEST_BODY])
            named = f" ({kind})" if kind else ""
            return ErrorAnswer(f"{what}: Zerodha answered {self.status}{named}: {message}", self.status, kind, message)
        start = _words(self.answer_text())
        return UnreadableAnswer(
            f"{what}: the answer with status {self.status} is none of Kite's: {start}; what it did is unknown"
        )


def written(params: Params | None) -> dict[str, Any] | None:
    """Parameters as they go into a form or a query: each Decimal in plain digits, nothing for None."""
    if params is None:
        return None
    return {
        name: plain(value) if isinstance(value, Decimal) else value
        for name, value in params.items()
        if value is not None
    }


def _words(text: str) -> str:
    """What a page says, without its tags."""
    return repr(" ".join(re.sub(r"<[^>]*>", " ", text).split())) if text.strip() else "it is empty"
