"""What stands in the query of a request, read in every spelling that clients use."""

import datetime as dt
import re

from aiohttp import web

from holdfast.core.types import SECOND_NS
from holdfast.sim.alpaca.errors import invalid
from holdfast.sim.alpaca.trading.hours import NEW_YORK, to_ns

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9})\d*)?(Z|z|[+-]\d\d:?\d\d)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def time_parameter(request: web.Request, name: str) -> int | None:
    """A time in UTC nanoseconds; a date alone is its midnight in New York, a time without a zone is UTC.

    Raises `ApiError`.
    """
    text = request.query.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise invalid(f"invalid {name}: a time like 2024-01-31T14:30:00Z is expected") from None


def parse_time(text: str) -> int:
    """RFC 3339 with up to nine digits, or a date, in UTC nanoseconds. Raises ValueError."""
    if _DATE.fullmatch(text):
        return to_ns(dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), NEW_YORK))
    match = _TIME.fullmatch(text.replace(" 0", "+0") if text.count(" ") and "T" in text else text)
    if match is None:
        raise ValueError(text)
    date, clock, digits, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    rest_ns = int((digits or "0").ljust(9, "0"))
    whole_ns = to_ns(dt.datetime.fromisoformat(f"{date}T{clock}{offset}"))
    return whole_ns // SECOND_NS * SECOND_NS + rest_ns


def flag_parameter(request: web.Request, name: str, default: bool = False) -> bool:
    """``True``, ``true`` or ``1``, and their opposites. Raises `ApiError`."""
    text = request.query.get(name)
    if not text:
        return default
    lowered = text.lower()
    if lowered in ("true", "1"):
        return True
    if lowered in ("false", "0"):
        return False
    raise invalid(f"invalid {name}: true or false is expected")


def integer_parameter(request: web.Request, name: str, default: int) -> int:
    """A whole number. Raises `ApiError`."""
    text = request.query.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise invalid(f"invalid {name}: a whole number is expected") from None


def choice_parameter(request: web.Request, name: str, choices: tuple[str, ...]) -> str:
    """One of the choices, in either case; the first when it is not given. Raises `ApiError`."""
    text = request.query.get(name, "").lower() or choices[0]
    if text not in choices:
        raise invalid(f"invalid {name}: {', '.join(choices)} are possible")
    return text


def list_parameter(request: web.Request, name: str) -> frozenset[str] | None:
    """A list with commas, or the parameter given several times; None when it is not given."""
    parts = [part.strip() for text in request.query.getall(name, []) for part in text.split(",")]
    return frozenset(part for part in parts if part) or None
