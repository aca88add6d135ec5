"""What the feeds' tests share: a small calendar, and market data files from rows of text."""

import datetime as dt
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS

BAR_COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
Row = Sequence[object]
WriteRows = Callable[..., Path]


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    """Every weekday of January to March 2024, 09:30 to 16:00 in New York's winter; the third day ends at 13:00."""
    dates = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(91)]
    weekdays = [date for date in dates if date.weekday() < 5]
    days = []
    for place, date in enumerate(weekdays):
        midnight = date.toordinal() - dt.date(1970, 1, 1).toordinal()
        start_ns = midnight * DAY_NS + 5 * HOUR_NS
        open_ns = start_ns + 9 * HOUR_NS + 30 * MINUTE_NS
        hours_ns = 210 * MINUTE_NS if place == 2 else 390 * MINUTE_NS
        days.append(TradingDay(date=date.isoformat(), start_ns=start_ns, open_ns=open_ns, close_ns=open_ns + hours_ns))
    return TradingCalendar("weekdays", days)


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
