"""The minute's allowance of requests: who goes, who waits, who is refused."""

import threading
import time
from collections.abc import Callable

import pytest

from holdfast.connections.alpaca.failures import NeverSent, Throttled
from holdfast.connections.alpaca.limiter import LONGEST_QUEUE, Limiter, Urgency

NO_WAIT = dict.fromkeys(Urgency, 0.0)
PATIENT = dict.fromkeys(Urgency, 20.0)


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen within 10 s"
        threading.Event().wait(0.002)


def go_out(limiter: Limiter, urgency: Urgency, most: int) -> int:
    """How many of ``most`` requests are let through at once."""
    for number in range(most):
        try:
            limiter.acquire(urgency)
        except Throttled:
            return number
    return most


def in_order_of_release(limiter: Limiter, urgencies: list[Urgency]) -> tuple[list[Urgency], list[threading.Thread]]:
    """Start one waiting thread for each, one after the other; the list fills as they are let through."""
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
        until(lambda: limiter.waiting > before)  # noqa: B023  it is called before the next turn of the loop
    return released, threads


def test_reads_leave_a_reserve_for_orders_and_orders_one_for_cancels() -> None:
    """Of 200 a minute background takes 100 at most, queries 160 with it, orders 180, and the last 20 are for cancels."""
    limiter = Limiter(200, longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.BACKGROUND, 200) == 100
    assert go_out(limiter, Urgency.QUERY, 200) == 60
    assert go_out(limiter, Urgency.ORDER, 200) == 20
    assert go_out(limiter, Urgency.CANCEL, 200) == 20
    assert go_out(limiter, Urgency.CANCEL, 1) == 0


def test_one_at_a_time_in_order_of_urgency() -> None:
    """Where only one request fits into a minute, those that wait go one by one, the most urgent first."""
    limiter = Limiter(1, minute_s=0.25, longest_wait_s=PATIENT)
    limiter.acquire(Urgency.QUERY)
    wanted = [Urgency.BACKGROUND, Urgency.QUERY, Urgency.ORDER, Urgency.CANCEL]
    released, threads = in_order_of_release(limiter, wanted)
    for thread in threads:
        thread.join(timeout=10)
    assert released == sorted(wanted)


def test_no_minute_has_more_than_the_allowance() -> None:
    """Whichever minute one looks at, no more than the allowance went out in it, with many threads asking."""
    minute_s = 0.3
    limiter = Limiter(10, minute_s=minute_s, longest_wait_s=PATIENT)
    times_s: list[float] = []

    def send() -> None:
        for _ in range(5):
            limiter.acquire(Urgency.CANCEL)
            times_s.append(time.monotonic())

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    times_s.sort()
    assert len(times_s) == 40
    slack_s = 0.1  # between the moment it was let through and the moment this test wrote down
    assert all(later - earlier > minute_s - slack_s for earlier, later in zip(times_s, times_s[10:], strict=False))


def test_nothing_goes_while_paused() -> None:
    """After a 429 even a cancel is held back, for as long as the server said."""
    limiter = Limiter(200, longest_wait_s=PATIENT)
    limiter.pause(0.3)
    started_s = time.monotonic()
    limiter.acquire(Urgency.CANCEL)
    assert 0.3 <= time.monotonic() - started_s < 5


def test_a_pause_is_a_minute_at_the_most() -> None:
    """A reset far in the future, or none, or one that is over, neither stops the limiter for ever nor breaks it."""
    limiter = Limiter(200, minute_s=0.2, longest_wait_s=PATIENT)
    for seconds in (1e9, float("inf"), None, float("nan"), -5.0):
        limiter.pause(seconds)
    started_s = time.monotonic()
    limiter.acquire(Urgency.QUERY)
    assert time.monotonic() - started_s < 5


def test_a_wait_known_to_be_too_long_is_refused_at_once() -> None:
    """What would wait past its bound is told so right away, as never sent, and takes nothing of the allowance."""
    limiter = Limiter(200, longest_wait_s=dict.fromkeys(Urgency, 5.0))
    limiter.pause(30)
    started_s = time.monotonic()
    with pytest.raises(Throttled, match=r"more than 5 s; it was not sent") as caught:
        limiter.acquire(Urgency.ORDER)
    assert time.monotonic() - started_s < 2
    assert isinstance(caught.value, NeverSent)
    assert limiter.waiting == 0


def test_whoever_waits_behind_others_is_refused_when_its_bound_is_over() -> None:
    """A query stuck behind a patient cancel gives up after its own bound."""
    bounds = {**PATIENT, Urgency.QUERY: 0.2}
    limiter = Limiter(200, minute_s=2.0, longest_wait_s=bounds)
    limiter.pause(1.5)
    _, threads = in_order_of_release(limiter, [Urgency.CANCEL])
    with pytest.raises(Throttled):
        limiter.acquire(Urgency.QUERY)
    for thread in threads:
        thread.join(timeout=10)
    assert limiter.waiting == 0


def test_the_queue_is_bounded_and_reads_in_it_do_not_shut_cancels_out() -> None:
    """With the queue full of reads another read is refused at once; a cancel still gets in, and goes first."""
    limiter = Limiter(1000, minute_s=2.0, longest_wait_s=PATIENT)
    limiter.pause(1.5)
    released, threads = in_order_of_release(limiter, [Urgency.QUERY] * LONGEST_QUEUE)
    with pytest.raises(Throttled, match="100 requests wait"):
        limiter.acquire(Urgency.QUERY)
    limiter.acquire(Urgency.CANCEL)
    for thread in threads:
        thread.join(timeout=20)
    assert len(released) == LONGEST_QUEUE


def test_what_others_use_of_the_account_counts() -> None:
    """When the server says that only 30 of 200 are left, reads stop and cancels have those 30."""
    limiter = Limiter(200, longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.QUERY, 10) == 10
    limiter.heed(limit=200, remaining=30, reset_s=None)
    assert go_out(limiter, Urgency.QUERY, 10) == 0
    assert go_out(limiter, Urgency.ORDER, 100) == 10
    assert go_out(limiter, Urgency.CANCEL, 100) == 20


def test_what_others_used_is_forgotten_when_the_minute_starts_anew() -> None:
    """The request that had to wait for it goes then, not a minute later."""
    limiter = Limiter(200, longest_wait_s=PATIENT)
    limiter.heed(limit=200, remaining=0, reset_s=0.3)
    started_s = time.monotonic()
    limiter.acquire(Urgency.CANCEL)
    assert 0.3 <= time.monotonic() - started_s < 5


def test_our_own_requests_are_not_counted_twice() -> None:
    """A server that counts just ours changes nothing."""
    limiter = Limiter(200, longest_wait_s=NO_WAIT)
    assert go_out(limiter, Urgency.CANCEL, 50) == 50
    limiter.heed(limit=200, remaining=150, reset_s=None)
    assert go_out(limiter, Urgency.CANCEL, 200) == 150


def test_a_lower_limit_of_the_server_holds_and_a_higher_one_does_not() -> None:
    """What the settings allow is the most; a plan with less has its say."""
    limiter = Limiter(100, longest_wait_s=NO_WAIT)
    limiter.heed(limit=1000, remaining=1000, reset_s=60)
    assert go_out(limiter, Urgency.CANCEL, 200) == 100
    limiter = Limiter(100, longest_wait_s=NO_WAIT)
    limiter.heed(limit=20, remaining=20, reset_s=60)
    assert go_out(limiter, Urgency.CANCEL, 200) == 20
