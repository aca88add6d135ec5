"""Pace: when events are let through, on a clock that the test owns."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.pace import Pace, parse_speed

T0_NS = 1_704_205_800_000_000_000


class JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, it moves its clock to the end of the wait."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which time goes by only while everybody waits."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


def run(main: Callable[[JumpingLoop], Awaitable[Any]]) -> Any:
    """Runs ``main`` on a loop of its own."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, JumpingLoop)

        async def call() -> Any:
            return await main(loop)

        return runner.run(call())


def times_of(pace: Pace, events_ns: Sequence[int], busy_s: Sequence[float] = ()) -> list[float]:
    """When each event is let through, if working on it takes ``busy_s``."""

    async def main(loop: JumpingLoop) -> list[float]:
        times, stop = [], asyncio.Event()
        for place, time_ns in enumerate(events_ns):
            await pace.wait(T0_NS + time_ns, stop)
            times.append(loop.time())
            loop.selector.now_s += busy_s[place] if place < len(busy_s) else 0.0
        return times

    times: list[float] = run(main)
    return times


@pytest.mark.parametrize(("speed", "minute_s"), [(1.0, 60.0), (20.0, 3.0), (0.5, 120.0)])
def test_a_minute_takes_its_share_of_a_minute(speed: float, minute_s: float) -> None:
    """The first event is due at once, each further one its gap later, divided by the speed; equal times go together."""
    times = times_of(Pace(speed), [0, MINUTE_NS, MINUTE_NS, 3 * MINUTE_NS])
    assert times == pytest.approx([0, minute_s, minute_s, 3 * minute_s], abs=0.01)


def test_flat_out_never_waits() -> None:
    """Without a speed every event is due at once."""
    assert times_of(Pace(None), [0, HOUR_NS, DAY_NS]) == [0, 0, 0]


def test_work_between_events_is_part_of_the_time() -> None:
    """Events keep to the market's clock: what the engine takes is not added to the gap."""
    times = times_of(Pace(1.0), [0, 2 * SECOND_NS, 4 * SECOND_NS], busy_s=[0.5, 0.5])
    assert times == pytest.approx([0, 2, 4], abs=0.01)


def test_a_night_is_skipped_like_one_step() -> None:
    """A gap of more than 30 minutes lasts as long as the gap before it did."""
    night_ns = 5 * MINUTE_NS + 17 * HOUR_NS
    times = times_of(Pace(1.0), [0, 5 * MINUTE_NS, night_ns, night_ns + 5 * MINUTE_NS])
    assert times == pytest.approx([0, 300, 600, 900], abs=0.01)


def test_a_lunch_break_of_half_an_hour_is_not_skipped() -> None:
    """Thirty minutes are an ordinary gap."""
    assert times_of(Pace(1.0), [0, 30 * MINUTE_NS]) == pytest.approx([0, 1800], abs=0.01)


def test_hourly_and_daily_bars_come_one_a_minute() -> None:
    """Where every gap is long, none is ordinary: each counts as a minute."""
    assert times_of(Pace(1.0), [0, DAY_NS, 2 * DAY_NS]) == pytest.approx([0, 60, 120], abs=0.01)


def test_a_short_delay_is_caught_up() -> None:
    """Less than a second of market time behind: the next events come at once until the clock is met."""
    times = times_of(Pace(1.0), [n * SECOND_NS // 4 for n in range(6)], busy_s=[0.8])
    assert times == pytest.approx([0, 0.8, 0.8, 0.8, 1.0, 1.25], abs=0.01)


def test_a_long_delay_is_forgotten_but_for_a_second() -> None:
    """After ten seconds of standing still one second of market time comes in a burst; the rest is later for good."""
    times = times_of(Pace(1.0), [n * SECOND_NS // 2 for n in range(7)], busy_s=[10])
    assert times == pytest.approx([0, 10, 10, 10, 10.5, 11, 11.5], abs=0.01)


def test_the_burst_is_market_time_at_any_speed() -> None:
    """At ten times the speed, a second of market time is a tenth of one on the clock."""
    times = times_of(Pace(10.0), [n * SECOND_NS // 2 for n in range(6)], busy_s=[10])
    assert times == pytest.approx([0, 10, 10, 10, 10.05, 10.1], abs=0.01)


def test_ticks_closer_than_a_wait_can_be_keep_their_pace_together() -> None:
    """A thousand ticks in a second take a second, though no single gap is worth a sleep."""
    times = times_of(Pace(2.0), [n * SECOND_NS // 1_000 for n in range(2_001)])
    assert times[1_000] == pytest.approx(0.5, abs=0.002)
    assert times[2_000] == pytest.approx(1.0, abs=0.002)


def test_a_stop_ends_the_wait() -> None:
    """Who stops the engine doesn't wait for the next bar."""

    async def main(loop: JumpingLoop) -> float:
        pace, stop = Pace(1.0), asyncio.Event()
        await pace.wait(T0_NS, stop)
        loop.call_later(7, stop.set)
        await pace.wait(T0_NS + 20 * MINUTE_NS, stop)
        return loop.time()

    assert run(main) == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("20", 20.0), ("0.5", 0.5)])
def test_speeds_are_read(text: str, speed: float | None) -> None:
    """max is flat out; a number is how many times as fast."""
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", "", "MAX"])
def test_speeds_that_are_none_are_refused(text: str) -> None:
    """The error says what is possible."""
    with pytest.raises(InvalidValue, match="speed must be max or a number above zero"):
        parse_speed(text)


def test_a_pace_of_zero_is_refused() -> None:
    """Time that stands still is no pace."""
    with pytest.raises(InvalidValue, match=r"not '0\.0'"):
        Pace(0.0)
