"""Bars as they stand in a catalogue or in files, so that they can be looked at: nothing is refused, and nothing is left out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.data import order
from holdfast.data.catalogue import Catalogue, Entry, read_month
from holdfast.data.convert import Converter, Rows
from holdfast.data.kinds import BARS, TRADES
from holdfast.data.layout import Options
from holdfast.data.quality import Series
from holdfast.data.read import Opened, accepted, open_files, starts
from holdfast.data.zones import zone_of_calendar
from holdfast.errors import DataError, InvalidValue

Found = tuple[Series, str]
"""Bars of a symbol, and the zone that they were read in."""


MOST_NAMED = 10


class _Lenient(Converter):
    """Takes prices that can't be: to name them is what they are read for."""

    def _check(self, rows: Rows) -> None:
        pass


def bars_at(path: Path, given: Options, calendar: str | None) -> Iterator[Found]:
    """All bars of a catalogue, a file or a folder of files, symbol by symbol.

    Raises :class:`~holdfast.errors.DataError` for what can't be read, and :class:`~holdfast.errors.InvalidValue` where nobody can know how.
    """
    entries = Catalogue(path).entries() if path.is_dir() else []
    if entries:
        bars = [entry for entry in entries if entry.kind == BARS.name and given.symbol in (None, entry.symbol)]
        if not bars:
            what = f"bars of {given.symbol}" if given.symbol else "bars; trades and quotes are not looked at"
            raise DataError(f"{path}: has no {what}")
        return ((series_of(entry), entry.zone) for entry in bars)
    opened = open_files([path], msgspec.structs.replace(given, symbol=None), calendar)
    if any("symbol" not in each.guess.layout.columns and not each.guess.layout.wide for each in opened):
        return _of_files(accepted(open_files([path], given, calendar)), path, None)
    return _of_files(accepted(opened), path, given.symbol)


def series_of(entry: Entry) -> Series:
    """The bars of a catalogue's entry. Raises :class:`~holdfast.errors.DataError` for a file that can't be read."""
    return _series(entry.symbol, pa.concat_tables([read_month(path)[0] for path in entry.files]), _length(entry.length))


def _length(name: str) -> int:
    try:
        return parse_timeframe(name)
    except InvalidValue:  # such as 3Day: prices can be looked at, sessions can't
        number, _, unit = name.partition("Day")
        return int(number) * 86_400_000_000_000 if number.isdigit() and not unit else 1_000_000_000


def _of_files(opened: Sequence[Opened], path: Path, only: str | None) -> Iterator[Found]:
    """Of the symbol ``only``, where one was named of several."""
    if any(each.guess.layout.of_kind is not BARS for each in opened):
        raise DataError(f"{path}: has trades or quotes; bars are looked at")
    zone = opened[0].guess.layout.timezone or (
        f"days of {opened[0].guess.calendar}" if opened[0].guess.calendar else ""
    )
    table = pa.concat_tables(_read(each) for each in opened)
    lengths = order.lengths_of(table)
    names = sorted(pc.unique(table.column("symbol")).to_pylist())
    if only is not None and only not in names:
        raise DataError(f"{path}: has no bars of {only}; it has {', '.join(names[:MOST_NAMED])}")
    for symbol in names if only is None else [only]:
        rows = table.filter(pc.equal(table.column("symbol"), symbol))
        yield _series(symbol, rows, lengths[symbol] or 0), zone


def _read(each: Opened) -> pa.Table:
    layout, name = each.guess.layout, each.part.name
    zone = zone_of_calendar(each.guess.calendar) if each.guess.calendar else None
    converter = _Lenient(name, layout, zone, unit_is_guess=True)
    tables: Iterable[pa.Table] = [converter.convert(batch) for batch in each.part.batches(layout)]
    if not tables:
        raise DataError(f"{name}: has no rows")
    # in order as trades are: bars of one time are kept, for they are to be told
    return starts(order.in_order(pa.concat_tables(tables), TRADES, converter.tally, name), layout, name)


def _series(symbol: str, table: pa.Table, length_ns: int) -> Series:
    table = table.take(order.by_time(table))
    ts = pc.cast(table.column("ts"), pa.int64()).to_numpy()
    return Series(symbol, length_ns, ts, *(np.asarray(table.column(name).to_numpy()) for name in BARS.numbers))
