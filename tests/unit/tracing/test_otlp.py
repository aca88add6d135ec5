"""A batch of spans over HTTP to a real receiver, and what each of its answers means."""

import gzip
import threading
from collections.abc import Iterator
from itertools import repeat

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret
from holdfast.tracing.otlp import LONGEST_WAIT_S, Collector, Verdict, endpoint, retry_after_s
from holdfast.tracing.span import Span
from tests.receiver import Receiver, Reply, receiving

SPANS = [
    Span(b"t" * 16, b"a" * 8, b"", "market event", 1, 2, {"s": "ABC", "n": 3, "f": 1.5, "b": True}),
    Span(b"t" * 16, b"b" * 8, b"a" * 8, "order", 2, 5, {}, "refused"),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def collector(receiver: Receiver) -> Iterator[Collector]:
    found = Collector(receiver.url, {"x-key": "k1"}, timeout_s=30)
    yield found
    found.close()


def test_spans_arrive_as_the_protocol_has_them(receiver: Receiver, collector: Collector) -> None:
    """Decoded by the protocol's own classes: ids, times, attributes by their types, and the status."""
    assert collector.send(SPANS).verdict is Verdict.TAKEN
    (request,) = receiver.received
    assert request.path == "/v1/traces"
    assert (request.headers["x-key"], request.headers["Content-Type"]) == ("k1", "application/x-protobuf")
    (group,) = ExportTraceServiceRequest.FromString(gzip.decompress(request.body)).resource_spans
    assert group.resource.attributes[0].value.string_value == "holdfast"
    root, order = group.scope_spans[0].spans
    assert (root.trace_id, root.span_id, root.parent_span_id) == (b"t" * 16, b"a" * 8, b"")
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (1, 2)
    kinds = {found.key: found.value.WhichOneof("value") for found in root.attributes}
    assert kinds == {"s": "string_value", "n": "int_value", "f": "double_value", "b": "bool_value"}
    assert (order.parent_span_id, order.status.code, order.status.message) == (b"a" * 8, 2, "refused")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[(status, Verdict.TAKEN) for status in (200, 202, 204)],
        *[(status, Verdict.REFUSED) for status in (400, 413, 415, 422)],
        *[(status, Verdict.LATER) for status in (301, 307, 401, 403, 404, 408, 429, 500, 502, 503, 504)],
    ],
)
def test_answer_decides(receiver: Receiver, collector: Collector, status: int, verdict: Verdict) -> None:
    """What can't ever be taken is left out, all else is sent again later; nothing is followed elsewhere."""
    receiver.answer = lambda _: Reply(status, {"Location": receiver.url + "/other"})
    assert collector.send(SPANS).verdict is verdict
    assert [request.path for request in receiver.received] == ["/v1/traces"]


def test_part_of_a_batch_may_be_rejected(receiver: Receiver, collector: Collector) -> None:
    """The collector's count and words are told; the batch is not sent again, as the protocol says."""
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans, said.partial_success.error_message = 1, "too old"
    receiver.answer = lambda _: Reply(body=said.SerializeToString())
    assert collector.send(SPANS) == (Verdict.TAKEN, "too old", 1, 0.0)


def test_answer_that_is_no_protobuf_is_a_yes(receiver: Receiver, collector: Collector) -> None:
    """A proxy that says OK in words has taken the batch."""
    receiver.answer = lambda _: Reply(body=b"<html>OK</html>")
    assert collector.send(SPANS) == (Verdict.TAKEN, "", 0, 0.0)


def test_answer_without_an_end_is_left(receiver: Receiver, collector: Collector) -> None:
    """An endless answer fills no memory and holds nobody: the batch counts as not taken."""
    receiver.answer = lambda _: Reply(parts=repeat(b"x" * 4096))
    found = collector.send(SPANS)
    assert (found.verdict, found.text) == (Verdict.LATER, "TimeoutError: the collector's answer has no end")


def test_answer_that_trickles_is_left(receiver: Receiver) -> None:
    """A byte now and then, for ever: the time for the whole request ends it."""
    collector, done = Collector(receiver.url, {}, timeout_s=0.2), threading.Event()

    def trickle() -> Iterator[bytes]:
        while not done.wait(0.02):
            yield b"x"

    receiver.answer = lambda _: Reply(parts=trickle())
    assert collector.send(SPANS).verdict is Verdict.LATER
    done.set()
    collector.close()


def test_nobody_there_is_later(receiver: Receiver) -> None:
    """A refused connection is an answer too, without the key in its words."""
    REDACTOR.protect(Secret("planted-key-7"))
    found = Collector("http://127.0.0.1:9/planted-key-7", {}, 5).send(SPANS)
    assert found.verdict is Verdict.LATER
    assert "refused" in found.text
    assert "planted-key-7" not in found.text


def test_pause_that_is_asked_for(receiver: Receiver, collector: Collector) -> None:
    """A 429 says how long; the batch waits so long."""
    receiver.answer = lambda _: Reply(429, {"Retry-After": "7"}, b"slow down")
    assert collector.send(SPANS) == (Verdict.LATER, "HTTP 429 slow down", 0, 7.0)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("1e9", LONGEST_WAIT_S),
        ("-5", 0.0),
        ("nan", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_in_both_forms(text: str, wait_s: float) -> None:
    """Seconds or a date, at second 40; nonsense is no pause, and no pause is longer than five minutes."""
    assert retry_after_s(text, 40.0) == wait_s


@pytest.mark.parametrize(
    "url", ["http://h:4318", "http://h:4318/", "http://h:4318/v1/traces", "http://h:4318/v1/traces/"]
)
def test_address_with_or_without_its_path(url: str) -> None:
    """People write either."""
    assert endpoint(url) == "http://h:4318/v1/traces"
