"""Each kind of difference goes to its own part and to no other, to the cent."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.unit.parity.kit import Side, compared, whole

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Case(NamedTuple):
    """What is other in the session (``live``) or in the backtest, and what that makes of the difference."""

    parts: dict[str, str]
    live: Mapping[str, Any] = NOTHING
    backtest: Mapping[str, Any] = NOTHING
    both: Mapping[str, Any] = NOTHING
    agreeing: int = 2
    intents: int = 2


IOC = {"params": {"time_in_force": "ioc"}}
AT_CLOSE = {"venue": {"fill": "close"}}
FEE = {"type": "per_share", "rate": "0.01"}
# The entry is decided at minute 2 and trades at the open of 102, the exit at minute 5 and at 108 (fill = "close": 101 and 107).
CASES = {
    "nothing": Case({}),
    "slippage": Case({"slippage": "-21.00"}, live={"venue": {"slippage_bps": 10}}),
    "slippage of the backtest": Case({"slippage": "21.00"}, backtest={"venue": {"slippage_bps": 10}}),
    "latency": Case(  # in at 104 and out at 115
        {"latency": "500"},
        live={"venue": {"latency_ms": 61_000}},
        both={"bars": whole({6: ("115", "116", "109", "111", 1000)})},
    ),
    "fees": Case({"fees": "-2.00"}, live={"venue": {"commission": FEE}}),
    "filled in part": Case({"partial": "-240"}, live={"venue": {"volume_share": 1}}, both=IOC, agreeing=0),
    "filled in pieces": Case({"partial": "-80"}, live={"venue": {"volume_share": 1}}),
    "filled in part, with fees": Case(
        {"partial": "-239.20"},
        live={"venue": {"volume_share": 1, "commission": FEE}},
        backtest={"venue": {"commission": FEE}},
        both=IOC,
        agreeing=0,
    ),
    "refused in the session": Case({"refused": "-600"}, live={"risk": {"max_position_value": "5000"}}, agreeing=0),
    "refused in the backtest": Case({"refused": "600"}, backtest={"risk": {"max_position_value": "5000"}}, agreeing=0),
    "the session missed a bar": Case({"missed": "-600"}, live={"bars": whole({1: None})}, agreeing=0),
    "the backtest missed a bar": Case({"extra": "600"}, backtest={"bars": whole({1: None})}, agreeing=0),
    "another price was seen": Case(
        {"data": "-50"}, live={"bars": whole({1: ("100", "102", "99", "101.5", 1000)})}, both=AT_CLOSE
    ),
    "another price was seen at the exit": Case(
        {"data": "-25"}, live={"bars": whole({4: ("106", "108", "105", "106.75", 1000)})}, both=AT_CLOSE
    ),
    "a protected entry that is refused": Case(
        {"refused": "-600"}, live={"risk": {"max_position_value": "5000"}}, both={"params": {"stop": "90"}}, agreeing=0
    ),
    "a stop that only the session's data reach": Case(
        {"partial": "-1200"},
        live={"bars": whole({3: ("104", "106", "95", "105", 1000)})},
        both={"params": {"stop": "96"}},
        agreeing=1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_difference_goes_to_its_part(name: str, tmp_path: Path) -> None:
    """What was changed on one side explains the whole difference, and nothing else is blamed; the sums are exact."""
    case = CASES[name]
    plain = {"bars": whole(), **case.both}
    live, backtest = (
        Side(tmp_path, "live", **{**plain, **case.live}),
        Side(tmp_path, "backtest", **{**plain, **case.backtest}),
    )
    found = compared(live, backtest)
    assert found.parts == {part: Decimal(amount) for part, amount in case.parts.items() if Decimal(amount)}
    assert found.difference == live.equity - backtest.equity == found.live_profit - found.backtest_profit
    for line in found.lines:
        assert sum(line.parts.values()) == line.difference
    assert sum(day.difference for day in found.days) == found.difference
    assert (found.agreeing, found.intents) == (case.agreeing, case.intents)
