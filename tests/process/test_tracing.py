"""Traces of a real session, sent by the real observer to a real collector that fails, on each database."""

import gzip
import itertools
import signal
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from holdfast.core.messages import Bar, Envelope, OrderFilled, OrderPrepared
from holdfast.journal.reader import Reader
from tests.budget import in_a_campaign
from tests.databases import SERVERS, empty_journal
from tests.process.program import run, started, succeed, until
from tests.receiver import Received, Reply, receiving

pytestmark = pytest.mark.process

CONFIG = """
[journal]
url = "{url}"

[feed]
kind = "synthetic"
symbols = ["AVOR"]
days = 1

[tracing]
otlp = "{otlp}"
headers = {{ x-key = "planted-header-key" }}

[[accounts]]
name = "house"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = {{ fast = 2, slow = 4, quantity = 10, allow_short = true }}
exits = {{ stop_loss_pct = 2 }}
"""


def spans_in(requests: Iterable[Received]) -> list[Span]:
    """What was sent, decoded by the protocol's own classes."""
    groups = [ExportTraceServiceRequest.FromString(gzip.decompress(request.body)) for request in requests]
    return [
        span for group in groups for part in group.resource_spans for scope in part.scope_spans for span in scope.spans
    ]


def said(span: Span, name: str) -> str:
    """An attribute as text; empty where there is none."""
    values = [found.value for found in span.attributes if found.key == f"holdfast.{name}"]
    return str(getattr(values[0], str(values[0].WhichOneof("value")))) if values else ""


def check(spans: list[Span], records: list[Envelope]) -> None:
    """Compare spans with the journal, by no code of those who made them: every fill leads back to its bar, by ids of the journal."""
    by_id = {span.span_id: span for span in spans}
    by_record = {record.id: record for record in records}
    fills = [record for record in records if isinstance(record.body, OrderFilled)]
    found = {int(said(span, "record")): span for span in spans if span.name == "fill"}
    assert sorted(found) == [record.sequence for record in fills]
    for record in fills:
        span = found[record.sequence]
        path = [span]
        while path[-1].parent_span_id:
            path.append(by_id[path[-1].parent_span_id])
        assert {step.trace_id for step in path} == {span.trace_id}
        assert [step.name for step in path][-4:] == ["order", "risk decision", "signal", "market event"]
        market = by_record[record.correlation_id]
        assert isinstance(market.body, Bar)
        assert int(said(path[-1], "record")) == market.sequence
        assert path[-1].start_time_unix_nano == market.body.time_ns
        body = record.body
        assert isinstance(body, OrderFilled)
        assert said(span, "order.id") == body.client_order_id == said(path[1], "order.id")
        assert float(said(span, "fill.price")) == float(body.price)
        assert span.end_time_unix_nano == (body.executed_ns or record.time_ns)
    orders = [record.body.terms.client_order_id for record in records if isinstance(record.body, OrderPrepared)]
    live = set(orders) - {said(span, "order.id") for span in spans if span.name == "order"}
    ended = {str(said(span, "order.id")) for span in spans if span.name in ("order canceled", "order expired")}
    assert not live & ended


@pytest.mark.parametrize("kind", ["sqlite", *map(in_a_campaign, SERVERS)])
def test_session_arrives_whole_though_collector_and_observer_fail(tmp_path: Path, kind: str) -> None:
    """Refused, told to wait and killed in between: each span is taken in the end, and those that came twice are the same."""
    taken: list[Received] = []
    calls = itertools.count()

    def answer(request: Received) -> Reply:
        call = next(calls)
        if call < 2:
            return Reply(503) if call == 0 else Reply(429, {"Retry-After": "0"})
        taken.append(request)
        return Reply()

    with empty_journal(kind, tmp_path) as url, receiving() as collector:
        collector.answer = answer
        (tmp_path / "holdfast.toml").write_text(CONFIG.format(url=url, otlp=collector.url))
        with started(tmp_path, "observe", errors=tmp_path / "observed.txt") as first:
            until(lambda: "observing" in (tmp_path / "observed.txt").read_text(), "the observer")
            succeed(tmp_path, "run")
            collector.wait_for(lambda received: len(received) >= 3)
            first.kill()
        with Reader.open(url) as reader:
            records = list(reader.records("house"))
        last = max(record.sequence for record in records if isinstance(record.body, OrderFilled))
        with started(tmp_path, "observe", errors=tmp_path / "again.txt"):
            until(
                lambda: any(
                    said(span, "record") == str(last) and span.name == "fill" for span in spans_in(list(taken))
                ),
                "the last fill",
            )
    spans = spans_in(taken)
    by_id = {span.span_id: span for span in spans}
    assert all(by_id[span.span_id] == span for span in spans), "what came twice is not the same"
    check(list(by_id.values()), records)
    assert {request.headers["x-key"] for request in taken} == {"planted-header-key"}
    for file in tmp_path.rglob("*.txt"):
        assert "planted-header-key" not in file.read_text()


def test_collector_that_is_away_is_nobodys_trouble(tmp_path: Path) -> None:
    """The session ends as without it; the observer says so once, ends in order, and has lost nothing when it is started again."""
    url = f"sqlite:///{tmp_path / 'j.db'}"
    config = CONFIG.format(url=url, otlp="http://127.0.0.1:9")
    (tmp_path / "holdfast.toml").write_text(config)
    log = tmp_path / "observed.txt"
    with started(tmp_path, "observe", errors=log):
        until(lambda: "observing" in log.read_text(), "the observer")
        succeed(tmp_path, "run")
        until(lambda: "traces are not sent for now" in log.read_text(), "its word")
    with receiving() as collector, Reader.open(url) as reader:
        (tmp_path / "holdfast.toml").write_text(config.replace("http://127.0.0.1:9", collector.url))
        records = list(reader.records("house"))
        orders = sum(isinstance(record.body, OrderFilled) for record in records)
        with started(tmp_path, "observe") as observer:
            collector.wait_for(lambda got: Counter(span.name for span in spans_in(got))["fill"] >= orders)
            counted = partial(succeed, tmp_path, "status", "--json")
            until(lambda: counted().json["traces"]["sent"] >= len(spans_in(collector.received)), "its count")
            observer.send_signal(signal.SIGTERM)
            assert observer.wait() == 0
        spans = spans_in(collector.received)  # nobody sends any more
        assert counted().json["traces"]["sent"] == len(spans)
        assert f"traces: {len(spans):,} spans sent, 0 rejected, 0 left out" in succeed(tmp_path, "status").out
    assert len({span.span_id for span in spans}) == len(spans)
    check(spans, records)


def test_observer_says_what_is_wrong_with_its_address(tmp_path: Path) -> None:
    """One line, exit status 2, and nothing is made."""
    (tmp_path / "holdfast.toml").write_text(CONFIG.format(url="sqlite:///j.db", otlp="127.0.0.1:4318"))
    done = run(tmp_path, "observe")
    assert done.status == 2
    assert "tracing.otlp is no address of a collector" in done.error
    assert [path.name for path in tmp_path.iterdir()] == ["holdfast.toml"]
