"""Text with separators: what its lines look like, and its columns block by block."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.csv

from holdfast.data import numbers, times
from holdfast.data.layout import Layout, Options
from holdfast.data.sources import HEAD_BYTES, Source, encoding_of
from holdfast.errors import DataError

SEPARATORS = ("\t", ";", "|", ",")
"""In this order: a decimal comma is no separator where there is another one."""
SAMPLE_LINES = 2_000
BLOCK_BYTES = 1 << 20
MOST_LINES_BEFORE = 50
_TIME_LIKE = r"^\d{1,2}:?\d{2}(:?\d{2}(\.\d+)?)?$"


class Head(msgspec.Struct):
    """The beginning of a text: how it is written, its names and its first rows."""

    encoding: str
    separator: str
    skip: int
    header: bool
    names: list[str]
    rows: list[list[str]]
    lines: list[str]

    def table(self) -> pa.Table:
        """The first rows as columns of text."""
        width = len(self.names)
        columns = [[row[place] if place < len(row) else "" for row in self.rows] for place in range(width)]
        return pa.table([pa.array(column, pa.string()) for column in columns], names=self.names)


def head_of(source: Source, given: Options) -> Head:
    """Looks at the first lines. Raises :class:`~holdfast.errors.DataError` where there are none."""
    data = source.head()
    encoding = given.encoding or encoding_of(data)
    try:
        text = data.decode(encoding, errors="ignore")
    except LookupError:
        raise DataError(
            f"{source.name}: there is no encoding {encoding!r}; utf-8, utf-16 and cp1252 are common"
        ) from None
    lines = text.lstrip("\ufeff").splitlines()[:SAMPLE_LINES]
    if len(data) == HEAD_BYTES and 2 < len(lines) < SAMPLE_LINES:
        del lines[-1]  # it was cut
    if not any(line.strip() for line in lines):
        raise DataError(f"{source.name}: is empty")
    separator = given.separator or _separator(lines)
    cells = [_cells(line, separator) for line in lines]
    skip, header = _beginning(cells, given)
    kept = [row for row in cells[skip:] if any(cell.strip() for cell in row)]
    if not kept:
        raise DataError(f"{source.name}: has no rows")
    if header:
        names, rows = [cell.strip() for cell in kept[0]], kept[1:]
    else:
        rows = kept
        names = [str(place + 1) for place in range(max(len(row) for row in rows[:100]))]
    return Head(encoding, separator, skip, header, _unique(names), rows, lines)


def _unique(names: Sequence[str]) -> list[str]:
    """Names, those that come again with their place."""
    seen: set[str] = set()
    unique = []
    for place, name in enumerate(names, 1):
        unique.append(f"{name}.{place}" if name in seen or not name else name)
        seen.add(name)
    return unique


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return line.split(separator)


def _separator(lines: Sequence[str]) -> str:
    """The sign that splits most lines into the same number of cells."""
    filled = [line for line in lines if line.strip()][:200]
    best, best_score = ",", 0.0
    for separator in SEPARATORS:
        widths = Counter(len(_cells(line, separator)) for line in filled)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        if width >= 3 and count / len(filled) > max(best_score, 0.5):
            best, best_score = separator, count / len(filled)
            if best_score > 0.9:
                break
    if best_score:
        return best
    return " " if len(filled[-1].split()) >= 5 else ","


def looks_like_value(cell: str) -> bool:
    """Whether it is a number or a time, and so no name."""
    cell = cell.strip()
    if not cell:
        return False
    if re.fullmatch(_TIME_LIKE, cell):
        return True
    array = pa.array([cell])
    values, good = numbers.read(array, ".", ",")
    if good[0] and values[0] == values[0]:
        return True
    if re.fullmatch(r"[$€£₹¥]?\s?[\d.,' ]*\d", cell):
        return True
    return bool(times.read(array, None, day_first=True).good[0] or times.read(array, None, day_first=False).good[0])


def _beginning(cells: Sequence[Sequence[str]], given: Options) -> tuple[int, bool]:
    """How many lines stand before the table, and whether its first one has names."""
    if given.skip is not None and given.header is not None:
        return given.skip, given.header
    start = given.skip if given.skip is not None else _first_line(cells)
    if given.header is not None:
        return start, given.header
    first = next((row for row in cells[start:] if any(cell.strip() for cell in row)), [])
    return start, not any(looks_like_value(cell) for cell in first)


def _first_line(cells: Sequence[Sequence[str]]) -> int:
    """The first line that is as wide as most are."""
    widths = Counter(len(row) for row in cells if any(cell.strip() for cell in row))
    usual = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    for place, row in enumerate(cells[:MOST_LINES_BEFORE]):
        if len(row) >= usual and not row[0].lstrip().startswith("#"):
            return place
    return 0


# --- block by block -----------------------------------------------------------------------------------------------------


def batches(source: Source, layout: Layout) -> Iterator[pa.RecordBatch]:
    """The columns of a text as texts, `BLOCK_BYTES` at a time, their names without spaces around them.

    Raises :class:`~holdfast.errors.DataError` at what can't be read.
    """
    if layout.separator == " ":
        yield from _by_spaces(source, layout)
        return
    said = Options(separator=layout.separator, skip=layout.skip, header=layout.header, encoding=layout.encoding)
    names = head_of(source, said).names
    with source.open() as stream:
        yield from _blocks(source, layout, names, stream)


def _blocks(source: Source, layout: Layout, names: Sequence[str], stream: object) -> Iterator[pa.RecordBatch]:
    """All columns as text; the file's own first line, if it is one of names, is left out."""
    ragged: list[pa.csv.InvalidRow] = []

    def note(row: pa.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    own = [f"c{place}" for place in range(len(names))]
    try:
        reader = pa.csv.open_csv(
            pa.PythonFile(stream, "r"),
            read_options=pa.csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                column_names=own,
                skip_rows=layout.skip,
                skip_rows_after_names=1 if layout.header else 0,
                encoding="utf-8" if layout.encoding == "utf-8-sig" else layout.encoding,
            ),
            parse_options=pa.csv.ParseOptions(delimiter=layout.separator, invalid_row_handler=note),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(own, pa.string())),
        )
        for batch in reader:
            yield batch.rename_columns(list(names))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(source, error, ragged) from None


def _by_spaces(source: Source, layout: Layout) -> Iterator[pa.RecordBatch]:
    """Columns with any number of spaces between them."""
    with source.open() as stream:
        text = stream.read().decode(layout.encoding, errors="strict").lstrip("\ufeff")
    rows = [line.split() for line in text.splitlines()[layout.skip :] if line.strip()]
    names = rows.pop(0) if layout.header else [str(place + 1) for place in range(len(rows[0]))]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise DataError(
                f"{source.name}: row {number} has {len(row)} values, not {len(names)}: {' '.join(row)[:80]!r}"
            )
    columns = [pa.array(list(column), pa.string()) for column in zip(*rows, strict=True)]
    yield pa.RecordBatch.from_arrays(columns, names=_unique(names))


def _unreadable(source: Source, error: Exception, ragged: Sequence[pa.csv.InvalidRow]) -> DataError:
    if ragged:
        row = ragged[0]
        return DataError(
            f"{source.name}: line {row.number} has {row.actual_columns} values, the others {row.expected_columns}: {row.text[:80]!r}; "
            "correct or remove it, or give another separator"
        )
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error) or "codec" in str(error):
        return DataError(
            f"{source.name}: the text is not in the encoding it seemed to be; give encoding, such as cp1252 or utf-16"
        )
    return DataError(f"{source.name}: can't be read ({str(error).splitlines()[0].rstrip('.')})")
