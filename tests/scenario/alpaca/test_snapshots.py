"""A restart reads on from the newest snapshot that can be used, and comes to the same books."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.core.messages import Envelope, OrderFilled
from holdfast.journal.reader import Reader
from tests.budget import in_a_campaign
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import started_engine
from tests.scenario.alpaca.engine import (
    SYMBOLS,
    Theirs,
    agree_in_the_end,
    check_no_twins,
    configuration,
    engine_on,
)


@pytest.fixture
def read_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Snapshots are frequent; here is told after which record each reading of records begins."""
    monkeypatch.setattr("holdfast.runtime.live.live_account.SNAPSHOT_EVERY", 40)
    found: list[int] = []
    records = Reader.records

    def watched(self: Reader, account: str, after: int = 0) -> Iterator[Envelope]:
        found.append(after)
        return records(self, account, after)

    monkeypatch.setattr(Reader, "records", watched)
    return found


def session(server: LocalAlpaca, folder: Path) -> str:
    """An hour of trading; where it is recorded."""
    with engine_on(server, folder) as running:
        server.call(server.world.clock.resume)
        running.wait_for(lambda: running.engine.loop.events > 120, "an hour of bars")
        server.call(server.world.clock.pause)
        agree_in_the_end(running, Theirs(server))
    return running.config.journal.url


def sequences(url: str) -> list[int]:
    with Reader.open(url) as reader:
        return [found.sequence for found in reader.snapshots("one")]


@pytest.mark.proves("I9", "I12", "K12")
def test_a_restart_goes_on_from_a_snapshot(tmp_path: Path, read_after: list[int]) -> None:
    """The records before it aren't read, no execution is forgotten or booked twice, and the books stay the server's."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        url = session(server, tmp_path)
        newest, before = sequences(url)
        with Reader.open(url) as reader:
            assert newest == reader.account("one").last_sequence
            assert 0 < before < newest
            fills = sum(isinstance(record.body, OrderFilled) for record in reader.records("one"))
        read_after.clear()
        with started_engine(configuration(server, tmp_path)) as running:
            assert read_after == [newest]
            booked = [order.execution_ids for order in running.state.orders.finished.values()]
            assert (
                sum(map(len, booked)) + sum(len(o.execution_ids) for o in running.state.orders.live.values()) == fills
            )
            server.play(40)
            theirs = Theirs(server)
            agree_in_the_end(running, theirs)
            check_no_twins(server, theirs)


@pytest.mark.proves("K12")
@pytest.mark.parametrize("damage", ["body = x'00'", *map(in_a_campaign, ("record_hash = '0'", "version = 99"))])
def test_a_snapshot_that_cannot_be_used_is_passed_over(tmp_path: Path, read_after: list[int], damage: str) -> None:
    """The one before serves, and without any the records alone: the books are the server's each time."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        url = session(server, tmp_path)
        for spoils, begins in ((1, 1), (9, 0)):
            known = sequences(url)
            spoil(tmp_path, known[:spoils], damage)
            read_after.clear()
            with started_engine(configuration(server, tmp_path)) as running:
                assert read_after == [known[begins] if begins else 0]
                agree_in_the_end(running, Theirs(server))


def spoil(folder: Path, which: list[int], damage: str) -> None:
    connection = sqlite3.connect(folder / "journal.db")
    with connection:
        connection.execute(f"UPDATE snapshots SET {damage} WHERE sequence IN ({','.join(map(str, which))})")
    connection.close()
