"""Log lines written by a thread of their own: who logs hands a line over and goes on, however slow a terminal, a pipe or a disk is.

What waits is bounded. When it is full new lines are dropped and counted, and the first line after that says how many.

Of Python's threads one runs at a time, and each pause of the engine's (a statement, a look at its sockets) is one in which this thread would take its
turn. So it begins when whoever logs is likely to be through with what it was doing, and rests between two lines: one that comes back has
to wait for the rest of one line, and not of all.
"""

import atexit
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

MOST_WAITING = 10_000
"""Lines that wait to be written: some seconds of the busiest debug log, and ten megabytes at most."""
END_WITHIN_S = 2.0
"""How long the end of the process waits for its last lines; a pipe that nobody reads takes them never."""
BEGINS_AFTER_S = 0.02
"""How long a line waits for others: what it tells of is done meanwhile, and durable."""
RESTS_S = 0.001
BUSY = 500
"""When more wait than this it rests no more: 500 lines are half a second of resting."""
DEEPEST = 8
PLAIN = str | int | float | bool | None


class _Later(NamedTuple):
    """Something that logs ``lines`` lines."""

    work: Callable[[], None]
    lines: int


Waiting = logging.LogRecord | _Later | None


class LogWriter(logging.Handler):
    """Hands records over to ``write``, each once, in a thread of its own. Close it at the end."""

    def __init__(self, handlers: Sequence[logging.Handler], most: int = MOST_WAITING) -> None:
        super().__init__()
        self.handlers = handlers
        self.dropped = 0
        """Lines that found no room so far."""
        self._told = 0
        self._waiting: queue.Queue[Waiting] = queue.Queue(most)
        self._made: list[logging.LogRecord] = []
        """What the work at hand has logged."""
        self._hurries = False
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def handle(self, record: logging.LogRecord) -> bool:
        """Hand a record over, if it passes the filters. Without the lock of other handlers: nobody waits for the one who writes."""
        if passes := bool(self.filter(record)):
            self.emit(record)
        return passes

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over; never waits."""
        if threading.get_ident() == self._thread.ident:
            self._made.append(record)
        else:
            self._hand_over(_kept(record), 1)

    def later(self, work: Callable[[], None], lines: int) -> None:
        """Have the writer's thread do what logs so many lines; they come after what was handed over before."""
        self._hand_over(_Later(work, lines), lines)

    def _hand_over(self, what: Waiting, lines: int) -> None:
        try:
            self._waiting.put_nowait(what)
        except queue.Full:
            self.dropped += lines  # two threads at once may count too little: it says that lines are missing, not how the books stand

    def flush(self, within_s: float = END_WITHIN_S) -> None:
        """Wait until what was handed over is written, for a while."""
        ends_s, self._hurries = time.monotonic() + within_s, True
        while self._waiting.unfinished_tasks and self._thread.is_alive() and time.monotonic() < ends_s:
            time.sleep(0.005)
        self._hurries = False

    def close(self) -> None:
        """Write what waits, for a while, and end the thread."""
        atexit.unregister(self.close)
        self.flush()
        self._hurries = True
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        super().close()

    def _work(self) -> None:
        while (what := self._next()) is not None:
            if isinstance(what, _Later):
                with suppress(Exception):  # what can't be told stops nobody
                    what.work()
            else:
                self._made.append(what)
            made, self._made = self._made, []
            for record in made:
                self._write(record)
                self._rest(RESTS_S)
            if self.dropped > self._told:
                told, self._told = self.dropped - self._told, self.dropped
                self._write(_record(logging.WARNING, f"{told} lines of the log found no room and were left out"))
            self._waiting.task_done()

    def _next(self) -> Waiting:
        with suppress(queue.Empty):
            return self._waiting.get_nowait()
        self._rest(BEGINS_AFTER_S)
        with suppress(queue.Empty):  # whoever hands something over has nobody to wake
            return self._waiting.get_nowait()
        what = self._waiting.get()
        self._rest(BEGINS_AFTER_S)
        return what

    def _rest(self, seconds: float) -> None:
        if not self._hurries and self._waiting.qsize() < BUSY:
            time.sleep(seconds)

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
