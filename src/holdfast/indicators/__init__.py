"""Indicators: each takes one value, or one bar, after another, and has a ``value`` once it has seen enough (docs/indicators.md)."""

from holdfast.indicators.averages import Ema, Macd, Sma, Wma
from holdfast.indicators.deviations import Bollinger, RollingVolatility, Rsi, ZScore
from holdfast.indicators.libraries import TaLib, Talipp
from holdfast.indicators.ranges import Atr, Donchian, Highest, Lowest
from holdfast.indicators.sessions import Vwap

__all__ = [
    "Atr",
    "Bollinger",
    "Donchian",
    "Ema",
    "Highest",
    "Lowest",
    "Macd",
    "RollingVolatility",
    "Rsi",
    "Sma",
    "TaLib",
    "Talipp",
    "Vwap",
    "Wma",
    "ZScore",
]
