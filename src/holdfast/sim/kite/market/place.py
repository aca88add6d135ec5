"""India's market: shares in the sessions of NSE and BSE, in steps of five paise. Kite tells trades, and no bars."""

import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.sim.chassis.market.columns import Floats
from holdfast.sim.chassis.market.place import Marketplace, SymbolRules
from holdfast.sim.kite.times import ZONE_NAME

TICK = 0.05


def _tick(price: Floats) -> Floats:
    return np.full(len(price), TICK)


_SHARE = SymbolRules(ZONE_NAME, _tick, 1.0, has_bars=False)


def marketplace(calendar: TradingCalendar) -> Marketplace:
    """The market with a calendar of sessions."""
    return Marketplace(calendar, _rules_of)


def _rules_of(_symbol: str) -> SymbolRules:
    return _SHARE
