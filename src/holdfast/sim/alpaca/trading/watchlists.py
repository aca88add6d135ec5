"""``/v2/watchlists``, and ``/v2/watchlists:by_name``, its twin that goes by names."""

from typing import Any

from aiohttp import web

from holdfast.sim.alpaca.errors import invalid, unprocessable
from holdfast.sim.alpaca.market.reference import asset_json
from holdfast.sim.alpaca.trading.door import AccountHandler, guarded
from holdfast.sim.alpaca.trading.request import read_object
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.watchlist import Watchlist
from holdfast.sim.alpaca.trading.wire import Json, answer, time_text
from holdfast.sim.alpaca.world import World

_ID, _NAME = "/v2/watchlists/{list_id}", "/v2/watchlists:by_name"


def routes(world: World) -> list[web.AbstractRouteDef]:  # noqa: ARG001  every room is asked in the same way
    """The endpoints of watchlists."""
    found: list[web.AbstractRouteDef] = [
        web.get("/v2/watchlists", guarded(_list)),
        web.post("/v2/watchlists", guarded(_make)),
        web.delete(_ID + "/{symbol:.+}", guarded(_remove)),
        web.delete(_NAME + "/{symbol:.+}", guarded(_remove)),
    ]
    handlers: dict[str, AccountHandler] = {"GET": _get, "PUT": _change, "POST": _add, "DELETE": _drop}
    for path in (_ID, _NAME):
        found += [web.route(method, path, guarded(handle)) for method, handle in handlers.items()]
    return found


def _shown(trading: TradingAccount, one: Watchlist, *, with_assets: bool = True) -> Json:
    body: Json = {
        "id": one.id,
        "account_id": trading.account.id,
        "name": one.name,
        "created_at": time_text(one.created_ns),
        "updated_at": time_text(one.updated_ns),
    }
    if with_assets:
        body["assets"] = [asset_json(asset) for asset in trading.watchlists.assets(one)]
    return body


def _named(request: web.Request, trading: TradingAccount) -> Watchlist:
    """The list that the path names by id, or the query by name."""
    list_id = request.match_info.get("list_id")
    if list_id is not None:
        return trading.watchlists.get(list_id)
    name = request.query.get("name")
    if not name:
        raise invalid("name is required")
    return trading.watchlists.by_name(name)


async def _list(_request: web.Request, trading: TradingAccount) -> web.Response:
    return answer([_shown(trading, one, with_assets=False) for one in trading.watchlists.all()])


async def _make(request: web.Request, trading: TradingAccount) -> web.Response:
    body = read_object(await request.read())
    made = trading.watchlists.make(_name(body) or "", _symbols(body) or (), trading.now_ns)
    return answer(_shown(trading, made))


async def _get(request: web.Request, trading: TradingAccount) -> web.Response:
    return answer(_shown(trading, _named(request, trading)))


async def _change(request: web.Request, trading: TradingAccount) -> web.Response:
    body = read_object(await request.read())
    one = _named(request, trading)
    return answer(_shown(trading, trading.watchlists.change(one, _name(body), _symbols(body), trading.now_ns)))


async def _add(request: web.Request, trading: TradingAccount) -> web.Response:
    symbol = read_object(await request.read()).get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise unprocessable("symbol is required")
    return answer(_shown(trading, trading.watchlists.add(_named(request, trading), symbol, trading.now_ns)))


async def _remove(request: web.Request, trading: TradingAccount) -> web.Response:
    one = _named(request, trading)
    return answer(_shown(trading, trading.watchlists.remove(one, request.match_info["symbol"], trading.now_ns)))


async def _drop(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.watchlists.drop(_named(request, trading), trading.now_ns)
    return web.Response(status=204)


def _name(body: dict[str, Any]) -> str | None:
    name = body.get("name")
    if name is not None and not isinstance(name, str):
        raise invalid("name must be a string")
    return name


def _symbols(body: dict[str, Any]) -> list[str] | None:
    symbols = body.get("symbols")
    if symbols is None:
        return None
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise invalid("symbols must be a list of strings")
    return symbols
