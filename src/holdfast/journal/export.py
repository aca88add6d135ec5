"""Records as a file that proves itself without a journal (docs/audit.md).

Lines of JSON: a head, the records as arrays of the columns of `HASHED`, after every hundred of an account a *seal* with their hashes, and an
end with the last hash of each account. Seals and end are signed where there is a key. Records carry no hash of their own: it is computed from
them and from those before, and has to be the one in the seal, so that the first record that was changed is known by its number.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from holdfast.errors import DataError
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.reader import Reader, check_link
from holdfast.vault.signing import Signer, is_signed

FORMAT = "audit export"
VERSION = 1
SEALED = 100
"""So many records have a seal in common."""
LONGEST_LINE = 64 << 20
"""Bytes; a record has some hundred, one with a large answer of a broker some thousand."""

Progress = Callable[[int, int], None]

_encode = msgspec.json.encode


class Exported(msgspec.Struct):
    """How many records of each account were written, and the public key that signed them; empty without one."""

    records: dict[str, int]
    key: str = ""


class ExportCheck(msgspec.Struct):
    """What was found of a file: its accounts with the records that fit, by whom it is signed, and the first thing that doesn't fit."""

    records: dict[str, int]
    made: str = ""
    key: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """All of it is as it was written."""
        return not self.problem


def write(
    reader: Reader, accounts: Sequence[str], out: BinaryIO, signer: Signer | None, progress: Progress
) -> Exported:
    """Write the records of ``accounts`` as they stand at one moment.

    Raises :class:`~holdfast.errors.JournalCorrupt` for records that don't prove themselves: those are not signed.
    """
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    key = "" if signer is None else signer.public
    head = {
        "holdfast": FORMAT,
        "version": VERSION,
        "made": made,
        "columns": HASHED,
        "accounts": list(accounts),
        "key": key,
    }
    _line(out, head)
    ends: dict[str, tuple[int, str]] = {}
    with reader.snapshot():
        total = sum(reader.account(name).last_sequence for name in accounts)
        for name in accounts:
            ends[name] = _account(reader, name, out, signer, lambda done: progress(done + _count(ends), total))
    ended = {name: {"records": count, "hash": last} for name, (count, last) in ends.items()}
    _line(out, {"end": ended, "signature": _signature(signer, _of_end(made, ended))})
    return Exported({name: count for name, (count, _) in ends.items()}, key)


def _count(ends: dict[str, tuple[int, str]]) -> int:
    return sum(count for count, _ in ends.values())


def _account(
    reader: Reader, name: str, out: BinaryIO, signer: Signer | None, tell: Callable[[int], None]
) -> tuple[int, str]:
    """Write one account's records; how many, and the last hash."""
    done, last = 0, GENESIS
    hashes: list[str] = []
    while page := reader.page(name, done):
        for row in page:
            last = check_link(last, done + 1, row)
            done += 1
            _line(out, row[: len(HASHED)])
            hashes.append(last)
            if len(hashes) == SEALED:
                _seal(out, name, done, hashes, signer)
                hashes = []
        tell(done)
    if hashes:
        _seal(out, name, done, hashes, signer)
    return done, last


def _seal(out: BinaryIO, name: str, last: int, hashes: list[str], signer: Signer | None) -> None:
    first = last - len(hashes) + 1
    _line(
        out,
        {"seal": name, "from": first, "hashes": hashes, "signature": _signature(signer, _of_seal(name, first, hashes))},
    )


def _line(out: BinaryIO, value: object) -> None:
    out.write(_encode(value) + b"\n")


def _signature(signer: Signer | None, data: bytes) -> str | None:
    return None if signer is None else signer.sign(data)


def _of_seal(account: str, first: int, hashes: Sequence[str]) -> bytes:
    """What is signed of a seal."""
    return msgspec.msgpack.encode(("holdfast", FORMAT, VERSION, "seal", account, first, list(hashes)))


def _of_end(made: str, ended: dict[str, dict[str, Any]]) -> bytes:
    """What is signed of the end."""
    rows = [(name, row["records"], row["hash"]) for name, row in sorted(ended.items())]
    return msgspec.msgpack.encode(("holdfast", FORMAT, VERSION, "end", made, rows))


class _Misfit(Exception):
    """The first thing that doesn't fit."""


def check(lines: Iterable[bytes], key: str = "") -> ExportCheck:
    """Check a file's lines; with a public ``key`` they have to be signed by it, without one they only have to fit each other.

    Raises :class:`~holdfast.errors.DataError` for what is no such file.
    """
    rows = _read(lines)
    head = next(rows, None)
    if not isinstance(head, dict) or head.get("holdfast") != FORMAT:
        raise DataError("this is no audit that was exported: its first line doesn't say so")
    if head.get("version") != VERSION or head.get("columns") != list(HASHED):
        raise DataError(f"this audit is of version {head.get('version')!r}, and this Holdfast reads {VERSION}")
    checked = _Check(head, key)
    try:
        for row in rows:
            checked.take(row)
        checked.finish()
    except _Misfit as misfit:
        checked.found.problem = str(misfit)
    return checked.found


def _read(lines: Iterable[bytes]) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        try:
            yield msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if number == 1:
                raise DataError("this is no audit that was exported: its first line can't be read") from None
            yield number


class _Check:
    """What was read so far. ``found.records`` counts what is proven: sealed, and by the right key."""

    def __init__(self, head: dict[str, Any], key: str) -> None:
        self.found = ExportCheck({str(name): 0 for name in head.get("accounts", ())}, str(head.get("made", "")))
        self._key = key
        self._last = dict.fromkeys(self.found.records, (0, GENESIS))
        self._open: list[tuple[str, int, str]] = []
        self._is_over = False
        if key and head.get("key") != key:
            by = f"is signed by {head['key']}" if head.get("key") else "is not signed"
            raise DataError(f"the file {by}, and should be by {key}")
        self.found.key = str(head.get("key") or "")

    def take(self, row: Any) -> None:
        """Take the next line. Raises `_Misfit`."""
        if isinstance(row, int):
            raise _Misfit(f"line {row} can't be read: it was cut or changed")
        if self._is_over:
            raise _Misfit("there are lines after the end")
        if isinstance(row, list) and len(row) == len(HASHED):
            self._record(row)
        elif isinstance(row, dict) and "seal" in row:
            self._sealed(row)
        elif isinstance(row, dict) and "end" in row:
            self._ended(row)
        else:
            raise _Misfit("a line is neither a record, a seal nor the end")

    def finish(self) -> None:
        """All lines were taken. Raises `_Misfit`."""
        if not self._is_over:
            where = (
                "; ".join(f"{name} goes up to {count}" for name, (count, _) in self._last.items()) or "nothing is there"
            )
            raise _Misfit(f"the file was cut: it has no end ({where})")

    def _record(self, row: list[Any]) -> None:
        account, sequence = row[0], row[1]
        if account not in self._last:
            raise _Misfit(f"there is a record of account {account!r}, which the head doesn't name")
        before, previous = self._last[account]
        if sequence != before + 1:
            raise _Misfit(f"account {account!r}: record {before + 1} is missing, {sequence} follows")
        self._last[account] = (sequence, link(previous, tuple(row)))
        self._open.append((account, *self._last[account]))

    def _sealed(self, row: dict[str, Any]) -> None:
        account, first, hashes = row.get("seal"), row.get("from"), row.get("hashes")
        if not isinstance(hashes, list) or not isinstance(account, str) or not isinstance(first, int):
            raise _Misfit("a seal can't be read: it was changed")
        span = f"records {first} to {first + len(hashes) - 1}"
        missing = f"account {account!r}: some of {span} are missing, or others, without a seal, are before them"
        if not self._open or self._open[0][:2] != (account, first):
            raise _Misfit(missing)
        for (name, sequence, found), sealed in zip(self._open, hashes, strict=False):
            if found != sealed:
                raise _Misfit(f"account {name!r}: record {sequence} doesn't fit: it is not what was exported")
        if len(self._open) != len(hashes):
            raise _Misfit(missing)
        if self._key and not is_signed(self._key, _of_seal(account, first, hashes), row.get("signature")):
            raise _Misfit(
                f"account {account!r}: {span} are not signed by {self._key}: they, or their seal, were changed"
            )
        self.found.records[account] = first + len(hashes) - 1
        self._open = []

    def _ended(self, row: dict[str, Any]) -> None:
        ended = row["end"]
        if self._open:
            raise _Misfit(f"account {self._open[0][0]!r}: record {self._open[0][1]} and those after it have no seal")
        rows = {name: {"records": count, "hash": last} for name, (count, last) in self._last.items()}
        if ended != rows:
            off = next((name for name in rows if not isinstance(ended, dict) or ended.get(name) != rows[name]), "")
            raise _Misfit(
                f"account {off!r}: its records end with {self._last.get(off, (0,))[0]}, which is not where the end says"
            )
        if self._key and not is_signed(self._key, _of_end(self.found.made, ended), row.get("signature")):
            raise _Misfit(f"the end is not signed by {self._key}: it, or the time of the export, was changed")
        self._is_over = True
