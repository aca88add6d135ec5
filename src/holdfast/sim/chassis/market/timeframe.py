"""Lengths of bars, and which bucket a time falls into."""

from functools import cache

import msgspec
import numpy as np
import pandas as pd

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.sim.chassis.market.columns import Flags, Integers

_UNITS_NS = {"Min": MINUTE_NS, "Hour": HOUR_NS, "Day": DAY_NS, "Week": 7 * DAY_NS, "Month": 28 * DAY_NS}
LARGEST = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1}


class Timeframe(msgspec.Struct, frozen=True):
    """``count`` of ``unit`` (Min, Hour, Day, Week, Month)."""

    count: int
    unit: str

    @property
    def shortest_ns(self) -> int:
        """Its length, of months the shortest there may be: longer bars can't be parts of it."""
        return self.count * _UNITS_NS[self.unit]

    @property
    def is_intraday(self) -> bool:
        """Whether it is shorter than a day."""
        return self.unit in ("Min", "Hour")


DAILY = Timeframe(1, "Day")
MINUTELY = Timeframe(1, "Min")


def bucket_starts(ts: Integers, frame: Timeframe, zone: str | None) -> Integers:
    """Where the bucket of each time starts: days, weeks (Monday) and months at the zone's midnight, without one at UTC's."""
    local = ts if zone is None else to_local(ts, zone)
    if frame.is_intraday:
        into_ns: Integers = local % DAY_NS % frame.shortest_ns
        return ts - into_ns
    days = local // DAY_NS
    if frame.unit == "Week":
        days = days - (days + 3) % 7  # the epoch was a Thursday
    elif frame.unit == "Month":
        months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
        days = (months - months % frame.count).astype("M8[M]").astype("M8[D]").astype(np.int64)
    return days * DAY_NS if zone is None else midnights(days, zone)


def to_local(ts: Integers, zone: str) -> Integers:
    """UTC nanoseconds as what the zone's clocks show, counted from the epoch."""
    times = pd.DatetimeIndex(ts.astype("M8[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    local: Integers = times.as_unit("ns").asi8
    return local


def midnights(days: Integers, zone: str) -> Integers:
    """When these days (counted from the epoch) begin in the zone."""
    there, places = np.unique(days, return_inverse=True)
    times = pd.DatetimeIndex((there * DAY_NS).astype("M8[ns]")).tz_localize(zone).as_unit("ns")
    starts: Integers = times.asi8[places]
    return starts


class Sessions:
    """The sessions of a calendar as arrays."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._opens = np.array([day.open_ns for day in calendar.days], dtype=np.int64)
        self._closes = np.array([day.close_ns for day in calendar.days], dtype=np.int64)

    def is_regular(self, ts: Integers) -> Flags:
        """Whether each time is within regular hours."""
        places = np.searchsorted(self._opens, ts, side="right") - 1
        inside: Flags = (places >= 0) & (ts < self._closes[np.maximum(places, 0)])
        return inside

    def day_ends(self, starts: Integers) -> Integers:
        """When the bars of days that start at these midnights are known: at the close, without one a day later."""
        places = np.minimum(np.searchsorted(self._closes, starts, side="right"), len(self._closes) - 1)
        closes = self._closes[places]
        is_that_day = (closes > starts) & (closes - starts <= DAY_NS)
        ends: Integers = np.where(is_that_day, closes, starts + DAY_NS)
        return ends


@cache
def length_frame(length_ns: int) -> Timeframe | None:
    """The timeframe of bars of this length; None if there is none."""
    for unit in ("Day", "Hour", "Min"):
        count, rest = divmod(length_ns, _UNITS_NS[unit])
        if not rest and 1 <= count <= LARGEST[unit]:
            return Timeframe(count, unit)
    return None
