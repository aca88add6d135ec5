"""Who watches, by the configuration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from holdfast.config import Config
from holdfast.errors import Refused
from holdfast.observer.reloading import Reloading
from holdfast.observer.watcher import Watcher

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)


def watchers_of(config: Config, reloading: Reloading) -> list[Watcher]:
    """The watchers that the configuration asks for: a line for each room that has one. What is heavy is imported here, where it is asked for.

    Those that can go by another configuration while they run hear of it by ``reloading``.
    """
    from holdfast.alerting.watcher import AlertWatcher
    from holdfast.observer.anchors import anchor_watchers
    from holdfast.observer.pipeline import PipelineWatcher

    anchors, pipeline = anchor_watchers(config), PipelineWatcher(config)
    alerts = AlertWatcher(config, more=[each.findings for each in anchors])
    reloading.takers += [alerts.take, pipeline.take]
    watchers: list[Watcher] = [reloading, alerts, pipeline, *anchors]
    collectors: list[Collector] = [pipeline]
    if config.tracing.otlp is not None:
        from holdfast.tracing.watcher import TraceWatcher

        traces = TraceWatcher(config)
        watchers.append(traces)
        collectors.append(traces)
    _serve(config, collectors)
    return watchers


def _serve(config: Config, collectors: Sequence["Collector"]) -> None:
    """Serve the watchers' metrics where the configuration says so. Where the address is taken they watch without, and it is said."""
    if config.monitor.listen is None:
        return
    from holdfast.telemetry.exporter import Exporter

    try:
        exporter = Exporter(config.monitor.listen)
    except Refused as error:
        log.warning("the observer's metrics aren't served", reason=str(error))
        return
    for collector in collectors:
        exporter.add(collector)
