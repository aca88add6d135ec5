"""What the feeds' tests share: market data files from rows of text."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

BAR_COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
Row = Sequence[object]
WriteRows = Callable[..., Path]


@pytest.fixture
def write_rows(tmp_path: Path) -> WriteRows:
    """Writes rows (``ts`` as ISO text) to a file of the wanted ending and returns its path."""

    def write(rows: Sequence[Row], ending: str = ".parquet", columns: Sequence[str] = BAR_COLUMNS) -> Path:
        path = tmp_path / f"market{ending}"
        if ending == ".parquet":
            pa.parquet.write_table(_table(rows, columns), path)
            return path
        lines = [",".join(columns), *(",".join("" if value is None else str(value) for value in row) for row in rows)]
        text = "\n".join(lines).encode() + b"\n"
        path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)
        return path

    return write


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pa.Table:
    by_name = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    arrays = {name: pa.array(values) for name, values in by_name.items()}
    if "ts" in arrays:
        arrays["ts"] = arrays["ts"].cast(pa.timestamp("ns", "UTC"))
    return pa.table(arrays)
