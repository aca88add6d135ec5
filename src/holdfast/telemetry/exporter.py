"""Serves metrics for Prometheus: ``http://127.0.0.1:9464/metrics``. docs/metrics.md lists them (a test compares)."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from holdfast.errors import InvalidValue, Refused

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

EXAMPLE = "127.0.0.1:9464"


class Address(NamedTuple):
    """Where to listen. Port 0 takes any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written in a configuration."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """``host:port``, IPv6 as ``[::1]:9464``. Raises :class:`~holdfast.errors.InvalidValue`."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.netloc != text or parts.username is not None or not text.isprintable():
        raise InvalidValue(f"{text!r} is no address to listen at; write a host and a port, such as {EXAMPLE}")
    return Address(host, port)


class Exporter:
    """Serves the metrics of one process. ``close`` it."""

    def __init__(self, listen: str) -> None:
        """Listens from here on, with nothing to show yet.

        Raises :class:`~holdfast.errors.InvalidValue` for what is no address, :class:`~holdfast.errors.Refused` when it can't be had.
        """
        from prometheus_client import CollectorRegistry, start_http_server

        asked = parse_address(listen)
        self._sources = _Sources()
        registry = CollectorRegistry()
        registry.register(self._sources)
        try:
            self._server, self._thread = start_http_server(asked.port, asked.host, registry)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Refused(
                f"metrics can't be served at {asked} ({reason}): stop what listens there, or give metrics.listen another address"
            ) from None
        self.address = Address(asked.host, self._server.server_port)

    @property
    def url(self) -> str:
        """Where metrics are read."""
        return f"http://{self.address}/metrics"

    def add(self, source: "Collector", **labels: str) -> None:
        """Show what a registry or collector has too, each series with these labels besides."""
        self._sources.add(source, labels)

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Sources:
    """Several collectors as one: families of the same name are one family."""

    def __init__(self) -> None:
        self._sources: list[tuple[Collector, Mapping[str, str]]] = []
        self._lock = threading.Lock()

    def add(self, source: "Collector", labels: Mapping[str, str]) -> None:
        with self._lock:
            self._sources.append((source, labels))

    def collect(self) -> "Iterator[Metric]":
        """Every family, the series of all sources in it."""
        from prometheus_client import Metric

        with self._lock:
            sources = list(self._sources)
        families: dict[str, Metric] = {}
        for source, labels in sources:
            for found in source.collect():
                family = families.get(found.name)
                if family is None:
                    family = families[found.name] = Metric(found.name, found.documentation, found.type, found.unit)
                family.samples += [
                    sample._replace(labels={**labels, **sample.labels})
                    for sample in found.samples
                    if not sample.name.endswith("_created")
                ]
        yield from families.values()


class Gauges:
    """Numbers of an engine that are looked up when somebody asks. ``read`` gives them by the names of `GAUGES`."""

    def __init__(self, read: "Callable[[], dict[str, float]]") -> None:
        self._read = read

    def collect(self) -> "Iterator[Metric]":
        """One gauge each."""
        from prometheus_client.core import GaugeMetricFamily

        values: dict[str, float] = {}
        with suppress(
            RuntimeError
        ):  # the engine is changing it at this moment; the next time it is asked it has changed
            values = self._read()
        for name, value in values.items():
            yield GaugeMetricFamily(name, GAUGES[name], value)


GAUGES = {
    "holdfast_epoch": "How often the account was started",
    "holdfast_records": "Records of the account, those too that are not durable yet",
    "holdfast_records_durable": "Records of the account that are on the disk",
    "holdfast_open_orders": "Orders that may still trade",
    "holdfast_takes_risk": "1 while the account's state lets orders out that raise risk, 0 when not",
    "holdfast_market_time_seconds": "Time of the newest event, in seconds since 1970",
}
