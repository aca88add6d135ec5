"""Which marks of an account's worth are kept: the end of each session, highs and lows, in bounded memory."""

import random

import pytest

from holdfast.backtesting import marks as module
from holdfast.backtesting.marks import Mark, Marks
from holdfast.calendars import trading_calendar
from holdfast.core.types import HOUR_NS, MINUTE_NS

CALENDAR = trading_calendar("XNYS")
FIRST_NS = 1_704_205_800_000_000_000  # 2024-01-02T14:30:00Z


def walk(count: int, seed: int, step_ns: int = MINUTE_NS) -> list[Mark]:
    """A random walk, at each minute of every hour, nights and weekends too."""
    chance = random.Random(seed)
    worth, found = 1000.0, []
    for number in range(count):
        worth += chance.gauss(0, 1)
        found.append((FIRST_NS + number * step_ns, worth, abs(worth) / 2))
    return found


def kept(taken: list[Mark]) -> list[Mark]:
    """What is left of these."""
    marks = Marks(CALENDAR)
    for mark in taken:
        marks.add(*mark)
    marks.finish()
    return list(zip(marks.time_ns, marks.equity, marks.exposure, strict=True))


def deepest(marks: list[Mark]) -> float:
    """The deepest fall, by definition."""
    high = fall = 0.0
    for _, worth, _ in marks:
        high = max(high, worth)
        fall = max(fall, high - worth)
    return fall


@pytest.mark.parametrize("count", [1, 2, 50, 5000])
@pytest.mark.parametrize("step_ns", [MINUTE_NS // 7, MINUTE_NS, HOUR_NS])
def test_sessions_ends_and_extremes_stay(count: int, step_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mark that is kept was taken, in order; the last of each session is, and so are the highest and lowest of all."""
    monkeypatch.setattr(module, "MOST_MARKS", 200)
    taken = walk(count, count, step_ns)
    left = kept(taken)
    assert set(left) <= set(taken)
    assert left == sorted(left)
    ends = {CALENDAR.index_at(time_ns - 1): (time_ns, worth, gross) for time_ns, worth, gross in taken}
    assert set(ends.values()) <= set(left)
    assert {min(mark[1] for mark in taken), max(mark[1] for mark in taken)} <= {mark[1] for mark in left}
    assert left[0] == taken[0]
    assert len(left) <= max(200, 8 * len(ends)) + 4
    assert deepest(left) >= deepest(taken) * 0.9


def test_few_marks_all_stay() -> None:
    """Daily data lose nothing."""
    taken = walk(700, 3, 24 * HOUR_NS)
    assert kept(taken) == taken


def test_marks_of_one_time_end_with_the_last() -> None:
    """A fill and the bar's end have one time: what the account was worth then is the later one."""
    taken = [(FIRST_NS, 10.0, 0.0), (FIRST_NS, 8.0, 1.0), (FIRST_NS, 9.0, 1.0)]
    assert kept(taken)[-1] == taken[-1]
    assert {mark[1] for mark in kept(taken)} == {10.0, 8.0, 9.0}


def test_marks_can_be_put_back_where_they_belong() -> None:
    """The ends of the deepest fall, without a second copy of what is there."""
    marks = Marks(CALENDAR)
    for mark in walk(3, 1):
        marks.add(*mark)
    marks.finish()
    between = (FIRST_NS + 1, 5.0, 5.0)
    marks.put([between, walk(3, 1)[2]])
    assert list(marks.time_ns) == [FIRST_NS, FIRST_NS + 1, FIRST_NS + MINUTE_NS, FIRST_NS + 2 * MINUTE_NS]
    assert list(marks.equity)[1] == 5.0
