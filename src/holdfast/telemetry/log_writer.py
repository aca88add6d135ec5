"""Log lines written by a thread of their own: who logs hands a line over and goes on, however slow a terminal, a pipe or a disk is.

What waits is bounded. When it is full new lines are dropped and counted, and the first line after that says how many.
"""

import atexit
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

MOST_WAITING = 10_000
"""Lines that wait to be written: some seconds of the busiest debug log, and ten megabytes at most."""
END_WITHIN_S = 2.0
"""How long the end of the process waits for its last lines; a pipe that nobody reads takes them never."""
DEEPEST = 8
PLAIN = str | int | float | bool | None

Write = Callable[[logging.LogRecord], None]


class LogWriter(logging.Handler):
    """Hands records over to ``write``, each once, in a thread of its own. Close it at the end."""

    def __init__(self, handlers: Sequence[logging.Handler], most: int = MOST_WAITING) -> None:
        super().__init__()
        self.handlers = handlers
        self.dropped = 0
        """Lines that found no room so far."""
        self._told = 0
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over; never waits."""
        try:
            self._waiting.put_nowait(_kept(record))
        except queue.Full:
            self.dropped += (
                1  # two threads at once may count one less: it says that lines are missing, not how the books stand
            )

    def flush(self, within_s: float = END_WITHIN_S) -> None:
        """Wait until what was handed over is written, for a while."""
        ends_s = time.monotonic() + within_s
        while self._waiting.unfinished_tasks and self._thread.is_alive() and time.monotonic() < ends_s:
            time.sleep(0.005)

    def close(self) -> None:
        """Write what waits, for a while, and end the thread."""
        atexit.unregister(self.close)
        self.flush()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        super().close()

    def _work(self) -> None:
        while (record := self._waiting.get()) is not None:
            self._write(record)
            if self.dropped > self._told:
                told, self._told = self.dropped - self._told, self.dropped
                self._write(_record(logging.WARNING, f"{told} lines of the log found no room and were left out"))
            self._waiting.task_done()

    def _write(self, record: logging.LogRecord) -> None:
        for handler in self.handlers:
            with suppress(
                Exception
            ):  # a handler that breaks has said so, or can't; the others and the next lines go on
                handler.handle(record)


def _record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("holdfast.telemetry", level, __file__, 0, text, (), None)


def _kept(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it is now: what it tells of may change before it is written, and the error is at hand only here."""
    if not isinstance(record.msg, dict):  # as structlog hands it on
        record.msg, record.args = record.getMessage(), ()
        return record
    event = {name: _plain(value) for name, value in record.msg.items() if name != "exc_info"}
    fault = record.msg.get("exc_info")
    if fault:
        event["exc_info"] = sys.exc_info() if fault is True else fault
    record.msg = event
    return record


def _plain(value: object, depth: int = 0) -> object:
    if isinstance(value, PLAIN | BaseException) or depth >= DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {name: _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    return repr(value)
