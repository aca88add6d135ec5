"""The rows of a catalogue's entries in order of time, window by window."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from holdfast.data import order
from holdfast.data.catalogue import Entry
from holdfast.errors import DataError

WINDOW_ROWS = 500_000
"""So many rows, about, are held and sorted at a time, however many symbols there are."""


def windows(entries: Sequence[Entry], columns: Sequence[str]) -> Iterator[pa.Table]:
    """All rows of the entries, sorted by time and symbol. Raises :class:`~holdfast.errors.DataError` for a file that can't be read."""
    by_month: dict[str, list[tuple[Entry, int]]] = {}
    for entry in entries:
        for place, path in enumerate(entry.files):
            by_month.setdefault(path.stem, []).append((entry, place))
    for month in sorted(by_month):
        yield from _month(month, by_month[month], columns)


def _month(month: str, files: Sequence[tuple[Entry, int]], columns: Sequence[str]) -> Iterator[pa.Table]:
    begin = np.datetime64(month, "M")
    begin_ns, end_ns = (int(each.astype("datetime64[ns]").astype(np.int64)) for each in (begin, begin + 1))
    paths = [entry.files[place] for entry, place in files]
    try:
        with_rows = [pa.parquet.ParquetFile(path, pre_buffer=False) for path in paths]
        rows = sum(file.metadata.num_rows for file in with_rows)
        for file in with_rows:
            file.close()
        edges = np.linspace(begin_ns, end_ns, max(1, -(-rows // WINDOW_ROWS)) + 1).astype(np.int64).tolist()
        for low, high in pairwise(edges):
            parts = (
                [_between(path, low, high, columns) for path in paths]
                if len(edges) > 2
                else [_all(path, columns) for path in paths]
            )
            table = pa.concat_tables(parts)
            if len(paths) > 1:
                table = table.take(
                    order.by_time_and_symbol(table)
                    if "ts" in columns and "symbol" in columns
                    else order_of(table, columns)
                )
            if len(table):
                yield table
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{paths[0].parent}: can't be read ({str(error).splitlines()[0]}); import that month again"
        ) from None


def order_of(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """By time where that is read, else as they come."""
    return order.by_time(table) if "ts" in columns else pa.array(np.arange(len(table)))


def _all(path: object, columns: Sequence[str]) -> pa.Table:
    return pa.parquet.ParquetFile(path, pre_buffer=False).read(columns=list(columns), use_threads=False)


def _between(path: object, low_ns: int, high_ns: int, columns: Sequence[str]) -> pa.Table:
    """Rows of ``[low, high)``: only the row groups that may have some are read."""
    wanted = list(dict.fromkeys([*columns, "ts"]))
    with pa.parquet.ParquetFile(path, pre_buffer=False) as file:
        place = file.schema_arrow.names.index("ts")
        groups = []
        for group in range(file.num_row_groups):
            found = file.metadata.row_group(group).column(place).statistics
            if found.max_raw >= low_ns and found.min_raw < high_ns:
                groups.append(group)
        table = file.read_row_groups(groups, columns=wanted, use_threads=False)
    ts = pc.cast(table.column("ts"), pa.int64())
    inside = pc.and_(pc.greater_equal(ts, low_ns), pc.less(ts, high_ns))
    return table.filter(inside).select(list(columns))
