"""The proof with real processes, as users run it: killed again and again, nothing is lost and nothing doubled."""

import json
from pathlib import Path

import pytest

from holdfast.sim.alpaca.tortured import BOX
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.campaign import Options, Round, torture
from holdfast.torture.processes.plan import lives
from holdfast.torture.processes.programs import Spawner
from holdfast.torture.processes.result import Result
from holdfast.torture.processes.stores import SqliteStore
from tests.budget import by_tier, in_a_campaign
from tests.databases import server_url
from tests.process.program import run_from_nothing

pytestmark = pytest.mark.process

KILLS = 3
KILLS_THERE = 2
PLACES = by_tier(
    test=(
        *(CrashPoint.BEFORE_APPEND, CrashPoint.IN_COMMIT, CrashPoint.SENDING, CrashPoint.ANSWERED),
        *(CrashPoint.CANCEL_SENDING, CrashPoint.IN_SNAPSHOT),
    ),
    campaign=tuple(CrashPoint),
)
"""Where it is killed; `test_protection_kills` has kills about fills in every run."""
POINTS = by_tier(test=4, campaign=10)
"""Of those, which each come several times: on a busy machine a kill may come before its place does."""
MOST_TRIES = 5
"""How often a kill at a place is tried where the engine gets no further than to be killed elsewhere."""
SEED = 1
NAMES = {"postgresql": "postgres", "mariadb": "mariadb"}


def test_the_same_seed_is_the_same_plan() -> None:
    """Kills and faults are drawn from the seed alone, and another seed draws others."""
    assert list(lives(7, 60, "sqlite", BOX)) == list(lives(7, 60, "sqlite", BOX))
    assert list(lives(7, 60, "sqlite", BOX)) != list(lives(8, 60, "sqlite", BOX))


@pytest.mark.proves(
    "I1", "I2", "I3", "I4", "I6", "I10", "I12", "I13", "I14", "K1", "K4", "K5", "K7", "K8", "K9", "K10", "K12"
)
def test_a_kill_at_each_named_place(tmp_path: Path, spawner: Spawner) -> None:
    """Once at each place where a crash tells something, with faults of broker and database: nothing lost, doubled or unbooked."""
    result = Result("alpaca", "sqlite", SEED)
    round_ = Round(tmp_path, SqliteStore(tmp_path), spawner, SEED, result)
    try:
        count = 2 * MOST_TRIES * len(CrashPoint)
        at_places = (life for life in lives(SEED, count, "sqlite", BOX) if life.point in PLACES)
        for life in at_places:
            assert life.point is not None
            if not result.points[life.point]:
                round_.live(life)
        round_.heal()
    finally:
        round_.close()
    assert result.problems == []
    assert (result.lost, result.doubled, result.unbooked, result.books_equal) == (0, 0, 0, True)
    assert len(result.points) >= POINTS
    assert result.broker_orders > len(PLACES)


@pytest.mark.proves("I1", "I2", "I3", "I4", "I6", "I10")
def test_some_kills_at_a_broker_without_idempotency() -> None:
    """At the local Kite, whose orders carry a label and no key: the same; `make campaign` has the hundreds."""
    result = torture(Options("zerodha", "sqlite", KILLS_THERE, SEED, at_once=1), lambda: None)
    assert result.problems == []
    assert (result.lost, result.doubled, result.unbooked, result.books_equal) == (0, 0, 0, True)
    assert result.kills == KILLS_THERE


@pytest.mark.proves("I1", "I2", "I3", "I4", "I6", "I10")
@pytest.mark.parametrize("kind", [in_a_campaign("postgresql"), "mariadb"])
def test_some_kills_with_the_journal_on_a_server(kind: str, tmp_path: Path) -> None:
    """As people start it: nothing lost, doubled or unbooked, and the books are equal; `make campaign` has the hundreds."""
    url = server_url(kind).render_as_string(hide_password=False)
    arguments = ["--db", NAMES[kind], "--kills", str(KILLS), "--seed", str(SEED), "--json", "out.json", "--url", url]
    done = run_from_nothing(tmp_path, "torture", *arguments)
    assert done.status == 0, done
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["lost"], found["doubled"], found["unbooked_fills"], found["books_equal"]) == (0, 0, 0, True)
    assert found["kills"] == KILLS
