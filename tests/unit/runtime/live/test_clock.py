"""The time an engine lives by: the broker's, carried on, and moved by nothing that can't be right."""

import pytest

from holdfast.core.types import HOUR_NS, SECOND_NS
from holdfast.runtime.live.clock import BELIEVED_NS, LiveClock

START_NS = 1_720_618_200 * SECOND_NS


class Monotonic:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 7 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.mark.proves("C3", "I15")
def test_a_market_event_far_ahead_is_not_believed() -> None:
    """A little ahead is the market's own clock; an hour ahead is a mistake that would end every order's time."""
    clock = LiveClock(Monotonic())
    clock.sync(START_NS)
    clock.hint(START_NS + BELIEVED_NS)
    assert clock.now_ns() == START_NS + BELIEVED_NS
    clock.hint(START_NS + HOUR_NS)
    assert clock.now_ns() == START_NS + BELIEVED_NS


@pytest.mark.proves("C3", "I15")
def test_the_brokers_word_moves_it_forward_by_any_step_and_never_back() -> None:
    """After a suspended hour the next answer says so; an answer that was long on its way changes nothing."""
    monotonic = Monotonic()
    clock = LiveClock(monotonic)
    clock.sync(START_NS)
    clock.sync(START_NS + HOUR_NS)
    monotonic.now_ns += SECOND_NS
    clock.sync(START_NS)
    assert clock.now_ns() == START_NS + HOUR_NS + SECOND_NS
