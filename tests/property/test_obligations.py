"""The pass at the end of a step, under whatever comes: what was fulfilled is fulfilled."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.core import snapshot
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.engine import Input
from holdfast.core.engine.obligations import DUE, ORDER, fulfil, is_free
from holdfast.core.messages import Preserve
from holdfast.core.protection.policy import Preservation, ProtectionPolicy
from holdfast.core.protection.records import OnFailure
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Side
from tests.budget import examples
from tests.property.test_interplay import MORE, Interplay, Twins
from tests.property.test_protection import RULES, STRATEGIES
from tests.scenario.account import new_state

STEPS = st.one_of(MORE, MORE, MORE, st.tuples(st.just("preserve")), st.tuples(st.just("resume")))


class Twice(Twins):
    """An account at which each step's obligations are fulfilled a second time."""

    touched = free = 0

    def step(self, event: Input) -> Turn | None:
        turn = super().step(event)
        if turn is not None and (turn.touched or turn.account_is_touched):
            self.touched += 1
            assert made(self.state, turn) == []
        self._look_twice()
        if is_free(self.state):
            self.free += 1
            self._look_though_free()
        return turn

    def _look_though_free(self) -> None:
        """Where nothing is owed nothing is looked at: what would be looked at does nothing either, whatever was touched."""
        turn = Turn(self.state)
        turn.touch_account()
        turn.time_has_come()
        for symbol in self.state.marks:
            turn.touch(symbol)
        for obligation in ORDER:
            obligation(self.state, turn)
        assert [*turn.records, *turn.effects] == []
        assert [due(self.state) for due in DUE] == [None] * len(DUE)

    def _look_twice(self) -> None:
        """The same when the time has come, in a state beside this one: there the first look may do something, the second may not."""
        old = self.state
        beside = new_state(old.limits, old.calendar, old.register.exchange, old.stale_after_ns)
        beside.rules, beside.protection = old.rules, old.protection
        snapshot.restore(beside, snapshot.take(old))
        for again in (False, True):
            turn = Turn(beside)
            turn.time_has_come()
            fulfil(beside, turn)
            assert not (again and (turn.records or turn.effects)), [record.body for record in turn.records]


def made(state: EngineState, before: Turn) -> list[Any]:
    """What comes of fulfilling once more what a turn has touched."""
    turn = Turn(state)
    for symbol, (cause, _) in before.touched.items():
        turn.touch(symbol, cause)
    if before.account_is_touched:
        turn.touch_account()
    fulfil(state, turn)
    return [*(record.body for record in turn.records), *turn.effects]


class Owing(Interplay):
    """One example, in which people put the account into PRESERVATION as well."""

    account: Twice

    def __init__(self, on_failure: OnFailure, preservation: Preservation, rules: BrokerRules) -> None:
        super().__init__(on_failure, rules, Twice)
        self.account.state.protection = ProtectionPolicy(on_failure, preservation=preservation)

    def preserve(self) -> None:
        """A person wants no new risk."""
        self._ask(Preserve("drawn"))


def live(on_failure: OnFailure, preservation: Preservation, rules: BrokerRules, drawn: list[tuple[Any, ...]]) -> Owing:
    """Let drawn things happen."""
    run = Owing(on_failure, preservation, rules)
    for operation in drawn:
        run.do(operation)
    return run


BARE: list[tuple[Any, ...]] = [
    ("enter", STRATEGIES[0], Side.BUY, 10, "pair and time"),
    ("accept all",),
    ("fill", 0, Decimal(1)),
    ("beat", 70),
]
"""A position whose exits nobody answers: an alarm, and then its time is over."""


@pytest.mark.proves("S7")
@example(OnFailure.RETRY, Preservation.HOLD, RULES[0], BARE)
@settings(max_examples=examples())
@given(
    st.sampled_from(list(OnFailure)),
    st.sampled_from(list(Preservation)),
    st.sampled_from(RULES),
    st.lists(STEPS, min_size=5, max_size=30),
)
def test_fulfilling_twice_changes_nothing(
    on_failure: OnFailure, preservation: Preservation, rules: BrokerRules, drawn: list[tuple[Any, ...]]
) -> None:
    """After each step the same pass over what was touched makes no record and sends nothing; nor does a second look at the clock."""
    live(on_failure, preservation, rules, drawn)


def test_the_examples_do_something() -> None:
    """An entry fills, is protected, and is closed as the account goes into PRESERVATION: each is touched."""
    story = [
        ("enter", STRATEGIES[0], Side.BUY, 10, "stop"),
        ("accept all",),
        ("fill", 0, Decimal(1)),
        ("preserve",),
        ("resume",),
    ]
    run = live(OnFailure.ALERT, Preservation.CLOSE_ALL, RULES[0], story)
    assert run.account.touched >= 3
    assert run.account.free >= 1
    assert run.account.state.closing
