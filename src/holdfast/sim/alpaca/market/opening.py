"""Where a market begins: which data, and at what time."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from holdfast.core.types import iso_time
from holdfast.errors import DataError, InvalidValue
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market.parameters import MARKET_ZONE, time_of
from holdfast.sim.chassis.market.files import FileSource
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.market.synthetic import SyntheticSource


def time_from(text: str) -> int:
    """A start as people write it: ``2013-10-08`` (midnight in New York) or RFC 3339. Raises `InvalidValue`."""
    try:
        time_ns = time_of(text, "start", MARKET_ZONE)
    except ApiError:
        time_ns = None
    if time_ns is None:
        raise InvalidValue(f"start must be a date like 2024-01-02 or a time like 2024-01-02T14:30:00Z, not {text!r}")
    return time_ns


def synthetic_store(seed: int, symbols: Sequence[str], place: Marketplace, start_ns: int) -> Store:
    """A made-up market that has its history before ``start_ns``."""
    return Store(SyntheticSource(seed, symbols, place, start_ns), place)


def file_store(paths: Sequence[Path], place: Marketplace) -> tuple[Store, Sequence[str]]:
    """A market from files, and what was left out of folders."""
    source = FileSource(paths, place)
    store = Store(source, place)
    calendar = place.calendar
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


def wall_ns() -> int:
    """The time on the wall."""
    return int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000_000
