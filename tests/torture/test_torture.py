"""The proof with real processes, as users run it: killed again and again, nothing is lost and nothing doubled."""

import json
import subprocess
from pathlib import Path

import pytest

from holdfast.torture.processes.plan import lives
from tests.databases import KINDS, SERVERS, server_url
from tests.process.program import COMMAND, environment

pytestmark = [pytest.mark.slow, pytest.mark.process]

KILLS = 100
WITHIN_S = 900.0
POINTS = 10
"""Of the named places, which each come three times: on a busy machine a kill may come before its place does."""
NAMES = {"postgresql": "postgres"}


def test_the_same_seed_is_the_same_plan() -> None:
    """Kills and faults are drawn from the seed alone, and another seed draws others."""
    assert list(lives(7, 60, "sqlite")) == list(lives(7, 60, "sqlite"))
    assert list(lives(7, 60, "sqlite")) != list(lives(8, 60, "sqlite"))


@pytest.mark.proves("I1", "I2", "I3", "I4", "I6", "I10", "I12", "I13", "I14")
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_kills(kind: str, tmp_path: Path) -> None:
    """A hundred kills with faults of broker and database: nothing lost, doubled or unbooked, and the books are equal."""
    torture = [
        "torture",
        "--db",
        NAMES.get(kind, kind),
        "--kills",
        str(KILLS),
        "--seed",
        "1",
        "--at-once",
        "3",
        "--json",
        "out.json",
    ]
    if kind in SERVERS:
        torture += ["--url", server_url(kind).render_as_string(hide_password=False)]
    done = subprocess.run([*COMMAND, *torture], cwd=tmp_path, env=environment(), timeout=WITHIN_S, check=False)
    assert done.returncode == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["lost"], found["doubled"], found["unbooked_fills"], found["books_equal"]) == (0, 0, 0, True)
    assert found["kills"] == KILLS
    assert found["broker_orders"] > KILLS
    assert found["faults"] > KILLS
    assert len(found["kill_points"]) >= POINTS
