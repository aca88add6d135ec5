"""A made-up market: as offline and repeatable as a file, as restless as a real one.

`walk.py` makes the prices of one symbol on one day; here they are set on an exchange calendar, day after day, and become
bars or ticks.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np

from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.fingerprint import fingerprint
from holdfast.feeds.walk import TICKS_A_UNIT, TRADES_A_BAR, DayOfTrades, Integers, MarketWalk, quotes

SYMBOLS = ("AVOR", "BRYX", "DELM", "KORU", "TYNE")
"""Companies that do not exist."""
START_DATE = "2024-01-02"
"""Fixed, so that what a demonstration prints can be printed again."""


class SyntheticFeed:
    """Several symbols that move together in part, in the regular hours of ``calendar`` only.

    The first day is that of ``start_date`` (ISO) or the next trading day after it; ``history_days`` come first, then
    ``days`` to trade on, or all to the calendar's end. Bars of one time come in the order of the symbols. ``as_ticks``
    gives the quotes and trades of which the bars would be made, instead of the bars. The same arguments give the same
    events on every machine.

    Raises :class:`~holdfast.errors.InvalidValue`.
    """

    kind = "synthetic"

    def __init__(
        self,
        seed: int,
        calendar: TradingCalendar,
        *,
        symbols: Sequence[str] = SYMBOLS,
        start_date: str | None = None,
        days: int | None = None,
        bar_ns: int = MINUTE_NS,
        history_days: int = 1,
        as_ticks: bool = False,
    ) -> None:
        self._seed = seed
        self.symbols: Sequence[str] = sorted(set(symbols))
        self._calendar_name = calendar.name
        self._days = _choose_days(calendar, start_date or START_DATE, days, history_days)
        self._is_endless = days is None
        self._history_days = history_days
        self._bar_ns = bar_ns
        self._as_ticks = as_ticks
        if not symbols or "" in symbols:
            raise InvalidValue("symbols must be one or more names, none of them empty")
        if bar_ns < MINUTE_NS or _bars_of(self._days[0], bar_ns) == 0:
            raise InvalidValue(f"bar_ns must be from one minute to one session of {calendar.name}, not {bar_ns}")

    @property
    def name(self) -> str:
        """``synthetic seed 7``."""
        return f"synthetic seed {self._seed}"

    @property
    def bar_ns(self) -> int | None:
        """The length of a bar; None for ticks."""
        return None if self._as_ticks else self._bar_ns

    @property
    def trading_from_ns(self) -> int:
        """When the first day after the history opens."""
        return self._days[self._history_days].open_ns

    @property
    def total(self) -> int | None:
        """How many events there are; None without a number of days."""
        if self._is_endless:
            return None
        bars = sum(_bars_of(day, self._bar_ns) for day in self._days) * len(self.symbols)
        return bars * 2 * TRADES_A_BAR if self._as_ticks else bars

    def fingerprint(self) -> str:
        """Of the settings that decide the events and of the first 1,000 of these, not of how many days there are."""
        settings = [self.kind, self._seed, self.symbols, self._calendar_name, self._bar_ns, self._as_ticks]
        return fingerprint(settings, self.events())

    def events(self) -> Iterator[MarketEvent]:
        """Every event from the first day on. Memory holds one day."""
        walk = MarketWalk(self._seed, self.symbols)
        last_close_ns = self._days[0].open_ns
        for day in self._days:
            bars = _bars_of(day, self._bar_ns)
            trades = walk.day(day.date, bars, was_closed=day.open_ns > last_close_ns)
            yield from self._day_of_ticks(day, trades) if self._as_ticks else self._day_of_bars(day, trades)
            last_close_ns = day.close_ns

    def _starts(self, day: TradingDay, trades: DayOfTrades) -> Integers:
        return day.open_ns + self._bar_ns * np.arange(len(trades.ticks))

    def _day_of_bars(self, day: TradingDay, trades: DayOfTrades) -> Iterator[MarketEvent]:
        starts = np.repeat(self._starts(day, trades), len(self.symbols))
        ticks = trades.ticks
        prices = (ticks[:, :, 0], ticks.max(axis=2), ticks.min(axis=2), ticks[:, :, -1])
        numbers = [_units(column) for column in prices]
        volume = _plain(trades.sizes.sum(axis=2))
        symbols = [*self.symbols] * len(ticks)
        return map(Bar, symbols, (starts + self._bar_ns).tolist(), starts.tolist(), *numbers, volume)

    def _day_of_ticks(self, day: TradingDay, trades: DayOfTrades) -> Iterator[MarketEvent]:
        """In order of time; at one time quotes before trades, each by symbol."""
        made = quotes(self._seed, day.date, trades, self._bar_ns)
        starts = self._starts(day, trades)[:, None, None]
        times = starts + made.quote_offsets_ns, starts + made.trade_offsets_ns
        symbols = np.broadcast_to(np.array(self.symbols, dtype=object)[:, None], trades.ticks.shape).ravel().tolist()
        bids = _units(made.bid_ticks), _plain(made.bid_sizes)
        asks = _units(made.ask_ticks), _plain(made.ask_sizes)
        prices = _units(trades.ticks), _plain(trades.sizes)
        events: list[MarketEvent] = [*map(Quote, symbols, times[0].ravel().tolist(), *bids, *asks)]
        events += map(Trade, symbols, times[1].ravel().tolist(), *prices)
        order = np.argsort(np.concatenate([column.ravel() for column in times]), kind="stable")
        return map(events.__getitem__, order.tolist())


def _plain(column: Integers) -> list[float]:
    numbers: list[float] = column.astype(np.float64).ravel().tolist()
    return numbers


def _units(ticks: Integers) -> list[float]:
    """Divided, not multiplied by 0.01: only so each comes out as the float nearest to its two decimals."""
    prices: list[float] = (ticks / TICKS_A_UNIT).ravel().tolist()
    return prices


def _choose_days(
    calendar: TradingCalendar, start_date: str, days: int | None, history_days: int
) -> Sequence[TradingDay]:
    if history_days < 0 or (days is not None and days < 1):
        raise InvalidValue(f"days must be at least 1 and history_days at least 0, not {days} and {history_days}")
    try:
        start_date = dt.date.fromisoformat(start_date).isoformat()
    except ValueError:
        raise InvalidValue(f"start_date must be an ISO date like {START_DATE}, not {start_date!r}") from None
    there = [day for day in calendar.days if day.date >= start_date]
    wanted = history_days + (1 if days is None else days)
    if len(there) < wanted or start_date < calendar.days[0].date:
        first, last = calendar.days[0].date, calendar.days[-1].date
        raise InvalidValue(
            f"calendar {calendar.name} covers {first} to {last}; {wanted} trading days from {start_date} do not fit"
        )
    return there if days is None else there[:wanted]


def _bars_of(day: TradingDay, bar_ns: int) -> int:
    """Whole bars of a day; a rest of the session that is shorter is left out."""
    return (day.close_ns - day.open_ns) // bar_ns
