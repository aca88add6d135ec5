"""How Alpaca writes the lengths of bars."""

import re

from holdfast.errors import InvalidValue
from holdfast.sim.chassis.market.timeframe import LARGEST, Timeframe

MONTHS = (1, 2, 3, 4, 6, 12)
_NAMES = {"min": "Min", "t": "Min", "hour": "Hour", "h": "Hour", "day": "Day", "d": "Day", "week": "Week", "w": "Week"}


def parse_timeframe(text: str) -> Timeframe:
    """Alpaca (documented): [1-59]Min|T, [1-23]Hour|H, 1Day|D, 1Week|W, {1,2,3,4,6,12}Month|M.

    In small letters too (``1min`` is recorded in ccxt#16172; the others are our reading), but not ``m``: it would be a month
    to one reader and a minute to another. Raises :class:`~holdfast.errors.InvalidValue`.
    """
    match = re.fullmatch(r"([0-9]{1,3})?((?i:min|t|hour|h|day|d|week|w|month)|M)", text)
    if match:
        count, unit = int(match[1] or 1), _NAMES.get(match[2].lower(), "Month")
        if count in MONTHS if unit == "Month" else 1 <= count <= LARGEST[unit]:
            return Timeframe(count, unit)
    raise InvalidValue(f"invalid timeframe: {text}")
