"""Traces as a watcher of the observer: it tells the sender that there is something new, and waits for nobody."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.core.messages import Envelope
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError
from holdfast.journal.lists import ListReader
from holdfast.telemetry.redact import REDACTOR
from holdfast.tracing.otlp import Collector
from holdfast.tracing.places import Counts, Place, Places
from holdfast.tracing.sender import Sender

if TYPE_CHECKING:
    import sqlalchemy as sa
    from prometheus_client import Metric

    from holdfast.config import Config

NOTED_S = 2.0
"""How often the counts are noted, at most."""
SPANS, HELD_UP = "holdfast_trace_spans", "holdfast_traces_held_up"


class TraceWatcher:
    """Sends the traces of a configuration's accounts to the collector that it names."""

    name = "tracing"

    def __init__(self, config: "Config") -> None:
        """Raises :class:`~holdfast.errors.ConfigError` where no collector is named, and where the packages for it are missing."""
        tracing = config.tracing
        if tracing.otlp is None:
            raise ConfigError("tracing.otlp names no collector")
        headers = {name: str(value) for name, value in tracing.headers.items()}
        collector = Collector(str(tracing.otlp), headers, tracing.timeout_s)
        self._places = Places(config.observer.url)
        self.sender = Sender(config.journal.url, self._places, collector, tracing.sample)
        self._before: Counts | None = None
        self._noted = Counts()

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        """Begin with an account; where the collector was is known to the sender."""
        self.sender.begin(account, Place(sequence, (reader.hash_of(account, sequence) or "") if sequence else ""))

    def on_records(self, account: str, records: Sequence[Envelope], kept: "sa.Connection") -> None:
        """The sender reads them from the journal by itself."""
        del account, records, kept
        self.sender.wake()

    def on_time(self, moment: Any) -> None:
        """Note what has become of the spans, for those who look (`holdfast status`)."""
        if 0 <= moment.now_ns - self._noted.noted_ns < NOTED_S * SECOND_NS:
            return
        if self._before is None:
            self._before = self._places.counts()
        now, before = self._now(), self._before
        noted = Counts(
            now.sent + before.sent, now.rejected + before.rejected, now.left_out + before.left_out, now.trouble
        )
        if noted != self._noted._replace(noted_ns=0):
            self._places.note(noted._replace(noted_ns=moment.now_ns))
        self._noted = noted._replace(noted_ns=moment.now_ns)

    def collect(self) -> "Iterator[Metric]":
        """The counts of this process, as Prometheus takes them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._now()
        spans = CounterMetricFamily(SPANS, "Spans by what has become of them", labels=["outcome"])
        for outcome in ("sent", "rejected", "left_out"):
            spans.add_metric([outcome], getattr(now, outcome))
        yield spans
        yield GaugeMetricFamily(HELD_UP, "1 while no traces can be sent, 0 else", float(bool(now.trouble)))

    def _now(self) -> Counts:
        sender = self.sender
        return Counts(sender.sent, sender.rejected, sender.left_out, REDACTOR.text(sender.trouble))
