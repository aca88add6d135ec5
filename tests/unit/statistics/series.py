"""Made-up returns by session that come out the same on every machine and in every version of a library."""

import random
from pathlib import Path

import numpy as np

from holdfast.calendars import trading_calendar
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.statistics import Curve
from holdfast.statistics.record import Floats

PEERS = Path(__file__).with_name("peers.json")

CASES = {"shares": ("XNYS", "2015-01-01", "2025-01-01"), "coins": ("24/7", "2021-03-10", "2023-07-01")}
DEPOSIT = 100_000.0


def returns_of(case: str) -> tuple[Floats, Floats]:
    """The account's returns and a market's, as fractions of four decimals, with tails fatter than a normal distribution's."""
    draw = random.Random(case)
    market, own = [], []
    for _ in range(len(days_of(case))):
        shock = draw.gauss(0.0003, 0.01) * (3 if draw.random() < 0.02 else 1)
        market.append(round(shock, 4))
        own.append(round(0.6 * shock + draw.gauss(0.0002, 0.006), 4))
    return np.array(own), np.array(market)


def calendar_of(case: str) -> TradingCalendar:
    return trading_calendar(CASES[case][0])


def days_of(case: str) -> list[TradingDay]:
    _, first, end = CASES[case]
    return [day for day in calendar_of(case).days if first <= day.date < end]


def curve_of(returns: Floats, days: list[TradingDay], deposit: float = DEPOSIT) -> Curve:
    """One mark at each session's close."""
    equity = deposit * np.cumprod(1 + returns, dtype=np.float64)
    return Curve(np.array([day.close_ns for day in days]), equity, np.zeros(len(days)))
