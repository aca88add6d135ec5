"""One process that forks engines and brokers, for all tests of a worker."""

from collections.abc import Iterator

import pytest

from holdfast.torture.processes.programs import Spawner


@pytest.fixture(scope="package")
def spawner() -> Iterator[Spawner]:
    """It is there before the first test and gone, with all that it forked, after the last."""
    opened = Spawner()
    yield opened
    opened.close()
