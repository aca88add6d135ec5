"""What the web process remembers of a journal is what the journal says."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.config import Config, load_config
from holdfast.core.messages import AnyBody, Bar, Envelope, OrderFilled, RiskRefused
from holdfast.core.milestones import EngineStarted, FeedOpened, StrategyStarted, StrategyStopped
from holdfast.core.protection.records import ProtectionComplete, ProtectionLate
from holdfast.journal.database import open_database
from holdfast.journal.lists import ListReader
from holdfast.journal.reader import Reader
from holdfast.web import memory
from holdfast.web.kept import Kept, memories
from holdfast.web.memory import Memory
from holdfast.web.reading import WebReader
from tests.process.program import succeed
from tests.scenario.web.conftest import CONFIG

FOLDS = ((StrategyStarted, StrategyStopped), (EngineStarted,), (FeedOpened,), (RiskRefused,), (Bar, OrderFilled))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A journal that an engine has written to: a day of a made-up market, traded flat out."""
    folder = tmp_path_factory.mktemp("traded")
    path = folder / "holdfast.toml"
    path.write_text(CONFIG.replace("days = 1", 'days = 1\nspeed = "max"').replace("ema", "ema", 1))
    succeed(folder, "run", "--json")
    return load_config(path, {})


@pytest.fixture
def cut(traded: Config, tmp_path: Path) -> str:
    """The same journal as it was in the middle."""
    path = tmp_path / "cut.db"
    shutil.copy(traded.journal.url.removeprefix("sqlite:///"), path)
    connection = sqlite3.connect(path)
    with connection:
        (last,) = connection.execute("SELECT last_sequence FROM accounts").fetchone()
        middle = last // 2
        connection.execute("DELETE FROM records WHERE sequence > ?", (middle,))
        (hashed,) = connection.execute("SELECT hash FROM records WHERE sequence = ?", (middle,)).fetchone()
        connection.execute("UPDATE accounts SET last_sequence = ?, last_hash = ?", (middle, hashed))
    connection.close()
    return f"sqlite:///{path}"


def reader_of(url: str, remembered: Memory) -> WebReader:
    reader = WebReader.open(url)
    reader.memory = remembered
    return reader


def require_same(reader: WebReader, plain: Reader) -> None:
    for kinds in FOLDS:
        assert reader.records_of("house", kinds) == plain.records_of("house", kinds)
        names = [kind.__name__ for kind in kinds]
        for most, after in ((1, 0), (3, 0), (1000, 5)):
            found = reader.last_records("house", most, *names, after=after)
            assert found == plain.last_records("house", most, *names, after=after)
        newest: list[AnyBody] = list(reader.newest_of("house", *kinds))
        assert newest == list(plain.newest_of("house", *kinds))
    assert reader.orders("house", live_only=True) == plain.orders("house", live_only=True)
    late = reader.records_of("house", (ProtectionLate, ProtectionComplete))
    assert {record.sequence for record in late} <= {
        record.sequence for record in plain.records_of("house", (ProtectionLate, ProtectionComplete))
    }


@pytest.mark.parametrize("small_step", [0, 1_000_000], ids=["leaps", "steps"])
def test_the_memory_says_what_the_journal_says(
    traded: Config, cut: str, small_step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the middle and from the end, read at one go or record by record, carried forward or begun anew for another journal."""
    monkeypatch.setattr(memory, "SMALL_STEP", small_step)
    remembered = Memory()
    for url in (cut, traded.journal.url, cut):
        with reader_of(url, remembered) as reader, Reader.open(url) as plain:
            require_same(reader, plain)
            require_same(reader, plain)


def test_the_next_process_knows_where_they_are(
    traded: Config, cut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads those places and what came since; what was kept of another journal, or can't be read, counts for nothing."""
    monkeypatch.setattr(memory, "KEPT_EVERY", 1)
    monkeypatch.setattr(memory, "SMALL_STEP", 0)
    kept = Kept(f"sqlite:///{tmp_path / 'web.db'}", memories)
    with reader_of(cut, first := Memory(kept)) as reader:
        reader.orders("house", live_only=True)
        first.keep(reader, "house")
        middle = reader.account("house").last_sequence
    begun: list[int] = []
    leap = ListReader.records_but

    def counted(reader: ListReader, account: str, kinds: Iterable[str], after: int, last: int) -> list[Envelope]:
        begun.append(after)
        return leap(reader, account, kinds, after, last)

    monkeypatch.setattr(ListReader, "records_but", counted)
    with reader_of(traded.journal.url, Memory(kept)) as reader, Reader.open(traded.journal.url) as plain:
        require_same(reader, plain)
        assert reader.memory is not None
        reader.memory.keep(reader, "house")
    assert begun == [middle]
    with (
        reader_of(cut, Memory(kept)) as reader,
        Reader.open(cut) as plain,
    ):  # the record it was kept behind is not there
        require_same(reader, plain)
    with open_database(f"sqlite:///{tmp_path / 'web.db'}").writer().begin() as connection:
        connection.execute(sa.update(memories).values({"body": b"no", "body_hash": hashlib.sha256(b"no").hexdigest()}))
    with reader_of(traded.journal.url, Memory(kept)) as reader, Reader.open(traded.journal.url) as plain:
        require_same(reader, plain)
    assert begun == [middle, 0, 0]
