"""When an engine begins to serve its metrics."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.errors import Refused
from holdfast.runtime.serving import serving
from holdfast.runtime.standby import Waiting

NO_ENGINE: Any = None


@pytest.fixture
def taken() -> Iterator[str]:
    """An address at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_start_listens_before_it_takes_anything(taken: str) -> None:
    """An address in use ends it where it has done nothing."""
    with pytest.raises(Refused, match=taken), serving(taken, Waiting()):
        raise AssertionError("the start went on")


def test_a_standby_trades_though_its_address_is_in_use(taken: str) -> None:
    """The engine that it stood by for may still have it: taking over matters more, and it says so."""
    told: list[str] = []
    with serving(taken, Waiting(True, told.append)) as serve:
        assert told == []
        assert serve(NO_ENGINE) is None
    (line,) = told
    assert taken in line


def test_without_an_address_nothing_is_served() -> None:
    """And nothing is loaded for it."""
    with serving(None, Waiting()) as serve:
        assert serve(NO_ENGINE) is None
