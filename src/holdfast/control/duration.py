"""Lengths of time as people type them."""

import re

from holdfast.errors import InvalidValue

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    """``20s``, ``5m`` or ``2h`` in seconds. Raises :class:`~holdfast.errors.InvalidValue`."""
    match = _DURATION.fullmatch(duration.strip())
    if match is None or not float(match[1]):
        raise InvalidValue(f"a duration is a number above zero and a unit, such as 20s, 5m or 2h, not {duration!r}")
    return float(match[1]) * _SECONDS[match[2]]
