"""What all tests share: the folder of real market data, and how hypothesis searches."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
ON_CI = os.environ.get("CI", "").lower() == "true"

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)  # the same cases in every run
settings.load_profile("ci" if ON_CI else "dev")


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

    Where it is absent the test is skipped.
    """
    folder = _beside("cases", "HOLDFAST_SHARED_CASES")
    if not folder.is_dir():
        pytest.skip(_absent("cases", folder, "HOLDFAST_SHARED_CASES"))
    return folder


def _beside(name: str, variable: str) -> Path:
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / name)


def _absent(what: str, folder: Path, variable: str) -> str:
    return f"no {what} at {folder}: put it there, or name its folder in {variable}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reads the real data, so that ``-m "not real_data"`` leaves out exactly those."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
