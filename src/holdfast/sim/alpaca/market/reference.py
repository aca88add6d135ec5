"""What the trading API says of the market itself: assets, clock, calendar. Keys are needed for each."""

import datetime as dt
from typing import Any

from aiohttp import web

from holdfast.core.types import plain
from holdfast.sim.alpaca.errors import ApiError, invalid, not_found
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.market.calendar import calendar_days, clock_row
from holdfast.sim.alpaca.market.rest import answer
from holdfast.sim.alpaca.trading.door import guarded
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.world import WORLD, World

DATE_TYPES = ("TRADING", "SETTLEMENT")
ATTRIBUTES = ("fractional_eh_enabled",)
"""Of every share: what can be done here. There are no options and no overnight session, so no ``has_options`` either."""


def asset_json(asset: Asset) -> dict[str, Any]:
    """An asset as Alpaca shows it. ``easy_to_borrow`` is deprecated there, and the official SDK requires it."""
    row = {
        "id": str(asset.id),
        "class": asset.asset_class,
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": asset.symbol,
        "status": "active",
        "tradable": True,
        "marginable": not asset.is_crypto,
        "shortable": not asset.is_crypto,
        "easy_to_borrow": not asset.is_crypto,
        "borrow_status": "hard_to_borrow" if asset.is_crypto else "easy_to_borrow",
        "fractionable": True,
        "maintenance_margin_requirement": 100 if asset.is_crypto else 30,
        "margin_requirement_long": "100" if asset.is_crypto else "30",
        "margin_requirement_short": "100" if asset.is_crypto else "30",
        "attributes": [] if asset.is_crypto else list(ATTRIBUTES),
    }
    rules = {name: getattr(asset, name) for name in ("min_order_size", "min_trade_increment", "price_increment")}
    return row | {name: plain(rule) for name, rule in rules.items() if rule is not None}


async def _assets(request: web.Request, _: TradingAccount) -> web.Response:
    """All that match. ``asset_class`` is us_equity unless said otherwise (Alpaca, documented)."""
    query = request.query
    wanted_class = query.get("asset_class") or "us_equity"
    rows = [asset_json(asset) for asset in request.app[WORLD].assets.all() if asset.asset_class == wanted_class]
    for name in ("status", "exchange"):
        if wanted := query.get(name):
            rows = [row for row in rows if row[name] == wanted]
    attributes = {name for name in (query.get("attributes") or "").split(",") if name}
    return answer([row for row in rows if attributes.issubset(row["attributes"])])


async def _asset(request: web.Request, _: TradingAccount) -> web.Response:
    """By symbol or id; the slash of a coin may come raw or escaped."""
    name = request.match_info["name"]
    asset = request.app[WORLD].assets.find(name)
    if asset is None:
        raise not_found(f"asset not found for {name}")
    return answer(asset_json(asset))


async def _clock(request: web.Request, _: TradingAccount) -> web.Response:
    world = request.app[WORLD]
    return answer(clock_row(world.calendar, world.clock.now_ns))


async def _calendar(request: web.Request, _: TradingAccount) -> web.Response:
    """Days by date, or by settlement date; both ends included."""
    date_type = request.query.get("date_type") or "TRADING"
    if date_type not in DATE_TYPES:
        raise invalid(f"invalid date_type: {date_type}")
    start, end = _date(request, "start"), _date(request, "end")
    field = "date" if date_type == "TRADING" else "settlement_date"
    days = calendar_days(request.app[WORLD].calendar.name)
    return answer([day for day in days if (start or "") <= getattr(day, field) <= (end or "9999")])


def _date(request: web.Request, name: str) -> str | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise ApiError(422, 42210000, f"invalid {name}: {text}") from None


def routes(_: World) -> list[web.AbstractRouteDef]:
    """Assets, clock and calendar."""
    return [
        web.get("/v2/assets", guarded(_assets)),
        web.get("/v2/assets/{name:.+}", guarded(_asset)),
        web.get("/v2/clock", guarded(_clock)),
        web.get("/v2/calendar", guarded(_calendar)),
    ]
