"""``/v2/orders``: placing, finding, changing and canceling."""

import asyncio
from uuid import UUID

from aiohttp import web

from holdfast.sim.alpaca.errors import invalid, unprocessable
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.alpaca.market.assets import canonical_symbol
from holdfast.sim.alpaca.trading.door import guarded
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.orders import Listing
from holdfast.sim.alpaca.trading.parameters import (
    choice_parameter,
    flag_parameter,
    integer_parameter,
    list_parameter,
    time_parameter,
)
from holdfast.sim.alpaca.trading.request import read_object, read_order, read_replace
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.wire import Json, answer, order_json
from holdfast.sim.alpaca.world import World

DEFAULT_LIMIT, MOST_ORDERS = 50, 500
FILL_LEAD_S = 0.2
"""How long a fill is ahead of the answer when that fault is on: enough for the stream to be read first."""


def routes(world: World) -> list[web.AbstractRouteDef]:  # noqa: ARG001  every room is asked in the same way
    """The endpoints of orders."""
    return [
        web.post("/v2/orders", guarded(_post)),
        web.get("/v2/orders", guarded(_list)),
        web.delete("/v2/orders", guarded(_cancel_all)),
        web.get("/v2/orders:by_client_order_id", guarded(_by_client_order_id)),
        web.get("/v2/orders/{order_id}", guarded(_get)),
        web.patch("/v2/orders/{order_id}", guarded(_replace)),
        web.delete("/v2/orders/{order_id}", guarded(_cancel)),
    ]


def settle_later(trading: TradingAccount) -> None:
    """What the request leads to happens when its answer has been written."""
    asyncio.get_running_loop().call_soon(trading.settle)


async def _post(request: web.Request, trading: TradingAccount) -> web.Response:
    order = trading.submit(read_order(read_object(await request.read())))
    shown = order_json(order, trading.orders.legs(order) or None)
    if trading.fault(FaultName.FILL_BEFORE_ACK, order):
        trading.settle()
        await asyncio.sleep(FILL_LEAD_S)
    else:
        settle_later(trading)
    if trading.fault(FaultName.DUPLICATE_ID_ANSWER, order):
        raise invalid("client_order_id must be unique")
    return answer(shown)


async def _replace(request: web.Request, trading: TradingAccount) -> web.Response:
    order = trading.replace(_order_id(request), read_replace(read_object(await request.read())))
    settle_later(trading)
    return answer(order_json(order))


async def _cancel(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.cancel(_order_id(request))
    settle_later(trading)
    return web.Response(status=204)


async def _cancel_all(_request: web.Request, trading: TradingAccount) -> web.Response:
    orders = trading.cancel_all()
    settle_later(trading)
    return answer([{"id": order.id, "status": 200} for order in orders], 207)


async def _get(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    return answer(_shown(trading, trading.find(_order_id(request)), flag_parameter(request, "nested")))


async def _by_client_order_id(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    client_order_id = request.query.get("client_order_id")
    if not client_order_id:
        raise invalid("client_order_id is required")
    return answer(_shown(trading, trading.find_by_client_id(client_order_id), flag_parameter(request, "nested")))


async def _list(request: web.Request, trading: TradingAccount) -> web.Response:
    trading.settle()
    wanted = _listing(request, trading)
    orders = [order for order in trading.orders.list(wanted) if not trading.is_hidden(order)]
    return answer([_shown(trading, order, wanted.nested) for order in orders])


def _shown(trading: TradingAccount, order: Order, nested: bool) -> Json:
    legs = trading.orders.legs(order) if nested else []
    return order_json(order, legs or None)


def _listing(request: web.Request, trading: TradingAccount) -> Listing:
    limit = integer_parameter(request, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MOST_ORDERS:
        raise unprocessable(f"limit must be between 1 and {MOST_ORDERS}")
    symbols = list_parameter(request, "symbols")
    side = choice_parameter(request, "side", ("", "buy", "sell"))
    after_ns, until_ns = time_parameter(request, "after"), time_parameter(request, "until")
    before, after = (_known(request, trading, name) for name in ("before_order_id", "after_order_id"))
    if (before or after) and (after_ns is not None or until_ns is not None):
        raise unprocessable("before_order_id and after_order_id cannot be combined with after and until")
    return Listing(
        status=choice_parameter(request, "status", ("open", "closed", "all")),
        limit=limit,
        after_ns=after_ns,
        until_ns=until_ns,
        ascending=choice_parameter(request, "direction", ("desc", "asc")) == "asc",
        nested=flag_parameter(request, "nested"),
        symbols=None if symbols is None else frozenset(map(canonical_symbol, symbols)),
        side=side or None,
        asset_classes=list_parameter(request, "asset_class"),
        before=before,
        after=after,
    )


def _known(request: web.Request, trading: TradingAccount, name: str) -> Order | None:
    order_id = request.query.get(name)
    return trading.find(order_id) if order_id else None


def _order_id(request: web.Request) -> str:
    """The id in the path. Alpaca: what is no uuid is a 422 (observed: ``order_id is invalid``)."""
    text = request.match_info["order_id"]
    try:
        return str(UUID(text))
    except ValueError:
        raise invalid("order_id is invalid") from None
