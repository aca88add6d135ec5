"""Batches of a market data file as checked, plain arrays.

Everything is checked a batch at a time. Of the first bad row the error says what it is; the good rows before it are handed on,
so that what was traded on them stays as it was.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.core.types import iso_time
from holdfast.data.kinds import BARS, Kind
from holdfast.errors import DataError
from holdfast.feeds.tables import Table

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
_UTC_NS = pa.timestamp("ns", "UTC")
_LONG_AGO = np.iinfo(np.int64).min
_NO_GAPS = np.empty(0, dtype=np.int64)
_MEND = "correct or remove the row"
_Finding = tuple[int, str] | None
"""The place of a bad row in its batch, and what is wrong with it."""


class Rows(msgspec.Struct):
    """Rows in order of time. ``codes`` are places in ``names``; ``ts`` is UTC nanoseconds; ``numbers`` go by the layout.

    ``gaps`` (bars only) is the time since the symbol's last bar, -1 at its first. ``error`` is what is wrong with the row
    after the last one.
    """

    names: list[str]
    codes: Integers
    ts: Integers
    numbers: list[Floats]
    gaps: Integers
    error: DataError | None

    def first(self, count: int, error: DataError | None) -> "Rows":
        """So many of them."""
        numbers = [column[:count] for column in self.numbers]
        return Rows(self.names, self.codes[:count], self.ts[:count], numbers, self.gaps[:count], error)

    def symbols(self) -> list[str]:
        """The symbol of each row."""
        symbols: list[str] = np.array(self.names, dtype=object)[self.codes].tolist()
        return symbols


class _Batch:
    """One batch on its way to `Rows`: cut at each bad row found, so that a later finding is always an earlier row."""

    def __init__(self, path: Path, batch: pa.RecordBatch, row_numbers: Integers) -> None:
        self._path = path
        self.data = batch
        self.row_numbers = row_numbers
        self.error: DataError | None = None
        self.is_last = False

    def cut(self, index: int, what: str) -> None:
        symbol = self.data.column("symbol")[index].as_py()
        who = f" ({symbol})" if symbol else ""
        error = DataError(f"{self._path}: row {self.row_numbers[index]}{who}: {what}")
        self.end(index)
        self.error = error

    def end(self, index: int) -> None:
        """Nothing from ``index`` on is wanted, good or bad."""
        self.data = self.data.slice(0, index)
        self.row_numbers = self.row_numbers[:index]
        self.error = None
        self.is_last = True

    def keep(self, mask: NDArray[np.bool_]) -> None:
        if not mask.all():
            self.data = self.data.filter(pa.array(mask))
            self.row_numbers = self.row_numbers[mask]


class RowReader:
    """Reads one table from start to end, once, keeping what checks need to know of the rows before."""

    def __init__(
        self, path: Path, table: Table, layout: Kind, wanted: Collection[str] | None, end_ns: int | None
    ) -> None:
        self._path = path
        self._table = table
        self._layout = layout
        self._wanted = wanted
        self._end_ns = end_ns
        self._names: list[str] = []
        self._code_of: dict[str, int] = {}
        self._last_ts = _LONG_AGO
        self._last_bar_ts = np.empty(0, dtype=np.int64)  # by code

    def read(self) -> Iterator[Rows]:
        """The wanted rows before the end, batch by batch; the last batch says which row is bad, if one is.

        Raises :class:`~holdfast.errors.DataError` where the table does: for what can't be read at all.
        """
        first_row = 1
        for data in self._table.batches(self._layout.columns):
            row_numbers = np.arange(first_row, first_row + len(data))
            first_row += len(data)
            batch = _Batch(self._path, data, row_numbers)
            yield self._rows(batch)
            if batch.is_last:
                return

    def _rows(self, batch: _Batch) -> Rows:
        codes = self._codes(batch)
        if self._wanted is not None:
            mask = np.array([name in self._wanted for name in self._names], dtype=bool)[codes]
            batch.keep(mask)
            codes = codes[mask]
        ts = _times(batch)
        if self._end_ns is not None and len(ts) and ts.max() >= self._end_ns:
            batch.end(int(np.argmax(ts >= self._end_ns)))
        columns = [self._number(batch, name) for name in self._layout.numbers]
        rows = Rows(self._names, codes, ts, columns, _NO_GAPS, None).first(len(batch.data), batch.error)
        return self._checked(batch, rows)

    def _codes(self, batch: _Batch) -> Integers:
        column = batch.data.column("symbol")
        local = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
        code_of_local = [self._code(name) for name in local.dictionary.to_pylist()]
        codes: Integers = np.array([*code_of_local, -1], dtype=np.int64)[pc.fill_null(local.indices, -1).to_numpy()]
        if len(codes) and codes.min() < 0:
            batch.cut(int(np.argmax(codes < 0)), "symbol is missing; every row needs one: correct or remove the row")
        return codes[: len(batch.data)]

    def _code(self, name: str | None) -> int:
        """Its place among the names, -1 for none."""
        if not name:
            return -1
        code = self._code_of.setdefault(name, len(self._names))
        if code == len(self._names):
            self._names.append(name)
        return code

    def _number(self, batch: _Batch, name: str) -> Floats:
        values = _cast(batch, name, pa.float64(), lambda text: f"{name} is {text!r}, which is not a number; {_MEND}")
        column: Floats = values.to_numpy(zero_copy_only=False)  # what is missing comes out as NaN
        positive = name in self._layout.above_zero
        if not len(column):
            return column
        lowest = column.min()  # NaN if any is
        if (lowest > 0 or (lowest == 0 and not positive)) and column.max() < np.inf:
            return column
        good = (column > 0 if positive else column >= 0) & (column < np.inf)
        index = int(np.argmin(good))
        rule = "above zero" if positive else "zero or above"
        batch.cut(index, f"{name} is {column[index]:.15g}; it must be a finite number {rule}: {_MEND}")
        return column

    def _checked(self, batch: _Batch, rows: Rows) -> Rows:
        """The rows up to the first that contradicts itself or those before it."""
        found = [self._find_unsorted(rows.ts)]
        if self._layout is BARS:
            rows.gaps = self._gaps(rows)
            found += [_find_high_below_low(rows), _find_duplicate(rows)]
        first = min((finding for finding in found if finding), default=None)
        if first:
            batch.cut(*first)
            rows = rows.first(first[0], batch.error)
        if len(rows.ts):
            self._last_ts = int(rows.ts[-1])
        return rows

    def _find_unsorted(self, ts: Integers) -> _Finding:
        back = np.diff(ts, prepend=max(self._last_ts, ts[0] - 1) if len(ts) else 0) < 0
        if not back.any():
            return None
        index = int(np.argmax(back))
        last = self._last_ts if index == 0 else int(ts[index - 1])
        return index, (
            f"ts {iso_time(int(ts[index]))} is before that of the row above it, {iso_time(last)}; "
            "sort the file by ts, all symbols together"
        )

    def _gaps(self, rows: Rows) -> Integers:
        """Symbol by symbol, also across batches."""
        unseen = len(self._names) - len(self._last_bar_ts)
        self._last_bar_ts = np.append(self._last_bar_ts, np.full(unseen, _LONG_AGO))
        order = np.argsort(rows.codes, kind="stable")
        codes, ts = rows.codes[order], rows.ts[order]
        is_first = np.diff(codes, prepend=-1) != 0
        before = np.append(ts[:1], ts[:-1])
        before[is_first] = self._last_bar_ts[codes[is_first]]
        is_last = np.diff(codes, append=-1) != 0
        self._last_bar_ts[codes[is_last]] = ts[is_last]
        gaps: Integers = np.empty_like(ts)
        gaps[order] = np.where(before == _LONG_AGO, -1, ts - before)
        return gaps


def _find_high_below_low(rows: Rows) -> _Finding:
    high, low = rows.numbers[1], rows.numbers[2]
    bad = high < low
    if not bad.any():
        return None
    index = int(np.argmax(bad))
    return index, f"high {high[index]:.15g} is below low {low[index]:.15g}; {_MEND}"


def _find_duplicate(rows: Rows) -> _Finding:
    same = rows.gaps == 0
    if not same.any():
        return None
    index = int(np.argmax(same))
    return index, f"a second bar at ts {iso_time(int(rows.ts[index]))}; remove one of the two"


def _times(batch: _Batch) -> Integers:
    column = batch.data.column("ts")
    if column.null_count:
        batch.cut(pc.index(column.is_null(), True).as_py(), f"ts is missing; {_MEND}")
    times: Integers = _cast(batch, "ts", _UTC_NS, _what_is_wrong_with_time).cast(pa.int64()).to_numpy()
    return times


def _what_is_wrong_with_time(text: str) -> str:
    value = pa.array([text])
    if _fits(value, pa.timestamp("us", "UTC")):
        return f"ts {text} is outside of 1678 to 2261, which is what fits nanoseconds; {_MEND}"
    fault = "has no time zone" if _fits(value, pa.timestamp("ns")) else "is not an ISO 8601 time"
    return f"ts {text!r} {fault}; write it like 2024-01-02T14:30:00Z or 2024-01-02T09:30:00-05:00"


def _cast(batch: _Batch, name: str, kind: pa.DataType, explain: Callable[[str], str]) -> pa.Array:
    """A column as another type; the batch is cut at the first value that does not fit."""
    column = batch.data.column(name)
    if not _fits(column, kind):
        index = _first_unfit(column, kind)
        batch.cut(index, explain(pc.cast(column.slice(index, 1), pa.string())[0].as_py()))
        column = batch.data.column(name)
    return _convert(column, kind)


def _convert(column: pa.Array, kind: pa.DataType) -> pa.Array:
    # Whole numbers of more than 53 bits are rounded; nobody measures a volume that closely.
    return column if column.type == kind else pc.cast(column, kind, safe=not pa.types.is_integer(column.type))


def _fits(column: pa.Array, kind: pa.DataType) -> bool:
    try:
        _convert(column, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _first_unfit(column: pa.Array, kind: pa.DataType) -> int:
    """By halving: the rows before ``good`` fit, one up to ``bad`` does not."""
    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _fits(column.slice(good, middle - good), kind):
            good = middle
        else:
            bad = middle
    return good


def symbols_in(table: Table, wanted: Sequence[str] | None = None) -> list[str]:
    """Every symbol of the table, sorted; ends early once all ``wanted`` ones were seen."""
    found: set[str] = set()
    for batch in table.batches(["symbol"]):
        found.update(name for name in pc.unique(batch.column("symbol")).to_pylist() if name)
        if wanted is not None and found.issuperset(wanted):
            break
    return sorted(found)
