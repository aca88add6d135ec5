"""Where posts go: X itself, or a target of apprise. What an answer means decides whether a post may ever be sent again."""

import datetime as dt
import logging
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from holdfast.config.posts import PostsConfig, XConfig
from holdfast.errors import ConfigError, InvalidValue
from holdfast.journal.posts import FAILED, SENT, UNKNOWN
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret

X, APPRISE = "x", "apprise"
LARGEST_ANSWER = 65_536
"""Bytes of an answer that are read: X's have some hundred."""
WORDS = 300
"""So much of what somebody else says goes into a reason, in characters."""


class Outcome(NamedTuple):
    """What became of a post. ``state`` is one of `journal/posts.py`; ``post_id`` is the target's own."""

    state: str
    post_id: str = ""
    reason: str = ""


Target = Callable[[str], Outcome]


def target_of(posts: PostsConfig, name: str | None) -> tuple[str, Target]:
    """The target that is meant, by its name. Raises ConfigError when there is none, InvalidValue when it must be said which."""
    there = posts.targets
    if not there:
        raise ConfigError(
            'there is nobody to post to: give [posts.x] its keys, or [posts] apprise = "secret:NAME" (docs/posts.md)'
        )
    if name is None and len(there) > 1:
        raise InvalidValue(f"to whom? Add --to {' or --to '.join(there)}")
    if name is not None and name not in there:
        raise InvalidValue(f"--to {name}: the configuration has {' and '.join(there)}")
    chosen = name or there[0]
    return chosen, _to_x(posts.x) if chosen == X else _to_apprise(str(posts.apprise))


# --- X ----------------------------------------------------------------------------------------------------------------


def _to_x(config: XConfig) -> Target:
    REDACTOR.protect(*(Secret(str(key)) for key in (*config.keys, config.bearer) if key is not None))
    return lambda text: send_to_x(config, text)


def send_to_x(config: XConfig, text: str) -> Outcome:
    """Create a post by X's API (POST /2/tweets). It is one request: what may have been taken is never sent again by itself."""
    import requests

    url = f"{config.url.rstrip('/')}/2/tweets"
    try:
        with requests.post(
            url,
            data=msgspec.json.encode({"text": text}),
            headers={"Content-Type": "application/json", **_bearer(config)},
            auth=_signature(config),
            timeout=config.timeout_s,
            allow_redirects=False,
            stream=True,
        ) as answer:
            headers, status = answer.headers, answer.status_code
            body = _json(answer.raw.read(LARGEST_ANSWER, decode_content=True))
    except (requests.exceptions.ConnectTimeout, requests.exceptions.InvalidURL) as error:
        return Outcome(FAILED, reason=f"X could not be reached: {_said(error)}")
    except requests.exceptions.ConnectionError as error:
        return _broken(error)
    except (requests.exceptions.RequestException, OSError) as error:
        return Outcome(UNKNOWN, reason=f"no answer came from X: {_said(error)}")
    return _meaning(status, body, headers.get("x-rate-limit-reset", ""))


def _broken(error: Exception) -> Outcome:
    """A connection that failed: before it stood nothing was sent, afterwards nobody knows."""
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    cause: Any = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NewConnectionError):
        return Outcome(FAILED, reason=f"X could not be reached: {_said(reason)}")
    return Outcome(UNKNOWN, reason=f"the connection to X broke before it answered: {_said(error)}")


def _bearer(config: XConfig) -> dict[str, str]:
    return {} if config.bearer is None else {"Authorization": f"Bearer {config.bearer}"}


def _signature(config: XConfig) -> Any:
    """OAuth 1.0a in the header; the body is JSON, and is not signed."""
    if config.bearer is not None:
        return _nobody
    from requests_oauthlib import OAuth1

    return OAuth1(*(str(key) for key in config.keys))


def _nobody(request: Any) -> Any:
    """No authentication beside the header's: none of a ``.netrc`` either."""
    return request


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _meaning(status: int, body: dict[str, Any], reset: str) -> Outcome:
    """What an answer of X says became of the post."""
    said = _said(body.get("detail") or body.get("title") or f"status {status}")
    if 200 <= status < 300:
        data = body.get("data")
        return Outcome(SENT, str(data.get("id", "")) if isinstance(data, dict) else "")
    if status == 429:
        return Outcome(FAILED, reason=f"X takes no more posts now{_until(reset)}: {said}")
    if status == 403 and "duplicate" in said.lower():
        return Outcome(UNKNOWN, reason=f"X has a post of this very text already, perhaps this one: {said}")
    if status in (401, 403):
        return Outcome(FAILED, reason=f"X refuses the keys, or what they may do: {said}")
    if 300 <= status < 500 and status != 408:
        return Outcome(FAILED, reason=f"X took it not: {said} (status {status})")
    return Outcome(UNKNOWN, reason=f"X failed, and may have taken it: {said} (status {status})")


def _until(reset: str) -> str:
    """Until when, as X's header says in seconds since 1970."""
    if not reset.isdecimal() or len(reset) > 12:
        return ""
    return f", until {dt.datetime.fromtimestamp(int(reset), dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _said(what: object) -> str:
    """Somebody else's words, in one line and without secrets."""
    line = " ".join(str(what).split())
    return REDACTOR.text("".join(letter if letter.isprintable() else " " for letter in line))[:WORDS]


# --- apprise ----------------------------------------------------------------------------------------------------------


def _to_apprise(url: str) -> Target:
    REDACTOR.protect(Secret(url))
    return lambda text: send_to_apprise(url, text)


def send_to_apprise(url: str, text: str) -> Outcome:
    """Hand a post to apprise, which answers yes or no: after a no, nobody knows whether it was taken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it uses modules that Python is about to drop
        import apprise

        heard = _Heard()
        logger = logging.getLogger("apprise")
        logger.addHandler(heard)
        try:
            target = apprise.Apprise()
            if not target.add(url):
                return Outcome(FAILED, reason="apprise knows no such target; look at posts.apprise")
            taken = target.notify(body=text, body_format=apprise.NotifyFormat.TEXT)
        finally:
            logger.removeHandler(heard)
    if taken:
        return Outcome(SENT)
    return Outcome(
        UNKNOWN, reason=f"apprise's target gave no good answer: {_said(heard.last or 'no reason was given')}"
    )


class _Heard(logging.Handler):
    """The last warning that apprise has logged: it says no reason otherwise."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = record.getMessage()
