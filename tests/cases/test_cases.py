"""The smallest inputs that once gave a wrong result, each with the right one.

The inputs lie outside the repository (fixture ``shared_cases``). A row names a configuration there, what to look at in
the backtest's JSON, and what is right. A new row states the value from reasoning or from the exchange's rule, never from
what the program says today.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.cli.backtest import backtest

Look = Callable[[Any], object]


def fills(result: Any) -> list[str]:
    """Every fill as "side quantity @ price", in order."""
    return [f"{fill['side']} {fill['quantity']} @ {fill['price']}" for fill in result["fills_list"]]


class Case(NamedTuple):
    """``config`` is the file's path in the folder of cases."""

    config: str
    look: Look
    right: object


CASES = [
    Case("trail_order2/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.config)
def test_the_case_gives_the_right_value(
    case: Case, shared_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What once went wrong comes out right."""
    config = shared_cases / case.config
    monkeypatch.chdir(shared_cases)
    monkeypatch.syspath_prepend(str(config.parent))
    monkeypatch.syspath_prepend(str(shared_cases))
    backtest(config, None, str(tmp_path / "result.json"))
    assert case.look(json.loads((tmp_path / "result.json").read_text())) == case.right
