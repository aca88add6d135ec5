"""Times as Alpaca writes them (RFC 3339, up to nine decimals) and as we count them."""

import calendar
import time
from functools import lru_cache

from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue

_DATE_AND_TIME = 19  # characters of 2026-11-20T14:30:00


def parse_time_ns(text: str) -> int:
    """Nanoseconds since the epoch; all decimals count. Raises :class:`~holdfast.errors.InvalidValue`."""
    try:
        seconds = _seconds(text[:_DATE_AND_TIME].replace(" ", "T"))
        rest = text[_DATE_AND_TIME:]
        fraction_ns = 0
        if rest.startswith("."):
            digits = len(rest[1:]) - len(rest[1:].lstrip("0123456789"))
            fraction_ns = int(rest[1 : 1 + digits].ljust(9, "0")[:9])
            rest = rest[1 + digits :]
        return (seconds - _offset_s(rest)) * SECOND_NS + fraction_ns
    except (ValueError, IndexError):
        raise InvalidValue(f"{text!r} is no RFC 3339 time") from None


@lru_cache(4_096)
def _seconds(text: str) -> int:
    """Seconds since the epoch of a date and time in UTC; lists of orders have the same ones over and over."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def _offset_s(text: str) -> int:
    """The offset from UTC of ``Z``, ``+00:00`` or ``-05:00``."""
    if text in ("Z", "z"):
        return 0
    sign = {"+": 1, "-": -1}[text[0]] if text[:1] in ("+", "-") else None
    if sign is None:
        raise ValueError(text)
    hours, _, minutes = text[1:].partition(":")
    return sign * (int(hours) * 3600 + int(minutes) * 60)
