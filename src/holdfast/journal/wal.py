"""Looks for damage in a SQLite write-ahead log, which SQLite itself takes for the log's end.

The format is public (sqlite.org/fileformat2.html, section 4): a header, then frames of a page each. A frame has the salts of the header
and a checksum over itself and all before it; one that ends a transaction says how large the database is then. SQLite reads up to the
first frame that doesn't fit and drops what follows, in silence, as it must after a crash: what was being written then may be torn. But
a transaction begins only when the one before is synced (``synchronous=FULL``). So frames of the log's own salts that follow the end of
a transaction which doesn't fit can't be there unless something that was durable has changed. Frames of older salts are what an earlier
round has left, and mean nothing.

A damaged last transaction looks like one that was never acknowledged; the anchor (`anchor.py`) tells them apart.
"""

import struct
from array import array
from pathlib import Path
from typing import NamedTuple

HEADER = struct.Struct(">8I")
FRAME = struct.Struct(">6I")
LITTLE, BIG = 0x377F0682, 0x377F0683
"""The first word of a log whose checksums take words the one way or the other."""
VERSION = 3007000
WORD = 0xFFFFFFFF


class Damage(NamedTuple):
    """Where the log stops fitting, and how many transactions behind it are whole in number at least, the damaged one included."""

    frame: int
    transactions: int
    what: bytes
    """The bytes of the place, to be compared with those of another look."""


def damage_in(path: Path) -> Damage | None:
    """What is wrong with the log of a database at ``path``; None for nothing that can be seen.

    An engine may be writing meanwhile: so what is found is looked at again. Raises OSError.
    """
    found = _look(path)
    return found if found is not None and _look(path) == found else None


def _look(path: Path) -> Damage | None:
    try:
        log = Path(f"{path}-wal").read_bytes()
    except FileNotFoundError:
        return None
    if len(log) < HEADER.size + FRAME.size:
        return None
    magic, version, page_size, _, *salts_and_sums = HEADER.unpack_from(log)
    sums = (salts_and_sums[2], salts_and_sums[3])
    known = magic in (LITTLE, BIG) and version == VERSION
    if not known or _checksum(log[: HEADER.size - 8], (0, 0), magic) != sums:
        return Damage(0, 1, log[: HEADER.size])
    frames = _Frames(log, magic, page_size, (salts_and_sums[0], salts_and_sums[1]))
    return frames.damage(sums)


class _Frames:
    """The frames of a log whose header is whole."""

    def __init__(self, log: bytes, magic: int, page_size: int, salts: tuple[int, int]) -> None:
        self._log = log
        self._magic = magic
        self._length = FRAME.size + page_size
        self._salts = salts
        self._count = (len(log) - HEADER.size) // self._length

    def damage(self, sums: tuple[int, int]) -> Damage | None:
        first = self._first_bad(sums)
        behind = [index for index in range(first + 1, self._count) if self._is_of_this_round(index)]
        ends = [index for index in (first, *behind) if self._ends_transaction(index)]
        last = behind[-1] if behind else first
        if first == self._count or not any(end < last for end in ends):
            return None
        start = HEADER.size + first * self._length
        return Damage(first + 1, len(ends), self._log[start : start + self._length])

    def _first_bad(self, sums: tuple[int, int]) -> int:
        """The first frame that doesn't continue what is before it; their number when all do."""
        for index in range(self._count):
            start = HEADER.size + index * self._length
            frame = self._log[start : start + self._length]
            sums = _checksum(frame[:8] + frame[FRAME.size :], sums, self._magic)
            if not self._is_of_this_round(index) or FRAME.unpack_from(frame)[4:] != sums:
                return index
        return self._count

    def _is_of_this_round(self, index: int) -> bool:
        return FRAME.unpack_from(self._log, HEADER.size + index * self._length)[2:4] == self._salts

    def _ends_transaction(self, index: int) -> bool:
        """Whether the frame says that a transaction ends with it; nobody knows of one that isn't there."""
        return index < self._count and bool(FRAME.unpack_from(self._log, HEADER.size + index * self._length)[1])


def _checksum(data: bytes, sums: tuple[int, int], magic: int) -> tuple[int, int]:
    """Two running sums over pairs of 32-bit words, each adding the other's."""
    words = array("I", data)
    if (magic == BIG) is not (struct.pack("=I", 1) == struct.pack(">I", 1)):
        words.byteswap()
    first, second = sums
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & WORD
        second = (second + words[index + 1] + first) & WORD
    return first, second
