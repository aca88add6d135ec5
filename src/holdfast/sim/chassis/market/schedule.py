"""What happens when: the events of all symbols in one order, and the hours at which sessions begin and end."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from holdfast.core.messages import MarketEvent
from holdfast.core.session.calendar import TradingDay
from holdfast.sim.chassis.market.columns import Bars, Columns, Integers, Quotes, Trades
from holdfast.sim.chassis.market.derive import SymbolData
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.store import Store, bar_events, quote_events, trade_events

CHUNK_ROWS = 4_096
"""Rows of a table that are turned into events at a time: flat memory, and little work for each event."""


class Happening(NamedTuple):
    """An event of the schedule; ``is_met`` when accounts meet it, else it is only told."""

    event: MarketEvent
    is_met: bool


class Boundary(NamedTuple):
    """A session begins or ends."""

    time_ns: int
    is_opening: bool


def happenings(store: Store, after_ns: int) -> Iterator[Happening]:
    """Every event later than ``after_ns``, in order of time; at one time bars, then trades, then quotes, by symbol."""
    cursor = _Cursor(store, after_ns)
    while True:
        yield from cursor.chunk()
        if cursor.is_done() and not store.grow():
            return


class _Cursor:
    """How far each table has been read."""

    def __init__(self, store: Store, after_ns: int) -> None:
        self._store = store
        self._places = {
            (symbol, kind): int(np.searchsorted(table.known, after_ns, side="right"))
            for symbol, data in store.data.items()
            for kind, table in enumerate(_tables(data))
        }

    def is_done(self) -> bool:
        return all(
            self._places[symbol, kind] == len(table)
            for symbol, data in self._store.data.items()
            for kind, table in enumerate(_tables(data))
        )

    def chunk(self) -> Iterator[Happening]:
        """The events of the next stretch of time: as long as no table has more than `CHUNK_ROWS` in it."""
        tables = [
            (symbol, *each)
            for symbol in sorted(self._store.data)
            for each in enumerate(_tables(self._store.data[symbol]))
        ]
        ends = [
            int(table.known[self._places[symbol, kind] + CHUNK_ROWS])
            for symbol, kind, table in tables
            if len(table) > self._places[symbol, kind] + CHUNK_ROWS
        ]
        end_ns = min(ends, default=np.iinfo(np.int64).max)
        found: list[Happening] = []
        times: list[Integers] = []
        for symbol, kind, table in sorted(tables, key=lambda one: one[1]):
            first = self._places[symbol, kind]
            last = int(np.searchsorted(table.known, end_ns, side="right"))
            self._places[symbol, kind] = last
            if last > first:
                rows = table.pick(slice(first, last))
                times.append(rows.known)
                found += _events(symbol, rows)
        if found:
            yield from map(found.__getitem__, np.argsort(np.concatenate(times), kind="stable").tolist())


def _tables(data: SymbolData) -> tuple[Columns, Columns, Columns]:
    return data.played, data.trades, data.quotes


def _events(symbol: str, rows: Columns) -> Iterator[Happening]:
    if isinstance(rows, Bars):
        return map(Happening, bar_events(symbol, rows), rows.is_met.tolist())
    if isinstance(rows, Trades):
        return map(Happening, trade_events(symbol, rows), rows.is_met.tolist())
    if isinstance(rows, Quotes):
        return map(Happening, quote_events(symbol, rows), repeat(True))
    raise TypeError(rows)


def boundaries(place: Marketplace, after_ns: int) -> Iterator[Boundary]:
    """Every begin and end of a session, regular or extended, later than ``after_ns``."""
    days = place.calendar.days
    first = max(bisect_left(days, after_ns, key=lambda day: day.start_ns) - 1, 0)
    for day in days[first:]:
        yield from (one for one in _of_day(day, place) if one.time_ns > after_ns)


def _of_day(day: TradingDay, place: Marketplace) -> Sequence[Boundary]:
    times = {day.open_ns - place.before_open_ns: True, day.open_ns: True, day.close_ns: False}
    times[day.close_ns + place.after_close_ns] = False
    return [Boundary(time_ns, is_opening) for time_ns, is_opening in sorted(times.items())]
