"""The writer: whoever logs waits for nobody, and what was lost is said."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from holdfast.telemetry.channels import Levels
from holdfast.telemetry.log_writer import LogWriter
from holdfast.telemetry.logs import LogFormat, LogSetting, about, end_logs, log_later, set_up

PATIENCE_S = 60.0


class Slow(logging.Handler):
    """Writes when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.may.wait(PATIENCE_S)
        self.lines.append(record.getMessage())


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("holdfast", logging.INFO, __file__, 0, text, arguments, None)


def test_what_finds_no_room_is_counted_and_told() -> None:
    """A reader that sleeps: logging goes on, and the first line after that says how many are missing."""
    slow = Slow()
    writer = LogWriter([slow], most=5)
    for number in range(100):
        writer.handle(record("line %d", number))
    assert writer.dropped >= 94  # one may be in the writer's hand
    slow.may.set()
    writer.flush(PATIENCE_S)
    writer.close()
    left_out = writer.dropped
    assert f"{left_out} lines of the log found no room and were left out" in slow.lines
    assert len(slow.lines) == 100 - left_out + 1


def test_a_line_tells_of_things_as_they_were() -> None:
    """What is changed before the line is written doesn't change the line."""
    slow, things = Slow(), ["one"]
    writer = LogWriter([slow])
    writer.handle(record("there is %s", things))
    things.append("two")
    slow.may.set()
    writer.close()
    assert slow.lines == ["there is ['one']"]


def test_a_handler_that_breaks_ends_nothing() -> None:
    """The others have the line, and the next."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    slow = Slow()
    slow.may.set()
    writer = LogWriter([Broken(), slow])
    for text in ("one", "two"):
        writer.handle(record(text))
    writer.close()
    assert slow.lines == ["one", "two"]


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    end_logs()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    """A real one, full: thousands of lines are logged into it, and the end comes within its time."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", closefd=False)  # the thread that is left behind may have it after this test
    set_up(LogSetting(LogFormat.JSON, Levels(logging.DEBUG), None, queued=True), stream)
    for number in range(20_000):
        logging.getLogger("holdfast").info("line %d of many", number)
    end_logs()
    assert len(os.read(reading, 1 << 20)) > 1000
    os.close(reading)  # the thread that waits there ends


@pytest.mark.usefixtures("logging_as_it_was")
def test_an_error_and_the_ids_of_where_it_was_logged_are_there_though_another_thread_writes() -> None:
    """Both are at hand only where the line is logged: its traceback, and what is bound there."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        set_up(LogSetting(LogFormat.JSON, Levels(logging.DEBUG), None, queued=True), stream)
        with about(account="main", order="h1"):
            try:
                raise ValueError("it broke here")
            except ValueError:
                structlog.get_logger("holdfast.brokers.x").exception("failed")
                logging.getLogger("holdfast.brokers.x").exception("failed")
            logging.getLogger("holdfast.brokers.x").info("and went on")
        end_logs()
    with os.fdopen(reading) as lines:
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [line["event"] for line in found] == ["failed", "failed", "and went on"]
    assert all((line["account"], line["order"], line["channel"]) == ("main", "h1", "broker") for line in found)
    assert all("ValueError: it broke here" in line["exception"] for line in found[:2])


@pytest.mark.usefixtures("logging_as_it_was")
def test_lines_that_are_made_later_stand_where_they_were_handed_over_and_say_when_that_was() -> None:
    """Between the lines before and after, though others are logged meanwhile; made in the thread that writes; one that can't be made stops nothing."""
    reading, writing = os.pipe()
    threads: list[str] = []

    def work() -> None:
        threads.append(threading.current_thread().name)
        for number in range(2):
            structlog.get_logger("holdfast.brokers.x").info(f"later {number}", time="2026-12-01T00:00:00.000000Z")

    def broken() -> None:
        raise RuntimeError

    with os.fdopen(writing, "w") as stream:
        set_up(LogSetting(LogFormat.JSON, Levels(logging.DEBUG), None, queued=True), stream)
        logging.getLogger("holdfast").info("before")
        log_later(broken, 1)
        log_later(work, 2)
        logging.getLogger("holdfast").info("after")
        end_logs()
    with os.fdopen(reading) as lines:
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [line["event"] for line in found] == ["before", "later 0", "later 1", "after"]
    assert threads == ["log-writer"]
    assert [line["time"] for line in found if line["event"].startswith("later")] == ["2026-12-01T00:00:00.000000Z"] * 2


def test_what_is_made_later_and_finds_no_room_counts_with_all_its_lines() -> None:
    """What is missing is told in lines, whoever would have made them."""
    slow = Slow()
    writer = LogWriter([slow], most=1)
    while not writer.dropped:
        writer.later(lambda: None, 7)
    assert writer.dropped == 7
    slow.may.set()
    writer.flush(PATIENCE_S)
    writer.close()
    assert slow.lines == ["7 lines of the log found no room and were left out"]
