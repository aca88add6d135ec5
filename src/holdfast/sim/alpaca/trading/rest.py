"""The trading side over HTTP: the account, its settings, activities, history and positions; orders are in `rest_orders`."""

from aiohttp import web

from holdfast.sim.alpaca.errors import ApiError, unprocessable
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading import rest_orders, watchlists
from holdfast.sim.alpaca.trading.account import account_json
from holdfast.sim.alpaca.trading.activities import FILL, MOST_ROWS, TYPES, ActivityRequest, activities_json
from holdfast.sim.alpaca.trading.changes import new_id
from holdfast.sim.alpaca.trading.curve import HistoryRequest, history_json, read_history
from holdfast.sim.alpaca.trading.door import account_of, guarded
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.parameters import (
    choice_parameter,
    flag_parameter,
    integer_parameter,
    list_parameter,
    time_parameter,
)
from holdfast.sim.alpaca.trading.positions import (
    closed_nothing,
    closing_request,
    position_asset,
    position_json,
    positions_json,
)
from holdfast.sim.alpaca.trading.request import number, read_object
from holdfast.sim.alpaca.trading.rest_orders import settle_later
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.wire import Json, answer, order_json
from holdfast.sim.alpaca.world import WORLD, World

__all__ = ["account_of", "guarded", "routes"]

_SYMBOL = "{symbol:[^/]+(?:/[^/]+)?}"
"""A symbol in a path: clients send a coin's slash as it is, or encoded."""


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The endpoints of the account, its positions, its orders and its watchlists."""
    return [
        web.get("/v2/account", guarded(_account)),
        web.get("/v2/account/configurations", guarded(_configurations)),
        web.patch("/v2/account/configurations", guarded(_change_configurations)),
        web.get("/v2/account/activities", guarded(_activities)),
        web.get("/v2/account/activities/{activity_type}", guarded(_activities)),
        web.get("/v2/account/portfolio/history", guarded(_history)),
        web.get("/v2/positions", guarded(_positions)),
        web.delete("/v2/positions", guarded(_close_all)),
        web.get(f"/v2/positions/{_SYMBOL}", guarded(_position)),
        web.delete(f"/v2/positions/{_SYMBOL}", guarded(_close)),
        *rest_orders.routes(world),
        *watchlists.routes(world),
    ]


# --- the account -----------------------------------------------------------------------------------------------------


async def _account(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    body = account_json(trading.account, trading.funds)
    if request.app[WORLD].faults.take(FaultName.ACCOUNT_ID_CHANGED):
        body["id"] = new_id()
    return answer(body)


async def _configurations(_request: web.Request, trading: TradingAccount) -> web.Response:
    return answer(trading.account.configuration)


async def _change_configurations(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.configure(read_object(await request.read()))
    return answer(trading.account.configuration)


async def _activities(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    one = request.match_info.get("activity_type")
    types = frozenset({one}) if one else list_parameter(request, "activity_types")
    category = choice_parameter(request, "category", ("", "trade_activity", "non_trade_activity"))
    if category:
        if types is not None:
            raise unprocessable("category and activity_types cannot be combined")
        types = frozenset({FILL}) if category == "trade_activity" else TYPES - {FILL}
    wanted = ActivityRequest(
        now_ns=trading.now_ns,
        types=types,
        date=request.query.get("date") or None,
        after_ns=time_parameter(request, "after"),
        until_ns=time_parameter(request, "until"),
        ascending=choice_parameter(request, "direction", ("desc", "asc")) == "asc",
        page_size=integer_parameter(request, "page_size", MOST_ROWS),
        page_token=request.query.get("page_token") or None,
    )
    return answer(activities_json(trading.account, trading.executions.all(), wanted))


async def _history(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    start_ns, end_ns = time_parameter(request, "start"), time_parameter(request, "end")
    if end_ns is None:
        end_ns = time_parameter(request, "date_end")
    query = request.query
    start_ns, end_ns, frame = read_history(
        query.get("period"), query.get("timeframe"), start_ns, end_ns, trading.now_ns
    )
    is_extended = flag_parameter(request, "extended_hours")
    choices = (
        ("extended_hours", "market_hours", "continuous")
        if is_extended
        else ("market_hours", "extended_hours", "continuous")
    )
    wanted = HistoryRequest(
        start_ns=start_ns,
        end_ns=min(end_ns, trading.now_ns),
        timeframe=frame,
        reporting=choice_parameter(request, "intraday_reporting", choices),
        resets_daily=choice_parameter(request, "pnl_reset", ("per_day", "no_reset")) == "per_day",
    )
    return answer(history_json(trading.curve, request.app[WORLD].calendar, wanted))


# --- positions -------------------------------------------------------------------------------------------------------


async def _positions(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    return answer(positions_json(trading, request.app[WORLD].market))


async def _position(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    asset = position_asset(trading, request.match_info["symbol"])
    return answer(position_json(trading, request.app[WORLD].market, asset))


async def _close(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    asset = position_asset(trading, request.match_info["symbol"])
    query = dict(request.query)
    order = trading.submit(closing_request(trading, asset, number(query, "qty"), number(query, "percentage")))
    settle_later(trading)
    return answer(_closing_json(order))


async def _close_all(request: web.Request, trading: TradingAccount) -> web.Response:
    """Closes every position, each for itself; with ``cancel_orders`` after every open order is canceled."""
    if flag_parameter(request, "cancel_orders"):
        trading.cancel_all()
    trading.settle()
    items = [_close_one(trading, trading.asset(symbol)) for symbol in sorted(trading.books.ledgers)]
    settle_later(trading)
    return answer(items, 207)


def _close_one(trading: TradingAccount, asset: Asset) -> Json:
    try:
        order = trading.submit(closing_request(trading, asset, None, None))
    except ApiError as error:
        return closed_nothing(asset, error)
    return {"symbol": asset.position_symbol, "status": 200, "body": _closing_json(order)}


def _closing_json(order: Order) -> Json:
    """The answer to closing. Alpaca: such an order is ``pending_new`` at first (observed)."""
    return {**order_json(order), "status": "pending_new"}
