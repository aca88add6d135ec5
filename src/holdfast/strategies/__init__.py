"""The strategies that ship: small, documented, and meant to be read before being trusted with money."""

from holdfast.strategies.ema_cross import EmaCross
from holdfast.strategies.mean_reversion import MeanReversion
from holdfast.strategies.momentum import Momentum

__all__ = ["EmaCross", "MeanReversion", "Momentum"]
