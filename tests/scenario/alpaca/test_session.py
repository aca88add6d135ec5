"""A session of trading on the local Alpaca, with nothing going wrong."""

from pathlib import Path

import pytest

from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.engine import (
    SYMBOLS,
    Theirs,
    agree_in_the_end,
    check_blind_times,
    check_no_twins,
    engine_on,
)


@pytest.mark.proves("I2", "I3", "I6")
def test_two_hours_of_everything_end_with_the_same_books(tmp_path: Path) -> None:
    """Orders of every kind on a made-up market: cash, positions and every order's end are the server's own, to the last digit."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server,
        engine_on(server, tmp_path) as running,
    ):
        server.call(server.world.clock.resume)
        running.wait_for(lambda: running.engine.loop.events > 240, "two hours of bars")
        server.call(server.world.clock.pause)
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
        assert len(theirs.orders()) > 20
        check_no_twins(server, theirs)
        check_blind_times(running)
