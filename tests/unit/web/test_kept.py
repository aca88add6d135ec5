"""States that the web process keeps, so that its next start reads on from them."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.config import Config
from holdfast.core import snapshot
from holdfast.journal.database import open_database
from holdfast.views.books import Books
from holdfast.web.kept import Kept, states
from holdfast.web.reading import WebReader
from tests.databases import KINDS, fresh_database
from tests.unit.views.conftest import config

__all__ = ["config"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_process_reads_on(kind: str, config: Config, tmp_path: Path) -> None:
    """A state that was kept is the one that all records give; what came since is read, and nothing before."""
    with fresh_database(kind, tmp_path) as url, WebReader.open(config.journal.url) as reader:
        first = Books(config, Kept(url))
        whole = first.whole(reader, "house").state
        first.keep(reader, "house", 1)
        kept = Kept(url).newest(reader, "house")
        assert kept is not None
        assert kept.sequence == reader.account("house").last_sequence
        read: list[int] = []

        class Counting(WebReader):
            def page(self, account: str, after: int) -> list:  # type: ignore[type-arg]
                read.append(after)
                return super().page(account, after)

        with Counting.open(config.journal.url) as counting:
            again = Books(config, Kept(url)).whole(counting, "house").state
        assert min(read) == kept.sequence
        assert snapshot.take(again) == snapshot.take(whole)


@pytest.mark.parametrize("column", ["record_hash", "version", "body_hash", "body"])
def test_what_does_not_fit_is_no_state(column: str, config: Config, tmp_path: Path) -> None:
    """A state behind a record of another journal, of another version, or damaged is passed over, and the records are read."""
    url = f"sqlite:///{tmp_path / 'web.db'}"
    with WebReader.open(config.journal.url) as reader:
        first = Books(config, Kept(url))
        whole = first.whole(reader, "house").state
        first.keep(reader, "house", 1)
        other: object = b"damaged" if column == "body" else "another"
        with open_database(url).writer().begin() as connection:
            connection.execute(sa.update(states).values({column: other}))
        assert Kept(url).newest(reader, "house") is None
        assert snapshot.take(Books(config, Kept(url)).whole(reader, "house").state) == snapshot.take(whole)
