"""How far each watcher was handed each account's records: a table of the observer's database."""

import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.core.types import NAME_LENGTH
from holdfast.errors import HoldfastError
from holdfast.journal.keeping import Keeping, Tables

VERSION = 1
"""The schema's version. A database with a newer one is refused."""

metadata = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name, metadata, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin"
    )


versions = _table("observer_version", sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))
places = _table(
    "observer_places",
    sa.Column("watcher", sa.String(NAME_LENGTH), primary_key=True),
    sa.Column("account", sa.String(NAME_LENGTH), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("moved_ns", sa.BigInteger, nullable=False),
)
"""``sequence`` and ``hash`` are those of the last record that was handed over; 0 and empty before the first."""

turns = _table(
    "observer_turns",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("renewals", sa.BigInteger, nullable=False),
)
"""One row: the process that works, and how often the turn was taken or renewed; that it no longer counts is how others see that it is gone."""


class ObserverError(HoldfastError):
    """The observer's database can't be opened, read or written; nothing that was new was told."""


class Overtaken(ObserverError):
    """Another observer has handed these records over."""


class Place(NamedTuple):
    """A record, by sequence and hash."""

    sequence: int
    hash: str


BEGINNING = Place(0, "")
TABLES = Tables(metadata, versions, VERSION, "the observer's database", "observer", ObserverError, is_made_anew=True)


class Places(Keeping):
    """The places at a database's ``url``. Its transactions raise `ObserverError`."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TABLES)

    def of(self, watcher: str) -> dict[str, Place]:
        """The watcher's place in each account's records."""
        rows = sa.select(places).where(places.c.watcher == watcher)
        with self.reading() as connection:
            return {row.account: Place(row.sequence, row.hash) for row in connection.execute(rows)}

    def put(self, watcher: str, account: str, place: Place) -> None:
        """The watcher's place, wherever it was before."""
        key = (places.c.watcher == watcher) & (places.c.account == account)
        with self.begin() as connection:
            connection.execute(sa.delete(places).where(key))
            row = {"watcher": watcher, "account": account, "moved_ns": time.time_ns()}
            connection.execute(sa.insert(places).values(**row, **place._asdict()))

    def move(self, connection: sa.Connection, watcher: str, account: str, step: tuple[Place, Place]) -> None:
        """Move on from a place to the next. Raises `Overtaken` when somebody else did."""
        before, after = step
        key = (places.c.watcher == watcher) & (places.c.account == account)
        moved = connection.execute(
            sa.update(places)
            .where(key, places.c.sequence == before.sequence, places.c.hash == before.hash)
            .values(**after._asdict(), moved_ns=time.time_ns())
        )
        if moved.rowcount != 1:
            raise Overtaken(f"another observer was at record {after.sequence} of {account} first; one is enough")
