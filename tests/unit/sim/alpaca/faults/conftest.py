"""One server for all tests of a module, and an account of its own for each test."""

from collections.abc import Iterator

import pytest

from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.unit.sim.alpaca.faults.client import Client


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAlpaca]:
    """A made-up market that stands at its start."""
    with local_alpaca() as running:
        yield running


@pytest.fixture
def client(server: LocalAlpaca) -> Iterator[Client]:
    """An account without orders, at a server without faults."""
    made = Client(server.trading_url)
    made.ask("GET", "/v2/account").raise_for_status()
    yield made
    made.ask("DELETE", "/_sim/faults").raise_for_status()
