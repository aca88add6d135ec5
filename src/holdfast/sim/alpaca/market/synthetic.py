"""A made-up market without an end, dated so that a bot that looks at the calendar on the wall finds itself in it.

The prices are those of `holdfast.feeds.walk`, as in every other synthetic market here; this is only how its days become
columns. Shares trade in regular hours, coins around the clock.
"""

from collections.abc import Sequence

import numpy as np

from holdfast.calendars import ALWAYS_OPEN, trading_calendar
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.synthetic import START_DATE, SYMBOLS
from holdfast.feeds.walk import TICKS_A_UNIT, DayOfTrades, Integers, MarketWalk, quotes
from holdfast.sim.alpaca.market.assets import canonical_symbol
from holdfast.sim.alpaca.market.columns import Bars, Floats, Quotes, Trades, no_quotes, no_trades
from holdfast.sim.alpaca.market.derive import SymbolData, complete
from holdfast.sim.alpaca.market.resample import minute_bars

HISTORY_DAYS = 60
"""Before the first day that is played: as many as common indicators of days look back on."""
TICK_DAYS = 5
"""Of the history, how many have trades and quotes and not only bars: what bots ask of the last days."""
DEFAULT_SYMBOLS = tuple(SYMBOLS)


class SyntheticSource:
    """``symbols`` from `HISTORY_DAYS` before ``start_ns`` on, day after day. The same arguments give the same market.

    Raises :class:`~holdfast.errors.InvalidValue` for no symbols, and for a start outside of the calendar.
    """

    def __init__(self, seed: int, symbols: Sequence[str], calendar: TradingCalendar, start_ns: int) -> None:
        names = sorted({canonical_symbol(name.strip().upper()) for name in symbols})
        if not names or not all(names):
            raise InvalidValue("symbols must be one or more names, none of them empty")
        self._seed = seed
        shares, coins = [name for name in names if "/" not in name], [name for name in names if "/" in name]
        kinds = ((shares, calendar), (coins, trading_calendar(ALWAYS_OPEN) if coins else calendar))
        self._kinds = [_Kind(seed, group, days, start_ns) for group, days in kinds if group]

    @property
    def name(self) -> str:
        """``synthetic seed 7``."""
        return f"synthetic seed {self._seed}"

    def load(self) -> Sequence[SymbolData]:
        """The history, and the first day to play."""
        return [one for kind in self._kinds for one in kind.load()]

    def more(self) -> Sequence[SymbolData]:
        """The next day of each kind."""
        return [one for kind in self._kinds for one in kind.more()]


class _Kind:
    """Symbols that trade in the hours of one calendar."""

    def __init__(self, seed: int, symbols: Sequence[str], calendar: TradingCalendar, start_ns: int) -> None:
        today = calendar.days.index(calendar.day_at(start_ns))
        self._seed = seed
        self._symbols = symbols
        self._walk = MarketWalk(seed, symbols)
        self._last_close_ns: int | None = None
        anchor = _anchor(calendar, today)
        self._days = iter(calendar.days[anchor:])
        for _ in range(today - HISTORY_DAYS - anchor):
            self._next_trades(next(self._days))

    def load(self) -> Sequence[SymbolData]:
        days = [next(self._days) for _ in range(HISTORY_DAYS + 1)]
        parts = [self._day(day, has_ticks=place >= HISTORY_DAYS - TICK_DAYS) for place, day in enumerate(days)]
        return [_joined(list(of_symbol)) for of_symbol in zip(*parts, strict=True)]

    def more(self) -> Sequence[SymbolData]:
        day = next(self._days, None)
        return self._day(day, has_ticks=True) if day else ()

    def _next_trades(self, day: TradingDay) -> DayOfTrades:
        was_closed = self._last_close_ns is not None and day.open_ns > self._last_close_ns
        self._last_close_ns = day.close_ns
        return self._walk.day(day.date, (day.close_ns - day.open_ns) // MINUTE_NS, was_closed=was_closed)

    def _day(self, day: TradingDay, *, has_ticks: bool) -> list[SymbolData]:
        trades = self._next_trades(day)
        shown = quotes(self._seed, day.date, trades, MINUTE_NS)
        starts = (day.open_ns + MINUTE_NS * np.arange(len(trades.ticks)))[:, None]
        all_data = []
        for place, symbol in enumerate(self._symbols):
            ticks = _trades(trades, place, starts + shown.trade_offsets_ns[:, place])
            if has_ticks:
                ts = starts + shown.quote_offsets_ns[:, place]
                bid, ask = _units(shown.bid_ticks[:, place]), _units(shown.ask_ticks[:, place])
                sizes = _plain(shown.bid_sizes[:, place]), _plain(shown.ask_sizes[:, place])
                standing = Quotes(ts.ravel(), bid, sizes[0], ask, sizes[1])
                all_data.append(complete(symbol, {}, ticks, standing))
            else:
                bars: dict[int, Bars] = {MINUTE_NS: minute_bars(ticks, "/" in symbol)}
                all_data.append(complete(symbol, bars, no_trades(), no_quotes()))
        return all_data


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
    return SymbolData(days[0].symbol, played, {MINUTE_NS: played}, trades, quotes)


def _trades(trades: DayOfTrades, place: int, ts: Integers) -> Trades:
    prices, sizes = _units(trades.ticks[:, place]), _plain(trades.sizes[:, place])
    return Trades(ts.ravel(), prices, sizes, np.ones(ts.size, dtype=bool))


def _units(ticks: Integers) -> Floats:
    prices: Floats = (ticks / TICKS_A_UNIT).ravel()
    return prices


def _plain(column: Integers) -> Floats:
    return column.astype(np.float64).ravel()
