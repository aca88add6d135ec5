"""Which records change an account's state: every one of them, or on purpose none of it."""

from typing import get_args

import pytest

from holdfast.core import lifecycle
from holdfast.core.messages import Action, AnyBody, Bar, Signal
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import CHANGES, UNCHANGED, joined
from holdfast.core.state.account import Change
from holdfast.core.types import MANUAL
from holdfast.core.waits import Waiting
from holdfast.errors import Fatal
from tests.scenario.account import new_state


def test_every_type_of_record_is_provided_for() -> None:
    """A type of record that nobody has thought of is in neither; one that is no record any more is in neither too."""
    bodies = set(get_args(AnyBody))
    assert bodies - CHANGES.keys() - UNCHANGED == set()
    assert (CHANGES.keys() | UNCHANGED) - bodies == set()


def test_no_record_both_changes_something_and_nothing() -> None:
    """The two are told apart."""
    assert not CHANGES.keys() & UNCHANGED


def test_a_record_with_two_changes_is_a_fault() -> None:
    """The tables of two subjects may not change the state by the same record: nobody could say which comes first."""
    table: dict[type, Change] = {Bar: lambda _state, _envelope, _body: None}
    assert joined(table, {}) == table
    with pytest.raises(Fatal, match="two tables change the state by Bar"):
        joined(table, dict(table))


@pytest.mark.parametrize("is_on_live_feed", [False, True])
def test_what_waits_outlives_a_start_only_where_the_market_is_played_again(is_on_live_feed: bool) -> None:
    """A paper account is bound on a live feed alone: there the market went on, and what was asked for in it is not asked for now."""
    state = new_state(RiskLimits())
    lifecycle.start(state, 1, "0.1.0", "pid 1 on here")
    if is_on_live_feed:
        lifecycle.bind(state, "paper:main").finish()
    intent = Signal(MANUAL, "SPY", Action.CLOSE)
    state.waiting[MANUAL, "SPY"] = [Waiting(intent, (), None, 1, "1", "1", "cli:test", takes_exits=False)]
    lifecycle.start(state, 2, "0.1.0", "pid 2 on here")
    assert bool(state.waiting) is not is_on_live_feed
