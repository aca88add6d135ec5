"""Market data files as a stream of record batches: what columns they have, and the wanted ones row by row.

Memory stays flat for any file size: one batch of rows is held at a time. Nothing is judged here but what can't be read at
all; `rows.py` checks the values.
"""

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from holdfast.data.catalogue import Entry
from holdfast.data.kinds import BARS, QUOTES, TRADES, Kind
from holdfast.data.kinds import KINDS as KINDS_BY_NAME
from holdfast.data.stored import windows
from holdfast.errors import DataError

BATCH_ROWS = 16_384
"""Rows of a Parquet file taken at a time: enough for vectorised checks to cost nothing, a few megabytes as objects."""
CSV_BLOCK_BYTES = 1 << 20
"""Text of a CSV file taken at a time, some 15,000 rows; also the longest line there may be."""
PARQUET_BUFFER_BYTES = 1 << 18
"""Read ahead in each column; without it a whole column of a row group is held."""


KINDS = (BARS, TRADES, QUOTES)


class Table(Protocol):
    """An open file of rows."""

    @property
    def names(self) -> Sequence[str]:
        """Its columns, as they are written."""

    @property
    def row_count(self) -> int | None:
        """How many rows, if the file says so itself."""

    def check_types(self, layout: Kind) -> None:
        """Raises :class:`~holdfast.errors.DataError` for a column whose declared type can't carry its values."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of these columns, in order, from the first.

        Raises :class:`~holdfast.errors.DataError` at what can't be read, after all rows before it.
        """


def open_table(path: Path) -> Table:
    """The file at ``path``, by its ending. Raises :class:`~holdfast.errors.DataError`."""
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise DataError(f"{path}: {what}; give the path of one .parquet, .csv or .csv.gz file")
    if path.name.endswith((".csv", ".csv.gz")):
        return CsvTable(path)
    if path.suffix == ".parquet":
        return ParquetTable(path)
    raise DataError(f"{path}: market data is read from .parquet, .csv and .csv.gz files, not {path.suffix or 'this'!r}")


def kind_of(path: Path, names: Sequence[str]) -> Kind:
    """The first of bars, trades, quotes whose columns are all there.

    Raises :class:`~holdfast.errors.DataError` saying what the nearest of them lacks.
    """
    for name in {"symbol", "ts"}.intersection(names):
        if names.count(name) > 1:
            raise DataError(f"{path}: column {name} is there {names.count(name)} times; keep one")
    nearest = min(KINDS, key=lambda layout: len(_missing(layout, names)) / len(layout.columns))
    missing = _missing(nearest, names)
    if not missing:
        return nearest
    raise DataError(
        f"{path}: column{'s' if len(missing) > 1 else ''} {', '.join(missing)} not found{_rename_hint(missing, names)}; "
        f"{nearest.name} need {' '.join(nearest.columns)}, the file has {' '.join(names) or 'no columns'}"
    )


def _missing(layout: Kind, names: Sequence[str]) -> list[str]:
    return [column for column in layout.columns if column not in names]


def _rename_hint(missing: Sequence[str], names: Sequence[str]) -> str:
    by_folded = {name.strip().casefold(): name for name in names}
    near = [
        (by_folded[match[0]], name)
        for name in missing
        if (match := get_close_matches(name, by_folded, n=1, cutoff=0.65))
    ]
    return f" (rename {', '.join(f'{have!r} to {want}' for have, want in near)}?)" if near else ""


class CatalogueTable:
    """Rows of a catalogue's entries, all of one kind."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.names: Sequence[str] = KINDS_BY_NAME[entries[0].kind].columns
        self.row_count: int | None = sum(entry.rows for entry in entries)

    def check_types(self, layout: Kind) -> None:
        """They are those of the kind."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """`BATCH_ROWS` at a time."""
        for window in windows(self._entries, columns):
            yield from window.combine_chunks().to_batches(BATCH_ROWS)


class Declared:
    """Columns that say of which type they are."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema

    @property
    def names(self) -> Sequence[str]:
        """Its columns, as the schema names them."""
        names: list[str] = self._schema.names
        return names

    def check_types(self, layout: Kind) -> None:
        """Text, a time with its zone, numbers."""
        self._check_type("symbol", _is_text, "text")
        self._check_type("ts", pa.types.is_timestamp, "a timestamp with a time zone")
        if self._schema.field("ts").type.tz is None:
            raise DataError(f"{self._path}: ts has no time zone; store it as a timestamp in UTC (or another zone)")
        for name in layout.numbers:
            self._check_type(name, _is_number, "a number")

    def _check_type(self, name: str, accepts: Callable[[pa.DataType], bool], wanted: str) -> None:
        found = self._schema.field(name).type
        if not accepts(found):
            raise DataError(f"{self._path}: column {name} is {found}; it must be {wanted}")


class FrameTable(Declared):
    """Rows that are in memory; ``path`` is what errors call them."""

    def __init__(self, path: Path, frame: pa.Table) -> None:
        super().__init__(path, frame.schema)
        self._frame = frame
        self.row_count: int | None = len(frame)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """`BATCH_ROWS` at a time."""
        yield from self._frame.select(list(columns)).to_batches(BATCH_ROWS)


class ParquetTable(Declared):
    """A Parquet file, whatever its row groups and compression."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as file:
            super().__init__(path, file.schema_arrow)
            self.row_count: int | None = file.metadata.num_rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """`BATCH_ROWS` at a time."""
        with self._open() as file:
            try:
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(self._path, error) from None

    def _open(self) -> pa.parquet.ParquetFile:
        try:
            return pa.parquet.ParquetFile(
                self._path, read_dictionary=["symbol"], buffer_size=PARQUET_BUFFER_BYTES, pre_buffer=False
            )
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self._path, error) from None


class CsvTable:
    """A CSV file with a header line, gzipped or not. Every value comes as text: `rows.py` says which one is wrong."""

    row_count: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        reader = self._open([], [])
        try:
            self.names: Sequence[str] = reader.schema.names
        except UnicodeDecodeError as error:  # names are decoded when they are asked for
            raise _unreadable(path, error) from None
        finally:
            reader.close()
        if any("\0" in name for name in self.names):  # UTF-16 of plain letters is UTF-8 with a zero byte beside each
            raise _not_utf8(path)

    def check_types(self, layout: Kind) -> None:
        """Nothing is declared in a CSV file."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """`CSV_BLOCK_BYTES` at a time; a line with too few or too many values ends them."""
        ragged: list[pa.csv.InvalidRow] = []
        rows = 0
        reader = self._open(columns, ragged)
        while (batch := self._next(reader)) is not None:
            good = ragged[0].number - 2 if ragged else rows + len(batch)  # its number counts the header, and itself
            yield batch.slice(0, good - rows)
            rows += len(batch)
            if good < rows:
                break
        if ragged:
            raise self._ragged(ragged[0])

    def _next(self, reader: pa.csv.CSVStreamingReader) -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._path, error) from None

    def _ragged(self, row: pa.csv.InvalidRow) -> DataError:
        return DataError(
            f"{self._path}: row {row.number - 1} has {row.actual_columns} values, the header {row.expected_columns}: "
            f"{row.text!r}; correct or remove it"
        )

    def _open(self, columns: Sequence[str], ragged: list[pa.csv.InvalidRow]) -> pa.csv.CSVStreamingReader:
        def note(row: pa.csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        try:
            return pa.csv.open_csv(
                self._path,
                read_options=pa.csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                parse_options=pa.csv.ParseOptions(invalid_row_handler=note),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string())
                ),
            )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._path, error) from None


def _is_text(kind: pa.DataType) -> bool:
    value_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(value_kind) or pa.types.is_large_string(value_kind) or pa.types.is_string_view(value_kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _not_utf8(path: Path) -> DataError:
    return DataError(f"{path}: the text is not UTF-8 (some programs write UTF-16 or Windows-1252); save it as UTF-8")


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(path)
    reason = str(error).splitlines()[0].rstrip(".")
    return DataError(f"{path}: can't be read ({reason}); check that the file is whole, and is what its name says")
