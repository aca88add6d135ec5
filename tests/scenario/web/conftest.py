"""A journal, and servers over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.config import Config, load_config
from holdfast.runtime.compose import open_engine
from holdfast.web.auth.permissions import Role
from tests.scenario.web.serving import SECRET, Served, serving, with_access

CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR", "BRYX"]
days = 1
history_days = 0

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR", "BRYX"]
params = { fast = 5, slow = 15, quantity = 10, allow_short = true }
"""


@pytest.fixture(scope="session")
def journaled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A configuration whose journal has its account, and no engine."""
    path = tmp_path_factory.mktemp("web") / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    with open_engine(config, lambda *_: None):
        pass
    return config


@pytest.fixture(scope="session")
def bare(journaled: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without any user, for tests that make none."""
    with _secret(), serving(with_access(journaled, tmp_path_factory.mktemp("bare"))) as served:
        yield served


@pytest.fixture(scope="session")
def standing(journaled: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with users, for tests that change none of them and let no time pass."""
    with _secret(), serving(with_access(journaled, tmp_path_factory.mktemp("standing"))) as served:
        for role in reversed(Role):
            served.add_user(role, role)
        yield served


@contextmanager
def _secret() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JWT_SECRET_KEY", SECRET)
        yield


@pytest.fixture
def config(journaled: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """It, with a database of users of the test's own."""
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    return with_access(journaled, tmp_path)


@pytest.fixture
def empty(config: Config) -> Iterator[Served]:
    """A server without any user."""
    with serving(config) as served:
        yield served


@pytest.fixture
def served(empty: Served) -> Served:
    """A server with a user of each role, of that name."""
    empty.add_user("admin", "admin")
    empty.add_user("trader", "trader")
    empty.add_user("viewer", "viewer")
    return empty
