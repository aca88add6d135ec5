"""Numbers and times as people read them.

Two variables of the environment say how: `ZONE` names the zone of times (``Asia/Kolkata``; UTC without it), and `GROUPING` is ``lakh`` where
12,34,567 is to be read for 1,234,567. What programs read (JSON, the API, the journal, logs) is in UTC and not grouped, whatever they say.
"""

import datetime as dt
import os
import re
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdfast.core.types import SECOND_NS, many, plain
from holdfast.errors import ConfigError

__all__ = ["ago", "change", "count", "many", "money", "price", "when", "zone_name"]

ZONE, GROUPING = "HOLDFAST_ZONE", "HOLDFAST_GROUPING"
_GROUPINGS = ("thousands", "lakh")


def when(time_ns: int) -> str:
    """A time to the second, as people read it; blank before the first event, when it is no time yet. Raises ConfigError for a zone there isn't."""
    if not time_ns:
        return " " * len("2024-01-02 14:30:00")
    zone = _zone(os.environ.get(ZONE) or "UTC")
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, zone).strftime("%Y-%m-%d %H:%M:%S")


def zone_name(time_ns: int) -> str:
    """What the zone of `when` is called then: UTC, IST, EDT."""
    zone = _zone(os.environ.get(ZONE) or "UTC")
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, zone).tzname() or str(zone)


@cache
def _zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{ZONE}: there is no time zone {name!r}; an example: Asia/Kolkata") from None


@cache
def _is_by_lakh(word: str) -> bool:
    if word not in _GROUPINGS:
        raise ConfigError(f"{GROUPING} is {word!r}; it is one of {', '.join(_GROUPINGS)}")
    return word == "lakh"


def _grouped(text: str) -> str:
    """A number that is grouped by thousands, as it is to be read. Raises ConfigError for a grouping there isn't."""
    if not _is_by_lakh(os.environ.get(GROUPING) or "thousands"):
        return text
    whole, point, rest = text.partition(".")
    sign, digits = re.sub(r"[0-9,]", "", whole), re.sub(r"[^0-9]", "", whole)
    head, tail = digits[:-3], digits[-3:]
    return sign + re.sub(r"(?<=[0-9])(?=([0-9]{2})+$)", ",", head) + ("," if head else "") + tail + point + rest


def change(value: float | Decimal, after: str = "") -> str:
    """What has been won or lost, with its sign and two decimals, ``after`` it its unit; what rounds to nothing has no sign."""
    return _grouped(_unsigned_zero(f"{value:+,.2f}")) + after


def _unsigned_zero(text: str) -> str:
    """A number as it is shown; what is shown as nothing is neither more nor less than nothing."""
    return text if text.strip("+-0.,") else text.lstrip("+-")


def money(amount: Decimal) -> str:
    """With two decimals and groups."""
    return _grouped(_unsigned_zero(f"{amount:,.2f}"))


def price(value: Decimal | None) -> str:
    """As exact as it is, with two decimals at least and six at most; nothing for none."""
    if value is None:
        return ""
    text = plain(round(value, 6))
    decimals = len(text.partition(".")[2])
    return _grouped(f"{value:,.{max(2, decimals)}f}")


def count(number: Decimal | int) -> str:
    """A quantity or a count with groups."""
    return _grouped(f"{number:,}" if isinstance(number, int) else f"{Decimal(plain(number)):,f}")


def ago(seconds: float) -> str:
    """A span of time in one or two units."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if days >= 2:
        return f"{days:.0f}d"
    if hours >= 1:
        return f"{hours:.0f}h{minutes % 60:02.0f}m"
    return f"{minutes:.0f}m" if minutes >= 2 else f"{seconds:.1f}s"
