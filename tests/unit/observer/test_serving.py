"""The observer's metrics: served by the one that works, as soon as the address is free."""

from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Gauge

from holdfast.errors import InvalidValue
from holdfast.observer.serving import LEFT_TRIES, OLD_S, Served
from holdfast.telemetry.exporter import Exporter


class Clock:
    """Goes when it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def shown() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("holdfast_of_this_observer", "One", registry=registry).set(1)
    return registry


def read(url: str) -> bytes:
    found: bytes = urlopen(url, timeout=60).read()  # noqa: S310 - our own
    return found


def test_who_takes_over_serves_as_soon_as_the_address_is_free() -> None:
    """While the other still has it, it tries again; before it works it has nothing to show."""
    other = Exporter("127.0.0.1:0")
    served = Served(str(other.address), [shown()], Clock())
    assert served.look() is None
    other.close()
    url = served.look()
    assert url == other.url
    assert read(url) == b""
    served.works()
    assert served.look() == url
    assert b"holdfast_of_this_observer 1.0" in read(url)
    served.close()


def test_who_works_no_more_lets_the_address_go_for_a_while_or_until_it_works() -> None:
    """One that was stopped and stands aside has old figures, and another may wait for its address; if nobody does, it is there with nothing to show."""
    clock, first = Clock(), Exporter("127.0.0.1:0")
    first.close()
    served = Served(str(first.address), [shown()], clock)
    served.works()
    assert served.look() == first.url
    clock.now_s += OLD_S
    assert [served.look() for _ in range(LEFT_TRIES + 1)] == [None] * (LEFT_TRIES + 1)
    with pytest.raises(URLError):
        read(first.url)
    assert served.look() == first.url
    assert read(first.url) == b""
    clock.now_s += OLD_S
    assert served.look() == first.url
    served.works()
    assert b"holdfast_of_this_observer 1.0" in read(first.url)
    served.close()


def test_what_is_no_address_is_said_at_the_start() -> None:
    """Not by a thread, later."""
    with pytest.raises(InvalidValue, match="no address"):
        Served("nonsense", [])
