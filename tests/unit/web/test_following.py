"""Accounts' states, read in the background of a web process."""

import time
from pathlib import Path

from holdfast.config import Config
from holdfast.web.following import Following
from holdfast.web.reading import Reading
from tests.scenario.web.serving import with_access
from tests.unit.views.conftest import config

__all__ = ["config"]
PATIENCE_S = 120.0


def test_who_asks_goes_first_and_the_reading_goes_on_all_the_same(config: Config, tmp_path: Path) -> None:
    """Though somebody waits for an answer all the time the state is read through; it was waited for while they did."""
    given = with_access(config, tmp_path)
    reading = Reading(given)
    following = Following(given, reading)
    ends_s = time.monotonic() + PATIENCE_S
    was_asked = reading.is_asked
    with reading.open() as reader:
        assert (was_asked, reading.is_asked) == (False, True)
        following.start()
        try:
            while not following.has("house"):
                assert time.monotonic() < ends_s
                time.sleep(0.01)
            last = reader.account("house").last_sequence
            assert following.scratch(reader, "house").state.sequence == last
        finally:
            following.stop()
