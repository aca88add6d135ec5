"""Whole lists as files: CSV as it is read, Parquet through a file that is gone afterwards.

A text that a spreadsheet would take for a formula gets an apostrophe before it: the texts come from brokers, strategies and people.
"""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from enum import Enum, StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from holdfast.errors import DataError
from holdfast.views.encode import TIME, as_json
from holdfast.web.context import Web
from holdfast.web.reading import WebReader

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet computes."""
ROWS = 5_000
"""So many rows are in memory at once."""
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"


class Format(StrEnum):
    """What a list comes as."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


Rows = Callable[[WebReader], Iterable[msgspec.Struct]]
"""Every row of a list, read as they are asked for."""


class Wanted:
    """What form was asked for."""

    def __init__(self, form: Format) -> None:
        self.form = form

    @property
    def is_file(self) -> bool:
        """Whether the whole list is wanted as a file."""
        return self.form is not Format.JSON

    def file(self, web: Web, name: str, kind: type[msgspec.Struct], rows: Rows) -> Response:
        """The whole list. Raises :class:`~holdfast.errors.JournalError` when it can't be read."""
        reader = web.reading.reader()
        headers = {"Content-Disposition": f'attachment; filename="holdfast-{name}.{self.form.value}"'}
        if self.form is Format.CSV:
            return StreamingResponse(_csv(reader, kind, rows), media_type=f"{CSV}; charset=utf-8", headers=headers)
        with reader:
            path = _parquet(reader, kind, rows)
        return FileResponse(path, media_type=PARQUET, headers=headers, background=BackgroundTask(path.unlink))


def _wanted(
    request: Request,
    form: Annotated[Format | None, Query(alias="format", description="`csv` or `parquet`: the whole list.")] = None,
) -> Wanted:
    if form is None:
        form = Format.CSV if request.headers.get("accept", "").startswith(CSV) else Format.JSON
    return Wanted(form)


Want = Annotated[Wanted, Depends(_wanted)]


def paged(next_page: Callable[[Any], Sequence[Any]]) -> Iterator[Any]:
    """Every row, a page at a time; ``next_page`` gives the rows after one, or the first for None."""
    last = None
    while page := next_page(last):
        yield from page
        last = page[-1]


def _csv(reader: WebReader, kind: type[msgspec.Struct], rows: Rows) -> Iterator[str]:
    """The list as text, some rows at a time."""
    names = [name.removesuffix(TIME) for name in kind.__struct_fields__]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    with reader:
        every = iter(rows(reader))
        while some := list(islice(every, ROWS)):
            writer.writerows([_cell(value) for value in cells(row)] for row in some)
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def cells(row: msgspec.Struct) -> Iterator[tuple[object, object]]:
    """Of each field its value, and how JSON shows it."""
    names = row.__struct_fields__
    return zip((getattr(row, name) for name in names), as_json(row).values(), strict=True)


def _cell(value: tuple[object, object]) -> object:
    plain, shown = value
    if isinstance(shown, dict | list):
        return msgspec.json.encode(shown).decode()
    if isinstance(plain, str) and not isinstance(plain, Enum) and plain.startswith(FORMULA):
        return f"'{plain}"
    return shown


def _parquet(reader: WebReader, kind: type[msgspec.Struct], rows: Rows) -> Path:
    """The list as a file that the caller removes. Raises DataError for a number that has no place in one."""
    import pyarrow as pa
    from pyarrow import parquet

    fields = [pa.field(name.removesuffix(TIME), of) for name, of in _columns(kind)]
    schema = pa.schema(fields)
    with tempfile.NamedTemporaryFile(prefix="holdfast-", suffix=".parquet", delete=False) as file:
        path = Path(file.name)
    try:
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            every = iter(rows(reader))
            while some := list(islice(every, ROWS)):
                columns = zip(*([_value(value) for value in cells(row)] for row in some), strict=True)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    except pa.ArrowInvalid as error:
        path.unlink()
        raise DataError(f"the list can't be kept as Parquet ({error}); take csv") from None
    except BaseException:
        path.unlink()
        raise
    return path


def _columns(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa

    plain = {Decimal: pa.decimal128(38, 18), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    hints = get_type_hints(kind)
    for name in kind.__struct_fields__:
        given = next((part for part in get_args(hints[name]) if part in plain), hints[name])
        yield name, pa.timestamp("ns", tz="UTC") if name.endswith(TIME) else plain.get(given, pa.string())


def _value(value: tuple[object, object]) -> object:
    plain, shown = value
    if isinstance(plain, Decimal | int | float) or plain is None:
        return plain
    return shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()
