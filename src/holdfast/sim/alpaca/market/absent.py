"""What is not simulated, and asked for by bots as they start: answered with nothing in it, in Alpaca's shape.

A bot that only asks whether there are any news, options or splits goes on; one that can't do without them finds none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from holdfast.core.types import iso_time
from holdfast.sim.alpaca.errors import not_found
from holdfast.sim.alpaca.market.rest import answer
from holdfast.sim.alpaca.trading.door import account_of, guarded
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.world import WORLD, World

_NO_PAGES: Mapping[str, Any] = {"next_page_token": None}
DATA: Mapping[str, Mapping[str, Any]] = {
    "/v1/corporate-actions": {"corporate_actions": {}, **_NO_PAGES},
    "/v1beta1/fixed_income/latest/prices": {"prices": {}},
    "/v1beta1/fixed_income/latest/quotes": {"quotes": {}},
    "/v1beta1/forex/latest/rates": {"rates": {}},
    "/v1beta1/forex/rates": {"rates": {}, **_NO_PAGES},
    "/v1beta1/news": {"news": [], **_NO_PAGES},
    "/v1beta1/options/bars": {"bars": {}, **_NO_PAGES},
    "/v1beta1/options/meta/conditions/{kind}": {},
    "/v1beta1/options/meta/exchanges": {},
    "/v1beta1/options/quotes/latest": {"quotes": {}},
    "/v1beta1/options/snapshots": {"snapshots": {}, **_NO_PAGES},
    "/v1beta1/options/snapshots/{underlying}": {"snapshots": {}, **_NO_PAGES},
    "/v1beta1/options/trades": {"trades": {}, **_NO_PAGES},
    "/v1beta1/options/trades/latest": {"trades": {}},
    "/v2/stocks/auctions": {"auctions": {}, **_NO_PAGES},
}
"""Market data, by path. Alpaca: all of these are published in its OpenAPI description."""
TRADING: Mapping[str, Any] = {
    "/v2/corporate_actions/announcements": [],
    "/v2/options/contracts": {"option_contracts": [], **_NO_PAGES},
}
"""The trading side, by path."""


def routes(_: World) -> list[web.AbstractRouteDef]:
    """Every path of the tables, and those whose answer says what was asked or when."""
    return [
        *(web.get(path, _data(body)) for path, body in DATA.items()),
        *(web.get(path, guarded(_trading(body))) for path, body in TRADING.items()),
        web.get("/v1beta1/screener/{market:stocks|crypto}/movers", _movers),
        web.get("/v1beta1/screener/stocks/most-actives", _most_actives),
        web.get("/v2/stocks/{symbol}/auctions", _auctions),
        web.get("/v2/options/contracts/{symbol}", guarded(_contract)),
        web.get("/v2/corporate_actions/announcements/{name}", guarded(_announcement)),
        web.post("/v2/positions/{symbol}/{what:exercise|do-not-exercise}", guarded(_exercise)),
    ]


def _data(body: Mapping[str, Any]) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        account_of(request)
        return answer(body)

    return handle


def _trading(body: Any) -> Callable[[web.Request, TradingAccount], Any]:
    async def handle(_request: web.Request, _trading: TradingAccount) -> web.Response:
        return answer(body)

    return handle


async def _movers(request: web.Request) -> web.Response:
    account_of(request)
    market = request.match_info["market"]
    return answer({"gainers": [], "losers": [], "market_type": market, "last_updated": _now(request)})


async def _most_actives(request: web.Request) -> web.Response:
    account_of(request)
    return answer({"most_actives": [], "last_updated": _now(request)})


async def _auctions(request: web.Request) -> web.Response:
    account_of(request)
    return answer({"auctions": [], "symbol": request.match_info["symbol"], **_NO_PAGES})


async def _contract(request: web.Request, _trading: TradingAccount) -> web.Response:
    raise not_found(f"option contract {request.match_info['symbol']} not found")


async def _announcement(request: web.Request, _trading: TradingAccount) -> web.Response:
    raise not_found(f"announcement not found for {request.match_info['name']}")


async def _exercise(request: web.Request, _trading: TradingAccount) -> web.Response:
    raise not_found(f"long position not found: {request.match_info['symbol']}")


def _now(request: web.Request) -> str:
    return iso_time(request.app[WORLD].clock.now_ns)
