"""The section ``[monitor]``: from when on the pipeline monitor calls a stage degraded or critical."""

from typing import Annotated

from holdfast.core.ranges import Count, Ranged, Seconds, SecondsOrZero, Within


class MonitorConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a stage of the pipeline is degraded, and when critical (docs/monitor.md). Silence counts while the exchange is open, in its own time.

    ``listen``: where ``holdfast observe`` serves the monitor's metrics for Prometheus, such as ``127.0.0.1:9465``; left out: nowhere.
    ``window_s``: rates and shares are those of so many seconds. ``grace_s``: after a start nothing is critical for so long, nor before two bars.

    ``market_data_late_s``: no market data for so long is degraded, for twice as long critical; left out: three bars, and not less than the feed's
    ``stale_after_s`` where it is live. ``signals_late_s``: no signal for so long is degraded; left out: strategies may be silent as long as they
    like. ``fills_late_s``: an order at the market that the broker has and that is not filled after so long is degraded; left out: three bars.
    ``answer_late_s``: an order without an answer, or UNKNOWN, for so long is degraded, after ``answer_lost_s`` critical. ``outage_lost_s``: what the
    account needs (connections, keys) is degraded while it is missing, and critical after so long. ``valued_late_s``: an account that was not valued
    for so long is degraded.

    ``refused_pct`` of signals refused, or ``failed_pct`` of orders rejected and failed, are degraded, where there were ``least`` of them;
    that all orders fail is critical. ``settle_s``: so long the broker's stream may take to tell what asking has told already.
    """

    listen: str | None = None
    window_s: Annotated[int, Within(10, 3600)] = 300
    grace_s: SecondsOrZero = 60.0
    market_data_late_s: Seconds | None = None
    signals_late_s: Seconds | None = None
    fills_late_s: Seconds | None = None
    answer_late_s: Seconds = 10.0
    answer_lost_s: Seconds = 60.0
    outage_lost_s: Seconds = 60.0
    valued_late_s: Seconds = 7200.0
    refused_pct: Annotated[float, Within(0, 100, above=True)] = 90.0
    failed_pct: Annotated[float, Within(0, 100, above=True)] = 50.0
    least: Count = 5
    settle_s: Seconds = 10.0
