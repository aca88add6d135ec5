"""What has changed in a configuration, and who takes it."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, parse_config
from holdfast.config.differences import _NOW, Taken, _fits, _flat, differences

PLAIN: dict[str, Any] = {
    "feeds": [{"name": "us", "kind": "synthetic"}],
    "accounts": [{"name": "one", "feed": "us"}, {"name": "two", "feed": "us"}],
    "strategies": [
        {
            "id": "ema.fast",
            "class": "holdfast.strategies:EmaCross",
            "symbols": ["A"],
            "account": "one",
            "params": {"fast": 3},
        }
    ],
}


def config(**changes: Any) -> Config:
    return parse_config({**PLAIN, **changes}, "test", Path("/nowhere"))


def account(**keys: Any) -> list[dict[str, Any]]:
    return [{"name": "one", "feed": "us", **keys}, {"name": "two", "feed": "us"}]


def strategy(**keys: Any) -> list[dict[str, Any]]:
    return [{**PLAIN["strategies"][0], **keys}]


@pytest.mark.parametrize(
    ("changes", "key", "taken"),
    [
        ({"accounts": account(risk={"max_gross_pct": "50"})}, "accounts.one.risk.max_gross_pct", Taken.NOW),
        ({"accounts": account(protection={"late_after_s": 5})}, "accounts.one.protection.late_after_s", Taken.NOW),
        ({"accounts": account(cash="5")}, "accounts.one.cash", Taken.RESTART),
        ({"strategies": strategy(risk={"max_positions": 2})}, "strategies.ema.fast.risk.max_positions", Taken.NOW),
        ({"strategies": strategy(params={"fast": 4})}, "strategies.ema.fast.params.fast", Taken.RESTART),
        ({"feeds": [{"name": "us", "kind": "synthetic", "stale_after_s": 9}]}, "feeds.us.stale_after_s", Taken.NOW),
        ({"feeds": [{"name": "us", "kind": "synthetic", "seed": 9}]}, "feeds.us.seed", Taken.RESTART),
        ({"live": {"check_every_s": 3}}, "live.check_every_s", Taken.NOW),
        ({"live": {"leave_preservation": "manual"}}, "live.leave_preservation", Taken.RESTART),
        ({"logs": {"levels": {"broker": "debug"}}}, "logs.levels.broker", Taken.NOW),
        ({"logs": {"file": "x.log"}}, "logs.file", Taken.RESTART),
        ({"web": {"port": 9}}, "web.port", Taken.ELSEWHERE),
        ({"journal": {"url": "sqlite:///other.db"}}, "journal.url", Taken.RESTART),
    ],
)
def test_a_key_has_one_who_takes_it(changes: dict[str, Any], key: str, taken: Taken) -> None:
    """Limits, intervals, thresholds and levels now; another process's sections by that; all else by a restart, also what nobody has thought of."""
    (found,) = differences(config(), config(**changes))
    assert (found.key, found.taken) == (key, taken)


def test_an_account_that_comes_or_goes_needs_a_restart() -> None:
    """Though its limits alone would not."""
    found = differences(
        config(), config(accounts=[*account(), {"name": "three", "feed": "us", "risk": {"max_positions": 1}}])
    )
    assert Taken.RESTART in {each.taken for each in found}
    assert {each.path[:2] for each in found} == {("accounts", "three")}


def test_nothing_differs_from_itself() -> None:
    """However it is written."""
    assert differences(config(), config(live={"check_every_s": 10.0})) == []


def test_what_can_be_taken_now_is_there() -> None:
    """Every pattern fits a key of a configuration in which all is written: a key that was renamed would need restarts without a word."""
    full = config(strategies=strategy(risk={"max_positions": 2}), logs={"level": "info", "levels": {"broker": "debug"}})
    paths = [path for path, _ in _flat(full)]
    assert [pattern for pattern in _NOW if not any(_fits(path, pattern) for path in paths)] == []
