"""Who watches, by the configuration."""

from typing import TYPE_CHECKING

from holdfast.config import Config
from holdfast.observer.reloading import Reloading
from holdfast.observer.watcher import Watcher

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


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
    if config.monitor.listen is not None:
        from holdfast.observer.serving import Served

        served = Served(config.monitor.listen, collectors)
        pipeline.on_work.append(served.works)
        served.start()
    return watchers
