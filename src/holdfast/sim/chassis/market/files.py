"""Market data files, read and checked as any feed reads them, as columns by symbol."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from holdfast.core.types import DAY_NS, MINUTE_NS
from holdfast.data.kinds import BARS, TRADES, Kind
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed
from holdfast.feeds.rows import RowReader, Rows
from holdfast.feeds.tables import kind_of, open_table
from holdfast.sim.chassis.market.columns import Bars, Floats, Integers, Quotes, Trades, no_quotes, no_trades
from holdfast.sim.chassis.market.derive import SymbolData, complete, trades_of
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.timeframe import Sessions, midnights, to_local

ENDINGS = (".parquet", ".csv", ".csv.gz")


class _Parts:
    """What was read of one symbol so far."""

    def __init__(self) -> None:
        self.layers: dict[int, list[Bars]] = {}
        self.trades: list[Trades] = []
        self.quotes: list[Quotes] = []


class FileSource:
    """Files, or folders of them. Files in a folder that are no market data are left out and named in ``skipped``.

    Raises :class:`~holdfast.errors.DataError` for what can't be used; nothing is served half.
    """

    def __init__(self, paths: Sequence[Path], place: Marketplace) -> None:
        self._paths = paths
        self._place = place
        self._sessions = Sessions(place.calendar)
        self.skipped: list[str] = []

    @property
    def name(self) -> str:
        """The paths as they were given."""
        return ", ".join(map(str, self._paths))

    def load(self) -> Sequence[SymbolData]:
        """All rows of all files."""
        parts: dict[str, _Parts] = {}
        for path in self._files():
            self._read(path, parts)
        if not parts:
            raise DataError(
                f"{self.name}: no market data in there; give Parquet or CSV files of bars, quotes or trades"
            )
        return [self._whole(symbol, parts[symbol]) for symbol in sorted(parts)]

    def more(self) -> Sequence[SymbolData]:
        """Files have an end."""
        return ()

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if not path.is_dir():
                yield path
                continue
            for inside in sorted(path.iterdir()):
                if not inside.name.endswith(ENDINGS):
                    continue
                try:
                    kind_of(inside, open_table(inside).names)
                except DataError as error:
                    self.skipped.append(str(error))
                else:
                    yield inside

    def _read(self, path: Path, parts: dict[str, _Parts]) -> None:
        table = open_table(path)
        layout = kind_of(path, table.names)
        table.check_types(layout)
        lengths_ns = FileFeed(path).lengths_ns if layout is BARS else {}
        shortest_ns = min(lengths_ns.values(), default=MINUTE_NS)
        if shortest_ns < MINUTE_NS:
            raise DataError(
                f"{path}: its bars are {shortest_ns / 1e9:g} s long; brokers have none below a minute: give trades"
            )
        for rows in RowReader(path, table, layout, None, None).read():
            if rows.error:
                raise rows.error
            for code, name in enumerate(rows.names):
                mine = np.flatnonzero(rows.codes == code)
                if len(mine):
                    self._add(
                        parts.setdefault(self._place.name_of(name), _Parts()), layout, lengths_ns.get(name), rows, mine
                    )

    def _add(self, parts: _Parts, layout: Kind, bar_ns: int | None, rows: Rows, mine: Integers) -> None:
        ts, numbers = rows.ts[mine], [column[mine] for column in rows.numbers]
        if bar_ns is not None:
            zone = self._place.rules_of(self._place.name_of(rows.names[int(rows.codes[mine[0]])])).zone
            starts, ends = (ts, ts + bar_ns) if zone is None or bar_ns != DAY_NS else self._days(ts, zone)
            parts.layers.setdefault(bar_ns, []).append(_bars(starts, ends, numbers))
        elif layout is TRADES:
            price, size = numbers
            parts.trades.append(Trades(ts, price, size, np.ones(len(ts), dtype=bool)))
        else:
            bid, bid_size, ask, ask_size = numbers
            parts.quotes.append(Quotes(ts, bid, bid_size, ask, ask_size))

    def _days(self, ts: Integers, zone: str) -> tuple[Integers, Integers]:
        """From the zone's midnight to the close, whether the file dates its days with midnight there or in UTC."""
        dates: Integers = (
            np.maximum(ts, to_local(ts, zone)) // DAY_NS
        )  # west of Greenwich UTC's date is the later, east of it the zone's
        starts = midnights(dates, zone)
        return starts, self._sessions.day_ends(starts)

    def _whole(self, symbol: str, parts: _Parts) -> SymbolData:
        layers = {length_ns: Bars.join(bars) for length_ns, bars in parts.layers.items()}
        for bars in layers.values():
            if len(bars) > 1 and not np.diff(bars.start).all():
                raise DataError(f"{symbol}: two files have bars of one time and length; give each only once")
        trades = Trades.join(parts.trades) if parts.trades else no_trades()
        quotes = Quotes.join(parts.quotes) if parts.quotes else no_quotes()
        rules = self._place.rules_of(symbol)
        if not rules.has_bars:
            trades = Trades.join(
                [trades, *map(trades_of, [bars for length_ns, bars in layers.items() if length_ns < DAY_NS])]
            )
            layers = {length_ns: bars for length_ns, bars in layers.items() if length_ns >= DAY_NS}
        return complete(symbol, rules, layers, trades, quotes)


def _bars(starts: Integers, ends: Integers, numbers: Sequence[Floats]) -> Bars:
    """Files don't say a bar's mean price nor its number of trades: (high + low + close) / 3, and one."""
    first, high, low, close, volume = numbers
    mean: Floats = ((high + low + close) / 3).round(6)
    return Bars(
        starts, ends, first, high, low, close, volume, mean, np.ones(len(starts)), np.zeros(len(starts), dtype=bool)
    )
