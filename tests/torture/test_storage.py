"""Real engines on storage that fails: what could not be recorded was not sent, and a new start brings the books together."""

import os
import random
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.errors import JournalCorrupt, Refused
from holdfast.torture.processes.programs import FromNothing, Spawner
from holdfast.torture.processes.stores import SqliteStore
from tests.torture.arena import Tracer, Write, arena, can_mount, small_disk

pytestmark = pytest.mark.process

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and os.environ.get("CI") != "true", reason="strace is not installed"
)
LONGER_THAN_IT_WAITS_S = 75.0
"""The engine's own journal waits a minute for another program's lock."""
LEFT_BYTES = 100_000
"""What is left on the small disk when it is filled up: some thirty commits."""


@pytest.mark.campaign
@pytest.mark.proves("D1")
def test_a_lock_held_for_long_stops_the_engine_and_nothing_leaves_unrecorded(tmp_path: Path, spawner: Spawner) -> None:
    """Somebody keeps the journal locked: no order leaves meanwhile, the engine gives up in words, and a new start heals."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.store.fail("locked", LONGER_THAN_IT_WAITS_S)
        assert there.ended(engine, 2 * LONGER_THAN_IT_WAITS_S) == 1
        assert "locked" in there.said()
        there.check_sent()
        there.heal()


@pytest.mark.proves("D1")
def test_a_lock_held_for_a_moment_is_waited_for(tmp_path: Path, spawner: Spawner) -> None:
    """A short lock, as a backup takes it, costs time and nothing else."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.store.fail("locked", 1.0)
        there.trade(engine)
        assert there.store.fired["locked"] == 1
        there.check_sent()
        there.agree(engine)


@pytest.mark.proves("D2")
@pytest.mark.skipif(not can_mount(), reason="a file system of its own takes root, on Linux")
def test_a_full_disk(tmp_path: Path, spawner: Spawner) -> None:
    """No space for a commit: the engine stops and says so, nothing unrecorded was sent; with space again it goes on."""
    with small_disk(tmp_path / "disk", 8) as disk, arena(tmp_path, spawner, SqliteStore(disk)) as there:
        engine = there.ready()
        there.trade(engine)
        filler, room = disk / "filler", os.statvfs(disk)
        with suppress(OSError):  # the engine writes meanwhile: there may be less by now
            filler.write_bytes(bytes(room.f_bavail * room.f_frsize))
        os.truncate(filler, filler.stat().st_size - LEFT_BYTES)
        there.broker.resume()
        assert there.ended(engine) == 1
        assert "disk is full" in there.said() or "full" in there.said()
        there.check_sent()
        filler.unlink()
        there.heal()


TRIES = 5
"""How often a fault is tried until it came once only."""


@needs_strace
@pytest.mark.proves("D3", "D2")
@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO",
        pytest.param("pwrite64:error=EIO", marks=pytest.mark.campaign),
        pytest.param("pwrite64:error=ENOSPC", marks=pytest.mark.campaign),
    ],
)
def test_a_failing_disk_is_final(fault: str, tmp_path: Path, spawner: Spawner) -> None:
    """A sync or a write fails once: the engine ends at once, commits nothing more, and sends nothing that is not durable."""
    assert any(fails_once(fault, tmp_path / str(number), spawner) for number in range(TRIES))


def fails_once(fault: str, folder: Path, spawner: Spawner) -> bool:
    """Try it, in a folder of its own; whether it failed once only, so that all had to be there again.

    strace counts for each thread. Where a second thread met its own fault before the engine ended, the disk failed twice, and the log may
    look damaged to the next start, which is refused then (docs/journal.md).
    """
    folder.mkdir()
    with arena(folder, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        tracer = Tracer(engine, [f"{fault}:when=5", "fsync:error=EIO:when=5"], folder / "strace.txt")
        there.broker.resume()
        assert there.ended(engine) == 1
        tracer.close()
        assert tracer.injected() > 0
        assert "journal" in there.said()
        there.check_sent()
        if tracer.injected() > 1:
            return False
        there.heal()
    return True


@needs_strace
@pytest.mark.proves("D6", "L2")
def test_a_commit_that_takes_seconds(tmp_path: Path, spawner: Spawner) -> None:
    """Five seconds in one sync: nothing leaves before it returns; then the engine goes on, or gave up in order."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        tracer = Tracer(engine, ["fdatasync:delay_enter=5000000:when=3"], tmp_path / "strace.txt")
        there.broker.resume()
        looks = 0
        while not tracer.injected() and engine.ended() is None:
            there.check_sent()
            looks += 1
        tracer.close()
        assert looks > 1
        assert engine.ended() in (None, 1, 3)
        there.check_sent()
        there.heal() if engine.ended() is not None else there.agree(engine)


@needs_strace
@pytest.mark.proves("D4", "K9", "I1", "I10")
@pytest.mark.parametrize(
    "damage",
    [
        "lost",
        pytest.param("zeros", marks=pytest.mark.campaign),
        pytest.param("garbage", marks=pytest.mark.campaign),
    ],
)
def test_a_power_cut(damage: str, tmp_path: Path, spawner: Spawner) -> None:
    """What no sync had covered is gone, or garbage: no order at the broker is missing, and a new start brings the books together.

    Syncs are slowed down, so that the kill falls into one; strace tells what had been written and was not covered by it.
    """
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        tracer = Tracer(engine, ["fdatasync:delay_enter=150000"], tmp_path / "strace.txt")
        there.trade(engine, 60)
        there.until(tracer.unsynced, "a write that is not synced")
        there.die(engine)
        tracer.close()
        lost = tracer.unsynced()
        assert lost
        cut_power(lost, damage)
        there.check_sent()
        there.heal()


def cut_power(lost: list[Write], damage: str) -> None:
    """Do to what was not synced what a power cut may do to it."""
    chance = random.Random(1)
    for write in sorted(lost, reverse=True):
        with write.path.open("r+b") as file:
            file.seek(write.offset)
            if damage == "garbage":
                file.write(chance.randbytes(write.length))
            elif damage == "zeros" or not write.path.name.endswith("-wal"):
                file.write(bytes(write.length))
            else:
                file.truncate(write.offset)


@pytest.mark.proves("D5")
def test_a_flipped_bit(tmp_path: Path, spawner: Spawner) -> None:
    """One bit of an old record is another: the start is refused, nothing is sent, and the audit says where it is."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.die(engine)
        sent = there.orders_sent()
        copy(tmp_path / "journal.db", tmp_path / "whole.db")
        for path in tmp_path.glob("journal.db-*"):
            path.unlink()
        content = bytearray((tmp_path / "whole.db").read_bytes())
        place = content.index(b'"type":"OrderReleased","client_order_id":"') + len('"type":"OrderReleased"')
        content[place + 3] ^= 1
        (tmp_path / "journal.db").write_bytes(content)
        engine = there.start()
        assert there.ended(engine) == JournalCorrupt.exit_status
        assert "restore a backup" in there.said()
        assert there.orders_sent() == sent
        audit = FromNothing(
            ["audit", "verify", "-c", "holdfast.toml"], tmp_path, tmp_path / "audit.txt", there.environment()
        )
        assert audit.ended(60) == 1


@pytest.mark.proves("D5", "D4")
def test_a_damaged_log(tmp_path: Path, spawner: Spawner) -> None:
    """The log is damaged in its middle: what follows is gone, and as the broker knows later orders the start is refused."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.die(engine)
        sent = there.orders_sent()
        log = tmp_path / "journal.db-wal"
        content = bytearray(log.read_bytes())
        content[len(content) // 3] ^= 1
        log.write_bytes(content)
        engine = there.start()
        assert there.ended(engine) in (JournalCorrupt.exit_status, Refused.exit_status), there.said()
        assert "journal" in there.said()
        assert there.orders_sent() == sent


@pytest.mark.proves("D7")
def test_an_old_backup(tmp_path: Path, spawner: Spawner) -> None:
    """An older copy of the journal in its place: the broker knows later orders of ours, so the start is refused in words."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.die(engine)
        copy(tmp_path / "journal.db", tmp_path / "backup.db")
        engine = there.ready()
        there.trade(engine)
        there.die(engine)
        sent = there.orders_sent()
        for path in tmp_path.glob("journal.db-*"):
            path.unlink()
        shutil.copy(tmp_path / "backup.db", tmp_path / "journal.db")
        engine = there.start()
        assert there.ended(engine) == Refused.exit_status
        assert "not the latest journal" in there.said()
        assert there.orders_sent() == sent


def copy(source: Path, target: Path) -> None:
    """A backup of a journal, as docs/journal.md says it is made."""
    with sqlite3.connect(source) as there, sqlite3.connect(target) as here:
        there.backup(here)
    there.close()
    here.close()
