"""A journal, an observer's database of the same kind, and a watcher that notes what it is told."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.config import Config, parse_config
from holdfast.core.messages import PAPER, Envelope
from holdfast.journal import Journal
from holdfast.journal.lists import ListReader
from holdfast.observer.places import Places
from holdfast.observer.watcher import Moment
from tests.databases import empty_journal
from tests.unit.journal.trader import Trader

NOTES = sa.Table("notes", sa.MetaData(), sa.Column("account", sa.String(64)), sa.Column("sequence", sa.BigInteger))


class Listener:
    """A watcher that keeps each record's number in the observer's database, and raises when it is told to."""

    def __init__(self, name: str = "listener") -> None:
        self.name = name
        self.restored: list[tuple[str, int]] = []
        self.moments: list[Moment] = []
        self.heard: list[int] = []
        self.raises: BaseException | None = None

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        self.restored.append((account, sequence))

    def on_records(self, account: str, records: Sequence[Envelope], kept: sa.Connection) -> None:
        NOTES.create(kept, checkfirst=True)
        self.heard += [record.sequence for record in records]
        kept.execute(sa.insert(NOTES), [{"account": account, "sequence": record.sequence} for record in records])
        if self.raises is not None:
            raise self.raises

    def on_time(self, moment: Moment) -> None:
        self.moments.append(moment)


def kept(config: Config) -> list[int]:
    """The numbers that listeners kept, in the order in which they kept them."""
    with closing(Places(config.observer.url)) as places, places.begin() as connection:
        if not sa.inspect(connection).has_table("notes"):
            return []
        return [row.sequence for row in connection.execute(sa.select(NOTES))]


@pytest.fixture
def kind() -> str:
    """The kind of database, where a test doesn't say."""
    return "sqlite"


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    """Of a journal without a record; SQLite's file isn't there yet."""
    with empty_journal(kind, tmp_path) as made:
        yield made


@pytest.fixture
def config(url: str, tmp_path: Path) -> Config:
    """Two accounts in that journal; the observer keeps its own in a file."""
    data = {"journal": {"url": url}, "accounts": [{"name": "main"}, {"name": "other"}], "feed": {"kind": "synthetic"}}
    return parse_config(data, "test", tmp_path)


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


@pytest.fixture
def trader(journal: Journal) -> Trader:
    return Trader(journal.take("main", PAPER, "engine 1 on tower"))
