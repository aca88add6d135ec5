"""How far each account's traces were taken by the collector: a table of the observer's database."""

import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.core.types import NAME_LENGTH
from holdfast.errors import HoldfastError
from holdfast.journal.keeping import Keeping, Tables

VERSION = 1
"""The schema's version. A database with a newer one is refused."""

metadata = sa.MetaData()
_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

versions = sa.Table(
    "tracing_version", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False), **_MARIADB
)
places = sa.Table(
    "tracing_places",
    metadata,
    sa.Column("account", sa.String(NAME_LENGTH), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("moved_ns", sa.BigInteger, nullable=False),
    **_MARIADB,
)
"""``sequence`` and ``hash`` are those of the last record whose spans were taken; 0 and empty before the first."""
counts = sa.Table(
    "tracing_counts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("left_out", sa.BigInteger, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("noted_ns", sa.BigInteger, nullable=False),
    **_MARIADB,
)
"""One row: what has become of all spans so far."""
ONLY = 1


class TracingError(HoldfastError):
    """Where the places are kept can't be read or written; what is not noted is sent again."""


class Place(NamedTuple):
    """A record, by sequence and hash."""

    sequence: int
    hash: str


class Counts(NamedTuple):
    """What has become of spans: taken by the collector, rejected by it one by one, left out with a batch that it refused for good."""

    sent: int = 0
    rejected: int = 0
    left_out: int = 0
    trouble: str = ""
    """Why nothing is sent now; empty while it is."""
    noted_ns: int = 0
    """When that was noted, in nanoseconds since 1970."""


TABLES = Tables(metadata, versions, VERSION, "the observer's database", "observer", TracingError, is_made_anew=True)


class Places(Keeping):
    """The places at a database's ``url``. Its transactions raise `TracingError`."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TABLES)

    def all(self) -> dict[str, Place]:
        """Each account's place."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(places))
            return {row.account: Place(row.sequence, row.hash) for row in rows}

    def put(self, account: str, place: Place) -> None:
        """The account's place from here on."""
        with self.begin() as connection:
            connection.execute(sa.delete(places).where(places.c.account == account))
            row = {"account": account, "moved_ns": time.time_ns()}
            connection.execute(sa.insert(places).values(**row, **place._asdict()))

    def counts(self) -> Counts:
        """What was noted last."""
        with self.reading() as connection:
            row = connection.execute(sa.select(counts).where(counts.c.id == ONLY)).first()
        return Counts() if row is None else Counts(row.sent, row.rejected, row.left_out, row.trouble, row.noted_ns)

    def note(self, now: Counts) -> None:
        """What has become of the spans so far."""
        with self.begin() as connection:
            connection.execute(sa.delete(counts).where(counts.c.id == ONLY))
            connection.execute(sa.insert(counts).values(id=ONLY, **now._asdict()))
