"""Answers kept for a stated time, asked for once."""

import threading
from collections.abc import Callable

import pytest

from holdfast.brokers import cache
from holdfast.brokers.cache import Cached, CachedByKey
from holdfast.telemetry.metrics import ApiMetrics

LONG_S = 60.0


class Source:
    """Counts how often it is asked; waits until let go, and says when somebody asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: int | None = 1
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def fetch(self) -> int | None:
        self.asked += 1
        answer, may_end = self.answer, self.may_end
        self.began.set()
        assert may_end.wait(10)
        return answer


def in_thread(ask: Callable[[], int | None]) -> tuple[threading.Thread, list[int | None]]:
    got: list[int | None] = []
    thread = threading.Thread(target=lambda: got.append(ask()))
    thread.start()
    return thread, got


def test_an_answer_is_asked_for_once_in_its_time() -> None:
    """Within the time to live the answer comes from memory, and metrics count it."""
    source, metrics = Source(), ApiMetrics()
    cached = Cached(source.fetch, LONG_S, "it", metrics)
    assert [cached.get() for _ in range(4)] == [1, 1, 1, 1]
    assert source.asked == 1
    assert (metrics.summary()["saved"], metrics.summary()["hit_rate"]) == (3, 0.75)


def test_no_answer_is_older_than_its_time() -> None:
    """With a time to live of nothing each call asks."""
    source = Source()
    cached = Cached(source.fetch, 0.0, "it", ApiMetrics())
    cached.get()
    source.answer = 2
    threading.Event().wait(0.001)  # the clock has to move
    assert cached.get() == 2


def test_ten_that_ask_at_once_make_one_request() -> None:
    """All get its answer; nine calls were saved."""
    source, metrics = Source(), ApiMetrics()
    source.may_end.clear()
    cached = Cached(source.fetch, LONG_S, "it", metrics)
    asking = [in_thread(cached.get) for _ in range(10)]
    assert source.began.wait(10)
    while metrics.summary()["saved"] != 9:
        threading.Event().wait(0.001)
    source.may_end.set()
    for thread, _ in asking:
        thread.join(timeout=10)
    assert [got for _, got in asking] == [[1]] * 10
    assert source.asked == 1


def test_a_request_from_before_a_change_is_not_kept_nor_joined() -> None:
    """Who asks after the change gets an answer that was asked for after it, though the older one comes in last."""
    source = Source()
    source.may_end.clear()
    cached = Cached(source.fetch, LONG_S, "it", ApiMetrics())
    thread, before = in_thread(cached.get)
    assert source.began.wait(10)
    cached.invalidate()
    first_may_end, source.may_end, source.answer = source.may_end, threading.Event(), 2
    source.may_end.set()
    assert cached.get() == 2
    first_may_end.set()
    thread.join(timeout=10)
    assert before == [1]
    assert cached.get() == 2
    assert source.asked == 2


def test_a_failure_replaces_what_was_known() -> None:
    """After the time to live an old answer does not stand in for one that can't be had."""
    source = Source()
    cached = Cached(source.fetch, LONG_S, "it", ApiMetrics())
    assert cached.get() == 1
    cached.invalidate()
    source.answer = None
    assert cached.get() is None


def test_a_failure_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of callers makes one attempt in a while; after that the next one counts."""
    source = Source()
    source.answer = None
    cached = Cached(source.fetch, LONG_S, "it", ApiMetrics())
    assert [cached.get() for _ in range(5)] == [None] * 5
    assert source.asked == 1
    monkeypatch.setattr(cache, "FAILURE_HOLDS_S", 0.0)
    cached.invalidate()
    cached.get()
    source.answer = 3
    threading.Event().wait(0.001)
    assert cached.get() == 3


def test_who_waits_is_let_go_when_the_request_breaks() -> None:
    """An error that nobody foresaw reaches the one who asked; who waited for it gets None."""
    began, may_break = threading.Event(), threading.Event()

    def breaks() -> int:
        began.set()
        may_break.wait(10)
        raise ZeroDivisionError

    metrics = ApiMetrics()
    cached: Cached[int] = Cached(breaks, LONG_S, "it", metrics)
    raised: list[bool] = []

    def first() -> int | None:
        with pytest.raises(ZeroDivisionError):
            cached.get()
        raised.append(True)
        return None

    thread, _ = in_thread(first)
    assert began.wait(10)
    waiting, got = in_thread(cached.get)
    while metrics.summary()["saved"] != 1:
        threading.Event().wait(0.001)
    may_break.set()
    thread.join(timeout=10)
    waiting.join(timeout=10)
    assert (raised, got) == ([True], [None])


def test_the_keys_used_last_are_kept() -> None:
    """With room for two, the one that was not asked for longest goes."""
    asked: list[str] = []

    def fetch(key: str) -> Callable[[], str]:
        def answer() -> str:
            asked.append(key)
            return key.upper()

        return answer

    kept: CachedByKey[str] = CachedByKey(LONG_S, "them", ApiMetrics(), most=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, fetch(key)) == key.upper()
    assert asked == ["a", "b", "c", "b"]
