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
    folder = Path(os.environ.get("HOLDFAST_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        text = f"no real market data at {folder}: put it there, or name its folder in HOLDFAST_SHARED_DATA"
        if ON_CI:
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reads the real data, so that ``-m "not real_data"`` leaves out exactly those."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
