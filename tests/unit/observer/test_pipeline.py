"""The pipeline monitor as a watcher of the journal's tail."""

import socket
from contextlib import closing
from pathlib import Path

from prometheus_client import CollectorRegistry

from holdfast.config import Config, parse_config
from holdfast.config.rereading import OBSERVER, Rereader
from holdfast.core.types import SECOND_NS
from holdfast.journal import Journal, Reader
from holdfast.journal.lists import ListReader
from holdfast.observer.follower import Follower
from holdfast.observer.pipeline import PipelineWatcher
from holdfast.observer.reloading import Reloading
from holdfast.observer.watchers import watchers_of
from tests.unit.journal.trader import Trader

NOW = 1_000 * SECOND_NS


def write(journal: Journal, trader: Trader, orders: int) -> int:
    """So many orders, durable; how many executions they had."""
    batches = list(trader.day(orders))
    for batch in batches:
        journal.append(batch)
    journal.wait_durable("main", batches[-1].envelopes[-1].sequence, 60)
    return sum(record.type == "OrderFilled" for batch in batches for record in batch.envelopes)


def look(config: Config, watcher: PipelineWatcher, now_ns: int) -> None:
    """As a process does that begins, looks and ends."""
    with closing(Follower(config, [watcher])) as follower:
        while follower.look(now_ns):
            pass


def value(watcher: PipelineWatcher, name: str, **labels: str) -> float | None:
    """A figure as it is exported."""
    registry = CollectorRegistry()
    registry.register(watcher)
    return registry.get_sample_value(name, {"account": "main", "broker": "paper", **labels})


def test_figures_count_what_is_handed_over(config: Config, journal: Journal, trader: Trader) -> None:
    """Who begins, or begins again, reads what stands without counting it; what came while nobody watched is handed over, and counts."""
    journal.append(trader.deposit())
    write(journal, trader, 2)
    first = PipelineWatcher(config)
    look(config, first, NOW)
    assert value(first, "holdfast_pipeline_events_total", stage="fills") == 0
    filled = write(journal, trader, 3)
    look(config, first, NOW + 5 * SECOND_NS)
    assert value(first, "holdfast_pipeline_events_total", stage="fills") == filled > 0
    with Reader.open(config.journal.url) as reader:
        last_ns = max(record.time_ns for record in reader.records("main") if record.type == "OrderFilled")
    assert value(first, "holdfast_pipeline_last_event_seconds", stage="fills") == last_ns / SECOND_NS
    second = PipelineWatcher(config)
    with ListReader.open(config.journal.url) as again:
        second.restore(again, "main", again.account("main").last_sequence)
    assert value(second, "holdfast_pipeline_events_total", stage="fills") == 0
    assert value(second, "holdfast_pipeline_last_event_seconds", stage="fills") == last_ns / SECOND_NS


def test_each_stage_has_one_verdict(config: Config, journal: Journal, trader: Trader) -> None:
    """One of the four is 1, the others 0."""
    journal.append(trader.deposit())
    write(journal, trader, 2)
    watcher = PipelineWatcher(config)
    look(config, watcher, NOW)
    for stage in ("market data", "signals", "risk", "orders", "fills", "portfolio"):
        levels = [
            value(watcher, "holdfast_pipeline_level", stage=stage, level=level)
            for level in ("healthy", "degraded", "critical", "idle")
        ]
        assert sorted(level for level in levels if level is not None) == [0, 0, 0, 1]


def test_an_address_in_use_is_told_and_nothing_ends() -> None:
    """The observer watches without."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        data = {"accounts": [{"name": "main"}], "feed": {"kind": "synthetic"}, "monitor": {"listen": address}}
        config = parse_config(data, "holdfast.toml", Path())
        watchers = watchers_of(config, Reloading(Rereader(OBSERVER, config, lambda: config)))
    assert [watcher.name for watcher in watchers] == ["reload", "alerts", "pipeline"]
