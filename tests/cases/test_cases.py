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


def orders(result: Any) -> list[str]:
    """Every order's last state and the time of its last change, in the order in which they ended."""
    return [f"{order['state']} {order['updated']}" for order in result["orders_list"]]


def counts(result: Any) -> tuple[int, int]:
    """How often something was wished for, and how often risk refused it."""
    return result["signals"], sum(result["accounts"][0]["refusals"].values())


def notes(result: Any) -> list[str]:
    """What looks like a split, in the note's own words."""
    return [note[note.index("a split of") :].split(",")[0] for note in result["notes"]]


def end(result: Any) -> str:
    """The time of the last event."""
    return str(result["accounts"][0]["end"])


def limits(result: Any) -> list[str]:
    """The limit of every order."""
    return [order["limit_price"] for order in result["orders_list"]]


def refusals(result: Any) -> object:
    """How often each rule refused something."""
    return result["accounts"][0]["refusals"]


class Case(NamedTuple):
    """``config`` is the file's path in the folder of cases."""

    config: str
    look: Look
    right: object


CASES = [
    Case("money/look.toml", fills, ["buy 10 @ 30"]),
    Case("money/lookc.toml", fills, ["buy 10 @ 30"]),
    Case("money/mkt.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    Case("money/lim.toml", fills, ["buy 10 @ 99", "sell 10 @ 97"]),
    Case("nextopen_stop/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 95"]),
    Case("daily_nextopen/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 95"]),
    # each bar cancels the limit and asks for the same again; the last of them fills
    Case("money/again.toml", fills, ["buy 10 @ 99"]),
    # seven wishes for 40,000 each on 100,000 without leverage: the first two can be had
    Case("cash/holdfast.toml", counts, (7, 5)),
    Case("trail/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    # a 4:1 split that nobody said is no silent loss
    Case("split/holdfast.toml", notes, ["a split of 4 for 1"]),
    Case("trail_order2/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    # a day's bar beside minutes is known when the day is over, not at its first minute
    Case("mixed_lengths/holdfast.toml", end, "2024-01-04T05:00:00Z"),
    # the tick of NSE below 250 rupees is 0.01 since June 2024
    Case("nsetick/holdfast.toml", limits, ["99.99"]),
    # nobody told the tick of EURUSD: its stop can't be rounded, and moves nowhere
    Case("fx_tick/holdfast.toml", refusals, {"tick_known": 1}),
    # NSE traded on a Saturday: a day order of it ends with that session
    Case("sat_session/holdfast.toml", orders, ["EXPIRED 2025-02-01T10:00:00Z"]),
    # the data goes on after what the calendar knows, and the run with it
    Case("cal_end/holdfast.toml", fills, ["buy 1 @ 1500"]),
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
