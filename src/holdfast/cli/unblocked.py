"""Standard output for a command that must not wait for its reader: a thread writes, and what finds no room is left out and counted.

A pipe that nobody reads, or a terminal that was stopped with Ctrl-S, would hold up the event loop in which orders are sent otherwise.
"""

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase, UnsupportedOperation
from typing import TextIO

from rich.console import Console

from holdfast.cli import terminal

MOST_WAITING = 10_000
"""Pieces of output that wait: a quarter of an hour of the busiest run that people can follow."""


class Unblocked(TextIOBase):
    """A text stream in place of ``stream``. Writing never waits; it raises what went wrong with the stream, such as BrokenPipeError."""

    def __init__(self, stream: TextIO, most: int = MOST_WAITING) -> None:
        super().__init__()
        self.left_out = 0
        """Pieces that found no room."""
        self._stream = stream
        self._descriptor = stream.fileno()
        self._waiting: queue.Queue[str | None] = queue.Queue(most)
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="output", daemon=True)
        self._thread.start()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether people read it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Hand a text over. Raises OSError."""
        if self._error is not None:
            raise self._error
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self.left_out += 1
        return len(text)

    def finish(self) -> None:
        """Wait until all is written, however long that takes: nothing else is to be done any more. Raises OSError."""
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        told = 0
        while (text := self._waiting.get()) is not None:
            self._put(text)
            if self.left_out > told and text.endswith("\n"):
                self._put(f"... {self.left_out - told} lines found no room and are not shown\n")
                told = self.left_out

    def _put(self, text: str) -> None:
        data = text.encode(self._stream.encoding, "backslashreplace")
        try:
            while data and self._error is None:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._error = error


@contextmanager
def unblocked() -> Iterator[Console]:
    """The console of a command that must not wait for its reader. All is written as this is left."""
    sys.stdout.flush()
    try:
        stream = Unblocked(sys.stdout)
    except (UnsupportedOperation, OSError):  # no descriptor: nothing can make it wait
        yield terminal.console()
        return
    console = terminal.console()
    console.file = stream  # type: ignore[assignment]  # a text stream that has all that is used of one
    try:
        yield console
    finally:
        stream.finish()
