"""Bars to a file, as a stream: a synthetic market for those who have no data, and the data of tests and benches."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import Bar, MarketEvent
from holdfast.errors import DataError, InvalidValue
from holdfast.feeds.port import Feed

CHUNK_ROWS = 65_536
SCHEMA = pa.schema(
    [("symbol", pa.string()), ("ts", pa.timestamp("ns", "UTC"))]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")]
)


def write_bars(feed: Feed, path: Path, limit: int | None = None) -> int:
    """Writes the first ``limit`` bars of ``feed`` (all without it) to ``path`` and returns how many there were.

    The ending decides: ``.parquet``, ``.csv`` or ``.csv.gz``. The file appears when it is complete; one that is there
    already is replaced then. Raises :class:`~holdfast.errors.InvalidValue` for another ending or a feed without bars, and
    :class:`~holdfast.errors.DataError` when the file can't be written.
    """
    if feed.bar_ns is None:
        raise InvalidValue(f"{feed.name} carries no bars; there is nothing to write")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with _writer(unfinished, path.name) as writer:
            count = _write(writer, islice(_market(feed), limit))
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error}); nothing is left of it") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _writer(unfinished: Path, name: str) -> Any:
    if name.endswith(".parquet"):
        return pa.parquet.ParquetWriter(unfinished, SCHEMA, compression="zstd")
    if name.endswith((".csv", ".csv.gz")):
        stream = pa.output_stream(unfinished, compression="gzip" if name.endswith(".gz") else None)
        return pa.csv.CSVWriter(stream, SCHEMA)
    raise InvalidValue(f"{name}: bars are written to .parquet, .csv or .csv.gz files")


def _write(writer: Any, events: Iterator[MarketEvent]) -> int:
    count = 0
    while chunk := list(islice(events, CHUNK_ROWS)):
        writer.write_table(_table(chunk))
        count += len(chunk)
    return count


def _table(events: Iterable[MarketEvent]) -> pa.Table:
    rows = [
        (bar.symbol, bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in events
        if isinstance(bar, Bar)
    ]
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True))
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def _market(feed: Feed) -> Iterator[MarketEvent]:
    """A feed's events without what is no market's."""
    return (event for event in feed.events() if not isinstance(event, CorporateAction))
