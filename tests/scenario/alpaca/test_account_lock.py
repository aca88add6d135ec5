"""Two engines with two journals on one account at the broker: kept apart by a lock in Redis."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import redis
import requests

from holdfast.config import Config, LeaseConfig, LocksConfig
from holdfast.errors import LockAcquisitionError, Refused
from holdfast.runtime.compose import open_engine
from tests.databases import redis_url
from tests.local_alpaca import KEY, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import idle_configuration, started_engine
from tests.scenario.alpaca.engine import SYMBOLS

LEASE = LeaseConfig(duration_s=4.0, margin_s=1.5)


@pytest.fixture
def server() -> Iterator[LocalAlpaca]:
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        yield server


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the Redis database that both engines use, one for each test; nothing of theirs is left in it."""
    url = urlsplit(redis_url())._replace(path=f"/{request.param}").geturl()
    with redis.Redis.from_url(url) as client:
        yield url
        for key in client.scan_iter("holdfast:lock:account:alpaca:*"):
            client.delete(key)


def configured(server: LocalAlpaca, folder: Path, locks: str) -> Config:
    folder.mkdir()
    config = idle_configuration(server, folder)
    alpaca = msgspec.structs.replace(config.section("alpaca"), connect_timeout_s=0.5, read_timeout_s=1.0)
    return msgspec.structs.replace(config, adapters={"alpaca": alpaca}, lease=LEASE, locks=LocksConfig(locks))


def writes(server: LocalAlpaca) -> int:
    return len(requests.get(f"{server.trading_url}/_sim/audit", {"key": KEY}, timeout=10).json()["requests"])


@pytest.mark.proves("L7")
@pytest.mark.parametrize("shared", [11], indirect=True)
def test_an_engine_with_another_journal_is_refused(server: LocalAlpaca, tmp_path: Path, shared: str) -> None:
    """While one engine trades, another one that shares nothing but the broker's account ends with status 3 and has recorded nothing."""
    with started_engine(configured(server, tmp_path / "one", shared)):
        second = configured(server, tmp_path / "two", shared)
        with (
            pytest.raises(LockAcquisitionError, match="held by somebody else") as raised,
            open_engine(second) as engine,
        ):
            asyncio.run(asyncio.wait_for(engine.loop.run(), 60))
        assert raised.value.exit_status == 3
        assert engine.accounts[0].state.sequence == 0
    with started_engine(configured(server, tmp_path / "three", shared)):
        assert writes(server) == 0


@pytest.mark.proves("L4", "L7")
@pytest.mark.parametrize("shared", [12], indirect=True)
def test_an_engine_that_loses_the_lock_stops(server: LocalAlpaca, tmp_path: Path, shared: str) -> None:
    """When Redis has given the lock to somebody else the engine sends nothing more, and ends with status 3."""
    with started_engine(configured(server, tmp_path / "one", shared)) as running:
        give_to_somebody_else(shared)
        with pytest.raises(Refused, match="lock on the account at the broker was lost") as raised:
            running.wait_for(lambda: False, "the engine's end")
        running.error = None  # it was looked at
    assert raised.value.exit_status == 3
    assert writes(server) == 0


def give_to_somebody_else(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        (name,) = [key for key in client.scan_iter("holdfast:lock:account:alpaca:*") if not key.endswith(b":fence")]
        client.set(name, "somebody else", px=60_000)
