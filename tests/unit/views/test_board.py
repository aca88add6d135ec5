"""The engine's board: written while it runs, believed while it is fresh, and no more than the journal otherwise."""

import asyncio
import os
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest

from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.core.types import SECOND_NS
from holdfast.errors import Refused
from holdfast.journal.board import VERSION, Board, FeedBoard, board_path, boards, write
from holdfast.journal.database import open_database
from holdfast.journal.reader import Reader
from holdfast.monitor.verdicts import Level
from holdfast.runtime.board import BoardWriter
from holdfast.runtime.compose import open_engine
from holdfast.runtime.groups import Groups
from holdfast.views.attention import CRITICAL, attention
from holdfast.views.board import ENGINE, JOURNAL, commits, failure, market, silent_s
from holdfast.views.books import Books
from holdfast.views.pipeline import Pipelines
from holdfast.views.status import LATEST, LEFT_OUT, account_status
from tests.unit.runtime.test_groups import Scripted, Told
from tests.unit.views.conftest import CONFIG


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration of which nothing has run."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    return load_config(path)


def test_a_running_engine_says_what_it_knows(config: Config) -> None:
    """Time, prices with their times, and accounts are those of its state, also in the middle of its run; at its end the board is gone."""
    seen: list[tuple[FeedBoard, int, dict[str, float], dict[str, int]]] = []
    session = Session(config)

    def look() -> None:
        if engine.loop.events < 200 or seen:
            return
        writer = BoardWriter(path, f"pid {os.getpid()} elsewhere", [""], engine.loop, lambda: 0)
        writer.write()  # what its thread does twice a second, now
        (board,) = boards(engine.journal.database)
        state = engine.accounts[0].state
        seen.append((board.feeds[0], state.now_ns, dict(state.marks), dict(state.seen_ns)))

    with open_engine(config, session.watch) as engine:
        path = board_path(engine.journal.database, "house")
        session.run(engine, None, look)
    ((feed, now_ns, marks, times),) = seen
    assert (feed.time_ns, feed.is_back, feed.kind, feed.accounts) == (now_ns, True, "synthetic", ("house", "idle"))
    assert feed.prices == {symbol: (price, times[symbol]) for symbol, price in marks.items()}
    assert set(feed.prices) == {"AVOR", "BRYX"}
    assert list(boards(open_database(config.journal.url))) == []


def test_a_board_is_believed_while_its_engine_lives(config: Config) -> None:
    """The view is the engine's while that runs and writes; it says why when it isn't, and goes by the journal then."""
    with open_engine(config) as engine:
        path = board_path(engine.journal.database, "house")
        asyncio.run(engine.loop.run())
        deadline_s = time.monotonic() + 90
        with Reader.open(config.journal.url) as reader:
            while (now := market(reader, "house")).time_ns != engine.accounts[0].state.now_ns:
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
            assert (now.source, now.why) == (ENGINE, "")
            assert set(now.prices) == {"AVOR", "BRYX"}
            (board,) = boards(reader.database)
            assert silent_s(reader, "house", time.time_ns()) is None
            while not ((found := commits(reader, "house")) and found.count):  # made anew each two seconds
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
            assert found.records >= 1
            assert found.bytes > 0
            assert (silent_s(reader, "house", board.written_ns + 60_000_000_000) or 0) > 50, "it runs and stands still"
            old = msgspec.structs.replace(board, written_ns=board.written_ns - 60_000_000_000)
            write(path.with_name("other.board"), old)
            assert market(reader, "house").source == ENGINE, "the newest counts"
    with Reader.open(config.journal.url) as reader:
        later = market(reader, "house")
        assert silent_s(reader, "house", time.time_ns() + 60_000_000_000) is None, "it is gone, which is said elsewhere"
        assert commits(reader, "house") is None
        assert (later.source, later.why) == (JOURNAL, "the engine that wrote the board is gone")
        assert set(later.prices) == {"AVOR", "BRYX"}, "the journal's own last prices"


def test_a_thread_does_not_speak_for_a_loop_that_is_stuck(config: Config) -> None:
    """The board goes on being written while the loop that trades is held up: the engine is said to stand still, and its prices are old."""
    with open_engine(config) as engine, Reader.open(config.journal.url) as reader:
        asyncio.run(engine.loop.run())
        path = board_path(engine.journal.database, "house")
        names, loop = [""], engine.loop
        beats = iter([7, 7, 8])
        writer = BoardWriter(path, f"pid {os.getpid()} on {socket.gethostname()}", names, loop, lambda: next(beats))
        writer.write()
        (stuck,) = boards(reader.database)
        assert stuck.turned_ns <= stuck.written_ns
        old = msgspec.structs.replace(stuck, turned_ns=stuck.turned_ns - 60_000_000_000, written_ns=time.time_ns() + 1)
        write(path.with_name("newer.board"), old)
        assert (silent_s(reader, "house", time.time_ns()) or 0) > 50
        assert market(reader, "house").why.startswith("the engine's loop has not turned for 6")
        writer.write()
        (turned, _) = sorted(boards(reader.database), key=lambda board: -board.turned_ns)
        assert turned.turned_ns > stuck.turned_ns, "it turns again"


def test_an_account_that_is_left_out_says_why(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its engine goes on with others: on `status`, among what needs a person, and as the monitor's verdict; not of one that goes on, and no longer than that."""
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())
    left_out = Scripted()
    left_out.failures = {"house": Refused("the broker refuses its keys")}
    path = board_path(open_database(config.journal.url), "house")
    BoardWriter(path, "pid 1", [""], Groups([left_out], Told()), lambda: 0).write()  # type: ignore[arg-type]
    (written,) = boards(open_database(config.journal.url))
    monkeypatch.setattr("holdfast.views.board.time.time_ns", lambda: written.written_ns)  # however long the looks take
    with Reader.open(config.journal.url) as reader:
        assert failure(reader, "house") == "the broker refuses its keys"
        assert failure(reader, "idle") is None
        status = account_status(config, config.accounts[0], reader.account("house"), reader)
        assert status.ended == f"{LEFT_OUT}: the broker refuses its keys"
        (item,) = [item for item in attention(reader, config, Books(config)) if item.account == "house"]
        assert (item.level, item.title) == (CRITICAL, "the account can't go on")
        assert "the broker refuses its keys" in item.text
        verdicts = {view.level for view in Pipelines(config, LATEST).stages(reader) if view.account == "house"}
        assert verdicts == {Level.CRITICAL}
        monkeypatch.setattr("holdfast.views.board.time.time_ns", lambda: written.written_ns + 10 * SECOND_NS)
        assert failure(reader, "house") is None
        status = account_status(config, config.accounts[0], reader.account("house"), reader)
        assert status.ended == "the feed ended"


def test_a_board_that_cant_be_written_costs_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, however often it fails; who reads finds none."""
    file = tmp_path / "no-folder"
    file.write_text("a file where the folder should be")
    writer = BoardWriter(file / "house.board", "pid 1", [], Groups([], Told()), lambda: 0)  # type: ignore[arg-type]
    with writer:
        writer.write()
        writer.write()
    out = capsys.readouterr()
    said = caplog.text or out.out + out.err  # as the tests before it have left the log
    assert said.count("last prices can't be written") == 1


def test_what_is_no_board_is_passed_over(tmp_path: Path) -> None:
    """Half a file, another version and a folder are no boards; who reads during a write has the one before or the one after."""
    database = open_database(f"sqlite:///{tmp_path / 'holdfast.db'}")
    folder = database.make_lock_directory()
    (folder / "half.board").write_bytes(b'{"version":1,"process":"pi')
    (folder / "folder.board").mkdir()
    path = board_path(database, "a/b")
    feed = FeedBoard("", "file", "x.csv", 5, True, ("a/b",), {f"S{number}": (1.5, 5) for number in range(2000)})
    write(folder / "new.board", Board(VERSION + 1, "", 0, 0, ()))
    over = threading.Event()

    def keep() -> None:
        while not over.is_set():
            write(path, Board(VERSION, "pid 1", time.time_ns(), time.time_ns(), (feed,)))

    thread = threading.Thread(target=keep)
    write(path, Board(VERSION, "pid 1", 1, 1, (feed,)))
    thread.start()
    try:
        for _ in range(200):
            assert [len(board.feeds[0].prices) for board in boards(database)] == [2000]
    finally:
        over.set()
        thread.join()
    assert path.stat().st_mode & 0o077 == 0
