"""The pass that fulfils what is owed at the end of a step."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.engine import obligations
from holdfast.core.engine.obligations import fulfil
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Quantity
from holdfast.errors import Fatal
from tests.scenario.account import Account, Scripted, bar, new_state


def obliged(monkeypatch: pytest.MonkeyPatch, *found: Any) -> Turn:
    """A turn of an account that has these obligations and no others, and something of which they could be."""
    monkeypatch.setattr(obligations, "ORDER", found)
    state = new_state(RiskLimits())
    state.gaps["OTHER"] = Quantity(Decimal(1))
    return Turn(state)


def test_nothing_touched_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that has touched nothing asks no obligation."""

    def asked(_state: EngineState, _turn: Turn) -> None:
        raise AssertionError("nothing was touched")

    turn = obliged(monkeypatch, asked)
    fulfil(turn.state, turn)
    turn.touch("ABC")
    with pytest.raises(AssertionError, match="nothing was touched"):
        fulfil(turn.state, turn)
    turn.state.gaps.clear()  # there is nothing any more of which anything could be owed
    turn.touch("ABC")
    fulfil(turn.state, turn)


def test_a_touch_within_the_pass_is_fulfilled_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later in the order sees it in the same round, what comes before in the next; then the pass is at rest."""
    seen: list[tuple[str, list[str]]] = []

    def first(_state: EngineState, turn: Turn) -> None:
        seen.append(("first", list(turn.touched)))

    def second(_state: EngineState, turn: Turn) -> None:
        seen.append(("second", list(turn.touched)))
        if "XYZ" not in turn.touched:
            turn.touch("XYZ")

    turn = obliged(monkeypatch, first, second)
    turn.touch("ABC")
    fulfil(turn.state, turn)
    assert seen == [
        ("first", ["ABC"]),
        ("second", ["ABC"]),
        ("first", ["ABC", "XYZ"]),
        ("second", ["ABC", "XYZ"]),
    ]


def test_a_circle_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An obligation that always touches something is a fault of the engine, which stops and names the symbol."""
    turn = obliged(monkeypatch, lambda _state, turn: turn.touch("ABC"))
    turn.touch("ABC")
    with pytest.raises(Fatal, match="owes for ABC doesn't come to rest"):
        fulfil(turn.state, turn)


def test_what_is_owed_for_a_symbol_belongs_to_what_touched_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each touched symbol has its cause and its chain; what comes after the pass has the chain of before."""
    seen: list[tuple[str, str, str]] = []

    def look(_state: EngineState, turn: Turn) -> None:
        seen.extend((symbol, cause, turn.correlation_id) for symbol, cause in turn.each_touched())

    turn = obliged(monkeypatch, look)
    turn.correlation_id = "chain one"
    turn.touch("ABC", "record 1")
    turn.correlation_id = "chain two"
    turn.touch("XYZ", "record 2")
    turn.correlation_id = "chain three"
    fulfil(turn.state, turn)
    assert seen == [("ABC", "record 1", "chain one"), ("XYZ", "record 2", "chain two")]
    assert turn.correlation_id == "chain three"


def test_only_the_touched_symbol_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fill of one symbol has the protection of that one looked at, however many are held."""
    looked: list[str] = []
    positions = obligations.protection._positions

    def counted(state: EngineState, symbol: str) -> Any:
        looked.append(symbol)
        return positions(state, symbol)

    script = {1: lambda context, _: context.buy("ABC", 10, stop_loss=90), 3: lambda context, _: context.buy("XYZ", 10)}
    account = Account(Scripted(script)).run(bar(1, 100.0), bar(2, 100.0))
    assert account.state.guards
    monkeypatch.setattr(obligations.protection, "_positions", counted)
    account.run(bar(3, 50.0, symbol="XYZ"), bar(4, 50.0, symbol="XYZ"))
    assert set(looked) == {"XYZ"}
