"""The kill switch at Alpaca in a box: at once, over a kill, and flat as the broker sees it."""

import signal
from decimal import Decimal
from typing import Any

import pytest

from holdfast.journal.verify import verify
from holdfast.torture.processes.programs import kill
from tests.process.bare import SYMBOL, World
from tests.process.program import PATIENCE_S, run, succeed, until

pytestmark = pytest.mark.process


def working(world: World) -> list[dict[str, Any]]:
    """The orders that may trade at the broker."""
    return [row for row in world.orders() if row["status"] in ("new", "accepted", "held", "partially_filled")]


def test_a_halt_outlives_a_kill_and_lets_nothing_out_that_raises_risk(world: World) -> None:
    """Halted and killed in the same moment: after the restart an entry is refused, and the reduce-only order is open still."""
    world.configure("place")
    engine = world.engine()
    world.buy()
    until(world.stops, "the position's stop")
    succeed(world.folder, "halt", "--reason", "a test")
    assert kill(engine) == -signal.SIGKILL
    sent = world.asked_for()
    world.engine()
    assert world.account()[1] == "HALTED"
    refused = run(world.folder, "buy", SYMBOL, "1", "--yes")
    assert refused.status == 3
    assert "HALTED" in refused.err
    assert world.asked_for() == sent
    succeed(world.folder, "sell", SYMBOL, "10", "--yes")
    until(lambda: world.position() == 0, "the reduce-only order")
    assert world.account()[1] == "HALTED"


@pytest.mark.parametrize("is_running", [True, False])
def test_preservation_by_hand_outlives_a_kill(world: World, is_running: bool) -> None:
    """Asked of an engine that is killed then, or filed while none runs: the entry at the broker is canceled, the stop stays, until ``resume``."""
    world.configure("place")
    engine = world.engine()
    stop = world.buy()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the position's stop")
    succeed(world.folder, "buy", SYMBOL, "3", "--limit", "1", "--yes")
    if not is_running:
        assert kill(engine) == -signal.SIGKILL
    asked = succeed(world.folder, "preserve", "--reason", "a test")
    assert ("next start" in asked.err) is not is_running
    if is_running:
        assert kill(engine) == -signal.SIGKILL
    world.engine()
    until(lambda: not [row for row in working(world) if row["type"] == "limit"], "the entry's end")
    [shown] = succeed(world.folder, "status", "--json").json["accounts"]
    assert (shown["state"], shown["missing"]) == ("PRESERVATION", {"by hand": "a test"})
    assert "by hand: a test" in succeed(world.folder, "status").out
    sent = world.asked_for()
    assert run(world.folder, "buy", SYMBOL, "1", "--yes").status == 3
    assert (world.asked_for(), world.stops()) == (sent, [(Decimal(10), stop)])
    succeed(world.folder, "resume")
    succeed(world.folder, "buy", SYMBOL, "1", "--limit", "1", "--yes")
    assert verify(world.url).problems == []


def test_flatten_ends_flat_as_the_broker_sees_it(world: World) -> None:
    """A position with its stop and an order that works: when the command returns the broker has none of them, and has said so."""
    world.configure("place")
    world.engine()
    world.buy()
    until(world.stops, "the position's stop")
    succeed(world.folder, "buy", SYMBOL, "3", "--limit", "1", "--yes")
    done = succeed(world.folder, "flatten", "--yes", "--timeout", str(PATIENCE_S - 10), "--json").json
    assert (done["flat"], done["verified"], done["at_broker"]) == (True, True, {})
    assert world.position() == 0
    assert working(world) == []
    assert world.account()[1] == "HALTED"
    assert verify(world.url).problems == []
