"""When a service is left alone, and when it is tried again."""

import pytest

from holdfast.brokers.breaker import FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S, Breaker, is_well, kind_of


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


QUESTION, OTHER, ORDER = "GET /positions", "GET /clock", "POST /orders"


def test_orders_that_are_taken_hide_no_question_that_fails() -> None:
    """Three questions in a row are unanswered, with orders taken in between: it opens all the same."""
    bench = Bench()
    for _ in range(3):
        bench.breaker.note(False, "503", QUESTION)
        bench.breaker.note(True, "", ORDER)
    assert bench.told == [False]


def test_a_question_that_is_answered_hides_no_other() -> None:
    """The clock is told each time, positions never: it opens, and only an answer to what failed closes it."""
    bench = Bench()
    for _ in range(3):
        bench.breaker.note(False, "503", QUESTION)
        bench.breaker.note(True, "", OTHER)
    assert (bench.told, bench.breaker.wait_s(OTHER)) == ([False], 0.0)
    assert bench.breaker.wait_s(QUESTION) > 0
    bench.breaker.note(True, "", QUESTION)
    assert bench.told == [False, True]


def test_orders_that_fail_are_seen_though_questions_are_answered() -> None:
    """No order may be left to try, so a question after the back-off lets them be tried; one more failure opens it again."""
    bench = Bench()
    for _ in range(3):
        bench.breaker.note(False, "500", ORDER)
        bench.breaker.note(True, "", OTHER)
    assert bench.told == [False]
    bench.now_s += FIRST_BACK_OFF_S
    bench.breaker.note(True, "", OTHER)
    assert bench.told == [False, True]
    bench.breaker.note(False, "500", ORDER)
    assert bench.told == [False, True, False]


def test_a_service_that_is_away_is_noticed_whatever_is_asked() -> None:
    """Three different questions in a row without an answer are as good as three of one kind."""
    bench = Bench()
    for kind in (QUESTION, OTHER, "GET /account"):
        bench.breaker.note(False, "no answer", kind)
    assert bench.told == [False]
    bench.breaker.note(True, "", OTHER)
    assert bench.told == [False, True]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/clock", "GET /clock"),
        ("GET", "/account/activities/FILL", "GET /account/activities"),
        ("DELETE", "/orders/904837e3-3b76-47ec", "DELETE /orders/*"),
        ("GET", "/orders:by_client_order_id", "GET /orders:by_client_order_id"),
        ("GET", "/stocks/bars", "GET /stocks/*"),
    ],
)
def test_kinds_are_few(method: str, path: str, kind: str) -> None:
    """Ids and symbols make no kinds of their own."""
    assert kind_of(method, path) == kind
