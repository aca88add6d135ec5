"""A wall clock that jumps about changes nothing for an engine at work."""

import random
import threading
import time
from pathlib import Path

import pytest

from holdfast.core.types import HOUR_NS
from tests.local_alpaca import SERVER_THREAD, local_alpaca
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, check_no_twins, engine_on
from tests.scenario.alpaca.test_faults import post


@pytest.mark.proves("C1", "C4", "I15")
def test_an_hour_forth_and_back_at_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the wall clock gives another hour, while requests are throttled and repeated: no burst, no stall, the same books."""
    chance, wall_ns = random.Random(7), time.time_ns

    def jumping_ns() -> int:
        if threading.current_thread().name == SERVER_THREAD:  # its answers say when its limit begins anew, by one clock
            return wall_ns()
        return wall_ns() + chance.choice((-1, 0, 1)) * HOUR_NS

    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=600) as server:
        post(server, [{"name": "storm_429", "seconds": 1}, {"name": "accepted_then_504", "times": 3}])
        monkeypatch.setattr(time, "time_ns", jumping_ns)
        monkeypatch.setattr(time, "time", lambda: jumping_ns() / 1e9)
        with engine_on(server, tmp_path) as running:
            server.call(server.world.clock.resume)
            theirs = Theirs(server)
            running.wait_for(lambda: running.engine.loop.events > 120, "an hour of bars")
            running.wait_for(lambda: len(theirs.orders()) > 10, "orders, once the faults are over")
            server.call(server.world.clock.pause)
            agree_in_the_end(running, theirs)
            check_no_twins(server, theirs)
            times = [record.time_ns for _, record in running.records]
            assert times == sorted(times)
            days = [record.body for _, record in running.records if record.type == "TradingDayStarted"]
            assert len(days) == 1
