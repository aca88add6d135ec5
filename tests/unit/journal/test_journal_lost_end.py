"""A journal that has lost its end: damaged or cut logs, older copies, servers that forgot. It is never opened as if nothing were missing."""

import random
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, Halt
from holdfast.errors import HoldfastError, JournalCorrupt, Refused
from holdfast.journal import Journal
from holdfast.journal.anchor import Anchor
from holdfast.journal.commands import file_command
from holdfast.journal.database import open_database
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.journal.wal import FRAME, HEADER, damage_in
from tests.budget import by_tier
from tests.databases import run_in
from tests.unit.journal.trader import Trader

BITS = by_tier(test=60, campaign=400)
CUTS = by_tier(test=10, campaign=40)
ROUNDS = by_tier(test=60, campaign=300)
PATIENCE_S = 30


class Killed:
    """A journal as a killed engine has left it: the files, and how many records were acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self.log = Path(f"{path}-wal")
        self.records = 0

    def copy(self, folder: Path) -> "Killed":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for source in (self.path, self.log):
            shutil.copy(source, folder / source.name)
        shutil.copytree(f"{self.path}.anchors", folder / f"{self.path.name}.anchors")
        copied = Killed(folder / self.path.name)
        copied.records = self.records
        return copied

    def found_by_a_start(self) -> bool:
        """Whether a start refuses it; one that doesn't must have every record."""
        now_s = [0.0]
        try:
            journal = Journal.open(self.url, lambda: now_s[0])
        except JournalCorrupt:
            return True
        try:
            watch = journal.watch("main")
            journal.look(watch)
            now_s[0] += 1000  # the lease of the killed one is over
            lease_term = journal.take("main", PAPER, "me", watch=watch)
        except (JournalCorrupt, Refused) as error:
            return "is being traded by" not in str(error)
        finally:
            journal.close()
        assert lease_term.last_sequence == self.records
        assert verify(self.url).ok
        return False


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Two rounds of the log: frames of the first lie behind those of the second."""
    folder = tmp_path_factory.mktemp("killed")
    journal = Journal.open(f"sqlite:///{folder / 'main.db'}")
    trader = Trader(journal.take("main", PAPER, "me"))
    for round_ in range(2):
        for batch in (trader.deposit(), *trader.day(6 if round_ == 0 else 2)):
            journal.append(batch)
            journal.wait_durable("main", batch.envelopes[-1].sequence, PATIENCE_S)
        if round_ == 0:
            with sqlite3.connect(folder / "main.db") as connection:
                connection.execute("PRAGMA wal_checkpoint(RESTART)")
            connection.close()
    left = Killed(folder / "main.db")
    left.records = trader.sequence
    found = left.copy(folder / "left")
    journal.close()
    return found


def of_this_round(log: bytes) -> int:
    """How many bytes of a log are of its newest round."""
    page_size, salts = HEADER.unpack_from(log)[2], HEADER.unpack_from(log)[4:6]
    end = HEADER.size
    while end + FRAME.size <= len(log) and FRAME.unpack_from(log, end)[2:4] == salts:
        end += FRAME.size + page_size
    return end


@pytest.mark.proves("D5")
def test_a_flipped_bit_of_the_log_drops_nothing_in_silence(killed: Killed, tmp_path: Path) -> None:
    """Any bit of any committed frame or of the header: the start, a command and the audit all find it."""
    chance, log = random.Random(1), killed.log.read_bytes()
    newest = of_this_round(log)
    assert newest < len(log)
    for number in range(BITS):
        bit = chance.randrange(newest * 8) if number % 10 else chance.randrange(HEADER.size * 8)
        damaged = bytearray(log)
        damaged[bit // 8] ^= 1 << bit % 8
        copy = killed.copy(tmp_path / "copy")
        copy.log.write_bytes(damaged)
        if damage_in(copy.path):
            continue  # which a start and the audit ask for: see below
        assert not verify(copy.url).ok, bit
        assert copy.found_by_a_start(), bit


@pytest.mark.proves("D5")
def test_a_cut_log_drops_nothing_in_silence(killed: Killed, tmp_path: Path) -> None:
    """Wherever it is cut, down to nothing: the records end before the anchor."""
    chance, log = random.Random(2), killed.log.read_bytes()
    newest = of_this_round(log)
    for cut in [0, HEADER.size, newest - 1, *(chance.randrange(newest) for _ in range(CUTS))]:
        copy = killed.copy(tmp_path / "copy")
        copy.log.write_bytes(log[:cut])
        assert not verify(copy.url).ok, cut
        assert copy.found_by_a_start(), cut


def test_damage_is_left_as_it_is(killed: Killed, tmp_path: Path) -> None:
    """Neither the start nor a command writes to the damaged files: what can be saved from them still can be."""
    copy = killed.copy(tmp_path / "copy")
    damaged = bytearray(copy.log.read_bytes())
    damaged[HEADER.size + FRAME.size + 100] ^= 1
    copy.log.write_bytes(damaged)
    before = copy.path.read_bytes()
    for attempt in (lambda: Journal.open(copy.url), lambda: file_command(copy.url, "main", Halt(), "me", None, 1)):
        with pytest.raises(JournalCorrupt, match=r"write-ahead log .* is damaged at frame 1"):
            attempt()
    assert not verify(copy.url).ok
    assert (copy.path.read_bytes(), copy.log.read_bytes()) == (before, bytes(damaged))


def test_what_a_kill_leaves_is_no_damage(killed: Killed, tmp_path: Path) -> None:
    """A log that ends in the middle of a transaction or of a frame, or with frames of an older round, is what crashes leave."""
    log = killed.log.read_bytes()
    newest, frame = of_this_round(log), FRAME.size + HEADER.unpack_from(log)[2]
    began = bytearray(log[newest - frame : newest])
    began[4:8] = bytes(4)  # a page of a transaction whose end was never written
    for tail in (b"", bytes(began), bytes(began[:50]), bytes(began) * 3, b"\0" * frame, bytes(began) + log[-frame:]):
        copy = killed.copy(tmp_path / "copy")
        copy.log.write_bytes(log[:newest] + tail)
        assert damage_in(copy.path) is None
        assert not copy.found_by_a_start()


def test_real_logs_are_never_taken_for_damaged(tmp_path: Path) -> None:
    """Copies taken as a writer commits, spills, rolls back, checkpoints and restarts its log are whole, whatever is behind their end."""
    chance, path = random.Random(3), tmp_path / "some.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA cache_size=5; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x)"
    )
    for number in range(ROUNDS):
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(chance.randrange(1, 12)):
            connection.execute("INSERT INTO t VALUES (?)", ("x" * chance.randrange(9000),))
        if number % 3 == 0:
            shutil.copy(f"{path}-wal", tmp_path / "copy.db-wal")
            assert damage_in(tmp_path / "copy.db") is None, number
        connection.execute("ROLLBACK" if chance.random() < 0.3 else "COMMIT")
        if chance.random() < 0.1:
            mode = chance.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
            connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        assert damage_in(path) is None, number
    connection.close()


@pytest.fixture
def older(url: str, written: None) -> tuple[str, int]:
    """A journal whose last ten records are gone, as when a server has lost them: the account's row is of that time as well."""
    with Reader.open(url) as reader:
        row = reader.account("main")
        *_, end = (record for record in reader.records("main") if record.sequence <= row.last_sequence - 10)
        kept = end.sequence
        ((last_hash,),) = run_in(url, f"SELECT hash FROM records WHERE sequence = {kept}")
    run_in(url, f"DELETE FROM records WHERE sequence > {kept}")
    run_in(url, f"UPDATE accounts SET last_sequence = {kept}, last_hash = '{last_hash}'")
    return url, kept


@pytest.mark.proves("D5")
def test_a_journal_that_ends_before_its_anchor(older: tuple[str, int]) -> None:
    """It proves itself, and is refused all the same, on each kind of database; a person who removes the anchor has said so."""
    url, kept = older
    anchor = Anchor(open_database(url).anchor_directory, "main")
    assert any("its end is lost" in problem for problem in verify(url).problems)
    journal = Journal.open(url)
    with pytest.raises(Refused, match="it is not the latest journal of this account: record") as refused:
        journal.take("main", PAPER, "me")
    assert str(anchor.path) in str(refused.value)
    anchor.path.unlink()
    assert journal.take("main", PAPER, "me").last_sequence == kept
    journal.close()


def test_another_journal_with_as_many_records(url: str, written: None) -> None:
    """A record of the same number with another hash is another journal's."""
    anchor = Anchor(open_database(url).anchor_directory, "main")
    noted = anchor.read()
    assert noted is not None
    anchor.write(noted[0], "0" * 64)
    anchor.close()
    journal = Journal.open(url)
    with pytest.raises(Refused, match="its record of that number is another one"):
        journal.take("main", PAPER, "me")
    journal.close()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 128, b"5 abc def"])
def test_an_anchor_that_is_not_whole_is_none(url: str, written: None, content: bytes) -> None:
    """After a loss of power it may be anything: it says nothing then, and the next commit makes it anew."""
    anchor = Anchor(open_database(url).anchor_directory, "main")
    anchor.path.write_bytes(content)
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    journal.append(trader.deposit())
    journal.close()
    assert anchor.read() == (trader.sequence, last_hash_of(url))


def last_hash_of(url: str) -> str:
    with Reader.open(url) as reader:
        return reader.account("main").last_hash


def test_an_anchor_that_cannot_be_written_stops_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told, and the journal goes on without."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "anchors"
    database = type(open_database(url))
    monkeypatch.setattr(database, "anchor_directory", folder)
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "me"))
    journal.append(trader.deposit())
    journal.wait_durable("main", trader.sequence, PATIENCE_S)
    with suppress(HoldfastError):
        journal.close()
    assert verify(url).ok
