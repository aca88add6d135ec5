"""Where a market begins: which data, and at what time."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS, iso_time
from holdfast.errors import DataError, InvalidValue
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market.assets import canonical_symbol
from holdfast.sim.alpaca.market.files import FileSource
from holdfast.sim.alpaca.market.parameters import MARKET_ZONE, time_of
from holdfast.sim.alpaca.market.store import Store
from holdfast.sim.alpaca.market.synthetic import SyntheticSource


def time_from(text: str) -> int:
    """A start as people write it: ``2013-10-08`` (midnight in New York) or RFC 3339. Raises `InvalidValue`."""
    try:
        time_ns = time_of(text, "start", MARKET_ZONE)
    except ApiError:
        time_ns = None
    if time_ns is None:
        raise InvalidValue(f"start must be a date like 2024-01-02 or a time like 2024-01-02T14:30:00Z, not {text!r}")
    return time_ns


def synthetic_start_ns(calendar: TradingCalendar, wall_ns: int, symbols: Sequence[str]) -> int:
    """Now, when something trades: coins always do. Of shares alone, with the exchange closed, the open of the last session.

    So a bot that asks for the last minutes of its own clock gets data of all that could have any.
    """
    day = calendar.day_at(wall_ns)
    if any("/" in canonical_symbol(symbol.strip().upper()) for symbol in symbols):
        return wall_ns
    if wall_ns < day.open_ns:
        day = calendar.day_at(day.start_ns - 1)
    return wall_ns if wall_ns < day.close_ns else day.open_ns


def synthetic_store(seed: int, symbols: Sequence[str], calendar: TradingCalendar, start_ns: int) -> Store:
    """A made-up market that has its history before ``start_ns``."""
    return Store(SyntheticSource(seed, symbols, calendar, start_ns), calendar)


def file_store(paths: Sequence[Path], calendar: TradingCalendar) -> tuple[Store, Sequence[str]]:
    """A market from files, and what was left out of folders."""
    source = FileSource(paths, calendar)
    store = Store(source, calendar)
    first_ns, last_ns = calendar.days[0].start_ns, calendar.days[-1].close_ns
    for symbol, data in store.data.items():
        for known in (data.played.known, data.trades.known, data.quotes.known):
            if len(known) and not first_ns <= known[0] <= known[-1] <= last_ns:
                outside = iso_time(int(known[0] if known[0] < first_ns else known[-1]))
                raise DataError(
                    f"{store.name}: {symbol} has data of {outside}, and the calendar {calendar.name} covers "
                    f"{calendar.days[0].date} to {calendar.days[-1].date} only; leave those rows out"
                )
    return store, source.skipped


def file_start_ns(store: Store) -> int:
    """Where the finest data begin: ticks if there are any, else the shortest bars. What is before is history."""
    ticks = [
        int(known[0]) - 1
        for data in store.data.values()
        for known in (data.trades.ts[data.trades.is_met], data.quotes.ts)
        if len(data.trades.ts[data.trades.is_met]) and len(known)
    ]
    if ticks:
        return min(ticks) // MINUTE_NS * MINUTE_NS
    bars = [data.played for data in store.data.values() if len(data.played)]
    if not bars:
        return min(int(data.quotes.ts[0]) - 1 for data in store.data.values()) // MINUTE_NS * MINUTE_NS
    shortest_ns = min(int((one.end - one.start).min()) for one in bars)
    return min(int(one.start[0]) for one in bars if int((one.end - one.start).min()) == shortest_ns)


def wall_ns() -> int:
    """The time on the wall."""
    return int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000_000
