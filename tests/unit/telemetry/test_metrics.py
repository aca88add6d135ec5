"""Counts of calls to a broker's API."""

import msgspec
import prometheus_client
import pytest

from holdfast.telemetry.metrics import MOST_PATHS, ApiMetrics, path_template


class Made(msgspec.Struct, frozen=True):
    method: str
    path: str
    status: int
    seconds: float


UUID = "904837e3-3b76-47ec-b432-046db621571b"


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (f"/orders/{UUID}", "/orders/{id}"),
        ("/orders", "/orders"),
        ("/orders:by_client_order_id", "/orders:by_client_order_id"),
        ("/orders:by_client_order_id?client_order_id=abc", "/orders:by_client_order_id"),
        ("/positions/BTC/USD", "/positions/{id}"),
        ("/assets/ibm", "/assets/{id}"),
        ("/account/activities/FILL", "/account/activities/{id}"),
        ("/stocks/bars", "/stocks/bars"),
        ("/stocks/IBM/bars", "/stocks/{id}/bars"),
        ("/crypto/us/latest/trades", "/crypto/us/latest/trades"),
    ],
)
def test_paths_are_told_without_what_is_in_them(path: str, template: str) -> None:
    """Ids and symbols are taken out: each would be a time series of its own."""
    assert path_template(path) == template


def test_the_number_of_series_is_bounded() -> None:
    """Whatever paths come, those beyond a number count together."""
    metrics = ApiMetrics()
    for number in range(500):
        name = "".join("abcdefghij"[int(digit)] for digit in str(number))
        metrics.observe(Made("GET", f"/{name}", 200, 0.1))
    paths = {
        sample.labels["path"]
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if "path" in sample.labels
    }
    assert len(paths) == MOST_PATHS + 1
    assert metrics.summary()["calls"] == 500


def test_calls_are_counted_by_method_path_and_status() -> None:
    """What Prometheus reads has them apart, and no id."""
    metrics = ApiMetrics()
    for status in (200, 200, 429, 0):
        metrics.observe(Made("POST", f"/orders/{UUID}", status, 0.1))
    text = prometheus_client.generate_latest(metrics.registry).decode()
    assert 'holdfast_api_calls_total{method="POST",path="/orders/{id}",status="200"} 2.0' in text
    assert 'holdfast_api_calls_total{method="POST",path="/orders/{id}",status="429"} 1.0' in text
    assert 'holdfast_api_calls_total{method="POST",path="/orders/{id}",status="0"} 1.0' in text
    assert 'holdfast_api_response_seconds_count{method="POST",path="/orders/{id}"} 4.0' in text
    assert UUID not in text


def test_the_summary_is_for_people() -> None:
    """Calls, failures, what caches saved, how often they knew, and how long answers took."""
    metrics = ApiMetrics()
    for number in range(1, 101):
        metrics.observe(Made("GET", "/account", 200 if number > 3 else 500, number / 100))
    metrics.missed("account")
    metrics.hit("account")
    metrics.hit("account")
    metrics.joined("account")
    assert metrics.summary() == {
        "calls": 100, "failed": 3, "saved": 3, "hit_rate": 0.5, "slow": 0, "p50_s": 0.5, "p95_s": 0.95,
    }  # fmt: skip


def test_a_summary_of_nothing_claims_nothing() -> None:
    """Rates and times are None where nothing was counted."""
    summary = ApiMetrics().summary()
    assert (summary["calls"], summary["hit_rate"], summary["p50_s"], summary["p95_s"]) == (0, None, None, None)


def test_slow_calls_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """The log says which and how slow, without the id."""
    metrics = ApiMetrics(slow_s=1.0)
    metrics.observe(Made("GET", f"/orders/{UUID}", 200, 1.5))
    metrics.observe(Made("GET", "/account", 200, 0.5))
    assert metrics.summary()["slow"] == 1
    assert "slow: GET /orders/{id} took 1.5 s (status 200)" in caplog.text
    assert UUID not in caplog.text


def test_health_is_a_gauge() -> None:
    """1 is well, 0 is not, and it can change."""
    metrics = ApiMetrics()
    metrics.set_health("trading", True)
    metrics.set_health("market_data", True)
    metrics.set_health("trading", False)
    assert metrics.registry.get_sample_value("holdfast_health", {"part": "trading"}) == 0
    assert metrics.registry.get_sample_value("holdfast_health", {"part": "market_data"}) == 1


def test_two_of_them_share_nothing() -> None:
    """Each engine in a process has its own counts."""
    one, other = ApiMetrics(), ApiMetrics()
    one.observe(Made("GET", "/account", 200, 0.1))
    assert other.summary()["calls"] == 0
