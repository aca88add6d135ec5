"""A made-up market that stands at the open of a session, one for each module, and a fresh account for each test.

Whatever a test asks over HTTP, the answer is compared with Alpaca's own description of it.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from tests.contract.alpaca import openapi
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


@pytest.fixture(autouse=True)
def described(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each answer that the test got is as Alpaca describes it; but for those of faults, which are wrong on purpose."""
    send, found = requests.Session.send, set[openapi.Deviation]()

    def listen(session: requests.Session, prepared: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(session, prepared, **options)
        path = unquote(urlsplit(prepared.url or "").path)
        found.update(openapi.deviations(prepared.method or "", path, answer.status_code, answer.content))
        return answer

    if not request.path.name.startswith("test_faults"):
        monkeypatch.setattr(requests.Session, "send", listen)
    yield
    assert found <= openapi.KNOWN.keys()
