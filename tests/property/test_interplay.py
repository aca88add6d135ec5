"""What nobody plans: two strategies on opposite sides with stops, people trading by hand and elsewhere, executions undone, and restarts.

The account, its model of a broker and what must hold at rest are those of `test_protection`. Here executions are undone as well, and
between any two things the engine's state is taken from a snapshot, and goes on with that, or is made of its records alone.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core import snapshot
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.engine import Input, step
from holdfast.core.messages import Effect, Envelope, FillBusted, OrderFilled
from holdfast.core.protection.records import OnFailure
from holdfast.core.state import EngineState, apply
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, Side
from holdfast.torture.world.checks import comparable
from tests.budget import examples
from tests.property.test_protection import RULES, STRATEGIES, Run, operations
from tests.scenario.account import DEPOSIT, Account, new_state

MORE = st.one_of(
    operations,
    operations,
    operations,
    st.tuples(st.just("bust"), st.integers(0, 9)),
    st.tuples(st.just("restart"), st.sampled_from(["snapshot", "records"])),
)


def made_of(turn: Turn | None) -> tuple[list[Envelope], list[Effect]]:
    """What was decided; a turn in which nothing was is none."""
    return ([], []) if turn is None else (turn.records, turn.effects)


class Twins(Account):
    """An account whose states before its restarts live on beside it, and have to decide the same at each input."""

    def __init__(self, **parts: Any) -> None:
        self.before: list[EngineState] = []
        super().__init__(**parts)

    def step(self, event: Input) -> Turn | None:
        """Let all of them take an input."""
        for state in self.before:
            state.cursor = self.state.cursor
        turn = super().step(event)
        for state in self.before:
            assert made_of(step(state, event)) == made_of(turn)
        return turn


class Interplay(Run):
    """One example. ``undone`` counts the executions taken back, ``restarts`` what it says."""

    account: Twins

    def __init__(self, on_failure: OnFailure, rules: BrokerRules, make_account: type[Twins] = Twins) -> None:
        super().__init__(on_failure, rules, make_account)
        self.undone = self.restarts = 0

    def bust(self, index: int) -> None:
        """The broker takes an execution back, of an order that is over."""
        undone = {body.execution_id for body in self.account.of(FillBusted)}
        fills = [
            body
            for body in self.account.of(OrderFilled)
            if body.execution_id not in undone and body.client_order_id not in self.model.orders
        ]
        if not fills:
            return
        fill = fills[index % len(fills)]
        self.undone += 1
        self.model.held -= fill.quantity * fill.side.sign
        self.model.tell(
            FillBusted(
                fill.client_order_id,
                fill.execution_id,
                fill.symbol,
                fill.side,
                fill.quantity,
                fill.price,
                fill.fee,
                "drawn",
            )
        )

    def restart(self, how: str) -> None:
        """What was kept makes the same state. After a snapshot that one goes on, and the one before has to decide as it does."""
        old = self.account.state
        new = self._fresh()
        if how == "snapshot":
            snapshot.restore(new, snapshot.take(old))
            assert snapshot.take(new) == snapshot.take(old)
            old.wake_ns = new.wake_ns  # a start looks at the clock with the next event
            self.account.before = [old]
            self.account.state = new
        else:
            for record in self.account.records:
                apply(new, record)
            assert comparable(new) == comparable(old)
        self.restarts += 1

    def _fresh(self) -> EngineState:
        old = self.account.state
        new = new_state(old.limits, old.calendar, old.register.exchange, old.stale_after_ns)
        new.rules, new.protection = old.rules, old.protection
        return new

    def check_books(self) -> None:
        """The ledgers add up to the account's line, cash to what was traded, and both to the broker's."""
        portfolio = self.account.state.portfolio
        held = sum((ledger.quantity for (_, symbol), ledger in portfolio.ledgers.items() if symbol == "ABC"), ZERO)
        assert held == portfolio.quantity("ABC") == self.model.held
        undone = {body.execution_id for body in self.account.of(FillBusted)}
        spent = sum(
            (
                body.quantity * body.price * body.side.sign
                for body in self.account.of(OrderFilled)
                if body.execution_id not in undone
            ),
            ZERO,
        )
        assert portfolio.cash == DEPOSIT - spent


def live(on_failure: OnFailure, rules: BrokerRules, drawn: list[tuple[Any, ...]]) -> Interplay:
    """Let drawn things happen, then let everything come to rest."""
    run = Interplay(on_failure, rules)
    for operation in drawn:
        run.do(operation)
        run.check_books()
    run.quiet()
    run.check_books()
    run.check_at_rest()
    return run


@pytest.mark.proves("I6", "I9", "S7")
@settings(max_examples=examples())
@given(st.sampled_from(list(OnFailure)), st.sampled_from(RULES), st.lists(MORE, min_size=5, max_size=35))
def test_whatever_comes_together_the_books_agree_and_what_is_held_is_protected(
    on_failure: OnFailure, rules: BrokerRules, drawn: list[tuple[Any, ...]]
) -> None:
    """And an engine that was restarted decides as one that was not."""
    live(on_failure, rules, drawn)


def test_the_examples_do_something() -> None:
    """An entry with its stop fills in part, is undone when it is over, and two restarts lie in between."""
    story = [
        ("enter", STRATEGIES[0], Side.BUY, 10, "stop"), ("accept all",), ("fill", 0, Decimal("0.3")), ("restart", "snapshot"),
        ("fill", 0, Decimal(1)), ("restart", "records"), ("enter", STRATEGIES[1], Side.SELL, 4, "stop"), ("bust", 0),
    ]  # fmt: skip
    run = live(OnFailure.ALERT, RULES[0], story)
    assert (run.undone, run.restarts) == (1, 2)
    assert run.model.executions >= 2
