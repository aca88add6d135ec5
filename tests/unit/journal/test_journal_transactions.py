"""Short transactions that meet others' locks: tried again within bounds, and nobody else hears of it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from holdfast.errors import JournalError
from holdfast.journal import Journal, transactions
from holdfast.journal.database import Database, open_database
from holdfast.journal.tables import locks
from holdfast.journal.transactions import Transactions

IMPATIENT = {
    "sqlite": "PRAGMA busy_timeout = 50",
    "postgresql": "SET lock_timeout = '50ms'",
    "mariadb": "SET innodb_lock_wait_timeout = 1",
}


@pytest.fixture
def database(url: str) -> Database:
    Journal.open(url).close()
    return open_database(url)


@pytest.fixture
def holder(database: Database) -> Iterator[sa.Connection]:
    """Somebody who has a row locked until it is rolled back."""
    with database.writer().begin() as connection:
        connection.execute(sa.insert(locks).values(name="a", token="", fence=0, expires_ms=0))
    with database.writer().connect() as connection:
        connection.begin()
        connection.execute(sa.update(locks).values(token="mine"))
        yield connection
        connection.rollback()


def impatient(database: Database, monkeypatch: pytest.MonkeyPatch) -> Transactions:
    """Transactions on connections that wait for no lock."""
    engine = database.writer()
    sa.event.listen(engine, "connect", lambda connection, _: connection.cursor().execute(IMPATIENT[database.kind]))
    monkeypatch.setattr(database, "writer", lambda: engine)
    return Transactions(database)


def take(connection: sa.Connection) -> int:
    return connection.execute(sa.update(locks).values(fence=locks.c.fence + 1)).rowcount


@pytest.mark.proves("D1")
def test_a_lock_that_is_let_go_in_time(
    database: Database, holder: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who meets a lock tries again until it is gone; the caller gets the answer, the collision is counted."""
    monkeypatch.setattr("time.sleep", lambda _s: holder.rollback())
    ours = impatient(database, monkeypatch)
    assert ours.run("taking it", take) == 1
    assert ours.collisions == 1
    ours.close()


@pytest.mark.proves("D1")
def test_a_lock_that_is_not_let_go(database: Database, holder: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many tries the caller is told what could not be done."""
    monkeypatch.setattr(transactions, "TRIES", 2)
    ours = impatient(database, monkeypatch)
    with pytest.raises(JournalError, match="taking it met others' locks 2 times"):
        ours.run("taking it", take)
    assert ours.collisions == 2
