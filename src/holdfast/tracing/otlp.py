"""Spans to a collector by OTLP/HTTP with protobuf (opentelemetry.io/docs/specs/otlp): one batch at a time, and what the answer means."""

import gzip
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from holdfast import __version__
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import REDACTOR
from holdfast.tracing.span import Span, Value

if TYPE_CHECKING:
    import requests
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

PATH = "/v1/traces"
CONNECT_S = 3.0
LONGEST_WAIT_S = 300.0
"""How long a collector can ask us to wait; what it asks beyond that is not heeded."""
MOST_BYTES = 65_536
"""Of an answer. One that is longer is no answer of a collector."""

BAD_BATCH = frozenset({400, 413, 415, 422})
"""The collector won't ever take this batch: it is left out, so that the next ones arrive."""


class Verdict(Enum):
    """What became of a batch."""

    TAKEN = "taken"
    REFUSED = "refused"  # for good: it is not sent again
    LATER = "later"  # it is sent again


class Answer(NamedTuple):
    """A collector's answer. ``rejected`` of the batch's spans were not taken; ``wait_s`` is the pause it asks for, 0 for none."""

    verdict: Verdict
    text: str = ""
    rejected: int = 0
    wait_s: float = 0.0


class Collector:
    """A collector at ``url``, with or without its path. ``timeout_s`` bounds a whole request. Used by one thread; `close` it.

    Raises :class:`~holdfast.errors.ConfigError` where the packages of ``holdfast[otel]`` are missing.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        try:
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
        except ImportError:
            raise ConfigError("traces need packages of their own: pip install 'holdfast[otel]'") from None
        import requests

        self.url = endpoint(url)
        self._protocol = trace_service_pb2
        self._timeout_s = timeout_s
        self._session: requests.Session = requests.Session()
        self._session.headers.update(
            {
                **headers,
                "Content-Type": "application/x-protobuf",
                "Content-Encoding": "gzip",
                "User-Agent": f"holdfast/{__version__}",
            }
        )

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()

    def send(self, spans: Sequence[Span]) -> Answer:
        """Send a batch and say what became of it. Raises nothing that a collector can cause."""
        import requests

        body = gzip.compress(encode(spans), 6)
        began_s = time.monotonic()
        try:
            with self._session.post(
                self.url, body, timeout=(CONNECT_S, self._timeout_s), allow_redirects=False, stream=True
            ) as answer:
                return self._understood(answer, self._content(answer, began_s))
        except (requests.RequestException, OSError) as error:
            return Answer(Verdict.LATER, REDACTOR.text(f"{type(error).__name__}: {error}"))

    def _content(self, answer: "requests.Response", began_s: float) -> bytes:
        """The answer's body. Raises TimeoutError when it comes too slowly, or has no end."""
        found = b""
        while part := answer.raw.read1(4096):  # what has come so far, however little
            found += part
            if time.monotonic() - began_s > self._timeout_s or len(found) > MOST_BYTES:
                raise TimeoutError("the collector's answer has no end")
        return found

    def _understood(self, answer: "requests.Response", content: bytes) -> Answer:
        status = answer.status_code
        if 200 <= status < 300:
            return self._taken(content)
        text = f"HTTP {status} {REDACTOR.text(content[:200].decode('utf-8', 'replace'))}".strip()
        if status in BAD_BATCH:
            return Answer(Verdict.REFUSED, text)
        return Answer(Verdict.LATER, text, wait_s=retry_after_s(answer.headers.get("Retry-After", ""), time.time()))

    def _taken(self, content: bytes) -> Answer:
        """Taken, whole or in part. What is no protobuf comes from something that says yes to everything."""
        from google.protobuf.message import DecodeError

        try:
            partly = self._protocol.ExportTraceServiceResponse.FromString(content).partial_success
        except DecodeError:
            return Answer(Verdict.TAKEN)
        return Answer(Verdict.TAKEN, REDACTOR.text(partly.error_message), partly.rejected_spans)


def endpoint(url: str) -> str:
    """Where traces go: ``/v1/traces`` below ``url``, or ``url`` itself where it ends so."""
    bare = url.rstrip("/")
    return bare if urlsplit(bare).path.endswith(PATH) else bare + PATH


def retry_after_s(text: str, now_s: float) -> float:
    """The pause that a ``Retry-After`` asks for, as seconds or as a date; 0 where it can't be read."""
    try:
        wait_s = float(text)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(wait_s, LONGEST_WAIT_S) if wait_s > 0 else 0.0


def encode(spans: Sequence[Span]) -> bytes:
    """An ``ExportTraceServiceRequest`` of the spans."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    for key, value in (("service.name", "holdfast"), ("service.version", __version__)):
        of_resource.resource.attributes.add(key=key).value.string_value = value
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name, of_scope.scope.version = "holdfast.tracing", __version__
    for span in spans:
        _fill(of_scope.spans.add(), span)
    return bytes(request.SerializeToString())


def _fill(wire: "WireSpan", span: Span) -> None:
    wire.trace_id, wire.span_id, wire.parent_span_id = span.trace_id, span.span_id, span.parent_id
    wire.name, wire.kind = span.name, wire.SPAN_KIND_INTERNAL
    wire.start_time_unix_nano, wire.end_time_unix_nano = span.start_ns, span.end_ns
    for key, value in span.attributes.items():
        _set(wire, key, value)
    if span.error:
        wire.status.code, wire.status.message = wire.status.STATUS_CODE_ERROR, span.error


def _set(wire: "WireSpan", key: str, value: Value) -> None:
    into = wire.attributes.add(key=key).value
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    else:
        into.string_value = value
