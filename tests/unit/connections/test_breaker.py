"""When a service is left alone, and when it is tried again."""

import pytest

from holdfast.connections.breaker import FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S, Breaker, is_well


class Bench:
    """A breaker, its clock, and what it told."""

    def __init__(self, threshold: int = 3) -> None:
        self.now_s = 100.0
        self.told: list[bool] = []
        self.breaker = Breaker(threshold, lambda is_closed, _: self.told.append(is_closed), lambda: self.now_s)

    def note(self, *outcomes: bool) -> None:
        for ok in outcomes:
            self.breaker.note(ok, "a reason")


@pytest.mark.parametrize("threshold", [1, 2, 3, 10])
def test_it_opens_at_the_threshold_and_says_so_once(threshold: int) -> None:
    """One failure fewer says nothing, the last one says it once, and more say nothing new."""
    bench = Bench(threshold)
    bench.note(*[False] * (threshold - 1))
    assert (bench.told, bench.breaker.wait_s()) == ([], 0.0)
    bench.note(*[False] * 5)
    assert bench.told == [False]
    assert bench.breaker.wait_s() > 0


def test_failures_count_in_a_row_only_and_one_success_closes() -> None:
    """A success starts the count anew, and takes it back to where everything goes."""
    bench = Bench()
    bench.note(False, False, True, False, False, True)
    assert bench.told == []
    bench.note(False, False, False, True, False)
    assert bench.told == [False, True]
    assert bench.breaker.wait_s() == 0


def test_while_open_one_question_a_back_off_goes() -> None:
    """Before the back-off is over none does; then one, and not another at the same time."""
    bench = Bench()
    bench.note(False, False, False)
    assert bench.breaker.wait_s() == FIRST_BACK_OFF_S
    bench.now_s += FIRST_BACK_OFF_S
    assert bench.breaker.wait_s() == 0
    assert bench.breaker.wait_s() == 2 * FIRST_BACK_OFF_S


def test_the_back_off_doubles_up_to_its_bound_and_begins_anew() -> None:
    """Each trial that fails makes the wait for the next twice as long, however many others fail; a success makes it short again."""
    bench = Bench()
    bench.note(False, False, False)
    waits = []
    for _ in range(8):
        waits.append(bench.breaker.wait_s())
        bench.now_s += waits[-1]
        assert bench.breaker.wait_s() == 0
        bench.note(False, False)
    assert waits[:3] == [FIRST_BACK_OFF_S, 2 * FIRST_BACK_OFF_S, 4 * FIRST_BACK_OFF_S]
    assert waits[-1] == LONGEST_BACK_OFF_S
    bench.note(True, False, False, False)
    assert bench.breaker.wait_s() == FIRST_BACK_OFF_S


@pytest.mark.parametrize(
    ("status", "well"), [(200, True), (204, True), (403, True), (422, True), (0, False), (401, False), (429, False)]
)
def test_a_no_to_one_request_is_no_failure(status: int, well: bool) -> None:
    """What is refused on its merits shows a service that works; silence and a no to everything don't."""
    assert is_well(status) is well
    assert not is_well(503)
