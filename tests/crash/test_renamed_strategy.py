"""A strategy under another id in the middle of a run: it ends with the books of one that had been called so from the beginning."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.config import Config, JournalConfig
from holdfast.core.milestones import StrategyRenamed
from holdfast.errors import InvalidValue, Refused
from holdfast.journal.reader import Reader
from holdfast.journal.rename import rename_account
from holdfast.journal.rename_strategy import rename_strategy
from holdfast.journal.verify import verify
from holdfast.runtime.compose import open_engine
from tests.budget import by_tier, in_a_campaign
from tests.crash.test_every_cut import HARD, books, configuration, count_batches, run, run_cut
from tests.databases import SERVERS, fresh_database

CUTS = by_tier(test=2, campaign=20)


def named(folder: Path, name: str, url: str | None = None) -> Config:
    """The run of `test_every_cut`, with its second strategy, which has stops, under another id."""
    config = configuration(folder, HARD)
    first, second = config.strategies
    config = replace(config, strategies=[first, replace(second, id=name)])
    return config if url is None else replace(config, journal=JournalConfig(url=url))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The books of a run in which it had the new id from the beginning."""
    config = named(tmp_path_factory.mktemp("whole"), "new")
    run(config)
    found = books(config)
    assert {row[1] for row in found["fills"]} == {"ema", "new"}
    return found


@pytest.mark.parametrize("kind", ["sqlite", *map(in_a_campaign, SERVERS)])
def test_renamed_in_the_middle(
    kind: str, tmp_path: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions, live orders, stops and waiting intents go with the id, wherever the run was cut; the audit finds nothing wrong."""
    with fresh_database(kind, tmp_path) as url:
        batches = count_batches(named(tmp_path, "mr", url), monkeypatch)
    cuts = CUTS if kind == "sqlite" else 1
    for cut in range(batches // 2, batches, batches // 2 // cuts + 1):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        with fresh_database(kind, folder) as url:
            run_cut(named(tmp_path, "mr", url), cut, monkeypatch)
            account, records = rename_strategy(url, None, "mr", "new")
            assert verify(url).problems == []
            with Reader.open(url) as reader:
                last = reader.last_record(account)
                assert {row.strategy for row in reader.orders()} == {"ema", "new"}
            assert last is not None
            assert last.sequence == records
            assert isinstance(last.body, StrategyRenamed)
            assert (last.body.former, last.body.strategy) == ("mr", "new")
            run(named(tmp_path, "new", url))
            assert books(named(tmp_path, "new", url)) == expected, f"renamed after batch {cut} of {batches}"
            assert verify(url).problems == []


def test_what_is_not_renamed(tmp_path: Path) -> None:
    """An id that has a history, none at all, one that is nobody's, an account that is traded: refused, and nothing is changed."""
    config = named(tmp_path, "mr")
    run(config)
    url, before = config.journal.url, books(config)
    for old, new, text in [
        ("mr", "ema", "has records of its own"),
        ("mr", "mr", "called 'mr' already"),
        ("nobody", "new", "has traded in no account"),
        ("mr", "manual", "can't be a strategy's id"),
        ("external", "new", "can't be a strategy's id"),
        ("mr", "a\nb", "a strategy's id has 1 to 64 printable characters"),
        ("mr", "x" * 65, "a strategy's id has 1 to 64 printable characters"),
    ]:
        with pytest.raises(InvalidValue, match=text):
            rename_strategy(url, None, old, new)
    with pytest.raises(InvalidValue, match="no account 'two'"):
        rename_strategy(url, "two", "mr", "new")
    with pytest.raises(InvalidValue, match="nothing is recorded of strategy 'nobody'"):
        rename_strategy(url, "cut", "nobody", "new")
    with open_engine(config), pytest.raises(Refused, match="is being traded by"):
        rename_strategy(url, "cut", "mr", "new")
    assert books(config) == before
    assert verify(url).problems == []


def test_the_old_id_is_free_and_the_way_back_is_open(tmp_path: Path) -> None:
    """After a rename the old id begins anew; renamed back, everything is as it was."""
    config = named(tmp_path, "mr")
    run(config)
    before = books(config)
    rename_strategy(config.journal.url, "cut", "mr", "new")
    assert books(config) != before
    rename_strategy(config.journal.url, "cut", "new", "mr")
    assert books(config) == before
    run(config)


def test_what_another_machine_has_noted_of_the_journal_is_no_lost_end(tmp_path: Path) -> None:
    """It knows the hash of a record before the rename, which is another now: the journal goes on, and it is not refused."""
    config = named(tmp_path, "mr")
    run(config)
    (noted,) = tmp_path.glob("**/*.anchor")
    before = noted.read_bytes()
    rename_strategy(config.journal.url, None, "mr", "new")
    noted.write_bytes(before)
    run(named(tmp_path, "new"))


def test_a_journal_that_lost_its_end_is_not_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older copy that was put back proves itself; written anew, nothing would show any more that its end is lost."""
    config = named(tmp_path, "mr")
    run_cut(config, 30, monkeypatch)
    journal, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(journal)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    run(config)
    for rest in tmp_path.glob("journal.db-*"):
        rest.unlink()
    copy.replace(journal)
    for rename in (
        lambda: rename_strategy(config.journal.url, None, "mr", "new"),
        lambda: rename_account(config.journal.url, "cut", "other"),
    ):
        with pytest.raises(Refused, match="not the latest journal"):
            rename()
    assert verify(config.journal.url).accounts[0].account == "cut"
