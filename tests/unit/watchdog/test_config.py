"""The watchdog's section of a configuration."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import check_watchdog, parse_config
from holdfast.errors import ConfigError
from holdfast.watchdog.watchdog import guarded


def parsed(watchdog: dict[str, Any], lease_s: float = 40.0) -> Any:
    sections = {"lease": {"duration_s": lease_s, "margin_s": 15.0}, "accounts": [{"name": "main"}]}
    return parse_config({**sections, **({"watchdog": watchdog} if watchdog else {})}, "test", Path())


@pytest.mark.parametrize("silent_s", [0.001, 39.0, 40.0])
def test_an_engine_is_not_taken_for_dead_while_it_has_its_lease(silent_s: float) -> None:
    """A silence of one lease or less is refused with both figures."""
    with pytest.raises(ConfigError, match=r"silent_after_s must be longer than lease.duration_s \(40\)"):
        parsed({"silent_after_s": silent_s})


def test_a_long_lease_asks_nothing_of_who_has_no_watchdog() -> None:
    """Without a section the file is good for engines, and still not for a watchdog."""
    config = parsed({}, lease_s=90.0)
    with pytest.raises(ConfigError, match="silent_after_s"):
        check_watchdog(config, "test")


@pytest.mark.parametrize(
    ("watchdog", "text"),
    [
        ({"default_stop_pct": 0}, "above 0 and below 100"),
        ({"default_stop_pct": 100}, "above 0 and below 100"),
        ({"default_stop_pct": 5, "action": "flatten"}, "goes with action"),
        ({"default_stop_pct": 5, "action": "alert"}, "goes with action"),
    ],
)
def test_a_default_stop_is_one_that_can_be_placed(watchdog: dict[str, Any], text: str) -> None:
    """A percentage of a price, and a watchdog that places stops."""
    with pytest.raises(ConfigError, match=text):
        parsed({"silent_after_s": 60.0, **watchdog})
    parsed({"silent_after_s": 60.0, "default_stop_pct": 5})


def test_an_account_on_paper_needs_no_watchdog() -> None:
    """It ends with its engine, and the error says so."""
    with pytest.raises(ConfigError, match="part of its engine"):
        guarded(parsed({}))
