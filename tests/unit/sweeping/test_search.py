"""Optuna's search: learns from what was tried, comes out the same, and says what it needs."""

import builtins
from typing import Any

import pytest

from holdfast.errors import Refused
from holdfast.sweeping.conduct import Task
from holdfast.sweeping.search import BATCH, search_of
from holdfast.sweeping.space import Combination, space_of
from tests.unit.sweeping.test_space import Many, fine


def searched(seed: int, by: str = "sharpe", count: int = 40) -> list[Combination]:
    """A search for the length that is nearest to 70, without any backtest."""
    space = space_of({"length": "1:200", "kind": "slow,fast"}, Many)
    search = search_of(space, fine, by=by, random=None, optuna=count, seed=seed)
    found: list[Combination] = []
    for batch in search.batches():
        assert [number for number, _ in batch] == list(range(len(found), len(found) + len(batch)))
        found += [combination for _, combination in batch]
        sign = 1 if by == "max_drawdown_pct" else -1
        search.tell([sign * abs(combination["length"] - 70) for _, combination in batch])
    return found


@pytest.mark.parametrize("by", ["sharpe", "max_drawdown_pct"])
def test_it_learns_towards_what_is_better(by: str) -> None:
    """What it asks for later is nearer to the best than what it asked for first, for figures of either direction."""
    found = searched(1, by)
    assert len(found) == 40
    first, last = ([abs(one["length"] - 70) for one in part] for part in (found[:10], found[-10:]))
    assert sorted(last)[5] < sorted(first)[5]


def test_the_same_seed_is_the_same_search() -> None:
    """The search depends on the seed and on what it was told, on nothing else."""
    assert searched(3, count=20) == searched(3, count=20)
    assert searched(3, count=20) != searched(4, count=20)


def test_what_the_strategy_refuses_is_not_asked_for() -> None:
    """Combinations that can't be are counted, and others take their place; a failed trial is told as such."""
    space = space_of({"length": "1:20"}, Many)
    search = search_of(
        space, lambda one: "odd" if one["length"] % 2 else None, by="sharpe", random=None, optuna=2 * BATCH, seed=1
    )
    found: list[Task] = []
    for batch in search.batches():
        found += batch
        search.tell([None] * len(batch))
    assert len(found) == 2 * BATCH
    assert all(one["length"] % 2 == 0 for _, one in found)
    assert search.skipped.count > 0


def test_without_optuna_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the command that installs it."""
    real = builtins.__import__

    def without(name: str, *said: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *said, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused, match=r"pip install 'holdfast\[optuna\]'"):
        searched(1)
