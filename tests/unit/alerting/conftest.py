"""The alerts of a configuration in a database of their own, and somebody who gets them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.alerting.tables import kept_at
from holdfast.config import Config, parse_config
from holdfast.journal.keeping import Keeping
from tests.databases import fresh_database
from tests.unit.alerting.receiver import Receiver


@pytest.fixture
def kind() -> str:
    """The kind of database, where a test doesn't say."""
    return "sqlite"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test writes into ``[alerts]``."""
    return {}


@pytest.fixture
def config(kind: str, receiver: Receiver, settings: dict[str, Any], tmp_path: Path) -> Iterator[Config]:
    """One account, and one target unless a test says others."""
    targets = [{"name": "desk", "url": receiver.url}]
    with fresh_database(kind, tmp_path) as url:
        data = {
            "journal": {"url": f"sqlite:///{tmp_path / 'journal.db'}"},
            "observer": {"url": url if kind != "sqlite" else f"sqlite:///{tmp_path / 'observer.db'}"},
            "accounts": [{"name": "main"}],
            "feed": {"kind": "synthetic"},
            "alerts": {"targets": targets, "timeout_s": 5} | settings,
        }
        yield parse_config(data, "test", tmp_path)


@pytest.fixture
def keeping(config: Config) -> Iterator[Keeping]:
    opened = kept_at(config.observer.url)
    yield opened
    opened.close()
