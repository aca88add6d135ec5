"""A made-up market without an end, dated so that a bot that looks at the calendar on the wall finds itself in it.

The prices are those of `holdfast.feeds.walk`, as in every other synthetic market here; this is only how its days become
columns. What the calendar closes trades in its sessions, the rest around the clock.
"""

from collections.abc import Sequence
from copy import copy
from functools import lru_cache

import numpy as np
from msgspec.structs import replace

from holdfast.calendars import ALWAYS_OPEN, trading_calendar
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.synthetic import START_DATE, SYMBOLS
from holdfast.feeds.walk import TICKS_A_UNIT, DayOfTrades, Integers, MarketWalk, quotes
from holdfast.sim.chassis.market.columns import Bars, Floats, Quotes, Trades, no_quotes, no_trades
from holdfast.sim.chassis.market.derive import SymbolData, complete
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.resample import minute_bars

HISTORY_DAYS = 60
"""Before the first day that is played: as many as common indicators of days look back on."""
TICK_DAYS = 5
"""Of the history, how many have trades and quotes and not only bars: what bots ask of the last days."""
BEGUN = 6
"""How many markets that were begun are kept: who serves one after the other, as tests do, makes the history of each once."""
DEFAULT_SYMBOLS = tuple(SYMBOLS)


class SyntheticSource:
    """``symbols`` from `HISTORY_DAYS` before ``start_ns`` on, day after day. The same arguments give the same market.

    Raises :class:`~holdfast.errors.InvalidValue` for no symbols, and for a start outside of the calendar.
    """

    def __init__(self, seed: int, symbols: Sequence[str], place: Marketplace, start_ns: int) -> None:
        names = sorted({place.name_of(name.strip().upper()) for name in symbols})
        if not names or not all(names):
            raise InvalidValue("symbols must be one or more names, none of them empty")
        self._seed = seed
        closing = [name for name in names if place.rules_of(name).closes]
        always = [name for name in names if name not in closing]
        kinds = ((closing, place.calendar), (always, trading_calendar(ALWAYS_OPEN) if always else place.calendar))
        begun = [_begun(seed, tuple(group), days, place, days.index_at(start_ns)) for group, days in kinds if group]
        self._kinds = [copy(kind) for kind, _ in begun]
        self._history = [one for _, history in begun for one in history]

    @property
    def name(self) -> str:
        """``synthetic seed 7``."""
        return f"synthetic seed {self._seed}"

    def load(self) -> Sequence[SymbolData]:
        """The history, and the first day to play."""
        return [replace(one, layers=dict(one.layers)) for one in self._history]

    def more(self) -> Sequence[SymbolData]:
        """The next day of each kind."""
        return [one for kind in self._kinds for one in kind.more()]


class _Kind:
    """Symbols that trade in the hours of one calendar, from its day number ``first`` on. A copy goes on by itself."""

    def __init__(
        self, seed: int, symbols: Sequence[str], calendar: TradingCalendar, place: Marketplace, first: int
    ) -> None:
        self._seed = seed
        self._symbols = symbols
        self._place = place
        self._walk = MarketWalk(seed, symbols)
        self._last_close_ns: int | None = None
        self._days = calendar.days
        self._next = first

    def __copy__(self) -> "_Kind":
        other = object.__new__(_Kind)
        other.__dict__.update(self.__dict__, _walk=copy(self._walk))
        return other

    def pass_by(self) -> None:
        """The next day goes by, and nothing is kept of it but where prices are."""
        day, was_closed = self._take()
        self._walk.pass_by(day.date, _minutes(day), was_closed=was_closed)

    def more(self, *, has_ticks: bool = True) -> Sequence[SymbolData]:
        """The next day; nothing at the end of the calendar."""
        return self._day(has_ticks=has_ticks) if self._next < len(self._days) else ()

    def _take(self) -> tuple[TradingDay, bool]:
        """The next day, and whether the market was closed before it."""
        day = self._days[self._next]
        was_closed = self._last_close_ns is not None and day.open_ns > self._last_close_ns
        self._next, self._last_close_ns = self._next + 1, day.close_ns
        return day, was_closed

    def _day(self, *, has_ticks: bool) -> list[SymbolData]:
        day, was_closed = self._take()
        trades = self._walk.day(day.date, _minutes(day), was_closed=was_closed)
        shown = quotes(self._seed, day.date, trades, MINUTE_NS)
        starts = (day.open_ns + MINUTE_NS * np.arange(len(trades.ticks)))[:, None]
        all_data = []
        for place, symbol in enumerate(self._symbols):
            rules = self._place.rules_of(symbol)
            ticks = _trades(trades, place, starts + shown.trade_offsets_ns[:, place])
            if has_ticks:
                ts = starts + shown.quote_offsets_ns[:, place]
                bid, ask = _units(shown.bid_ticks[:, place]), _units(shown.ask_ticks[:, place])
                sizes = _plain(shown.bid_sizes[:, place]), _plain(shown.ask_sizes[:, place])
                standing = Quotes(ts.ravel(), bid, sizes[0], ask, sizes[1])
                all_data.append(complete(symbol, rules, {}, ticks, standing))
            else:
                bars: dict[int, Bars] = {MINUTE_NS: minute_bars(ticks)}
                all_data.append(complete(symbol, rules, bars, no_trades(), no_quotes()))
        return all_data


@lru_cache(maxsize=BEGUN)
def _begun(
    seed: int, symbols: tuple[str, ...], calendar: TradingCalendar, place: Marketplace, today: int
) -> tuple[_Kind, tuple[SymbolData, ...]]:
    """A market with its history and the first day to play behind it; both are to be copied. Nothing can be written into the columns."""
    anchor = _anchor(calendar, today)
    kind = _Kind(seed, symbols, calendar, place, anchor)
    for _ in range(today - HISTORY_DAYS - anchor):
        kind.pass_by()
    parts = [kind.more(has_ticks=number >= HISTORY_DAYS - TICK_DAYS) for number in range(HISTORY_DAYS + 1)]
    history = tuple(_joined(list(of_symbol)) for of_symbol in zip(*parts, strict=True))
    for one in history:
        for columns in (one.played, one.trades, one.quotes):
            columns.seal()
    return kind, history


def _minutes(day: TradingDay) -> int:
    return (day.close_ns - day.open_ns) // MINUTE_NS


def _anchor(calendar: TradingCalendar, today: int) -> int:
    """Where the walk of prices begins: at the first day of all synthetic markets; for earlier times with the history.

    So a market of one seed is the same whenever it is looked at, from a quarter after that day on.
    Raises :class:`~holdfast.errors.InvalidValue` where there is no room for the history.
    """
    first = today - HISTORY_DAYS
    if first < 0:
        raise InvalidValue(
            f"a made-up market can't start before {calendar.days[HISTORY_DAYS].date}: it needs {HISTORY_DAYS} days before it"
        )
    usual = next(place for place, day in enumerate(calendar.days) if day.date >= START_DATE)
    return min(usual, first)


def _joined(days: Sequence[SymbolData]) -> SymbolData:
    """All at once: adding day by day would copy the first day sixty times."""
    played = Bars.join([one.played for one in days])
    trades, quotes = Trades.join([one.trades for one in days]), Quotes.join([one.quotes for one in days])
    return SymbolData(days[0].symbol, played, {MINUTE_NS: played}, trades, quotes, days[0].rules)


def _trades(trades: DayOfTrades, place: int, ts: Integers) -> Trades:
    prices, sizes = _units(trades.ticks[:, place]), _plain(trades.sizes[:, place])
    return Trades(ts.ravel(), prices, sizes, np.ones(ts.size, dtype=bool))


def _units(ticks: Integers) -> Floats:
    prices: Floats = (ticks / TICKS_A_UNIT).ravel()
    return prices


def _plain(column: Integers) -> Floats:
    return column.astype(np.float64).ravel()
