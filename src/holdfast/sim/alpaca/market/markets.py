"""``/v3/clock`` and ``/v3/calendar``: the hours of the day as phases, of the markets that keep New York's.

Alpaca: as in its OpenAPI description. NYSE and NASDAQ keep the same hours; other markets are not simulated.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import SECOND_NS
from holdfast.sim.alpaca.errors import not_found, unprocessable
from holdfast.sim.alpaca.market.calendar import settlement_dates
from holdfast.sim.alpaca.market.place import AFTER_CLOSE_NS, BEFORE_OPEN_NS, NEW_YORK
from holdfast.sim.alpaca.market.rest import answer
from holdfast.sim.alpaca.trading.door import guarded
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.world import WORLD, World

MARKETS = {
    "NYSE": {"acronym": "NYSE", "mic": "XNYS", "name": "New York Stock Exchange", "timezone": NEW_YORK},
    "NASDAQ": {"acronym": "NASDAQ", "mic": "XNAS", "name": "Nasdaq Stock Market", "timezone": NEW_YORK},
}


def routes(_: World) -> list[web.AbstractRouteDef]:
    """Clock and calendar."""
    return [web.get("/v3/clock", guarded(_clock)), web.get("/v3/calendar/{market}", guarded(_calendar))]


async def _clock(request: web.Request, _: TradingAccount) -> web.Response:
    world = request.app[WORLD]
    names = [name for name in (request.query.get("markets") or "NYSE").split(",") if name]
    return answer({"clocks": [clock_row(world.calendar, world.clock.now_ns, _market(name)) for name in names]})


async def _calendar(request: web.Request, _: TradingAccount) -> web.Response:
    market = _market(request.match_info["market"])
    zone = _zone(request.query.get("timezone") or NEW_YORK)
    calendar = request.app[WORLD].calendar
    today = dt.datetime.fromtimestamp(request.app[WORLD].clock.now_ns // SECOND_NS, ZoneInfo(NEW_YORK)).date()
    start, end = request.query.get("start") or today.isoformat(), request.query.get("end")
    end = end or (today + dt.timedelta(days=7)).isoformat()
    settled = settlement_dates(calendar.name)
    rows = [day_row(day, zone, settled[day.date]) for day in calendar.days if start <= day.date <= end]
    return answer({"market": market, "calendar": rows})


def clock_row(calendar: TradingCalendar, now_ns: int, market: dict[str, str]) -> dict[str, Any]:
    """How one market stands: its phase, and until when."""
    zone = ZoneInfo(market["timezone"])
    phase, until_ns = _phase(calendar, now_ns)
    today = dt.datetime.fromtimestamp(now_ns // SECOND_NS, zone).date().isoformat()
    return {
        "market": market,
        "timestamp": _time(now_ns, zone),
        "is_market_day": calendar.day_at(now_ns).date == today,
        "next_market_open": _time(calendar.next_open_ns(now_ns + 1), zone),
        "next_market_close": _time(calendar.next_close_ns(now_ns), zone),
        "phase": phase,
        "phase_until": _time(until_ns, zone),
    }


def _phase(calendar: TradingCalendar, now_ns: int) -> tuple[str, int]:
    upcoming = calendar.day_at(calendar.next_close_ns(now_ns) - 1)
    for day in (calendar.day_at(now_ns), upcoming):
        for phase, starts_ns, ends_ns in _phases(day):
            if starts_ns <= now_ns < ends_ns:
                return phase, ends_ns
    return "closed", upcoming.open_ns - BEFORE_OPEN_NS


def _phases(day: TradingDay) -> Sequence[tuple[str, int, int]]:
    return (
        ("pre", day.open_ns - BEFORE_OPEN_NS, day.open_ns),
        ("core", day.open_ns, day.close_ns),
        ("post", day.close_ns, day.close_ns + AFTER_CLOSE_NS),
    )


def day_row(day: TradingDay, zone: ZoneInfo, settlement_date: str) -> dict[str, str]:
    """One day of a market, each phase with its begin and end."""
    times = {
        f"{phase}_{end}": _time(time_ns, zone)
        for phase, starts_ns, ends_ns in _phases(day)
        for end, time_ns in (("start", starts_ns), ("end", ends_ns))
    }
    return {"date": day.date, **times, "settlement_date": settlement_date}


def _time(time_ns: int, zone: ZoneInfo) -> str:
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, zone).isoformat()


def _market(name: str) -> dict[str, str]:
    for market in MARKETS.values():
        if name.upper() in (market["acronym"], market["mic"]):
            return market
    raise not_found(f"market not found: {name}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise unprocessable(f"invalid timezone: {name}") from None
