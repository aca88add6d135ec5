"""What the configuration lets one expect of an account."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import parse_config
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.errors import ConfigError
from holdfast.monitor.expected import Expected, expected


def of(**more: Any) -> Expected:
    """Of an account with one strategy."""
    data: dict[str, Any] = {
        "feed": {"kind": "synthetic", "symbols": ["AVOR"], "days": 1},
        "accounts": [{"name": "house"}, {"name": "empty"}],
        "strategies": [
            {
                "id": "ema",
                "class": "holdfast.strategies:EmaCross",
                "account": "house",
                "symbols": ["AVOR"],
                "timeframe": "5Min",
            }
        ],
    }
    return expected(parse_config(data | more, "holdfast.toml", Path()))[0]


def test_an_account_has_its_strategies_and_its_exchange() -> None:
    """Another account has none."""
    found = of()
    assert (found.account, found.broker, found.strategies, found.symbols) == ("house", "paper", ("ema",), ("AVOR",))
    assert found.calendar.name == "XNYS"
    assert not found.is_live


def test_defaults_come_from_the_length_of_a_bar() -> None:
    """As it is seen, else as it is configured, and no more than a session; a live feed's own patience is the least."""
    found = of()
    now = found.calendar.days[0].open_ns
    assert found.cadence_ns(None, now) == 5 * MINUTE_NS
    assert found.cadence_ns(MINUTE_NS, now) == MINUTE_NS
    assert found.market_late_ns(MINUTE_NS) == found.fills_late_ns(MINUTE_NS) == 3 * MINUTE_NS
    assert found.grace_ns(MINUTE_NS) == 2 * MINUTE_NS
    daily = of(feed={"kind": "synthetic", "symbols": ["AVOR"], "days": 1, "bar": "1Day"})
    assert daily.cadence_ns(DAY_NS, now) <= 6.5 * HOUR_NS
    live = of(feed={"kind": "alpaca", "stale_after_s": 600}, accounts=[{"name": "house", "broker": "alpaca"}])
    assert live.is_live
    assert live.market_late_ns(MINUTE_NS) == 600 * SECOND_NS


def test_what_is_written_counts_in_place_of_the_defaults() -> None:
    """Seconds, in open time."""
    found = of(monitor={"market_data_late_s": 7, "fills_late_s": 8, "grace_s": 500})
    assert found.market_late_ns(MINUTE_NS) == 7 * SECOND_NS
    assert found.fills_late_ns(MINUTE_NS) == 8 * SECOND_NS
    assert found.grace_ns(MINUTE_NS) == 500 * SECOND_NS


@pytest.mark.parametrize(
    ("key", "value"), [("window_s", 3601), ("window_s", 9), ("refused_pct", 0), ("market_data_late_s", 0), ("least", 0)]
)
def test_a_threshold_that_makes_no_sense_is_refused(key: str, value: float) -> None:
    """In one line that names it; so is a key that is misspelt."""
    with pytest.raises(ConfigError, match=f"monitor.*{key}"):
        of(monitor={key: value})
    with pytest.raises(ConfigError, match=r"monitor\.answer_lates; did you mean answer_late_s"):
        of(monitor={"answer_lates": 1})
