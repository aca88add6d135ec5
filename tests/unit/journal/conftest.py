"""A journal of its own for each test, and someone who trades in it.

Every test that asks for a journal runs on each kind of database. Those that ask for ``path`` are about SQLite's file and run
on that alone, those that ask for ``server`` on the others.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER
from holdfast.journal import Journal, database
from holdfast.journal.database import open_database
from holdfast.journal.sqlite import SqliteDatabase
from tests.databases import KINDS, SERVERS, empty_journal, fresh_database, run_in
from tests.unit.journal.trader import Trader

ME = "engine 1 on tower"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise by kind of database whatever needs one."""
    names = metafunc.fixturenames
    if "kind" in names and not any(
        "kind" in marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("kind", ("sqlite",) if "path" in names else SERVERS if "server" in names else KINDS)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets connections made from here on wait a fifth of a second for a lock (MariaDB: one second), and not five."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)


@pytest.fixture
def server(kind: str) -> str:
    """The kind of database, which is one on a server."""
    return kind


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    """Of a journal without a record; SQLite's file isn't there yet."""
    with empty_journal(kind, tmp_path) as made:
        yield made


@pytest.fixture
def new_url(kind: str, tmp_path: Path) -> Iterator[str]:
    """Of a place where no journal has been made."""
    with fresh_database(kind, tmp_path) as made:
        yield made


@pytest.fixture
def path(url: str) -> Path:
    """The journal's file."""
    opened = open_database(url)
    assert isinstance(opened, SqliteDatabase)
    return opened.path


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


@pytest.fixture
def trader(journal: Journal) -> Trader:
    return Trader(journal.take("main", PAPER, ME))


@pytest.fixture
def written(url: str) -> None:
    """The journal has a day's trading in it and is closed."""
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, ME))
    for batch in (trader.deposit(), *trader.day(40)):
        journal.append(batch)
    journal.close()


@pytest.fixture
def sql(url: str) -> Callable[..., None]:
    """Changes rows behind the journal's back. Values stand in for each ``?``."""

    def run(statement: str, *values: object) -> None:
        run_in(url, statement, *values)

    return run
