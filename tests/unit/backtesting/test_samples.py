"""Indicators over time: all that there is room for, spread evenly, and nothing where there are none."""

from itertools import pairwise
from typing import Any

import pytest

from holdfast.backtesting import samples as module
from holdfast.backtesting.samples import Samples


def taken(samples: Samples, times: range) -> None:
    """Let so many instants be over."""
    for now_ns in times:
        if now_ns >= samples.next_ns:
            samples.take(now_ns)


def test_few_values_are_all_kept_as_soon_as_there_are_any() -> None:
    """Two outputs, of which one begins later."""
    shown: dict[str, float | None] = {"value": 1.5, "signal": None}
    samples = Samples(lambda: [("s", "X", "MACD(12,26,9)", "own", shown)])
    shown["value"] = None
    taken(samples, range(98, 100))
    shown["value"] = 1.5
    taken(samples, range(100, 103))
    shown["signal"] = 2.5
    taken(samples, range(103, 105))
    found: dict[str, Any] = {key[3]: (list(times), list(values)) for key, times, values in samples.columns()}
    assert found == {"value": ([100, 101, 102, 103, 104], [1.5] * 5), "signal": ([103, 104], [2.5] * 2)}


def test_many_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than the most; from the first to the last, at nearly equal distances."""
    monkeypatch.setattr(module, "MOST_TIMES", 150)
    now = [0]
    samples = Samples(lambda: [("s", "X", "EMA(20)", "price", {"value": float(now[0])})])
    for now_ns in range(1_000, 51_000):
        now[0] = now_ns
        taken(samples, range(now_ns, now_ns + 1))
    ((_, times, values),) = samples.columns()
    assert 50 <= len(times) <= 150
    assert list(times) == [int(value) for value in values]
    assert times[0] == 1_000
    gaps = {second - first for first, second in pairwise(times)}
    assert max(gaps) <= 2 * min(gaps)
    assert times[-1] > 50_000


def test_who_has_none_is_not_asked_again_at_once() -> None:
    """A day later there might be one."""
    asked: list[int] = []

    def none() -> list[Any]:
        asked.append(1)
        return []

    samples = Samples(none)
    taken(samples, range(1, 5_000))
    assert len(asked) == 1
