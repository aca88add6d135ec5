"""An account's worth over time: a sample for each market minute in which it changed, and the history made of them."""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.sim.alpaca.errors import invalid
from holdfast.sim.alpaca.market.place import AFTER_CLOSE_NS, BEFORE_OPEN_NS
from holdfast.sim.alpaca.trading.wire import Json

MOST_SAMPLES = 200_000
"""About a year and a half of minutes; the oldest tenth is thinned to one a day when it is reached."""

FRAMES: Mapping[str, int] = {
    "1Min": MINUTE_NS,
    "5Min": 5 * MINUTE_NS,
    "15Min": 15 * MINUTE_NS,
    "1H": HOUR_NS,
    "1D": DAY_NS,
}
_DAYS_OF = {"D": 1, "W": 7, "M": 30, "A": 365}
_INTRADAY_LIMIT_DAYS = 30
_PERIOD = re.compile(r"([1-9]\d{0,3})([DWMA])")


class Sample(msgspec.Struct, frozen=True):
    """What the account was worth from a time on."""

    time_ns: int
    equity: Decimal


class Curve:
    """The samples of one account, in order of time."""

    def __init__(self, samples: Sequence[Sample] = ()) -> None:
        self._samples = list(samples)

    def add(self, time_ns: int, equity: Decimal) -> Sample | None:
        """What the account is worth now; returns the sample if that is news."""
        if self._samples and self._samples[-1].equity == equity:
            return None
        sample = Sample(time_ns, equity)
        self._samples.append(sample)
        if len(self._samples) > MOST_SAMPLES:
            self._thin()
        return sample

    def at(self, time_ns: int) -> Decimal | None:
        """The worth at a time; None before the account was opened."""
        index = bisect_right(self._samples, time_ns, key=_time) - 1
        return self._samples[index].equity if index >= 0 else None

    @property
    def opened_ns(self) -> int:
        """The first sample's time."""
        return self._samples[0].time_ns

    def _thin(self) -> None:
        old = self._samples[: MOST_SAMPLES // 10]
        last_of_day = {sample.time_ns // DAY_NS: sample for sample in old}
        self._samples[: len(old)] = last_of_day.values()


def _time(sample: Sample) -> int:
    return sample.time_ns


class HistoryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants to see of the history; times are UTC nanoseconds."""

    start_ns: int
    end_ns: int
    timeframe: str
    reporting: str = "market_hours"
    resets_daily: bool = True


def read_history(
    period: str | None, timeframe: str | None, start_ns: int | None, end_ns: int | None, now_ns: int
) -> tuple[int, int, str]:
    """Start, end and timeframe of a request. Alpaca's defaults: a month; the frame by the length (documented).

    Raises `ApiError` for what can't be read, or for all three of period, start and end.
    """
    if period is not None and start_ns is not None and end_ns is not None:
        raise invalid("only two of start, end and period can be specified")
    length_ns = _period_ns(period or "1M")
    if start_ns is None:
        end_ns = now_ns if end_ns is None else end_ns
        start_ns = end_ns - length_ns
    elif end_ns is None:
        end_ns = min(start_ns + length_ns, now_ns) if period is not None else now_ns
    days = (end_ns - start_ns) / DAY_NS
    if timeframe is None:
        timeframe = "1Min" if days < 7 else "15Min" if days < _INTRADAY_LIMIT_DAYS else "1D"
    if timeframe not in FRAMES:
        raise invalid("invalid timeframe")
    if timeframe != "1D" and days > _INTRADAY_LIMIT_DAYS + 1:
        raise invalid(f"{timeframe} timeframe is only available for periods up to {_INTRADAY_LIMIT_DAYS} days")
    return start_ns, end_ns, timeframe


def _period_ns(period: str) -> int:
    match = _PERIOD.fullmatch(period.upper())
    if match is None:
        raise invalid("invalid period")
    return int(match[1]) * _DAYS_OF[match[2]] * DAY_NS


def history_json(curve: Curve, calendar: TradingCalendar, wanted: HistoryRequest) -> Json:
    """``GET /v2/account/portfolio/history``. Times are unix seconds; before the account was opened there is nothing."""
    first_ns = max(wanted.start_ns, curve.opened_ns)
    points = list(_points(calendar, wanted, first_ns))
    base = curve.at(first_ns)
    rows: dict[str, list[Any]] = {"timestamp": [], "equity": [], "profit_loss": [], "profit_loss_pct": []}
    day_base, today, previous = base, "", base
    for date, time_ns in points:
        equity = curve.at(max(time_ns, first_ns))
        if equity is None:
            continue
        if date != today:
            day_base, today = previous, date
        origin = day_base if wanted.resets_daily and wanted.timeframe != "1D" else base
        rows["timestamp"].append(time_ns // SECOND_NS)
        rows["equity"].append(float(equity))
        rows["profit_loss"].append(float(equity - (origin or equity)))
        rows["profit_loss_pct"].append(float((equity - origin) / origin) if origin else 0.0)
        previous = equity
    return {
        **rows,
        "base_value": None if base is None else float(base),
        "base_value_asof": dt.datetime.fromtimestamp(first_ns // SECOND_NS, dt.UTC).date().isoformat(),
        "timeframe": wanted.timeframe,
        "cashflow": {},
    }


def _points(calendar: TradingCalendar, wanted: HistoryRequest, first_ns: int) -> Iterator[tuple[str, int]]:
    """The times to report, with their trading day; the first is the one in whose frame the account was opened."""
    step_ns = FRAMES[wanted.timeframe]
    if wanted.timeframe != "1D" and wanted.reporting == "continuous":
        for time_ns in range(first_ns // step_ns * step_ns, wanted.end_ns + 1, step_ns):
            yield dt.datetime.fromtimestamp(time_ns // SECOND_NS, dt.UTC).date().isoformat(), time_ns
        return
    index = max(bisect_right(calendar.days, first_ns, key=_start) - 1, 0)
    for day in calendar.days[index:]:
        if day.start_ns > wanted.end_ns:
            return
        if wanted.timeframe == "1D":
            yield day.date, min(day.close_ns, wanted.end_ns)
            continue
        opens_ns, closes_ns = day.open_ns, day.close_ns
        if wanted.reporting == "extended_hours":
            opens_ns, closes_ns = opens_ns - BEFORE_OPEN_NS, closes_ns + AFTER_CLOSE_NS
        for time_ns in range(opens_ns, min(closes_ns, wanted.end_ns) + 1, step_ns):
            if time_ns > first_ns - step_ns:
                yield day.date, time_ns


def _start(day: TradingDay) -> int:
    return day.start_ns
