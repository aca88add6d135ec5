"""Where each account's records ended at some times, in a file outside the database: a history that is rewritten later doesn't fit it.

The anchor beside the journal (`anchor.py`) says how far the engine got and is replaced by each commit. This file is added to when somebody
asks for it, and meant to be kept where who can write the database can't: another disk, another user, another machine. Each line has the hash
of the line before, so that an edited file doesn't fit itself, and may be signed, so that a file made anew is no substitute. Lines that are cut off its end
leave no trace in it: they are what only a copy elsewhere shows.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from holdfast.errors import DataError, JournalCorrupt
from holdfast.journal.chain import GENESIS
from holdfast.journal.reader import Reader, check_link
from holdfast.vault.signing import Signer, is_signed

LARGEST = 64 << 20
"""Bytes: some 200,000 lines; one an hour for twenty years."""
TAIL = 1 << 16
"""So many bytes of its end are looked at for a status."""


class AnchorLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: at ``time`` the records of ``account`` ended with number ``sequence``, which has ``hash``; ``previous`` is the hash of the line before."""

    time: str
    account: str
    sequence: int
    hash: str
    previous: str
    key: str = ""
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What is signed."""
        return msgspec.msgpack.encode(
            ("holdfast", "anchor", 1, self.time, self.account, self.sequence, self.hash, self.previous)
        )


class AnchorLog(NamedTuple):
    """What a file has: its lines, the hash of the last, and what in it doesn't fit itself."""

    lines: list[AnchorLine]
    last_hash: str = GENESIS
    problem: str = ""


def read(path: Path, key: str = "") -> AnchorLog:
    """The file's lines; with a public ``key`` each has to be signed by it. Raises :class:`~holdfast.errors.DataError` when it can't be read."""
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except FileNotFoundError:
        return AnchorLog([])
    except OSError as error:
        raise DataError(f"the anchor file {path} can't be read: {(error.strerror or str(error)).lower()}") from None
    if data is None:
        raise DataError(f"the anchor file {path} is larger than {LARGEST:,} bytes: it is none")
    return _read(data, path, key)


def _read(data: bytes, path: Path, key: str) -> AnchorLog:
    lines: list[AnchorLine] = []
    previous, by = GENESIS, key
    for number, text in enumerate(data.splitlines(keepends=True), 1):
        where = f"the anchor file {path}, line {number}"
        try:
            line = msgspec.json.decode(text, type=AnchorLine)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return AnchorLog(lines, previous, f"{where}: it can't be read; it was cut or changed")
        if line.previous != previous:
            return AnchorLog(
                lines, previous, f"{where}: it doesn't follow the line before; one of them was changed or taken out"
            )
        by = by or line.key
        if by and (line.key != by or not is_signed(by, line.signed, line.signature)):
            return AnchorLog(lines, previous, f"{where}: it is not signed by {by}")
        if not text.endswith(b"\n"):
            return AnchorLog(lines, previous, f"{where}: it was cut")
        lines.append(line)
        previous = hashlib.sha256(text).hexdigest()
    return AnchorLog(lines, previous)


def tail(path: Path) -> list[AnchorLine]:
    """The last line of each account, as far as the file's end tells, unproven: for a quick look. None for a file that can't be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            texts = file.read().splitlines()
    except OSError:
        return []
    found: dict[str, AnchorLine] = {}
    for text in texts:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            line = msgspec.json.decode(text, type=AnchorLine)
            found[line.account] = line
    return list(found.values())


def newest(log: AnchorLog) -> dict[str, AnchorLine]:
    """The last line of each account."""
    return {line.account: line for line in log.lines}


def misfits(reader: Reader, lines: Sequence[AnchorLine]) -> list[str]:
    """What of the journal is not as it was anchored: the first of each account, in words. The hashes in the journal are taken at their word.

    Raises :class:`~holdfast.errors.JournalError` when it can't be read.
    """
    there = {row.account: row.last_sequence for row in reader.accounts()}
    found: dict[str, str] = {}
    good: dict[str, int] = {}
    for line in lines:
        if line.account in found:
            continue
        last = there.get(line.account)
        if last is None:
            found[line.account] = f"account {line.account!r} was anchored at {line.time} and is not in the journal"
        elif line.sequence > last:
            found[line.account] = (
                f"account {line.account!r}: record {line.sequence} was anchored at {line.time}, and the records end with {last}: its end is lost"
            )
        elif reader.hash_of(line.account, line.sequence) != line.hash:
            found[line.account] = (
                f"account {line.account!r}: record {line.sequence} is not the one that was anchored at {line.time}: "
                f"what is before it was rewritten, after record {good.get(line.account, 0)}"
            )
        else:
            good[line.account] = line.sequence
    return list(found.values())


def add(path: Path, reader: Reader, signer: Signer | None = None) -> list[AnchorLine]:
    """Add a line for each account that has gone on since its last; gives them back when they are on the disk.

    What came since the last line is proven first. Raises :class:`~holdfast.errors.JournalCorrupt` when the journal doesn't fit itself or the
    file, and DataError when the file doesn't fit itself, or can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataError(f"the anchor file {path} can't be written: {(error.strerror or str(error)).lower()}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        log = read(path, "" if signer is None else signer.public)
        if log.problem:
            raise DataError(log.problem)
        with reader.snapshot():
            lines = _next(log, reader, signer)
        with open(descriptor, "ab", closefd=False) as file:
            file.write(b"".join(_text(line) for line in lines))
        os.fsync(descriptor)
    except OSError as error:
        raise DataError(f"the anchor file {path} can't be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        os.close(descriptor)
    return lines


def _next(log: AnchorLog, reader: Reader, signer: Signer | None) -> list[AnchorLine]:
    wrong = misfits(reader, list(newest(log).values()))
    if wrong:
        raise JournalCorrupt("; ".join(wrong))
    if signer is None and any(line.key for line in log.lines):
        raise DataError("the lines of the anchor file are signed: add --sign, or begin another file")
    before, previous = newest(log), log.last_hash
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lines = []
    for row in reader.accounts():
        last = before.get(row.account)
        sequence, found = _proven(reader, row.account, (last.sequence, last.hash) if last else (0, GENESIS))
        if sequence == (last.sequence if last else 0):
            continue
        line = AnchorLine(now, row.account, sequence, found, previous)
        if signer is not None:
            line = msgspec.structs.replace(line, key=signer.public, signature=signer.sign(line.signed))
        lines.append(line)
        previous = hashlib.sha256(_text(line)).hexdigest()
    return lines


def _proven(reader: Reader, account: str, since: tuple[int, str]) -> tuple[int, str]:
    """The account's last record and its hash, proven from an earlier one on."""
    sequence, last = since
    while page := reader.page(account, sequence):
        for row in page:
            sequence += 1
            last = check_link(last, sequence, row)
    return sequence, last


def _text(line: AnchorLine) -> bytes:
    return msgspec.json.encode(line) + b"\n"
