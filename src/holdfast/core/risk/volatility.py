"""How much a symbol moves: average true range, and realised volatility.

A value holds for a time to live of market time and is made of the bars that had ended when that time began. So it is the same
whenever in between it is asked for, also after a restart, and a cache can't change what is decided.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from holdfast.core.messages import Bar
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.sizing import Measure, Method, Sizing
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, SECOND_NS, StrategyId, from_float

WEEKDAYS_A_YEAR = 252
"""Sessions in a year of a stock exchange, the usual convention."""
DAYS_A_YEAR = 365
"""Days in a year of a market that never closes."""
DIGITS = 12
"""Volatility is measured, not owed: so many significant digits go into sizes, and noise beyond them does not."""


def average_true_range(bars: Sequence[Bar]) -> float:
    """The mean of the true ranges of all bars but the first, in price units; at least two bars are needed.

    True range = max(high - low, |high - previous close|, |low - previous close|). Source: J. W. Wilder, New Concepts in
    Technical Trading Systems, 1978; this is the value his smoothing starts from, over exactly these bars, so that it doesn't depend
    on how far back a history goes.
    """
    ranges = [max(bar.high, before.close) - min(bar.low, before.close) for before, bar in pairwise(bars)]
    return math.fsum(ranges) / len(ranges)


def realised_volatility_pct(bars: Sequence[Bar], bars_a_year: float) -> float:
    """The standard deviation of the log returns from close to close, annualised, in percent; at least three bars are needed.

    s x sqrt(bars in a year) x 100, with n - 1 in the deviation. Source: J. C. Hull, Options, Futures, and Other Derivatives,
    "Estimating volatility from historical data".
    """
    returns = [math.log(bar.close / before.close) for before, bar in pairwise(bars)]
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((value - mean) ** 2 for value in returns) / (len(returns) - 1)
    return math.sqrt(variance * bars_a_year) * 100


def bars_in_a_year(timeframe_ns: int, calendar: TradingCalendar, time_ns: int) -> float:
    """How many bars of a length a year of the calendar has, by the length of the session at ``time_ns``."""
    day = calendar.day_at(time_ns)
    session_ns = day.close_ns - day.open_ns
    days = DAYS_A_YEAR if session_ns >= DAY_NS else WEEKDAYS_A_YEAR
    return days * max(1.0, session_ns / timeframe_ns) if timeframe_ns < DAY_NS else days * DAY_NS / timeframe_ns


def bars_needed(account: RiskLimits, strategy: StrategyLimits, timeframe_ns: int) -> int:
    """How many bars of a length have to be kept for the limits and the sizing of a strategy."""
    sizing = strategy.sizing or account.sizing
    needed = account.volume_bars
    if sizing is not None and sizing.method is Method.VOLATILITY_TARGET:
        since = int(sizing.time_to_live_s * SECOND_NS) // timeframe_ns + 1  # the bars that end while a value lives
        needed = max(needed, sizing.bars + 1 + since)
    return needed


class VolatilityCache:
    """The volatility of each strategy's symbols, kept for its time to live."""

    def __init__(self) -> None:
        self._known: dict[tuple[StrategyId, str], tuple[int, Sizing, Decimal | None]] = {}

    def forget(self, symbol: str) -> None:
        """Measure a symbol anew when next asked for: its bars are in other shares."""
        self._known = {key: known for key, known in self._known.items() if key[1] != symbol}

    def value(
        self, key: tuple[StrategyId, str], history: Sequence[Bar], sizing: Sizing, bars_a_year: float, now_ns: int
    ) -> Decimal | None:
        """The average true range per unit, or the volatility in a year in percent; None when there are too few bars."""
        since_ns = now_ns - now_ns % int(sizing.time_to_live_s * SECOND_NS)
        known = self._known.get(key)
        if known is not None and known[0] == since_ns and known[1] is sizing:
            return known[2]
        value = _measured(history, sizing, bars_a_year, since_ns)
        self._known[key] = since_ns, sizing, value
        return value


def _measured(history: Sequence[Bar], sizing: Sizing, bars_a_year: float, since_ns: int) -> Decimal | None:
    bars = [bar for bar in history if bar.time_ns <= since_ns][-(sizing.bars + 1) :]
    if len(bars) <= sizing.bars:
        return None
    by_range = sizing.volatility is Measure.ATR
    value = average_true_range(bars) if by_range else realised_volatility_pct(bars, bars_a_year)
    return from_float(float(f"{value:.{DIGITS}g}"))
