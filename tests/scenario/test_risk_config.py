"""Risk as people configure it: profiles, overrides, a strategy's limits, mistakes; and a run with each profile."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config, parse_config
from holdfast.core.messages import RiskRefused
from holdfast.core.risk.limits import PROFILES, RiskLimits, limits_of
from holdfast.core.risk.sizing import Method
from holdfast.core.turn import Turn
from holdfast.core.types import StrategyId
from holdfast.errors import ConfigError

D = Decimal
FEED = {"kind": "synthetic", "seed": 3, "symbols": ["AVOR", "BRYX"], "days": 2, "start": "2013-10-08"}


def parsed(risk: dict[str, Any] | None = None, own: dict[str, Any] | None = None) -> Config:
    """A configuration with one account and one strategy that leaves its sizes to risk."""
    strategy: dict[str, Any] = {
        "id": "m", "class": "holdfast.strategies:Momentum", "account": "a", "symbols": ["AVOR", "BRYX"], "timeframe": "5Min",
    }  # fmt: skip
    account: dict[str, Any] = {"name": "a", "cash": 1_000_000} | ({} if risk is None else {"risk": risk})
    strategies = [strategy | ({} if own is None else {"risk": own})]
    return parse_config({"feed": dict(FEED), "accounts": [account], "strategies": strategies}, "test", Path())


def test_a_profile_and_single_limits_in_its_place() -> None:
    """No profile is the default one; what is given takes the place of the profile's own, written as text or number."""
    assert parsed().accounts[0].risk == RiskLimits() == limits_of("default")
    limits = (
        parsed({"profile": "conservative", "leverage": "1.5", "max_positions": 3, "sizing": {"max_pct": 2}})
        .accounts[0]
        .risk
    )
    assert (limits.leverage, limits.max_positions, limits.max_open_orders) == (D("1.5"), 3, 20)
    assert limits.sizing is not None
    assert limits.sizing.max_pct == 2


def test_a_strategy_gets_its_own_limits() -> None:
    """Only a strategy that has some is judged by them; they come with the account's state."""
    config = parsed(own={"max_gross_pct": 25, "sizing": {"method": "fixed_quantity", "quantity": 7}})
    state = build_state(config, config.accounts[0], build_feed(config), None)
    own = state.strategy_limits[StrategyId("m")]
    assert own.max_gross_pct == 25
    assert own.sizing is not None
    assert own.sizing.method is Method.FIXED_QUANTITY
    config = parsed()
    assert build_state(config, config.accounts[0], build_feed(config), None).strategy_limits == {}


@pytest.mark.parametrize(
    ("risk", "own", "said"),
    [
        ({"profile": "brave"}, None, "there is no risk profile 'brave'; there are default, conservative, prop-firm"),
        ({"max_positon_pct": 3}, None, "unknown key accounts[0].risk.max_positon_pct; did you mean max_position_pct?"),
        ({"max_position_pct": 0}, None, "accounts[0].risk: max_position_pct must be above 0 and at most 100,000, not 0"),
        (None, {"max_open_orders": -1}, "strategies[0].risk: max_open_orders must be at least 1 and at most 1,000,000,000, not -1"),
        (None, {"leverage": 2}, "unknown key strategies[0].risk.leverage"),
        ({"max_group_pct": 30}, None, "risk limit max_group_pct needs correlation_groups"),
        ({"sizing": {"method": "fixed_quantity"}}, None, "sizing by fixed_quantity needs sizing.quantity"),
        ({"market_hours": "night"}, None, "night"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(risk: dict[str, Any] | None, own: dict[str, Any] | None, said: str) -> None:
    """A profile there is not, a misspelt limit, a limit of nothing, one that only accounts have."""
    with pytest.raises(ConfigError) as error:
        parsed(risk, own)
    assert said in str(error.value)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_run_with_each_profile(profile: str) -> None:
    """Two days of a made-up market: orders are made under each profile but `prop-firm`, which asks for the stops that are missing."""
    config = parsed({"profile": profile})
    state = build_state(config, config.accounts[0], build_feed(config), None)
    refused: set[str] = set()

    def watch(turn: Turn) -> None:
        refused.update(record.body.rule for record in turn.records if isinstance(record.body, RiskRefused))

    feed = build_feed(config)
    replay = Replay(state, build_exchange(config, config.accounts[0], state), watch)
    replay.begin(config.accounts[0].deposit, "test")
    replay.run(feed.events(), feed.trading_from_ns)
    if profile == "prop-firm":
        assert refused == {"require_stop"}
        assert state.order_count == 0
    else:
        assert state.order_count > 0
