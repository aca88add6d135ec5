"""Bar lengths as people write them."""

import re

from holdfast.core.strategy.buckets import MONTH_NS, WEEK_NS
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import InvalidValue

_UNITS = {"Min": MINUTE_NS, "Hour": HOUR_NS, "Day": DAY_NS}
_OTHERS = {
    **dict.fromkeys(("m", "t", "min", "minute"), "Min"),
    **dict.fromkeys(("h", "hour", "hr"), "Hour"),
    **dict.fromkeys(("d", "day", "daily", "b"), "Day"),
    **dict.fromkeys(("w", "wk", "week", "weekly"), "Week"),
    **dict.fromkeys(("mo", "month", "monthly"), "Month"),
}
_NAMED = {"1Week": WEEK_NS, "1Month": MONTH_NS}


def parse_timeframe(text: str) -> int:
    """``1Min 5Min 15Min 1Hour 1Day 1Week 1Month`` ... in nanoseconds; a month counts 31 days.

    Raises :class:`~holdfast.errors.InvalidValue`, also for several days: where would they begin?
    """
    if text in _NAMED:
        return _NAMED[text]
    match = re.fullmatch(r"([1-9][0-9]*)(Min|Hour|Day)", text)
    if match is None:
        raise InvalidValue(
            f"timeframe {text!r} is not a number and Min, Hour or Day, such as 1Min, 15Min, 1Hour or 1Day, nor 1Week or 1Month{_meant(text)}"
        )
    length_ns = int(match[1]) * _UNITS[match[2]]
    if length_ns > DAY_NS:
        raise InvalidValue(f"timeframe {text!r} is longer than a day; of those there are 1Week and 1Month")
    return length_ns


def _meant(text: str) -> str:
    """What other programs' spelling (``5m``, ``1h``, ``D``) is called here."""
    match = re.fullmatch(r"([1-9][0-9]*)?\s*([A-Za-z]+)", text)
    unit = None if match is None else "Month" if match[2] == "M" else _OTHERS.get(match[2].lower().removesuffix("s"))
    return "" if match is None or unit is None else f"; did you mean {match[1] or 1}{unit}?"


def timeframe_name(length_ns: int) -> str:
    """The text that `parse_timeframe` reads back (``3Day``, ``90 s`` and the like where there is none)."""
    for name, known_ns in _NAMED.items():
        if length_ns == known_ns:
            return name
    for unit in ("Day", "Hour", "Min"):
        if length_ns % _UNITS[unit] == 0:
            return f"{length_ns // _UNITS[unit]}{unit}"
    return f"{length_ns / 1e9:g} s"
