"""A log file that is turned over when it is full, shared by several processes if need be, and that never stops whoever logs.

A line is written whole, at the end of what the path names at that moment: a file that something else has moved away (logrotate, another
process) is left, and a new one begun. Turning over renames and deletes nothing younger than ``keep`` files. Where that can't be done the
file grows on, and where nothing can be written lines are counted, and the next one that can be written says how many are missing.
"""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TRY_AGAIN_S = 5.0
"""How long a file that can't be written is left alone: a full disk answers each try at once, a server that is away may not."""
PRIVATE = 0o600
"""Symbols, quantities and names of accounts are nobody else's business."""
NEWLINE = b"\n"


class LogFile:
    """Lines into the file at ``path``, at most ``max_bytes`` long, with ``keep`` earlier ones beside it (``.1`` is the newest).

    For one thread. ``complain`` is told once when lines can't be written, and once when they can again.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        keep: int,
        complain: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.missing = 0
        """How many lines could not be written since the last that could."""
        self._max_bytes = max_bytes
        self._keep = keep
        self._complain = complain
        self._clock_s = clock_s
        self._file: int | None = None
        self._identity = (0, 0)
        self._is_torn = False
        self._not_before_s = 0.0

    def write(self, line: str, told: Callable[[int], str]) -> None:
        """Write a line. ``told`` makes the line that says how many are missing before it."""
        if self.missing and self._clock_s() < self._not_before_s:
            self.missing += 1
            return
        try:
            if self.missing:
                self._append(told(self.missing))
                self._complain(f"the log file {self.path} can be written again; {self.missing} lines are missing in it")
                self.missing = 0
            self._append(line)
        except OSError as error:
            self._lose(error)

    def close(self) -> None:
        """Let the file go; the next line opens it again."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None

    def _lose(self, error: OSError) -> None:
        if not self.missing:
            self._complain(
                f"the log file {self.path} can't be written ({error.strerror or error}); trading goes on, and lines are missing until it can"
            )
        self.missing += 1
        self._not_before_s = self._clock_s() + TRY_AGAIN_S
        self.close()

    def _append(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + NEWLINE
        file, size = self._opened()
        if size and size + len(data) > self._max_bytes and self._turn_over(file):
            file, _ = self._opened()
        if self._is_torn:
            data = NEWLINE + data
        while data:
            written = os.write(file, data)
            self._is_torn = written < len(data)  # a full disk takes what fits
            data = data[written:]

    def _opened(self) -> tuple[int, int]:
        """The file that the path names now, and its size."""
        if self._file is not None:
            with suppress(FileNotFoundError):
                found = self.path.stat()
                if (found.st_dev, found.st_ino) == self._identity:
                    return self._file, found.st_size
            self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        found = os.fstat(self._file)
        self._identity = (found.st_dev, found.st_ino)
        return self._file, found.st_size

    def _turn_over(self, file: int) -> bool:
        """Whether another file is to be opened. Of several processes one turns the file over."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False  # another does it now, or nobody can: this line goes to the end of what there is
        try:
            found = self.path.stat()
            if (found.st_dev, found.st_ino) == self._identity:
                self._rename()
        except OSError:
            return False
        finally:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)
        return True

    def _rename(self) -> None:
        if not self._keep:
            self.path.unlink()
            return
        for number in range(self._keep - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
