"""The minute's allowance of requests: who goes, who waits, who is refused."""

import threading
import time
from collections.abc import Callable

import pytest

from holdfast.brokers.http.failures import NeverSent, Throttled
from holdfast.brokers.http.limiter import LONGEST_QUEUE, MINUTE_S, Limiter, Urgency, Window, minute

NO_WAIT = dict.fromkeys(Urgency, 0.0)
PATIENT = dict.fromkeys(Urgency, 1_000.0)
PATIENCE_S = 60.0


class HandClock:
    """Time that goes by only when a test says so."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._waiting: set[threading.Condition] = set()

    def now_s(self) -> float:
        """See `Clock`."""
        return self._now_s

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """See `Clock`. The limiter looks at the time again whenever it is woken."""
        self._waiting.add(changed)
        assert changed.wait(PATIENCE_S), f"nothing happened to one that waits for {seconds} s"

    def advance(self, seconds: float) -> None:
        """Let time go by, and everyone look at it."""
        self._now_s += seconds
        for changed in list(self._waiting):
            with changed:
                changed.notify_all()


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        threading.Event().wait(0.002)


def go_out(limiter: Limiter, urgency: Urgency, most: int) -> int:
    """How many of ``most`` requests are let through at once."""
    for number in range(most):
        try:
            limiter.acquire(urgency)
        except Throttled:
            return number
    return most


def in_order_of_release(
    limiter: Limiter, urgencies: list[Urgency], *, is_free: bool = False
) -> tuple[list[Urgency], list[threading.Thread]]:
    """Start one thread for each, one after the other; the list fills as they are let through. All wait, unless ``is_free``."""
    released: list[Urgency] = []

    def wait(urgency: Urgency) -> None:
        limiter.acquire(urgency)
        released.append(urgency)

    threads = []
    for urgency in urgencies:
        before = limiter.waiting
        thread = threading.Thread(target=wait, args=(urgency,))
        thread.start()
        threads.append(thread)
        until(lambda: is_free or limiter.waiting > before)  # noqa: B023  it is called before the next turn of the loop
    return released, threads


def ended(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_reads_leave_a_reserve_for_orders_and_orders_one_for_cancels() -> None:
    """Of 200 a minute background takes 100 at most, queries 160 with it, orders 180, and the last 20 are for cancels."""
    limiter = Limiter([minute(200)], longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.BACKGROUND, 200) == 100
    assert go_out(limiter, Urgency.QUERY, 200) == 60
    assert go_out(limiter, Urgency.ORDER, 200) == 20
    assert go_out(limiter, Urgency.CANCEL, 200) == 20
    assert go_out(limiter, Urgency.CANCEL, 1) == 0


def test_one_at_a_time_in_order_of_urgency() -> None:
    """Where only one request fits into a minute, those that wait go one by one, the most urgent first."""
    clock = HandClock()
    limiter = Limiter([minute(1)], PATIENT, clock)
    limiter.acquire(Urgency.QUERY)
    wanted = [Urgency.BACKGROUND, Urgency.QUERY, Urgency.ORDER, Urgency.CANCEL]
    released, threads = in_order_of_release(limiter, wanted)
    for number in range(1, len(wanted) + 1):
        clock.advance(MINUTE_S)
        until(lambda: len(released) == number)  # noqa: B023  it is called before the next turn of the loop
        assert limiter.waiting == len(wanted) - number
    assert released == sorted(wanted)
    ended(threads)


def test_no_minute_has_more_than_the_allowance() -> None:
    """Whichever minute one looks at, no more than the allowance goes out in it, with many threads asking."""
    clock = HandClock()
    limiter = Limiter([minute(10)], PATIENT, clock)
    released, threads = in_order_of_release(limiter, [Urgency.CANCEL] * 10, is_free=True)
    until(lambda: len(released) == 10)
    more, waiting = in_order_of_release(limiter, [Urgency.CANCEL] * 15)
    clock.advance(MINUTE_S / 2)
    limiter.heed(limit=10, remaining=0, reset_s=None)  # whatever wakes them
    assert (len(more), limiter.waiting) == (0, 15)
    clock.advance(MINUTE_S / 2)
    until(lambda: len(more) == 10)
    assert limiter.waiting == 5
    clock.advance(MINUTE_S)
    until(lambda: len(more) == 15)
    ended(threads + waiting)


def test_nothing_goes_while_paused() -> None:
    """After a 429 even a cancel is held back, for as long as the server said."""
    clock = HandClock()
    limiter = Limiter([minute(200)], PATIENT, clock)
    limiter.pause(30)
    released, threads = in_order_of_release(limiter, [Urgency.CANCEL])
    clock.advance(29)
    assert (released, limiter.waiting) == ([], 1)
    clock.advance(1)
    ended(threads)
    assert released == [Urgency.CANCEL]


@pytest.mark.parametrize("seconds", [1e9, float("inf"), None, float("nan"), -5.0])
def test_a_pause_is_a_minute_at_the_most(seconds: float | None) -> None:
    """A reset far in the future, or none, or one that is over, neither stops the limiter for ever nor breaks it."""
    clock = HandClock()
    limiter = Limiter([minute(200)], PATIENT, clock)
    limiter.pause(seconds)
    clock.advance(MINUTE_S)
    limiter.acquire(Urgency.QUERY)


def test_a_wait_known_to_be_too_long_is_refused_at_once() -> None:
    """What would wait past its bound is told so right away, as never sent, and takes nothing of the allowance."""
    limiter = Limiter([minute(200)], dict.fromkeys(Urgency, 5.0), HandClock())
    limiter.pause(30)
    with pytest.raises(Throttled, match=r"more than 5 s; it was not sent") as caught:
        limiter.acquire(Urgency.ORDER)
    assert isinstance(caught.value, NeverSent)
    assert limiter.waiting == 0


def test_whoever_waits_behind_others_is_refused_when_its_bound_is_over() -> None:
    """A query stuck behind a patient cancel gives up after its own bound."""
    clock = HandClock()
    limiter = Limiter([minute(200)], {**PATIENT, Urgency.QUERY: 10.0}, clock)
    limiter.pause(30)
    _, threads = in_order_of_release(limiter, [Urgency.CANCEL])
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(Throttled) as caught:
            limiter.acquire(Urgency.QUERY)
        refused.append(str(caught.value))

    query = threading.Thread(target=ask)
    query.start()
    until(lambda: limiter.waiting == 2)
    clock.advance(10)
    ended([query])
    assert "more than 10 s" in refused[0]
    clock.advance(20)
    ended(threads)
    assert limiter.waiting == 0


def test_the_queue_is_bounded_and_reads_in_it_do_not_shut_cancels_out() -> None:
    """With the queue full of reads another read is refused at once; a cancel still gets in, and goes first."""
    clock = HandClock()
    limiter = Limiter([minute(1000)], PATIENT, clock)
    limiter.pause(30)
    _, threads = in_order_of_release(limiter, [Urgency.QUERY] * LONGEST_QUEUE)
    with pytest.raises(Throttled, match="100 requests wait"):
        limiter.acquire(Urgency.QUERY)
    released, cancel = in_order_of_release(limiter, [Urgency.CANCEL])
    assert limiter._waiting[0][0] is Urgency.CANCEL
    clock.advance(30)
    ended(threads + cancel)
    assert released == [Urgency.CANCEL]


def test_what_others_use_of_the_account_counts() -> None:
    """When the server says that only 30 of 200 are left, reads stop and cancels have those 30."""
    limiter = Limiter([minute(200)], longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.QUERY, 10) == 10
    limiter.heed(limit=200, remaining=30, reset_s=None)
    assert go_out(limiter, Urgency.QUERY, 10) == 0
    assert go_out(limiter, Urgency.ORDER, 100) == 10
    assert go_out(limiter, Urgency.CANCEL, 100) == 20


def test_what_others_used_is_forgotten_when_the_minute_starts_anew() -> None:
    """The request that had to wait for it goes then, not a minute later."""
    clock = HandClock()
    limiter = Limiter([minute(200)], PATIENT, clock)
    limiter.heed(limit=200, remaining=0, reset_s=20)
    released, threads = in_order_of_release(limiter, [Urgency.CANCEL])
    clock.advance(19)
    assert released == []
    clock.advance(1)
    ended(threads)
    assert released == [Urgency.CANCEL]


def test_our_own_requests_are_not_counted_twice() -> None:
    """A server that counts just ours changes nothing."""
    limiter = Limiter([minute(200)], longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.CANCEL, 50) == 50
    limiter.heed(limit=200, remaining=150, reset_s=None)
    assert go_out(limiter, Urgency.CANCEL, 200) == 150


def test_a_lower_limit_of_the_server_holds_and_a_higher_one_does_not() -> None:
    """What the settings allow is the most; a plan with less has its say."""
    limiter = Limiter([minute(100)], longest_wait_s=NO_WAIT)
    limiter.heed(limit=1000, remaining=1000, reset_s=60)
    assert go_out(limiter, Urgency.CANCEL, 200) == 100
    limiter = Limiter([minute(100)], longest_wait_s=NO_WAIT)
    limiter.heed(limit=20, remaining=20, reset_s=60)
    assert go_out(limiter, Urgency.CANCEL, 200) == 20


def test_the_narrowest_of_several_windows_holds() -> None:
    """Ten a second and 15 a minute: the second holds the eleventh back, the minute the sixteenth, though a second is over."""
    clock = HandClock()
    limiter = Limiter([Window(1.0, 10), minute(15)], NO_WAIT, clock)
    assert go_out(limiter, Urgency.CANCEL, 20) == 10
    clock.advance(1.0)
    assert go_out(limiter, Urgency.CANCEL, 20) == 5
    clock.advance(1.0)
    assert go_out(limiter, Urgency.CANCEL, 20) == 0
    clock.advance(MINUTE_S)
    assert go_out(limiter, Urgency.CANCEL, 20) == 10
