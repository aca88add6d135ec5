"""A made-up market that stands at the open of a session, one for each module, and a fresh account for each test."""

from collections.abc import Iterator

import pytest

from tests.contract.alpaca.sdk import Bot
from tests.local_alpaca import LocalAlpaca, local_alpaca


@pytest.fixture(scope="module")
def server() -> Iterator[LocalAlpaca]:
    """A running local Alpaca; tests move its market."""
    with local_alpaca() as running:
        yield running


@pytest.fixture
def bot(server: LocalAlpaca) -> Bot:
    """An account with 100,000 and no orders, where AVOR is at 100, BRYX at 50 and BTC/USD at 40,000."""
    made = Bot(server)
    for symbol, price in (("AVOR", 100.0), ("BRYX", 50.0), ("BTC/USD", 40_000.0)):
        made.market(symbol, price)
    return made
