"""Market data from one Parquet or CSV file, streamed and checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow as pa

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import FeedEvent, MarketEvent, Quote, Trade
from holdfast.core.types import DAY_NS, SECOND_NS, iso_time
from holdfast.data.kinds import BARS, QUOTES, TRADES
from holdfast.errors import DataError, InvalidValue
from holdfast.feeds.actions import with_actions
from holdfast.feeds.fingerprint import fingerprint
from holdfast.feeds.jumps import Jump, Jumps
from holdfast.feeds.lengths import Length, bar_lengths
from holdfast.feeds.order import bars_in_order
from holdfast.feeds.rows import Floats, Integers, RowReader, Rows, symbols_in
from holdfast.feeds.tables import FrameTable, Table, kind_of, open_table

Progress = Callable[[int, int | None], None]
"""Is told how many events are done, and of how many, if that is known."""

CANDLES = pa.schema([("symbol", pa.string()), ("ts", pa.int64()), *((name, pa.float64()) for name in BARS.numbers)])
MOST_PARTS = 8
"""So many batches of rows are put together at a time."""
MOST_NAMED = 8
"""How many symbols an error names; a file may hold thousands."""


class FileFeed:
    """The bars, trades or quotes of one file, as its columns say; further columns are not read.

    ``ts`` is a bar's start; the bar is an event at its end, in the order of ends. How long a symbol's bars are is ``bar_ns`` (of
    all, or by symbol), or else told from the times between them (:mod:`holdfast.feeds.lengths`). ``symbols`` leaves out all others.
    ``actions`` gives the splits and dividends of symbols (:mod:`holdfast.feeds.actions`). ``frame`` is data in memory in place of a file;
    ``path`` is then only what it is called; ``table`` are rows that come from elsewhere.
    Rows whose ``ts`` is at or after ``end_ns`` are left out; events before ``start_ns`` are history. All times are UTC nanoseconds.

    Raises :class:`~holdfast.errors.DataError` for a file that isn't market data, or lacks a wanted symbol, and
    :class:`~holdfast.errors.InvalidValue` for settings that can't be meant.
    """

    kind = "file"

    def __init__(
        self,
        path: Path | str,
        *,
        symbols: Sequence[str] | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        bar_ns: int | Mapping[str, int] | None = None,
        actions: Callable[[Sequence[str]], Sequence[CorporateAction]] = lambda _: (),
        frame: pa.Table | None = None,
        table: Table | None = None,
    ) -> None:
        _check_settings(symbols, start_ns, end_ns, bar_ns)
        self._path = Path(path)
        if table is None:
            table = open_table(self._path) if frame is None else FrameTable(self._path, frame)
        self._table = table
        self._layout = kind_of(self._path, self._table.names)
        self._table.check_types(self._layout)
        self._wanted = None if symbols is None else sorted(set(symbols))
        self._end_ns = end_ns
        self._start_ns = start_ns
        self._symbols: Sequence[str] | None = None
        self._check_symbols()
        self.lengths_ns: Mapping[str, int] = {}
        """The length of each symbol's bars; empty for trades and quotes."""
        if self._layout is BARS:
            given = Length(None, bar_ns) if isinstance(bar_ns, Mapping) else Length(bar_ns)
            self.lengths_ns = bar_lengths(self._path, self._rows(None), given)
        self.actions = tuple(actions(self.symbols))
        """Splits and dividends of the symbols, in order of time."""
        self.jumps: tuple[Jump, ...] = ()
        """What looks like a split that is not among them; known once the file was checked."""
        self.days_ns: Integers = np.empty(0, np.int64)
        """When each daily bar begins, each time once; none where any bars are shorter. Known once the file was checked."""
        self.notes: tuple[str, ...] = ()
        """What a person is to know of how the data were read."""

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    @property
    def data(self) -> str:
        """``bars``, ``trades`` or ``quotes``."""
        return self._layout.name

    @property
    def symbols(self) -> Sequence[str]:
        """The wanted symbols, or all there are (which takes reading their column once)."""
        if self._symbols is None:
            self._symbols = symbols_in(self._table)
        return self._symbols

    @property
    def bar_ns(self) -> int | None:
        """The length of the shortest bars; None for trades and quotes."""
        return min(self.lengths_ns.values(), default=None)

    @property
    def trading_from_ns(self) -> int:
        """``start_ns``; without it nothing is history."""
        return 0 if self._start_ns is None else self._start_ns

    @property
    def total(self) -> int | None:
        """The number of rows, where the file says it and none are left out."""
        return self._table.row_count if self._wanted is None and self._end_ns is None else None

    def fingerprint(self) -> str:
        """Of the kind of data, the filter, the bars' length and the first 1,000 events; the path is no part of it.

        A file that grows keeps its fingerprint once it has that many. Raises :class:`~holdfast.errors.DataError`.
        """
        lengths = set(self.lengths_ns.values())
        length = self.bar_ns if len(lengths) < 2 else sorted(self.lengths_ns.items())
        settings: list[object] = [self.kind, self._layout.name, self._wanted, length]
        if self.actions:
            settings.append(self.actions)
        return fingerprint(settings, self._events(None))

    def events(self) -> Iterator[FeedEvent]:
        """Every event in order of time; those of one time in the order of the file.

        Raises :class:`~holdfast.errors.DataError` at the first bad row, after all events before it.
        """
        return with_actions(self._events(self._end_ns), self.actions)

    def closes(self, symbol: str, edges_ns: Integers) -> tuple[Integers, Floats]:
        """The last prices of a symbol (closes of bars, trades, midpoints) between the ``edges_ns``, in order, with the times at which they are known."""
        times, prices = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for rows in self._rows(self._end_ns):
            mine = rows.codes == rows.names.index(symbol) if symbol in rows.names else np.zeros(len(rows.codes), bool)
            known_ns = rows.ts[mine] + self.lengths_ns.get(symbol, 0)
            values = [column[mine] for column in rows.numbers]
            price = (
                values[3]
                if self._layout is BARS
                else values[0]
                if self._layout is TRADES
                else (values[0] + values[2]) / 2
            )
            edge = np.searchsorted(edges_ns, known_ns)
            is_last = np.diff(edge, append=-1) != 0
            times.append(known_ns[is_last])
            prices.append(price[is_last])
        return np.concatenate(times), np.concatenate(prices)

    def candles(self, most: int) -> pa.Table:
        """The prices in coarse bars for a chart: at most about ``most`` of each symbol, each with the start of its first row.

        Quotes have none. Raises :class:`~holdfast.errors.DataError`.
        """
        parts = [CANDLES.empty_table()]
        width_ns = 0
        for rows in self._rows(self._end_ns) if self._layout is not QUOTES else ():
            if not width_ns:
                count = self.total or self.check()
                width_ns = (self.bar_ns or SECOND_NS) * max(1, count // (most * len(self.symbols)))
            values = rows.numbers if self._layout is BARS else [rows.numbers[0]] * 4 + [rows.numbers[1]]
            parts.append(pa.table([pa.array(rows.symbols(), pa.string()), rows.ts, *values], schema=CANDLES))
            if len(parts) > MOST_PARTS:
                parts = [_coarse(parts, width_ns)]
        return _coarse(parts, width_ns or 1)

    def check(self, progress: Progress | None = None) -> int:
        """Reads the whole file and returns how many events it has. Raises what `events` would."""
        count = 0
        jumps = Jumps(self.actions)
        days = [self.days_ns[:0]]
        for rows in self._rows(self._end_ns):
            count += len(rows.ts)
            if self.bar_ns == DAY_NS:
                days.append(np.unique(rows.ts))
            if rows.error:
                raise rows.error
            if self._layout is BARS and len(rows.ts):
                jumps.look(rows)
            if progress:
                progress(count, self.total)
        self.jumps = tuple(jumps.found)
        self.days_ns = np.unique(np.concatenate(days))
        return count

    def first_bars(self, count: int) -> tuple[Integers, Integers]:
        """When the first ``count`` bars or somewhat more begin and end; none for trades and quotes, and before a row that can't be read."""
        times, ends, have = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)], 0
        for rows in self._rows(self._end_ns) if self._layout is BARS else ():
            lengths = np.array([self.lengths_ns.get(name, 0) for name in rows.names], dtype=np.int64)
            times.append(rows.ts)
            ends.append(rows.ts + lengths[rows.codes])
            have += len(rows.ts)
            if have >= count:
                break
        return np.concatenate(times), np.concatenate(ends)

    def _events(self, end_ns: int | None) -> Iterator[MarketEvent]:
        if self._layout is BARS:
            yield from bars_in_order(self._rows(end_ns), self.lengths_ns)
            return
        for rows in self._rows(end_ns):
            kind = Trade if self._layout is TRADES else Quote
            yield from map(kind, rows.symbols(), rows.ts.tolist(), *(column.tolist() for column in rows.numbers))
            if rows.error:
                raise rows.error

    def _rows(self, end_ns: int | None) -> Iterator[Rows]:
        return RowReader(self._path, self._table, self._layout, self._wanted, end_ns).read()

    def _check_symbols(self) -> None:
        if self._wanted is None:
            if not any(len(batch) for batch in self._table.batches(["symbol"])):
                raise DataError(f"{self._path}: has no rows; there is nothing to trade on")
            return
        there = symbols_in(self._table, self._wanted)
        missing = [symbol for symbol in self._wanted if symbol not in there]
        if missing:
            raise DataError(f"{self._path}: no rows for {', '.join(missing)}; it has {_nearest(missing[0], there)}")
        self._symbols = self._wanted


def _coarse(parts: Sequence[pa.Table], width_ns: int) -> pa.Table:
    """Rows of the same stretch of time as one, symbol by symbol, in order of time."""
    whole = pa.concat_tables(parts)
    stretch = pa.array(whole["ts"].to_numpy() // width_ns)
    sums = [("ts", "min"), ("open", "first"), ("high", "max"), ("low", "min"), ("close", "last"), ("volume", "sum")]
    grouped = whole.append_column("stretch", stretch).group_by(["symbol", "stretch"], use_threads=False).aggregate(sums)
    named = grouped.select(["symbol", *("_".join(one) for one in sums)]).rename_columns(CANDLES.names)
    return named.cast(CANDLES).sort_by([("ts", "ascending"), ("symbol", "ascending")])


def _check_settings(
    symbols: Sequence[str] | None, start_ns: int | None, end_ns: int | None, bar_ns: int | Mapping[str, int] | None
) -> None:
    if symbols is not None and not symbols:
        raise InvalidValue("symbols is an empty list; name at least one, or leave it out for all of the file")
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise InvalidValue(f"the start ({iso_time(start_ns)}) must be before the end ({iso_time(end_ns)})")
    for length_ns in bar_ns.values() if isinstance(bar_ns, Mapping) else () if bar_ns is None else (bar_ns,):
        if length_ns <= 0:
            raise InvalidValue(f"bar_ns must be above zero, not {length_ns}")


def _nearest(symbol: str, there: Sequence[str]) -> str:
    """Some of the symbols there are, those most like ``symbol`` first."""
    near = get_close_matches(symbol.upper(), there, n=MOST_NAMED, cutoff=0.5)
    named = [*near, *(other for other in there if other not in near)][:MOST_NAMED]
    rest = len(there) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")
