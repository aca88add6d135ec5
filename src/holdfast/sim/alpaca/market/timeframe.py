"""Alpaca's bar lengths, and which bucket a time falls into."""

import re
from functools import cache

import msgspec
import numpy as np
import pandas as pd

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.market.columns import Flags, Integers

NEW_YORK = "America/New_York"
MONTHS = (1, 2, 3, 4, 6, 12)
_NAMES = {"min": "Min", "t": "Min", "hour": "Hour", "h": "Hour", "day": "Day", "d": "Day", "week": "Week", "w": "Week"}
_UNITS_NS = {"Min": MINUTE_NS, "Hour": HOUR_NS, "Day": DAY_NS, "Week": 7 * DAY_NS, "Month": 28 * DAY_NS}
_LARGEST = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1}


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


def parse_timeframe(text: str) -> Timeframe:
    """Alpaca (documented): [1-59]Min|T, [1-23]Hour|H, 1Day|D, 1Week|W, {1,2,3,4,6,12}Month|M.

    In small letters too (``1min`` is recorded in ccxt#16172; the others are our reading), but not ``m``: it would be a month
    to one reader and a minute to another. Raises :class:`~holdfast.errors.InvalidValue`.
    """
    match = re.fullmatch(r"([0-9]{1,3})?((?i:min|t|hour|h|day|d|week|w|month)|M)", text)
    if match:
        count, unit = int(match[1] or 1), _NAMES.get(match[2].lower(), "Month")
        if count in MONTHS if unit == "Month" else 1 <= count <= _LARGEST[unit]:
            return Timeframe(count, unit)
    raise InvalidValue(f"invalid timeframe: {text}")


def bucket_starts(ts: Integers, frame: Timeframe, is_crypto: bool) -> Integers:
    """Where the bucket of each time starts: days, weeks (Monday) and months at midnight of New York, of coins of UTC."""
    local = ts if is_crypto else to_local(ts)
    if frame.is_intraday:
        into_ns: Integers = local % DAY_NS % frame.shortest_ns
        return ts - into_ns
    days = local // DAY_NS
    if frame.unit == "Week":
        days = days - (days + 3) % 7  # the epoch was a Thursday
    elif frame.unit == "Month":
        months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
        days = (months - months % frame.count).astype("M8[M]").astype("M8[D]").astype(np.int64)
    return days * DAY_NS if is_crypto else midnights(days)


def to_local(ts: Integers) -> Integers:
    """UTC nanoseconds as what clocks in New York show, counted from the epoch."""
    times = pd.DatetimeIndex(ts.astype("M8[ns]"), tz="UTC").tz_convert(NEW_YORK).tz_localize(None)
    local: Integers = times.as_unit("ns").asi8
    return local


def midnights(days: Integers) -> Integers:
    """When these days (counted from the epoch) begin in New York."""
    there, places = np.unique(days, return_inverse=True)
    times = pd.DatetimeIndex((there * DAY_NS).astype("M8[ns]")).tz_localize(NEW_YORK).as_unit("ns")
    starts: Integers = times.asi8[places]
    return starts


class Sessions:
    """The regular hours of a calendar as arrays; a coin has none."""

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
    """The timeframe of bars of this length; None if Alpaca has none."""
    for unit in ("Day", "Hour", "Min"):
        count, rest = divmod(length_ns, _UNITS_NS[unit])
        if not rest and 1 <= count <= _LARGEST[unit]:
            return Timeframe(count, unit)
    return None
