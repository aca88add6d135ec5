"""The sections ``[tracing]`` and ``[sentry]``: what is told to programs elsewhere."""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from holdfast.core.ranges import Ranged, Seconds, Within
from holdfast.errors import ConfigError


class TracingConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Traces of every trade, from market event to fill (docs/tracing.md).

    ``otlp`` is a collector's address for OTLP over HTTP, such as ``http://127.0.0.1:4318``; left out: none are made. ``sample`` is the
    share of traces that is sent, 0 to 1. ``headers`` go with each request; write their secrets as ``secret:NAME``. A request may take ``timeout_s``.
    """

    otlp: str | None = None
    sample: Annotated[float, Within(0, 1)] = 1.0
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_s: Seconds = 10.0


class SentryConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Errors of engine, web, watchdog and observer to Sentry (docs/sentry.md): ``dsn`` is the project's, best as ``secret:NAME``; left out: nowhere."""

    dsn: str | None = None
    environment: str = "production"


def check_outside(tracing: TracingConfig, sentry: SentryConfig) -> None:
    """Addresses can be some. Raises :class:`~holdfast.errors.ConfigError`, with nothing in it that may be a key."""
    if tracing.otlp is not None:
        host, user, _ = _parts(tracing.otlp)
        if not host or user:
            raise ConfigError(
                "tracing.otlp is no address of a collector; it looks like http://127.0.0.1:4318 (keys go into tracing.headers)"
            )
        for name, value in tracing.headers.items():
            if not name.isascii() or not name.replace("-", "").isalnum() or not value.isprintable():
                raise ConfigError(f"tracing.headers: {name!r} can't be sent as a header of HTTP")
    if sentry.dsn is not None:
        host, user, path = _parts(sentry.dsn)
        if not host or not user or not path.rpartition("/")[2].isdigit():
            raise ConfigError("sentry.dsn is no DSN; it looks like https://KEY@o1.ingest.sentry.io/2")


def _parts(url: str) -> tuple[str, str, str]:
    """Host, user and path of a web address; empty where it is none."""
    try:
        parts = urlsplit(str(url))
        port = parts.port
    except ValueError:
        return "", "", ""
    if parts.scheme not in ("http", "https") or port == 0:
        return "", "", ""
    return parts.hostname or "", parts.username or "", parts.path
