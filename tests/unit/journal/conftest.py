"""A journal in a folder of its own, and someone who trades in it."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.journal import Journal, database
from holdfast.journal.database import journal_path
from tests.unit.journal.trader import PAPER, Trader

ME = "engine 1 on desk"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets connections made from here on wait a fifth of a second for a lock, and not five."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'holdfast.db'}"


@pytest.fixture
def path(url: str) -> Path:
    return journal_path(url)


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


@pytest.fixture
def trader(journal: Journal) -> Trader:
    return Trader(journal.take("main", PAPER, ME))


@pytest.fixture
def written(url: str, path: Path) -> Path:
    """The file of a journal that has a day's trading in it and is closed."""
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, ME))
    for batch in (trader.deposit(), *trader.day(40)):
        journal.append(batch)
    journal.close()
    return path


@pytest.fixture
def sql(path: Path) -> Callable[..., None]:
    """Changes the file behind the journal's back."""

    def run(statement: str, *values: object) -> None:
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(statement, values)
        connection.close()

    return run
