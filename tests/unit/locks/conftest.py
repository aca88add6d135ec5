"""The stores that locks are kept in."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from holdfast.journal import Journal
from holdfast.locks import LockManager, open_locks
from tests.databases import KINDS, empty_journal, redis_url


@pytest.fixture
def name() -> Iterator[str]:
    """A lock's name that no other test has; nothing is left of it."""
    name = f"test-{secrets.token_hex(8)}"
    yield name
    try:
        with redis.Redis.from_url(redis_url()) as client:
            for key in client.scan_iter(f"holdfast:lock:{name}*"):
                client.delete(key)
    except pytest.skip.Exception:
        pass


@pytest.fixture(params=[*KINDS, "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the locks are."""
    if request.param == "redis":
        assert urlsplit(redis_url()).scheme == "redis"
        yield redis_url()
        return
    with empty_journal(request.param, tmp_path) as url:
        Journal.open(url).close()
        yield url


@pytest.fixture
def locks(url: str) -> Iterator[LockManager]:
    opened = open_locks(url)
    yield opened
    opened.close()
