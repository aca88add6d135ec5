"""The whole engine with its journal on each kind of database: the same books, cut off in the middle or not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.config import Config, JournalConfig
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.compose import open_engine
from tests.budget import by_tier, in_a_campaign
from tests.crash.test_every_cut import HARD, books, configuration, count_batches, run, run_cut
from tests.databases import fresh_database, kill_sessions

CUTS = by_tier(test=1, campaign=10)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The books of a run on SQLite that nothing disturbed."""
    config = configuration(tmp_path_factory.mktemp("sqlite"), HARD)
    run(config)
    found = books(config)
    assert len(found["fills"]) > 20
    return found


def on(url: str, folder: Path) -> Config:
    return replace(configuration(folder, HARD), journal=JournalConfig(url=url))


@pytest.mark.parametrize("kind", ["postgresql", in_a_campaign("mariadb")])
@pytest.mark.proves("K1", "K9", "I9", "I12")
def test_cut_runs_on_servers_end_with_the_books_of_sqlite(
    kind: str, tmp_path: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run on a server, left alone or cut after any of some batches and started again, has the books of one on SQLite."""
    with fresh_database(kind, tmp_path) as url:
        batches = count_batches(on(url, tmp_path), monkeypatch)
        assert books(on(url, tmp_path)) == expected
    for cut in range(batches // (2 * CUTS), batches, batches // CUTS):
        with fresh_database(kind, tmp_path) as url:
            config = on(url, tmp_path)
            run_cut(config, cut, monkeypatch)
            run(config)
            assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
            assert verify(url).problems == []


def run_until_killed(config: Config, kind: str) -> None:
    """Run on from where the journal ends; the server ends all sessions some records later."""
    with open_engine(config) as engine:
        journal, enough = engine.journal, engine.accounts[0].state.sequence + 40

        def look() -> None:
            if journal.failure is None and journal.watermark("cut") >= enough:
                kill_sessions(kind, config.journal.url)

        journal.on_durable(look)
        asyncio.run(engine.loop.run())


@pytest.mark.parametrize("kind", [in_a_campaign("postgresql"), "mariadb"])
@pytest.mark.proves("D5", "I1", "I9", "I12")
def test_server_that_goes_away_again_and_again(kind: str, tmp_path: Path, expected: dict[str, Any]) -> None:
    """A server that ends all sessions in the middle of the run stops the engine each time, and never changes its books."""
    stops = 0
    with fresh_database(kind, tmp_path) as url:
        config = on(url, tmp_path)
        while True:
            try:
                run_until_killed(config, kind) if stops < 3 else run(config)
                break
            except JournalError:
                stops += 1
        assert stops == 3
        assert books(config) == expected
        assert verify(url).problems == []
        with Reader.open(url) as reader:
            assert reader.account("cut").epoch == 4
