"""What process tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.torture.processes.programs import Spawner
from tests.process.bare import World


@pytest.fixture
def world(spawner: Spawner, tmp_path: Path) -> Iterator[World]:
    """A market that moves, and nobody in it yet."""
    found = World(spawner, tmp_path)
    try:
        found.broker.resume()
        yield found
    finally:
        found.close()
