"""Metrics of a real run, read as Prometheus reads them."""

import re
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.process.program import run, started, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 2
speed = 60
symbols = ["AVOR"]

[metrics]
listen = "127.0.0.1:{port}"

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = {{ fast = 2, slow = 4, quantity = 10, allow_short = true }}
"""


def read(url: str) -> dict[str, float]:
    """The series of the account, and those of the process, by name."""
    text = urlopen(url, timeout=60).read().decode()  # noqa: S310 - our own
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert all(sample.labels["account"] == "house" for sample in samples if "account" in sample.labels)
    assert all(sample.labels["broker"] == "paper" for sample in samples if "broker" in sample.labels)
    return {sample.name: sample.value for sample in samples}


def test_a_run_serves_its_metrics(tmp_path: Path) -> None:
    """It says where; what is read is of this account and moves on; nothing is left when it has ended."""
    (tmp_path / "holdfast.toml").write_text(CONFIG.format(port=0))
    errors = tmp_path / "errors.txt"
    with started(tmp_path, "run", errors=errors):
        told = until(lambda: re.search(r"metrics are served at (http://\S+)", errors.read_text()), "the address")
        first = until(lambda: (found := read(told[1])).get("holdfast_market_time_seconds") and found, "the market")
        assert first["holdfast_epoch"] == 1
        until(
            lambda: read(told[1])["holdfast_market_time_seconds"] > first["holdfast_market_time_seconds"], "more of it"
        )
        last = read(told[1])
        assert last["holdfast_records"] >= first["holdfast_records_durable"]
        assert last["holdfast_journal_commit_seconds_count"] > 0
        assert 0 < last["holdfast_journal_commit_records_sum"] < last["holdfast_journal_commit_bytes_sum"]


def test_an_address_in_use_stops_a_start_before_anything_is_taken(tmp_path: Path) -> None:
    """One line, exit status 3, and not even a journal is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "holdfast.toml").write_text(CONFIG.format(port=taken.getsockname()[1]))
        done = run(tmp_path, "run")
    assert done.status == 3
    assert "address already in use" in done.error
    assert [path.name for path in tmp_path.iterdir()] == ["holdfast.toml"]
