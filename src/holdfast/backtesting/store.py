"""A result as a folder: ``result.json`` and a Parquet file for each table.

``result.json`` is written last and names the others, so a folder that has one is whole. ``version`` is raised when what was written
before can't be read any more; who reads refuses what is newer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.backtesting.folder import HEAD, check_folder
from holdfast.errors import DataError

VERSION = 1
T = TypeVar("T")


class _Stored(msgspec.Struct, frozen=True):
    version: int
    tables: tuple[str, ...]
    head: msgspec.Raw


def save(head: object, tables: Mapping[str, pa.Table], folder: Path) -> Path:
    """Write a result to a folder, in place of one that is there. Raises :class:`~holdfast.errors.DataError`."""
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HEAD).unlink(missing_ok=True)
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        stored = {"version": VERSION, "tables": sorted(tables), "head": head}
        data = msgspec.json.format(msgspec.json.encode(stored))
        part = folder / f"{HEAD}.part"
        part.write_bytes(data)
        part.replace(folder / HEAD)
    except OSError as error:
        raise DataError(f"{folder}: the result can't be kept ({error.strerror or error})") from None
    return folder


def load(folder: Path, kind: type[T]) -> tuple[T, dict[str, pa.Table]]:
    """The head and the tables of a result. Raises :class:`~holdfast.errors.DataError`."""
    try:
        data = (folder / HEAD).read_bytes()
    except OSError as error:
        what = "there is no such folder" if not folder.exists() else f"{HEAD} can't be read ({error.strerror})"
        raise DataError(f"{folder}: {what}; give a folder that a result was saved to") from None
    try:
        version = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("version", msgspec.Raw(b"0"))
        if msgspec.json.decode(version, type=int) > VERSION:
            raise DataError(f"{folder}: was saved by a newer Holdfast; upgrade to read it")
        stored = msgspec.json.decode(data, type=_Stored)
        head = msgspec.json.decode(stored.head, type=kind)
        tables = {name: pq.read_table(folder / f"{name}.parquet") for name in stored.tables}
    except (msgspec.DecodeError, pa.ArrowException, OSError) as error:
        raise DataError(f"{folder}: is no whole result ({error}); save it again") from None
    return head, tables
