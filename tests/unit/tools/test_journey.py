"""The counts of how the core hangs together, and what they may not become again."""

from itertools import pairwise

from tools import journey


def test_obligations_are_entered_where_a_step_ends_and_where_time_passes() -> None:
    """No handler of an input enters one: it says what it has touched. The market's moves of stops are noted there, and a start asks once."""
    entries = {entry.split(":")[0] + " " + entry.split()[-1] for entry in journey.entered()}
    assert entries == {
        "core/engine/__init__.py conclude",
        "core/engine/clock.py fulfil",
        "core/engine/clock.py wake_in_time",
        "core/engine/market.py follow",
        "core/lifecycle.py conclude",
        "core/lifecycle.py fulfil",
        "core/lifecycle.py keep_from_trading",
    }


def test_a_fill_is_followed_through_the_core() -> None:
    """From the engine to the state and the protection of what it filled, and it comes to an end."""
    rooms = journey.journey()
    assert rooms[0] == "engine"
    assert {"state", "portfolio", "protection"} <= set(rooms)
    assert all(one != other for one, other in pairwise(rooms))
