"""What the tests of data share: rows of a table as plain values, and files that are written as other programs write them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from holdfast.data.kinds import BARS

Rows = list[tuple[object, ...]]


def rows_of(table: pa.Table) -> Rows:
    """Symbol, nanoseconds and numbers of each row."""
    ns = table.column("ts").cast("int64").to_pylist()
    others = [table.column(name).to_pylist() for name in table.column_names[2:]]
    return list(zip(table.column("symbol").to_pylist(), ns, *others, strict=True))


def expected(symbol: object, ts: object, frame: pd.DataFrame, names: str = "open high low close volume") -> Rows:
    """What a frame that was read by hand says; ``ts`` are its times with a zone."""
    ns = pd.DatetimeIndex(ts).tz_convert("UTC").as_unit("ns").asi8.tolist()
    symbols = [symbol] * len(ns) if isinstance(symbol, str) else list(symbol)  # type: ignore[call-overload]
    columns = [[float(value) for value in frame[name]] for name in names.split()]
    return sorted(zip(symbols, ns, *columns, strict=True), key=lambda row: (row[1], row[0]))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a text to a file of this name."""

    def to(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return to


assert BARS.columns[2:] == ["open", "high", "low", "close", "volume"]
