"""Alpaca's market: shares in New York's sessions, coins around the clock."""

import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import HOUR_NS, MINUTE_NS
from holdfast.sim.alpaca.market.assets import canonical_symbol
from holdfast.sim.chassis.market.columns import Floats
from holdfast.sim.chassis.market.place import Marketplace, SymbolRules

NEW_YORK = "America/New_York"
BEFORE_OPEN_NS = 5 * HOUR_NS + 30 * MINUTE_NS
AFTER_CLOSE_NS = 4 * HOUR_NS
"""Extended hours run from 04:00 to 20:00 (Alpaca, documented)."""


def _tick(price: Floats) -> Floats:
    """A cent from 1.00 up, a hundredth of that below (SEC rule 612)."""
    return np.where(price >= 1, 0.01, 0.0001)


_SHARE = SymbolRules(NEW_YORK, _tick, 100.0)
_COIN = SymbolRules(None, _tick, 1.0)


def rules_of(symbol: str) -> SymbolRules:
    """What the data of a canonical symbol go by: a pair is a coin's."""
    return _COIN if "/" in symbol else _SHARE


def marketplace(calendar: TradingCalendar) -> Marketplace:
    """Alpaca's market with a calendar of sessions."""
    return Marketplace(calendar, rules_of, canonical_symbol, BEFORE_OPEN_NS, AFTER_CLOSE_NS)
