"""A strategy's targets beside orders of its own that are open: asked for once, and kept to in the worst case."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import lifecycle, snapshot
from holdfast.core.messages import (
    CancelOrders,
    Flatten,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderUnknown,
    Report,
    WishOver,
    WishWaits,
)
from holdfast.core.state import apply
from holdfast.core.types import ClientOrderId, Quantity, Side
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, Script, Scripted, new_state, price


def at(*targets: int | None) -> dict[int, Script]:
    """A target with each bar; None: nothing."""
    return {
        number: lambda context, _, wanted=wanted: context.target("ABC", wanted)  # type: ignore[misc]
        for number, wanted in enumerate(targets, 1)
        if wanted is not None
    }


class Told:
    """An account whose broker says only what the test says."""

    def __init__(self, *targets: int | None) -> None:
        self.account = Account(Scripted(at(*targets)), exchange=Silent(), symbols=["ABC"])
        self.bars = 0

    def bar(self) -> None:
        """A bar passes, at the same price."""
        self.bars += 1
        self.account.closes(self.bars, 100)

    def tell(self, body: Any) -> None:
        """The broker says something."""
        self.account.take(Report(self.account.state.now_ns, body))

    def fill(self, number: int, quantity: int, side: Side) -> None:
        """An order fills, in part or whole."""
        key = self.key(number)
        self.tell(
            OrderFilled(key, f"x{self.account.state.sequence}", "ABC", side, Quantity(Decimal(quantity)), price(100))
        )

    def key(self, number: int) -> ClientOrderId:
        """The id of an order, counted from 1."""
        return self.account.state.ids.order(number)

    @property
    def made(self) -> list[tuple[str, int]]:
        """Every order so far."""
        return [(body.terms.side.value, int(body.terms.quantity)) for body in self.account.of(OrderPrepared)]


def unanswered_exit(*later: int | None) -> Told:
    """Ten are bought; their sale has no answer."""
    told = Told(10, 0, *later)
    told.bar()
    told.fill(1, 10, Side.BUY)
    told.bar()
    told.tell(OrderUnknown(told.key(2), "no answer"))
    return told


@pytest.mark.proves("A1", "I7")
def test_an_exit_without_an_answer_does_not_count_as_done() -> None:
    """In, out, in, out, in, each exit without an answer: not one more is bought, and ten are held when none had arrived."""
    told = unanswered_exit(10, 0, 10, 0, 10)
    for _ in range(5):
        told.bar()
    assert told.made == [("buy", 10), ("sell", 10)]
    told.tell(OrderNotSent(told.key(2), "proven absent"))
    assert told.made == [("buy", 10), ("sell", 10)]
    assert told.account.position() == 10


def test_what_waited_is_taken_up_once_without_being_asked_for_again() -> None:
    """The exit had filled after all: the ten that were asked for meanwhile are bought then, and not a second time."""
    told = unanswered_exit(10)
    told.bar()
    assert [body.until for body in told.account.of(WishWaits)] == [(told.key(2),)]
    told.fill(2, 10, Side.SELL)
    assert told.made == [("buy", 10), ("sell", 10), ("buy", 10)]
    told.tell(OrderAccepted(told.key(3), "b3"))
    told.bar()
    assert len(told.made) == 3
    assert len(told.account.of(WishOver)) == 1


def test_the_same_target_each_bar_is_recorded_once() -> None:
    """A strategy that repeats itself while it waits fills no journal."""
    told = unanswered_exit(10, 10, 10, 10)
    for _ in range(4):
        told.bar()
    assert len(told.account.of(WishWaits)) == 1


def test_a_later_target_takes_the_place_of_the_one_that_waits() -> None:
    """Ten, no, four: four are bought when the exit has filled."""
    told = unanswered_exit(10, 4)
    told.bar()
    told.bar()
    told.fill(2, 10, Side.SELL)
    assert told.made[2:] == [("buy", 4)]


def test_a_target_that_is_met_again_makes_the_waiting_one_void() -> None:
    """Ten were wanted for a moment, then none: the exit is on its way, and nothing is bought when it fills."""
    told = unanswered_exit(10, 0)
    told.bar()
    told.bar()
    told.fill(2, 10, Side.SELL)
    assert (told.made, told.account.state.waiting) == ([("buy", 10), ("sell", 10)], {})


@pytest.mark.parametrize("command", [Flatten(), CancelOrders()])
def test_who_closes_or_cancels_everything_wants_nothing_that_waits(command: Any) -> None:
    """A person's flatten and `cancel --all` end it."""
    told = unanswered_exit(10)
    told.bar()
    told.account.ask(command)
    assert told.account.state.waiting == {}
    told.fill(2, 10, Side.SELL)
    assert told.made == [("buy", 10), ("sell", 10)]


def test_a_smaller_target_cancels_the_entry_that_would_lead_beyond_it() -> None:
    """Ten are on their way in when four are wanted: nothing is sold that may never be bought."""
    told = Told(10, 4)
    told.bar()
    told.bar()
    assert told.made == [("buy", 10)]
    assert told.account.order(1).cancel_released_ns
    told.fill(1, 3, Side.BUY)
    told.tell(OrderCanceled(told.key(1)))
    assert told.made == [("buy", 10), ("buy", 1)]


def test_what_waits_is_in_the_snapshot_and_comes_back_from_the_records() -> None:
    """A paper engine that is started again goes on where it was."""
    told = unanswered_exit(10)
    told.bar()
    state = told.account.state
    copy, again = new_state(state.limits), new_state(state.limits)
    snapshot.restore(copy, snapshot.take(state))
    for record in told.account.records:
        apply(again, record)
    assert copy.waiting == again.waiting == state.waiting != {}
    lifecycle.start(again, 2, "test", "test")
    assert again.waiting == state.waiting
