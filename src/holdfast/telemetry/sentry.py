"""Errors of this process to Sentry, when the configuration names one: redacted, without variables, and never in anybody's way.

What is logged as an error goes there, and what ends a program. A thread of the SDK sends; its queue is bounded, and what doesn't fit is
left out, as is what comes faster than anybody reads. docs/sentry.md
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.errors import ConfigError, InvalidValue, Refused
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret

if TYPE_CHECKING:
    from sentry_sdk import Client

MOST_A_MINUTE = 30
"""Events that are sent in a minute; the next one that is sent says how many were left out."""
MOST_WAITING = 50
"""Events that wait for their sending; what comes beyond that is left out."""
FLUSH_S = 1.0
"""How long an end of the process waits for what is on its way."""
OURS = ("sentry_sdk", "urllib3")
"""Loggers of those who send: what they say of their own trouble is not sent."""
TAGS = ("account", "broker", "strategy", "symbol", "feed")
"""What a line says by these names is a tag; all else that it says comes along as extra."""

SENT = frozenset(
    [
        "event_id",
        "timestamp",
        "level",
        "logger",
        "logentry",
        "exception",
        "tags",
        "extra",
        "fingerprint",
        "release",
        "environment",
        "platform",
        "sdk",
    ]
)
"""The parts of an event that are sent."""

NOT_EXTRA = ("event", "level", "time", "logger", "exc_info")
"""What structlog puts into a line that the event has in its own places."""

ExcInfo = tuple[Any, Any, Any]


class Errors(logging.Handler):
    """Sends what is logged as an error. `close` it."""

    def __init__(self, dsn: str, tags: Mapping[str, str], environment: str, clock_s: Callable[[], float]) -> None:
        """Raises :class:`~holdfast.errors.ConfigError` for a DSN that is none, and where the package is missing."""
        super().__init__(logging.ERROR)
        self._client = _client(dsn, environment)
        self._tags = dict(tags)
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._minute_s, self._sent, self._left_out = clock_s(), 0, 0
        self.addFilter(lambda record: not record.name.startswith(OURS))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one. Raises nothing, as `logging` asks."""
        try:
            left_out = self._admit()
            if left_out is not None:
                self._send(_event_of(record, left_out), _exception_of(record))
        except Exception:  # noqa: BLE001  to tell of an error must not make another
            self.handleError(record)

    def report(self, error: BaseException) -> None:
        """Send an error that ends the program."""
        self._send({"level": "fatal"}, (type(error), error, error.__traceback__))

    def close(self) -> None:
        """Give what is on its way a moment."""
        self._client.close(timeout=FLUSH_S)
        super().close()

    def _admit(self) -> int | None:
        """How many were left out since the last; None: so is this one."""
        with self._lock:
            now_s = self._clock_s()
            if now_s - self._minute_s >= 60:
                self._minute_s, self._sent = now_s, 0
            if self._sent >= MOST_A_MINUTE:
                self._left_out += 1
                return None
            self._sent += 1
            left_out, self._left_out = self._left_out, 0
            return left_out

    def _send(self, event: dict[str, Any], exception: ExcInfo | None) -> None:
        from sentry_sdk.utils import event_from_exception

        if exception is not None:
            found, _ = event_from_exception(exception, client_options=self._client.options)
            event = {**found, **event}
        event["tags"] = {**self._tags, **event.get("tags", {})}
        self._client.capture_event(event)  # type: ignore[arg-type]


_errors: Errors | None = None


def watch_errors(dsn: str | None, part: str, tags: Mapping[str, str], environment: str = "production") -> None:
    """Send this process's errors from here on; ``part`` says which program it is. None: don't. A second call replaces the first.

    Raises :class:`~holdfast.errors.ConfigError`.
    """
    global _errors  # noqa: PLW0603 - one process, one place for its errors
    end()
    if dsn is not None:
        _errors = Errors(dsn, {"part": part, **tags}, environment, time.monotonic)
        logging.getLogger().addHandler(_errors)


def report(error: BaseException) -> None:
    """Tell of an error that ends the program, if anybody is to be told and it isn't one that a person has made in asking."""
    if _errors is not None and not isinstance(error, InvalidValue | ConfigError | Refused):
        _errors.report(error)


def end() -> None:
    """Send no more. Waits `FLUSH_S` at most for what is on its way."""
    global _errors  # noqa: PLW0603 - as above
    if _errors is not None:
        logging.getLogger().removeHandler(_errors)
        _errors.close()
        _errors = None


def _client(dsn: str, environment: str) -> "Client":
    """A client of our own: nothing of the SDK is set up for the process, and nothing of it is hooked.

    ``send_default_pii`` is left out, which means no: newer SDKs warn of whoever says so.
    """
    from importlib.metadata import version

    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn, Dsn
    except ImportError:
        raise ConfigError("sentry.dsn needs a package of its own: pip install 'holdfast[sentry]'") from None
    try:
        REDACTOR.protect(Secret(str(Dsn(str(dsn)).public_key)))
    except BadDsn:
        raise ConfigError("sentry.dsn is no DSN; it looks like https://KEY@o1.ingest.sentry.io/2") from None
    return sentry_sdk.Client(
        dsn=str(dsn),
        release=f"holdfast@{version('holdfast')}",
        environment=environment,
        server_name="",
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        spotlight=False,
        transport_queue_size=MOST_WAITING,
        shutdown_timeout=FLUSH_S,
        before_send=_clean,
    )


def _clean(event: Any, _hint: object) -> Any:
    """The event without secrets, and nothing that a newer SDK may add. It is plain values here: the SDK has made it so."""
    return REDACTOR.value({name: value for name, value in event.items() if name in SENT})


def _event_of(record: logging.LogRecord, left_out: int) -> dict[str, Any]:
    """What a log record says, as structlog hands it on or as the standard library has it."""
    said: Mapping[str, Any] = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
    text = str(said.get("event", ""))
    extra = {str(name): value for name, value in said.items() if name not in NOT_EXTRA}
    if left_out:
        extra["left_out"] = left_out
    return {
        "level": record.levelname.lower().replace("critical", "fatal"),
        "logger": record.name,
        "logentry": {"message": text},
        "tags": {name: str(extra.pop(name)) for name in TAGS if name in extra},
        "extra": extra,
        "fingerprint": [record.name, str(record.msg) if isinstance(record.msg, str) else text],
    }


def _exception_of(record: logging.LogRecord) -> ExcInfo | None:
    """The exception that a record is about: the standard library's, or what structlog was given, which may be the one at hand."""
    fault: Any = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if isinstance(fault, BaseException):
        return type(fault), fault, fault.__traceback__
    found = sys.exc_info() if fault is True else fault or None
    return None if found is None or found[0] is None else found
