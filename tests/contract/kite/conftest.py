"""A made-up market that stands at the open of a session, one for each module, and a session of the SDK."""

from collections.abc import Iterator

import pytest
from kiteconnect import KiteConnect

from tests.local_kite import LocalKite, local_kite


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKite]:
    """A running local Kite; tests move its market."""
    with local_kite() as running:
        running.play(20)
        yield running


@pytest.fixture
def kite(server: LocalKite) -> KiteConnect:
    """The unmodified SDK, logged in."""
    return server.login()
