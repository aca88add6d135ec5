"""The dashboard for Grafana and the rules for Prometheus name what a session really exports."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.journal.lists import ListReader
from holdfast.observer.pipeline import PipelineWatcher
from holdfast.observer.watcher import Moment
from holdfast.runtime.compose import open_engine
from holdfast.telemetry.exporter import Exporter
from holdfast.telemetry.journal_metrics import JournalMetrics
from holdfast.telemetry.metrics import ApiMetrics
from holdfast.tracing.watcher import TraceWatcher

OPS = Path(__file__).resolve().parents[2] / "ops"
DASHBOARD, RULES = OPS / "grafana" / "holdfast.json", OPS / "prometheus" / "rules.yml"

CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR", "BRYX"]
days = 1
history_days = 0

[metrics]
listen = "127.0.0.1:0"

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR", "BRYX"]
params = { fast = 5, slow = 15, quantity = 10, allow_short = true }
"""
OF_PROMETHEUS = {"job", "instance"}
"""Labels that whoever scrapes adds."""
WORDS = {
    "sum", "rate", "increase", "deriv", "histogram_quantile", "time", "by", "label_values", "le", "count", "last_over_time", "unless",
}  # fmt: skip
"""What an expression may have beside metrics and labels."""

Labels = dict[str, set[str]]


def defined(registry: CollectorRegistry, *more: str) -> Iterator[tuple[str, set[str]]]:
    """Of each series of a registry its name and labels, whether anything was counted or not."""
    for metric in registry._collector_to_names:
        labels = {*getattr(metric, "_labelnames", ()), *more}
        name, kind = str(getattr(metric, "_name", "")), str(getattr(metric, "_type", ""))
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        for ending in endings:
            yield name + ending, labels | ({"le"} if ending == "_bucket" else set())


def of_text(text: str) -> Labels:
    """Of each series that was served its name and labels."""
    found: Labels = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """What an engine serves at the end of a session, and the observer of its journal; where nothing was counted, what would be."""
    path = tmp_path_factory.mktemp("served") / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    session = Session(config)
    with open_engine(config, session.watch) as engine:
        session.run(engine, None, session.news.clear)
        assert engine.metrics_url is not None
        text = urlopen(engine.metrics_url).read().decode()  # noqa: S310 - our own
    served = of_text(text)
    possible = dict([*defined(ApiMetrics().registry, "account", "broker"), *defined(JournalMetrics().registry)])
    assert all(labels <= possible[name] for name, labels in served.items() if name in possible)
    return {"up": set()} | possible | served | watched(config)


def watched(config: Config) -> Labels:
    """What the observer serves of the same journal."""
    watcher = PipelineWatcher(config)
    exporter = Exporter("127.0.0.1:0")
    try:
        with ListReader.open(config.journal.url) as reader:
            watcher.restore(reader, "house", reader.account("house").last_sequence)
            watcher.on_time(Moment(time.time_ns(), reader, "", {}))
        exporter.add(watcher)
        tracing = msgspec.structs.replace(config.tracing, otlp="http://127.0.0.1:1")
        exporter.add(TraceWatcher(msgspec.structs.replace(config, tracing=tracing)))
        return of_text(urlopen(exporter.url).read().decode())  # noqa: S310 - our own
    finally:
        exporter.close()


def checked(expression: str, exported: Labels) -> set[str]:
    """The labels that an expression's result has. Fails for a metric, label or word that there is not."""
    text = re.sub(r'"[^"]*"', '""', expression)
    metrics = re.findall(r"\b(holdfast_\w+|up)\b(?:\{([^}]*)\})?", text)
    assert metrics, expression
    labels = set.intersection(*({*exported[name], *OF_PROMETHEUS} for name, _ in metrics))
    for name, matchers in metrics:
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert used <= exported[name] | OF_PROMETHEUS, f"{name} has no label {used - exported[name]}"
    groups = [{label.strip() for label in group.split(",")} for group in re.findall(r"\bby\s*\(([^)]*)\)", text)]
    for group in groups:
        assert group <= labels, f"{group - labels} in {expression}"
    rest = re.sub(r"\b(holdfast_\w+|up)\b(\{[^}]*\})?|\[[^\]]*\]|\bby\s*\([^)]*\)", " ", text)
    unknown = set(re.findall(r"[A-Za-z_]\w*", rest)) - WORDS
    assert not unknown, f"{unknown} in {expression}"
    return set.union(*groups) if groups else labels


def targets() -> Iterator[tuple[str, str]]:
    """Of each query of the dashboard the expression and the text under the line."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"], target["legendFormat"]


def test_each_query_of_the_dashboard_asks_for_what_is_exported(exported: Labels) -> None:
    """Every metric, label, and label in a text under a line; each panel has a data source that the importer chooses."""
    for expression, legend in targets():
        labels = checked(expression, exported)
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels, (expression, legend)


def test_the_dashboard_can_be_imported() -> None:
    """As Grafana wants one: an id of its own, panels that don't overlap and have different ids, variables that are defined."""
    dashboard = json.loads(DASHBOARD.read_text())
    assert (dashboard["uid"], dashboard["title"], "id" in dashboard) == ("holdfast", "Holdfast", False)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert place["x"] + place["w"] <= 24
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text())) - {"__all"} <= known


def test_every_family_is_on_the_dashboard(exported: Labels) -> None:
    """So that none is collected for nobody."""
    shown = " ".join(expression for expression, _ in targets())
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in exported if name.startswith("holdfast_")}
    hidden = {family for family in families if family not in shown}
    assert hidden == {"holdfast_pipeline_last_event_seconds"}  # its age is shown


def rules() -> list[dict[str, Any]]:
    """The alert rules, each as its keys; the file is plain enough to be read line by line."""
    found: list[dict[str, Any]] = []
    for line in RULES.read_text().splitlines():
        key, _, value = line.strip().removeprefix("- ").partition(": ")
        if key == "alert":
            found.append({})
        if found:
            found[-1][key] = value.strip('"')
    return found


def test_each_rule_asks_for_what_is_exported(exported: Labels) -> None:
    """And its text names labels that the alert has, and says what to do."""
    assert len(rules()) >= 10
    for rule in rules():
        labels = checked(rule["expr"], exported)
        named = set(re.findall(r"\$labels\.(\w+)", rule["summary"] + rule["description"]))
        assert named <= labels | OF_PROMETHEUS, rule["alert"]
        assert rule["description"].endswith("."), rule["alert"]
        assert re.search(r"severity: (critical|warning)", str(rule)), rule["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine")
def test_prometheus_takes_the_rules() -> None:
    """By its own tool, where the machine has it."""
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_nobody_exports_is_found(exported: Labels) -> None:
    """The check has teeth: a metric, a label and a function that there are not."""
    for wrong in (
        "holdfast_nothing == 1",
        'holdfast_takes_risk{acount="a"}',
        "sum by (rule) (holdfast_takes_risk)",
        "irate(holdfast_records[1m])",
    ):
        with pytest.raises((AssertionError, KeyError)):
            checked(wrong, exported)
