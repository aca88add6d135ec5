"""Bar lengths as people write them."""

import re

from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import InvalidValue

_UNITS = {"Min": MINUTE_NS, "Hour": HOUR_NS, "Day": DAY_NS}


def parse_timeframe(text: str) -> int:
    """``1Min 5Min 15Min 1Hour 1Day`` … in nanoseconds. Raises :class:`~holdfast.errors.InvalidValue`."""
    match = re.fullmatch(r"([1-9][0-9]*)(Min|Hour|Day)", text)
    if match is None:
        raise InvalidValue(
            f"timeframe {text!r} is not a number and Min, Hour or Day, such as 1Min, 15Min, 1Hour or 1Day"
        )
    return int(match[1]) * _UNITS[match[2]]


def timeframe_name(length_ns: int) -> str:
    """The text that `parse_timeframe` reads back (``90 s`` and the like where no unit fits)."""
    for unit in ("Day", "Hour", "Min"):
        if length_ns % _UNITS[unit] == 0:
            return f"{length_ns // _UNITS[unit]}{unit}"
    return f"{length_ns / 1e9:g} s"
