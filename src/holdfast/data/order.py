"""Converted rows brought in order: sorted, each once, stamped at the bar's start."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.core.types import DAY_NS, HOUR_NS, iso_time
from holdfast.data.convert import MOST_NAMED, ROW, Tally
from holdfast.data.kinds import BARS, Kind
from holdfast.data.times import Integers
from holdfast.errors import DataError

NIGHT_NS = 12 * HOUR_NS


def in_order(table: pa.Table, kind: Kind, tally: Tally, source: str) -> pa.Table:
    """The rows of one source sorted by time and symbol, without `ROW`; of equal bars one is kept.

    Rows of equal times keep their order. Raises :class:`~holdfast.errors.DataError` for two bars of one time that differ, and for
    times that the clocks showed twice where the order of rows doesn't tell which is meant.
    """
    codes, ts, row = _codes(table), _ns(table), table.column(ROW).to_numpy()
    back = np.diff(ts) < 0
    tally.newest_first = bool(len(ts) > 1 and back.any() and not (np.diff(ts) > 0).any())
    tally.out_of_order = 0 if tally.newest_first else _unsorted(codes, ts)
    if tally.newest_first:
        turned = np.arange(len(ts))[::-1]
        table, codes, ts, row = table.take(pa.array(turned)), codes[turned], ts[turned], row[turned]
    if tally.later_ns:
        ts = _told_apart(codes, ts, row, tally, source)
        table = table.set_column(1, "ts", pa.array(ts, pa.timestamp("ns", "UTC")))
    if (np.diff(ts) < 0).any() or (kind is BARS and _by_symbol_within_time(codes, ts)):
        order = np.lexsort((codes, ts)) if kind is BARS else np.argsort(ts, kind="stable")
        table = table.take(pa.array(order))
    if kind is BARS:
        table = once(table, tally, source)
    tally.kept = len(table)
    return table.drop_columns([ROW])


def _codes(table: pa.Table) -> Integers:
    """The place of each row's symbol among the symbols, sorted by name."""
    encoded = pc.dictionary_encode(table.column("symbol")).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pc.dictionary_encode(pa.concat_arrays(table.column("symbol").chunks))
    names = encoded.dictionary.to_pylist()
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
    codes: Integers = rank[encoded.indices.to_numpy(zero_copy_only=False)]
    return codes


def _ns(table: pa.Table) -> Integers:
    values: Integers = pc.cast(table.column("ts"), pa.int64()).to_numpy()
    return values


def _unsorted(codes: Integers, ts: Integers) -> int:
    """How many rows come before one that is above them, symbol by symbol: a file may hold one symbol after another."""
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    return int((same & (np.diff(ts[order]) < 0)).sum())


def _by_symbol_within_time(codes: Integers, ts: Integers) -> bool:
    return bool(((np.diff(ts) == 0) & (np.diff(codes) < 0)).any())


def _told_apart(codes: Integers, ts: Integers, row: Integers, tally: Tally, source: str) -> Integers:
    """Times that the clocks showed twice: the rows after a step back are the second hour."""
    ts = ts.copy()
    twice = np.isin(row, np.fromiter(tally.later_ns, np.int64))
    for code in np.unique(codes[twice]):
        places = np.flatnonzero(twice & (codes == code))
        for group in np.split(places, np.flatnonzero(np.diff(ts[places]) > DAY_NS) + 1):
            steps = np.flatnonzero(np.diff(ts[group]) <= 0) + 1
            if len(steps) != 1:
                raise DataError(
                    f"{source}: row {row[group[0]]}: the clocks of its zone showed this hour twice, and the rows don't tell which is "
                    f"meant ({iso_time(int(ts[group[0]]))} or {iso_time(tally.later_ns[int(row[group[0]])])}); give times with an offset, or in UTC"
                )
            for place in group[steps[0] :].tolist():
                ts[place] = tally.later_ns[int(row[place])]
    return ts


def once(table: pa.Table, tally: Tally, source: str) -> pa.Table:
    """Sorted bars, each time of a symbol once."""
    codes, ts = _codes(table), _ns(table)
    same = np.append(False, (np.diff(ts) == 0) & (np.diff(codes) == 0))
    if not same.any():
        return table
    places = np.flatnonzero(same)
    row = table.column(ROW).to_numpy()
    values = np.array([table.column(name).to_numpy() for name in BARS.numbers])
    differ = (values[:, places] != values[:, places - 1]).any(axis=0)
    if differ.any():
        place = int(places[int(np.argmax(differ))])
        first, second = sorted((int(row[place - 1]), int(row[place])))
        raise DataError(
            f"{source}: rows {first} and {second} ({table.column('symbol')[place].as_py()}): two bars at "
            f"{iso_time(int(ts[place]))} that differ; remove one of the two"
        )
    tally.repeated += len(places)
    tally.repeated_rows += row[places][: MOST_NAMED - len(tally.repeated_rows)].tolist()
    return table.filter(pa.array(~same))


def lengths_of(table: pa.Table) -> dict[str, int | None]:
    """How far the bars of each symbol are apart: the most common time between two, the shortest of those that are equally common."""
    codes, ts = _codes(table), _ns(table)
    names = sorted(name for name in pc.unique(table.column("symbol")).to_pylist() if name is not None)
    order = np.argsort(codes, kind="stable")
    codes, ts = codes[order], ts[order]
    found: dict[str, int | None] = {}
    for code, name in enumerate(names):
        begin, end = np.searchsorted(codes, [code, code + 1])
        found[name] = most_common_ns(np.diff(ts[begin:end]))
    return found


def most_common_ns(gaps: Integers) -> int | None:
    """Nights left out; whole days where a clock change makes the difference."""
    gaps = gaps[gaps > 0]
    days = (gaps + HOUR_NS) // DAY_NS * DAY_NS
    gaps = np.where((days > 0) & (np.abs(gaps - days) <= HOUR_NS), days, gaps)
    gaps = gaps[(gaps < NIGHT_NS) | (gaps % DAY_NS == 0)]
    if not len(gaps):
        return None
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[int(np.argmax(counts))])


def at_start(table: pa.Table, lengths_ns: Mapping[str, int]) -> pa.Table:
    """Bars stamped at their end, stamped at their start."""
    names = pc.dictionary_encode(table.column("symbol")).combine_chunks()
    chunks = names.chunks if isinstance(names, pa.ChunkedArray) else [names]
    shift = np.concatenate(
        [
            np.array([lengths_ns[name] for name in each.dictionary.to_pylist()], np.int64)[each.indices.to_numpy()]
            for each in chunks
        ]
    )
    moved = pa.array(_ns(table) - shift, pa.timestamp("ns", "UTC"))
    table = table.set_column(1, "ts", moved)
    return table.take(pa.array(np.lexsort((_codes(table), _ns(table)))))


def by_time(table: pa.Table) -> pa.Array:
    """The places of rows in order of time; those of one time stay in order."""
    return pa.array(np.argsort(_ns(table), kind="stable"))


def by_time_and_symbol(table: pa.Table) -> pa.Array:
    """The places of rows in order of time, those of one time in order of their symbols."""
    return pa.array(np.lexsort((_codes(table), _ns(table))))


def once_of_many(table: pa.Table) -> tuple[pa.Table, int]:
    """Sorted bars of several sources, each once, and how many were there again.

    Raises :class:`~holdfast.errors.DataError` for two of one time that differ.
    """
    codes, ts = _codes(table), _ns(table)
    same = np.append(False, (np.diff(ts) == 0) & (np.diff(codes) == 0))
    places = np.flatnonzero(same)
    if not len(places):
        return table, 0
    values = np.array([table.column(name).to_numpy() for name in BARS.numbers])
    differ = (values[:, places] != values[:, places - 1]).any(axis=0)
    if differ.any():
        place = int(places[int(np.argmax(differ))])
        symbol = table.column("symbol")[place].as_py()
        one, other = (", ".join(f"{value:.15g}" for value in values[:, each]) for each in (place - 1, place))
        raise DataError(
            f"{symbol}: two files have bars at {iso_time(int(ts[place]))} that differ ({one}; {other}); leave one of the files out"
        )
    return table.filter(pa.array(~same)), len(places)


def check_apart(tables: Sequence[pa.Table]) -> None:
    """Refuse trades or quotes of a symbol in two tables that overlap in time."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for table in tables:
        codes, ts = _codes(table), _ns(table)
        for code, name in enumerate(sorted(pc.unique(table.column("symbol")).to_pylist())):
            mine = ts[codes == code]
            spans.setdefault(name, []).append((int(mine[0]), int(mine[-1])))
    for name, found in spans.items():
        for (_, end), (begin, _) in pairwise(sorted(found)):
            if begin <= end:
                raise DataError(
                    f"{name}: two files have rows of the same time ({iso_time(begin)}); which are the same can't be told: leave one of the files out"
                )
