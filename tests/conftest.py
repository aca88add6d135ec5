"""What all tests share: the folder of real market data, how hypothesis searches, and which tests a run leaves out."""

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from holdfast.torture.processes.programs import Spawner
from tests import databases, order, spawning
from tests.budget import TIER, Tier, examples

ROOT = Path(__file__).resolve().parent.parent
ON_CI = os.environ.get("CI", "").lower() == "true"
NEED_A_SERVER = ("postgresql", "mariadb", "redis")

# A busy machine is no fault: nothing has a deadline. A campaign searches at random; other runs try the same cases each time, and to
# try more of the same finds little.
settings.register_profile("same", deadline=None, derandomize=True, print_blob=True, max_examples=examples())
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("random" if TIER is Tier.CAMPAIGN else "same")


@pytest.fixture(autouse=True)
def same_logs() -> Iterator[None]:
    """What a command that runs inside the tests does to the logs of the whole process is undone: others look at theirs."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data: ``HOLDFAST_SHARED_DATA``, or ``../shared/data`` beside the repository.

    Where it is absent the test is skipped; on CI it fails, so that a run without the data can't pass for one with it.
    """
    folder = _beside("data", "HOLDFAST_SHARED_DATA")
    if not folder.is_dir() and ON_CI:
        pytest.fail(_absent("real market data", folder, "HOLDFAST_SHARED_DATA"), pytrace=False)
    if not folder.is_dir():
        pytest.skip(_absent("real market data", folder, "HOLDFAST_SHARED_DATA"))
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of small inputs that once gave a wrong result: ``HOLDFAST_SHARED_CASES``, or ``../shared/cases``.

    Where it is absent the test is skipped; on CI it fails.
    """
    folder = _beside("cases", "HOLDFAST_SHARED_CASES")
    if not folder.is_dir() and ON_CI:
        pytest.fail(_absent("cases", folder, "HOLDFAST_SHARED_CASES"), pytrace=False)
    if not folder.is_dir():
        pytest.skip(_absent("cases", folder, "HOLDFAST_SHARED_CASES"))
    return folder


def _beside(name: str, variable: str) -> Path:
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / name)


def _absent(what: str, folder: Path, variable: str) -> str:
    return f"no {what} at {folder}: put it there, or name its folder in {variable}"


@pytest.fixture(scope="session")
def spawner() -> Spawner:
    """Starts programs without their imports."""
    return spawning.shared_spawner()


def pytest_collection_finish() -> None:
    """What was loaded stays: no collection of garbage looks through it again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Nothing that was forked outlives the tests, and no database."""
    spawning.close()
    databases.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test that reads the real data, leave out what this run has no time for (tests/budget.py), and begin with the long ones."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
    left_out = [item for item in items if _too_long(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _too_long(item)]
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = order.dealt(items, workers)


def _too_long(item: pytest.Item) -> bool:
    """Whether a run of this tier leaves the test out."""
    if TIER is Tier.CAMPAIGN:
        return False
    marks = {mark.name for mark in item.iter_markers()}
    if TIER is Tier.TEST:
        return "campaign" in marks
    given = getattr(item, "callspec", None)
    on_a_server = given is not None and any(value in NEED_A_SERVER for value in map(str, given.params.values()))
    return on_a_server or not marks.isdisjoint({"campaign", "process", "real_data"})
