"""What a request for market data asks: its parameters, read and checked."""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market.place import NEW_YORK
from holdfast.sim.alpaca.market.timeframe import parse_timeframe
from holdfast.sim.chassis.market.store import EARLIEST_NS, LATEST_NS
from holdfast.sim.chassis.market.timeframe import Timeframe

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000
MOST_OF_A_MOMENT = 1 << 31
"""Rows of one time; a page token that speaks of more was not made here."""
MARKET_ZONE = ZoneInfo(NEW_YORK)
_SHARE = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,31}")
_PAIR = re.compile(r"[A-Z0-9]{1,16}/[A-Z0-9]{1,16}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:?\d{2})?")


def bad_request(text: str) -> ApiError:
    """400 (Alpaca, documented: the body of market data errors has no code)."""
    return ApiError(400, None, text)


class Place(msgspec.Struct, frozen=True):
    """Where the last page ended: after ``count`` rows of ``symbol`` that are dated ``time_ns``."""

    symbol: str
    time_ns: int
    count: int

    def token(self) -> str:
        """As clients send it back."""
        return base64.urlsafe_b64encode(f"{self.symbol}|{self.time_ns}|{self.count}".encode()).decode()


class Window(msgspec.Struct, frozen=True):
    """A stretch of history, inclusive on both sides, and how much of it to show."""

    start_ns: int
    end_ns: int
    limit: int
    is_descending: bool
    place: Place | None


def symbols_of(text: str | None, *, is_crypto: bool) -> Sequence[str]:
    """The symbols of a list, sorted. Raises `ApiError` 400 for one that can't be one."""
    names = sorted({name.strip() for name in (text or "").split(",") if name.strip()})
    if not names:
        raise bad_request("symbols is required")
    for name in names:
        check_symbol(name, is_crypto=is_crypto)
    return names


def check_symbol(name: str, *, is_crypto: bool) -> None:
    """Raises `ApiError` 400 for what can't be a symbol (Alpaca, observed: the message names the pattern)."""
    if is_crypto and not _PAIR.fullmatch(name):
        raise bad_request(f"invalid symbol: {name} does not match ^[A-Z]+x?/[A-Z]+$")
    if not is_crypto and not _SHARE.fullmatch(name):
        raise bad_request(f"invalid symbol: {name}")


def timeframe_of(request: web.Request) -> Timeframe:
    """The bars' length. Raises `ApiError` 400."""
    text = request.query.get("timeframe")
    if not text:
        raise bad_request("timeframe is required")
    try:
        return parse_timeframe(text)
    except InvalidValue as error:
        raise bad_request(str(error)) from None


def window_of(request: web.Request, now_ns: int, *, is_crypto: bool) -> Window:
    """Start, end, limit, sort and page. Raises `ApiError` 400.

    Alpaca (documented): without a start the current day's beginning, without an end now.
    """
    query = request.query
    zone = dt.UTC if is_crypto else MARKET_ZONE
    start_ns = time_of(query.get("start"), "start", zone)
    end_ns = time_of(query.get("end"), "end", zone, is_end=True)
    sort = query.get("sort", "asc")
    if sort not in ("asc", "desc"):
        raise bad_request(f"invalid sort: {sort}")
    window = Window(
        start_ns=_day_start(now_ns, zone) if start_ns is None else start_ns,
        end_ns=now_ns if end_ns is None else end_ns,
        limit=limit_of(query.get("limit")),
        is_descending=sort == "desc",
        place=_place(query.get("page_token")),
    )
    if window.start_ns > window.end_ns and start_ns is not None and end_ns is not None:
        raise bad_request("end should not be before start")
    return window


def limit_of(text: str | None) -> int:
    """How many rows of all symbols together. Raises `ApiError` 400."""
    if not text:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise bad_request(f"invalid limit: {text}")
    limit = int(text)
    if limit > LARGEST_LIMIT:
        raise bad_request(f"invalid limit: larger than the allowed maximum of {LARGEST_LIMIT}")
    if limit < 1:
        raise bad_request("invalid limit: must be at least 1")
    return limit


def time_of(text: str | None, name: str, zone: dt.tzinfo, *, is_end: bool = False) -> int | None:
    """An RFC 3339 time or a date as UTC nanoseconds; a date is its midnight in ``zone``, as an end its last moment.

    A time without an offset is UTC. None for none. Raises `ApiError` 400.
    """
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            midnight = dt.datetime.fromisoformat(text).replace(tzinfo=zone)
            return _clamped(int(midnight.timestamp()) * SECOND_NS + (DAY_NS - 1 if is_end else 0))
        match = _TIME.fullmatch(text.replace(" ", "+") if "T" in text else text)
        if match:
            minute, seconds, fraction, offset = match.groups()
            offset = "+00:00" if offset in (None, "Z", "z") else offset
            moment = dt.datetime.fromisoformat(f"{minute}{seconds or ':00'}{offset}")
            return _clamped(int(moment.timestamp()) * SECOND_NS + int((fraction or "0").ljust(9, "0")))
    except (ValueError, OverflowError):
        pass
    raise bad_request(f"invalid {name}: {text}")


def _clamped(time_ns: int) -> int:
    return min(max(time_ns, EARLIEST_NS), LATEST_NS)


def _day_start(now_ns: int, zone: dt.tzinfo) -> int:
    now = dt.datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * SECOND_NS


def _place(token: str | None) -> Place | None:
    if not token:
        return None
    try:
        symbol, time_ns, count = base64.urlsafe_b64decode(token.encode()).decode().split("|")
        place = Place(symbol, int(time_ns), int(count))
    except (ValueError, binascii.Error):
        raise bad_request(f"invalid page_token: {token}") from None
    if not EARLIEST_NS <= place.time_ns <= LATEST_NS or not 0 < place.count < MOST_OF_A_MOMENT:
        raise bad_request(f"invalid page_token: {token}")
    return place
