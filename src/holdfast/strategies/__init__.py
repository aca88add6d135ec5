"""The strategies that ship: small, documented, and meant to be read before being trusted with money."""

from holdfast.strategies.ema_cross import EmaCross
from holdfast.strategies.mean_reversion import MeanReversion
from holdfast.strategies.momentum import Momentum
from holdfast.strategies.opening_range import OpeningRange
from holdfast.strategies.pairs import Pairs
from holdfast.strategies.rotation import MonthlyRotation
from holdfast.strategies.rsi_atr import RsiAtr

__all__ = ["EmaCross", "MeanReversion", "Momentum", "MonthlyRotation", "OpeningRange", "Pairs", "RsiAtr"]
