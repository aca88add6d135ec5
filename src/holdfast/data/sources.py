"""Files and what is packed in them, as named streams of bytes."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from holdfast.errors import DataError

TABLES = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
TEXTS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson", ".prn", ".asc", ".dat")
PACKED = (".gz", ".bz2", ".xz", ".zst")
MOST_FILES = 100_000
HEAD_BYTES = 1 << 18
"""So much of a text is looked at first."""


class Source(msgspec.Struct, frozen=True):
    """One file, or one ``member`` of an archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def file_name(self) -> str:
        """The last part of its own name, without what says how it is packed."""
        name = Path(self.member or self.path.name).name
        return name.rsplit(".", 1)[0] if name.lower().endswith(PACKED) else name

    @property
    def stem(self) -> str:
        """``file_name`` without its ending."""
        return self.file_name.rsplit(".", 1)[0] if "." in self.file_name else self.file_name

    @property
    def is_table(self) -> bool:
        """Whether it has types of its own."""
        return self.file_name.lower().endswith(TABLES)

    @property
    def size(self) -> int:
        """Bytes as they are stored."""
        return self.path.stat().st_size

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes. Raises :class:`~holdfast.errors.DataError` for what can't be read."""
        try:
            with self._stream() as stream:
                yield stream
        except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, NotImplementedError, RuntimeError) as error:
            if isinstance(error, DataError):
                raise
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise DataError(f"{self.name}: can't be read ({reason}); check that the file is whole") from None

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        if self.member:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                yield stream
            return
        ending = self.path.suffix.lower()
        if ending == ".gz":
            with gzip.open(self.path) as packed:
                yield packed  # type: ignore[misc]
        elif ending == ".bz2":
            with bz2.open(self.path) as squeezed:
                yield squeezed
        elif ending == ".xz":
            with lzma.open(self.path) as thin:
                yield thin
        elif ending == ".zst":
            import pyarrow as pa

            with pa.input_stream(str(self.path), compression="zstd") as stream:
                yield stream
        else:
            with self.path.open("rb") as plain:
                yield plain

    def head(self) -> bytes:
        """The first `HEAD_BYTES`."""
        with self.open() as stream:
            return _read_fully(stream, HEAD_BYTES)


def _read_fully(stream: IO[bytes], count: int) -> bytes:
    pieces, left = [], count
    while left and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def sources_of(paths: Iterable[Path]) -> list[Source]:
    """Every file of market data that is named, or within a named folder or archive; those of a folder sorted by name.

    Raises :class:`~holdfast.errors.DataError` for a path where there is nothing, or nothing of use.
    """
    found: list[Source] = []
    for path in paths:
        found += _folder(path) if path.is_dir() else _file(path)
    if len(found) > MOST_FILES:
        raise DataError(f"there are {len(found):,} files; {MOST_FILES:,} are read at once: give some of the folders")
    return list(dict.fromkeys(found))


def _folder(folder: Path) -> list[Source]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))
    found = [source for path in files if _is_data(path.name) for source in _file(path)]
    if not found:
        raise DataError(
            f"{folder}: has no files of market data ({', '.join((*TEXTS, *TABLES, '.zip'))}, packed or not)"
        )
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _is_data(name: str) -> bool:
    name = name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    return name.endswith((*TEXTS, *TABLES, ".zip"))


def _file(path: Path) -> list[Source]:
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise DataError(f"{path}: is a workbook; save its sheet as CSV (UTF-8), and give that")
    if path.suffix.lower() != ".zip":
        return [Source(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [item.filename for item in archive.infolist() if not item.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: can't be read ({error}); check that the file is whole") from None
    members = [name for name in sorted(names) if _is_data(name) and not _is_hidden(Path(name))]
    if any(name.lower().endswith((*PACKED, ".zip", *TABLES)) for name in members):
        raise DataError(f"{path}: has packed files within it; unpack it, and give the folder")
    if not members:
        raise DataError(f"{path}: has no files of market data in it")
    return [Source(path, name) for name in members]


def encoding_of(head: bytes) -> str:
    """How a text is encoded: what its first bytes say, UTF-8 if it is that, Windows-1252 if not."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if len(head) >= 4 and not head[0] and head[1]:
        return "utf-16-be"
    if len(head) >= 4 and head[0] and not head[1]:
        return "utf-16-le"
    try:
        io.TextIOWrapper(io.BytesIO(head), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(head) - 4 else "cp1252"
    return "utf-8"
