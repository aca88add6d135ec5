"""Metrics as they are served, and the page that lists them."""

import re
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.parser import text_string_to_metric_families

from holdfast.config import parse_config
from holdfast.errors import ConfigError, InvalidValue, Refused
from holdfast.monitor.metrics import of_book, of_states
from holdfast.monitor.registry import Book
from holdfast.telemetry.exporter import GAUGES, Address, Exporter, Gauges, parse_address
from holdfast.telemetry.journal_metrics import JournalMetrics
from holdfast.telemetry.metrics import ApiMetrics
from holdfast.tracing.watcher import TraceWatcher

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
ANY = "127.0.0.1:0"


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:9464", Address("127.0.0.1", 9464)), ("[::1]:80", Address("::1", 80))]
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    """And is written as it was."""
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "9464", ":9464", "localhost", "localhost:", "localhost:port", "localhost:70000", "http://a:1", "a:1/x"]
)
def test_what_is_no_address_is_refused_by_the_configuration(text: str) -> None:
    """In one line, with one that would do."""
    with pytest.raises(InvalidValue, match=r"such as 127\.0\.0\.1:9464"):
        parse_address(text)
    with pytest.raises(ConfigError, match=r"holdfast\.toml: metrics\.listen: .*127\.0\.0\.1:9464") as caught:
        parse_config({"accounts": [{"name": "a"}], "metrics": {"listen": text}}, "holdfast.toml", Path())
    assert "\n" not in str(caught.value)


def test_nothing_is_served_unless_it_is_asked_for() -> None:
    """Without the section there is no address."""
    assert parse_config({"accounts": [{"name": "a"}]}, "holdfast.toml", Path()).metrics.listen is None


def test_a_misspelt_key_is_named() -> None:
    """With the right one."""
    with pytest.raises(ConfigError, match="listen"):
        parse_config({"accounts": [{"name": "a"}], "metrics": {"lisen": ANY}}, "holdfast.toml", Path())


def test_an_address_in_use_is_refused() -> None:
    """In one line that says which, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"127\.0\.0\.1:{port} \(address already in use\).*metrics\.listen"):
            Exporter(f"127.0.0.1:{port}")


def counted(number: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("holdfast_things", "Things", ("kind",), registry=registry).labels("a").inc(number)
    return registry


def test_accounts_are_told_apart_and_a_family_is_shown_once() -> None:
    """Two registries with the same metric are one family, each series with its own labels."""
    exporter = Exporter(ANY)
    try:
        exporter.add(counted(1), account="one")
        exporter.add(counted(2), account="two")
        text = urlopen(exporter.url).read().decode()  # noqa: S310 - our own
    finally:
        exporter.close()
    assert text.count("# TYPE holdfast_things_total counter") == 1
    (family,) = text_string_to_metric_families(text)
    values = {sample.labels["account"]: sample.value for sample in family.samples}
    assert values == {"one": 1, "two": 2}


def test_what_changes_while_it_is_read_is_left_out() -> None:
    """An engine is not made to wait for who reads, so a reading can fail; the others are shown."""

    def changing() -> dict[str, float]:
        raise RuntimeError("dictionary changed size during iteration")

    assert list(Gauges(changing).collect()) == []
    (gauge,) = Gauges(lambda: {"holdfast_records": 5.0}).collect()
    assert gauge.samples[0].value == 5


def test_a_closed_exporter_lets_its_port_go() -> None:
    """The next engine can have it at once."""
    first = Exporter(ANY)
    first.close()
    Exporter(str(first.address)).close()


def _of_traces() -> list[Metric]:
    """Those that an observer serves of the traces it sends."""
    data = {"feed": {"kind": "synthetic"}, "accounts": [{"name": "a"}], "tracing": {"otlp": "http://127.0.0.1:1"}}
    return list(TraceWatcher(parse_config(data, "test", Path())).collect())


def test_the_page_lists_every_metric_and_none_else() -> None:
    """Each with its kind, and a unit where it is not a count."""
    rows = re.findall(r"^\| `(holdfast_\w+)` \| (\w+)[^|]*\| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    made = {
        family.name: family.type for source in (ApiMetrics(), JournalMetrics()) for family in source.registry.collect()
    }
    made |= dict.fromkeys(GAUGES, "gauge")
    made |= {family.name: family.type for family in (*of_book("a", "paper", Book()), *of_states([]), *_of_traces())}
    assert {name: kind for name, kind, _ in rows} == made
    assert all("seconds" in text for name, _, text in rows if name.endswith("_seconds"))
