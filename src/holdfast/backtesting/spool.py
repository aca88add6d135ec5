"""Rows of a backtest on their way to its report: on disk, so that memory stays flat however many there are.

Each row is a line of JSON behind a SHA-256 that covers the line before it, so who reads to the end has read what was
written: a disk that filled up or another program that cleans up can't shorten a result unseen.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from holdfast.errors import DataError

T = TypeVar("T", bound=msgspec.Struct)

GENESIS = "0" * 64
_encode = msgspec.json.Encoder().encode


class Spool(Generic[T]):
    """A file of rows of one ``kind``: written once from end to end with :meth:`add`, then read with :meth:`rows`."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._path = path
        self._kind = kind
        self._file = path.open("wb", buffering=1 << 16)
        self._last = GENESIS
        self.count = 0

    def add(self, row: T) -> None:
        """Take a row. Raises :class:`~holdfast.errors.DataError` when the disk refuses."""
        data = _encode(row)
        self._last = _link(self._last, data)
        self.count += 1
        try:
            self._file.write(b"%s %s\n" % (self._last.encode(), data))
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """No more rows will come. Raises :class:`~holdfast.errors.DataError` when the disk refuses."""
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from None

    def rows(self) -> Iterator[T]:
        """Every row, proven as it is read. Raises :class:`~holdfast.errors.DataError` for what is not as it was written."""
        decode = msgspec.json.Decoder(self._kind).decode
        last, number = GENESIS, 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                stored, _, data = line.rstrip(b"\n").partition(b" ")
                last = _link(last, data)
                if stored.decode(errors="replace") != last:
                    raise DataError(f"{self._path}: line {number} is not what was written; run the backtest again")
                yield decode(data)
        if (last, number) != (self._last, self.count):
            raise DataError(f"{self._path}: has {number} lines of {self.count}; run the backtest again")

    def _failed(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: results can't be kept ({error.strerror or error}); free space in that folder")


def _link(previous: str, data: bytes) -> str:
    return hashlib.sha256(previous.encode() + data).hexdigest()
