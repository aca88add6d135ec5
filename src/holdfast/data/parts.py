"""The tables of a file: its text, its JSON, its own columns; each with its first rows, and all of them batch by batch."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from holdfast.data import delimited
from holdfast.data.asking import Part
from holdfast.data.jsons import Piece, pieces_of
from holdfast.data.layout import Layout, Options
from holdfast.data.sources import Source
from holdfast.errors import DataError

BATCH_ROWS = 65_536
SAMPLE_ROWS = 2_000


def parts_of(source: Source, given: Options) -> list[Part]:
    """What is in a file: one table, or one for each symbol of a JSON document. Raises :class:`~holdfast.errors.DataError`."""
    if source.is_table:
        return [_table_part(source)]
    if source.file_name.lower().endswith((".json", ".jsonl", ".ndjson")) or _is_json(source):
        return [_json_part(source, piece) for piece in pieces_of(source)]
    head = delimited.head_of(source, given)

    def batches(layout: Layout) -> Iterator[pa.RecordBatch]:
        return delimited.batches(source, layout)

    return [
        Part(source.name, source.stem, head.table(), head.header, batches, head, folder=source.path.parent.as_posix())
    ]


def _is_json(source: Source) -> bool:
    head = source.head()[:64].lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith((b"{", b"[[", b"[{", b"[\n", b"[ "))


def _json_part(source: Source, piece: Piece) -> Part:
    table = piece.table

    def batches(_: Layout) -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(BATCH_ROWS)

    sample = table.slice(0, SAMPLE_ROWS)
    return Part(
        source.name,
        source.stem,
        sample,
        piece.has_names,
        batches,
        symbol=piece.symbol,
        about=piece.about,
        above=piece.above,
    )


def _table_part(source: Source) -> Part:
    schema, sample = _look(source)
    names = [_own_name(name, schema.field(place).type) for place, name in enumerate(schema.names)]

    def batches(_: Layout) -> Iterator[pa.RecordBatch]:
        for batch in _table_batches(source):
            yield batch.rename_columns(names)

    return Part(source.name, source.stem, sample.rename_columns(names), True, batches)


def _own_name(name: str, kind: pa.DataType) -> str:
    """The index of a frame of pandas has a name that says nothing."""
    is_index = name.startswith("__index_level_") or name == "index"
    return "ts" if is_index and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)) else name


def _look(source: Source) -> tuple[pa.Schema, pa.Table]:
    batches = _table_batches(source)
    first = next(batches, None)
    if first is None:
        raise DataError(f"{source.name}: has no rows")
    return first.schema, pa.Table.from_batches([first]).slice(0, SAMPLE_ROWS)


def _table_batches(source: Source) -> Iterator[pa.RecordBatch]:
    try:
        if source.file_name.lower().endswith((".parquet", ".pq")):
            with pa.parquet.ParquetFile(source.path, pre_buffer=False) as file:
                yield from file.iter_batches(BATCH_ROWS, use_threads=False)
        else:
            yield from pa.feather.read_table(source.path, memory_map=True).to_batches(BATCH_ROWS)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{source.name}: can't be read ({reason}); check that the file is whole") from None
